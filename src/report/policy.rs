//! Writes the text of policies, for readers who want to see it.

use serde_json::{Map, Value};
use similar::{ChangeTag, TextDiff};

use crate::kinds::Change;

use super::paint::{GREEN, Paint, RED};
use super::value::printable;

/// Lines that are shown before and after a change.
const CONTEXT: usize = 3;

/// Returns whether a change is a change of a policy document.
pub fn is_policy(change: &Change) -> bool {
    [&change.before, &change.after]
        .into_iter()
        .flatten()
        .any(|value| value.as_object().is_some_and(is_document))
}

/// Returns whether an object is a policy document.
pub fn is_document(object: &Map<String, Value>) -> bool {
    object.contains_key("Statement")
}

/// Returns whether more differs than which principals are allowed which actions by name: statements that deny, that
/// have conditions, or that name exceptions.
pub fn differs_beyond_access(change: &Change) -> bool {
    intricate(change.before.as_ref()) != intricate(change.after.as_ref())
}

fn intricate(document: Option<&Value>) -> Vec<&Value> {
    let statements =
        document.and_then(|document| document.get("Statement")?.as_array()).into_iter().flatten();
    let plain = |statement: &Value| {
        statement.get("Effect").and_then(Value::as_str) == Some("Allow")
            && ["Principal", "Action"].iter().all(|element| statement.get(element).is_some())
            && statement.get("Condition").is_none()
    };
    statements.filter(|statement| !plain(statement)).collect()
}

/// Writes the difference of two documents line by line.
pub fn diff(paint: Paint, change: &Change) -> Vec<String> {
    let (before, after) = (pretty(change.before.as_ref()), pretty(change.after.as_ref()));
    diff_texts(paint, &before, &after)
}

/// Writes the difference of two texts line by line.
pub fn diff_texts(paint: Paint, before: &str, after: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(before, after);
    let mut lines = Vec::new();
    for (index, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if index > 0 {
            lines.push("  ...".to_owned());
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let text = printable(change.value().trim_end_matches('\n'));
            lines.push(match change.tag() {
                ChangeTag::Equal => format!("  {text}"),
                ChangeTag::Insert => paint.of(GREEN, format_args!("+ {text}")),
                ChangeTag::Delete => paint.of(RED, format_args!("- {text}")),
            });
        }
    }
    lines
}

fn pretty(document: Option<&Value>) -> String {
    // A value that was read as JSON can always be written as JSON.
    document.map(|value| format!("{value:#}\n")).unwrap_or_default()
}
