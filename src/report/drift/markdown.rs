//! Drift for a comment on GitHub.

use super::{Drift, Finding, Place};
use crate::report::value;

/// Maximum length of a comment. GitHub counts characters, which are never more than the bytes counted here.
const LIMIT: usize = 65_535;

/// Bytes that are reserved for the end of a report that is cut.
const CLOSING: usize = 200;

impl Drift {
    /// Writes the report as Markdown for a comment: the worst findings first, details folded, within the length limit.
    pub fn markdown(&self) -> String {
        let Place { stack, env, region, account } = &self.place;
        let mut out = format!(
            "### Drift of {}/{}\n\n**{}** {} · account {}\n",
            escaped(stack),
            escaped(env),
            self.summary(),
            escaped(region),
            escaped(account)
        );
        if let Some(Finding { resource, what, consequence, remedy, .. }) = self.findings.first() {
            out.push_str(&format!(
                "\n> **{}** {}: {}<br>\n",
                escaped(resource),
                escaped(what),
                escaped(consequence)
            ));
            out.push_str(&format!("> {}\n", escaped(remedy)));
        }
        let mut listed = 0;
        'all: for (rank, findings) in self.by_rank() {
            let section = format!(
                "\n<details><summary>{}: {}</summary>\n\n| resource | what | consequence | remedy |\n| --- | --- | --- | --- |\n",
                rank.as_str(),
                findings.len()
            );
            let mut open = false;
            for finding in findings {
                let row = row(finding);
                let needed = row.len() + if open { 0 } else { section.len() };
                if out.len() + needed + CLOSING > LIMIT {
                    if open {
                        out.push_str("\n</details>\n");
                    }
                    break 'all;
                }
                if !open {
                    out.push_str(&section);
                    open = true;
                }
                out.push_str(&row);
                listed += 1;
            }
            out.push_str("\n</details>\n");
        }
        let left = self.findings.len() - listed;
        if left > 0 {
            out.push_str(&format!("\nand {left} more findings, which `lockstep drift` lists\n"));
        }
        out
    }
}

fn row(Finding { resource, what, consequence, remedy, .. }: &Finding) -> String {
    let cells = [resource, what, consequence, remedy].map(|cell| escaped(cell));
    format!("| {} |\n", cells.join(" | "))
}

/// Escapes text so that GitHub shows it literally: no markup, no HTML, no mentions.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in value::printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A zero-width space prevents mentions of users and links to issues.
            '@' | '#' => out.extend([c, '\u{200b}']),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}
