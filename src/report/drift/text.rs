//! Drift for a terminal.

use super::{Counts, Drift, Finding, Rank};
use crate::report::paint::{BOLD, CYAN, FAINT, Paint, RED, YELLOW};
use crate::report::plan::{Style, heading};
use crate::report::{policy, short::Names, value};

impl Drift {
    /// Writes the report for people, the worst first; the text ends with a line break.
    pub fn text(&self, style: Style) -> String {
        let paint = style.paint;
        let mut lines = vec![heading(paint, &self.place), String::new()];
        for (rank, findings) in self.by_rank() {
            lines.push(paint.of(BOLD, format_args!("{}", rank.as_str())));
            for finding in findings {
                let Finding { resource, what, consequence, remedy, changes, .. } = finding;
                lines.push(format!("  {} {resource} {what}: {consequence}", mark(paint, rank)));
                lines.push(format!("    {}", paint.of(FAINT, remedy)));
                for change in changes.iter().filter(|_| style.verbose) {
                    lines.push(format!("      {}", value::printable(&change.field)));
                    lines.extend(sides(paint, change).into_iter().map(|line| format!("        {line}")));
                }
            }
            lines.push(String::new());
        }
        lines.push(paint.of(BOLD, self.summary()));
        lines.push(String::new());
        lines.join("\n")
    }

    /// Writes the numbers of findings in one line.
    pub(super) fn summary(&self) -> String {
        if self.is_empty() {
            return "No drift. AWS has what the stack file says.".to_owned();
        }
        let Counts { breaks, security, changed, cosmetic, unread } = self.counts;
        format!(
            "Drift: {breaks} breaks, {security} security, {changed} changed, {cosmetic} cosmetic, {unread} unread."
        )
    }
}

fn mark(paint: Paint, rank: Rank) -> String {
    match rank {
        Rank::Breaks | Rank::Security => paint.of(RED, "!"),
        Rank::Changed => paint.of(YELLOW, "~"),
        Rank::Cosmetic => paint.of(FAINT, "~"),
        Rank::Unread => paint.of(CYAN, "?"),
    }
}

/// Shows the values of AWS and of the stack file.
fn sides(paint: Paint, change: &crate::kinds::Change) -> Vec<String> {
    if policy::is_policy(change) {
        return policy::diff(paint, change);
    }
    let [before, after] = value::lines(&Names::new(), change);
    vec![format!("- {before}"), format!("+ {after}")]
}
