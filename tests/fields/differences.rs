//! The fields in which two stack files differ.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Lists the fields that differ, each with its new value; `None` if the field is removed.
pub fn differences(before: &Value, after: &Value) -> Vec<(Vec<String>, Option<Value>)> {
    let mut found = Vec::new();
    collect(&mut Vec::new(), Some(before), Some(after), &mut found);
    found
}

fn collect(
    path: &mut Vec<String>,
    before: Option<&Value>,
    after: Option<&Value>,
    found: &mut Vec<(Vec<String>, Option<Value>)>,
) {
    if let (Some(Value::Object(before)), Some(Value::Object(after))) = (before, after) {
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for key in keys {
            path.push(key.clone());
            collect(path, before.get(key), after.get(key), found);
            path.pop();
        }
    } else if before != after {
        found.push((path.clone(), after.cloned()));
    }
}

/// Returns what is at a place of a stack file.
pub fn at<'a>(stack: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(stack, |value, key| value.get(key))
}

/// Returns a stack file with one field set, or removed if the value is `None`.
pub fn with(stack: &Value, path: &[String], value: Option<&Value>) -> Value {
    let Some((first, rest)) = path.split_first() else { return value.cloned().unwrap_or_default() };
    let mut map: Map<String, Value> = stack.as_object().cloned().unwrap_or_default();
    if rest.is_empty() && value.is_none() {
        map.remove(first);
    } else {
        let inner = map.get(first).cloned().unwrap_or_default();
        map.insert(first.clone(), with(&inner, rest, value));
    }
    Value::Object(map)
}

#[test]
fn a_field_is_what_is_no_mapping_on_both_sides() {
    let before = serde_json::json!({"a": {"b": 1, "c": [1], "same": {}}, "gone": {"x": 1}});
    let after = serde_json::json!({"a": {"b": 2, "c": [2], "same": {}}, "new": {"y": 1}});
    let found = differences(&before, &after);
    let shown: Vec<String> = found.iter().map(|(path, _)| path.join(".")).collect();
    assert_eq!(shown, ["a.b", "a.c", "gone", "new"]);
    let all = found.iter().fold(before, |stack, (path, value)| with(&stack, path, value.as_ref()));
    assert_eq!(all, after);
}
