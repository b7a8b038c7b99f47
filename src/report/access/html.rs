//! Writes the access matrix as a self-contained page, without scripts and external resources.

use std::collections::BTreeSet;

use super::{Document, by, moment};
use crate::report::Place;
use crate::report::short;
use crate::report::value::printable;
use crate::why::matrix::{Cell, KeyAccess, Row, Verdict};

const STYLE: &str = "
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 2rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
p, .note { color: GrayText; }
.note { display: block; font-size: .85em; font-weight: 400; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { border: 1px solid color-mix(in srgb, currentColor 20%, transparent); padding: .25rem .5rem; }
thead th { text-align: left; vertical-align: bottom; }
thead th[scope=col]:not(:first-child) { writing-mode: vertical-rl; transform: rotate(180deg); font-weight: 500; }
tbody th { text-align: left; font-weight: 600; white-space: nowrap; }
td { text-align: center; min-width: 1.4rem; }
td.allow { background: #2da44e55; } td.conditional { background: #d4a72c66; } td.unknown { background: #cf222e55; }
ul { list-style: none; padding: 0; } li span { display: inline-block; min-width: 1.4rem; text-align: center; }
";

/// Writes the page.
pub(super) fn page(document: &Document) -> String {
    let Document { format_version: _, place: Place { stack, env, region, account }, moment: when, keys } =
        document;
    let title = escape(&format!("{stack}/{env}: who may do what with its keys"));
    let place = escape(&format!("{region}, account {account}, {}", moment(*when)));
    let tables: String = keys.iter().map(table).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n<h1>{title}</h1>\n<p>{place}</p>\n\
         <ul><li><span>&#10003;</span> allowed</li><li><span>&#9684;</span> allowed on conditions</li>\
         <li><span>?</span> could not be read</li></ul>\n\
         <p>Point at a cell for the statement that decides.</p>\n{tables}</html>\n"
    )
}

fn table(key: &KeyAccess) -> String {
    let KeyAccess { key: name, arn, aliases, state, rows } = key;
    let all: BTreeSet<String> =
        rows.iter().flat_map(|row| &row.cells).flat_map(|cell| &cell.actions).cloned().collect();
    let actions = short::actions(&all);
    let heads: String =
        actions.iter().map(|action| format!("<th scope=\"col\">{}</th>", escape(action))).collect();
    let body: String = rows.iter().map(|row| line(row, &actions)).collect();
    let also: Vec<&str> = aliases.iter().map(String::as_str).chain([state.as_str(), arn.as_str()]).collect();
    format!(
        "<h2>keys.{}</h2>\n<p>{}</p>\n<div class=\"scroll\"><table>\n\
         <thead><tr><th scope=\"col\">principal</th>{heads}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n",
        escape(name.as_str()),
        escape(&also.join(" · "))
    )
}

fn line(row: &Row, actions: &[String]) -> String {
    let Row { principal, shown, note, cells } = row;
    let note = match note.as_str() {
        "" => String::new(),
        note => format!(" <span class=\"note\">{}</span>", escape(note)),
    };
    let marks: String = actions
        .iter()
        .map(|action| cells.iter().find(|cell| cell.actions.contains(action)).map_or_else(empty, mark))
        .collect();
    let (principal, shown) = (escape(principal), escape(shown));
    format!("<tr><th scope=\"row\" title=\"{principal}\">{shown}{note}</th>{marks}</tr>\n")
}

fn empty() -> String {
    "<td></td>".to_owned()
}

fn mark(cell: &Cell) -> String {
    let (class, sign) = match cell.verdict {
        Verdict::Allow => ("allow", "&#10003;"),
        Verdict::Conditional => ("conditional", "&#9684;"),
        Verdict::Unknown => ("unknown", "?"),
    };
    let depends = cell.depends.iter().cloned().collect::<Vec<_>>().join("; ");
    let joint = if depends.is_empty() { "" } else { ": " };
    let title = escape(&format!("{}{joint}{depends}", by(cell).trim()));
    format!("<td class=\"{class}\" title=\"{title}\">{sign}</td>")
}

/// Escapes text for HTML.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
