//! YAML as a tree in which every value knows its place.
//!
//! Serde stops at the first error and loses places inside enums, so the text is turned into this tree once, and
//! everything after that works on the tree: merging, interpolation, and the check of the structure.

use serde_json::Number;

/// A place in the file, in lines and characters from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub line: u32,
    pub column: u32,
    pub length: u32,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub span: Span,
    pub value: Value,
}

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(Number),
    /// A text; `open` marks the result of an interpolation: `memory: ${var.memory}` counts as a number if a number is
    /// expected.
    Text {
        text: String,
        open: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// A value that could not be filled in, either for a reason that is reported already or because of a variable that
    /// may be given later.
    Unknown,
}

/// One key of a mapping.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub key: String,
    pub key_span: Span,
    pub value: Node,
}

impl Node {
    /// Returns the entry with the given key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// Returns the value under a key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Returns the entries of a mapping; empty for any other value.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the value at a path; items of lists are addressed by their index.
    pub fn find(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, segment| match &node.value {
            Value::List(items) => segment.parse().ok().and_then(|index: usize| items.get(index)),
            _ => node.get(segment),
        })
    }

    /// Returns the text of a string.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Returns the value as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null | Value::Unknown => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(number) => number.clone().into(),
            Value::Text { text, .. } => text.as_str().into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect()
            }
        }
    }

    /// Returns the place of the value at a path, or of the nearest thing around it: the place of the key if `key` is
    /// set, otherwise of the value.
    pub fn place(&self, path: &[&str], key: bool) -> Span {
        let mut node = self;
        let mut span = self.span;
        for segment in path {
            let Some(next) = node.find(&[segment]) else { break };
            let block = matches!(next.value, Value::Map(_) | Value::List(_) | Value::Null);
            span = match node.entry(segment) {
                Some(entry) if key || block => entry.key_span,
                _ => next.span,
            };
            node = next;
        }
        span
    }
}

/// Resolves an unquoted scalar by YAML's core schema.
pub(super) fn resolve(text: &str) -> Option<Value> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Value::Null),
        "true" | "True" | "TRUE" => return Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Some(Value::Bool(false)),
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if let Some(number) = text.strip_prefix("0x").and_then(|hex| u64::from_str_radix(hex, 16).ok()) {
        return Some(Value::Number(number.into()));
    }
    if let Some(number) = text.strip_prefix("0o").and_then(|octal| u64::from_str_radix(octal, 8).ok()) {
        return Some(Value::Number(number.into()));
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let whole = text.strip_prefix('+').unwrap_or(text);
        let signed = whole.parse::<i64>().ok().map(Number::from);
        if let Some(number) = signed.or_else(|| whole.parse::<u64>().ok().map(Number::from)) {
            return Some(Value::Number(number));
        }
    }
    let float = digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    let number = float.then(|| text.parse::<f64>().ok()).flatten()?;
    Number::from_f64(number).map(Value::Number)
}
