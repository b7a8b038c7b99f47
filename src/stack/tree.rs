//! YAML as a tree in which every value knows its place.
//!
//! Serde stops at the first error and forgets places inside enums, so the text becomes this tree once, and
//! everything after works on it: merging, interpolation, the check of the structure.

use std::collections::BTreeMap;

use serde_json::Number;
use serde_yaml::granit_parser::{self, Event, Parser, ScalarStyle};

use super::diagnostics::Diagnostic;

/// Largest file that is read, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Deepest nesting that is read; it also bounds every recursion over the tree.
const MAX_DEPTH: usize = 64;
/// Most that the tree may weigh once aliases are expanded, in bytes.
const MAX_WEIGHT: usize = 16 * MAX_BYTES;
/// What one value weighs beside its text.
const NODE_WEIGHT: usize = 32;

/// A place in the file, in lines and characters from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub line: u32,
    pub column: u32,
    pub length: u32,
}

impl Span {
    fn new(span: granit_parser::Span) -> Self {
        let (start, end) = (span.start, span.end);
        let length = if start.line() == end.line() { end.col().saturating_sub(start.col()) } else { 1 };
        Self { line: small(start.line()), column: small(start.col() + 1), length: small(length.max(1)) }
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
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
    /// `open` marks a text that came out of an interpolation: `memory: ${var.memory}` is a number where a
    /// number belongs.
    Text {
        text: String,
        open: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// A value that could not be filled in; the reason is reported already, or a variable that may be given
    /// later.
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
    /// Returns the entry with a key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// Returns the value under a key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Returns the entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the value at a path; items of lists go by their index.
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

    /// Returns where the value at a path stands, or the nearest thing around it: the key where `key` is
    /// set, the value otherwise.
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

/// Reads one YAML document.
///
/// Duplicate keys, tags and keys that are no scalars are reported and left out; the first violation of
/// YAML's syntax, or of a limit, ends the reading.
pub(super) fn read(text: &str, problems: &mut Vec<Diagnostic>) -> Option<Node> {
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; at most {MAX_BYTES} are read", text.len());
        problems.push(Diagnostic::error(None, "too-large", message).help("split the stack"));
        return None;
    }
    let mut builder = Builder::default();
    for next in Parser::new_from_str(text) {
        let step = match next {
            Ok((event, span)) => {
                if let Some(tag) = event.tag() {
                    let place = span.tag_span().unwrap_or(span);
                    problems.push(refused_tag(&tag.original(), Span::new(place)));
                }
                builder.event(event, Span::new(span), problems)
            }
            Err(error) => {
                let mark = error.marker();
                let span = Span { line: small(mark.line()), column: small(mark.col() + 1), length: 1 };
                let line = text.lines().nth(mark.line().saturating_sub(1)).unwrap_or_default();
                let help = if error.info().starts_with("tab") {
                    Some("indent with spaces")
                } else if line.contains("${") {
                    Some("inside `{ }` and `[ ]`, text that holds `${..}` stands in quotes")
                } else {
                    None
                };
                let problem = Diagnostic::error(Some(span), "yaml", error.info());
                Err(problem.maybe_help(help.map(str::to_owned)))
            }
        };
        if let Err(problem) = step {
            problems.push(problem);
            return None;
        }
    }
    match builder.root {
        Some(root) => Some(root),
        None => {
            let problem = Diagnostic::error(None, "yaml", "the file is empty");
            problems.push(problem.help("`lockstep init` writes an example"));
            None
        }
    }
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, (Node, usize)>,
    root: Option<Node>,
    documents: usize,
    weight: usize,
}

/// A collection whose end was not seen yet.
struct Open {
    span: Span,
    anchor: usize,
    weight: usize,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<Key> },
}

/// A key whose value was not seen yet; `None` when it was refused and its value is to be dropped.
type Key = Option<(String, Span)>;

impl Builder {
    fn event(
        &mut self,
        event: Event<'_>,
        span: Span,
        problems: &mut Vec<Diagnostic>,
    ) -> Result<(), Diagnostic> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Diagnostic::error(Some(span), "yaml", "a second document starts here")
                        .help("a stack file holds one document; take `---` out"));
                }
            }
            Event::Scalar(text, style, anchor, _) => {
                let weight = NODE_WEIGHT + text.len();
                self.grow(weight, span)?;
                let plain = matches!(style, ScalarStyle::Plain);
                let value = if plain { resolve(&text) } else { None };
                let value = value.unwrap_or_else(|| Value::Text { text: text.into_owned(), open: false });
                self.add(Node { span, value }, weight, anchor, problems)?;
            }
            Event::Alias(id) => {
                let Some((node, weight)) = self.anchors.get(&id).cloned() else {
                    let problem = "this alias stands inside the value that it refers to";
                    return Err(Diagnostic::error(Some(span), "yaml", problem));
                };
                self.grow(weight, span)?;
                self.add(Node { span, ..node }, weight, 0, problems)?;
            }
            Event::SequenceStart(_, anchor, _) => self.start(span, anchor, Items::List(Vec::new()))?,
            Event::MappingStart(_, anchor, _) => {
                self.start(span, anchor, Items::Map { entries: Vec::new(), key: None })?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { span, anchor, weight, items }) = self.open.pop() {
                    let value = match items {
                        Items::List(items) => Value::List(items),
                        Items::Map { entries, .. } => Value::Map(entries),
                    };
                    self.add(Node { span, value }, weight, anchor, problems)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, span: Span, anchor: usize, items: Items) -> Result<(), Diagnostic> {
        if self.open.len() >= MAX_DEPTH {
            let message = format!("values are nested more than {MAX_DEPTH} deep");
            return Err(Diagnostic::error(Some(span), "too-deep", message));
        }
        self.open.push(Open { span, anchor, weight: NODE_WEIGHT, items });
        self.grow(NODE_WEIGHT, span)
    }

    fn grow(&mut self, weight: usize, span: Span) -> Result<(), Diagnostic> {
        self.weight += weight;
        if self.weight <= MAX_WEIGHT {
            return Ok(());
        }
        let message = format!("the file grows to more than {MAX_WEIGHT} bytes once aliases are expanded");
        let problem = Diagnostic::error(Some(span), "too-large", message);
        Err(problem.help("write the repeated parts out, or repeat less"))
    }

    /// Puts a finished value where it belongs.
    fn add(
        &mut self,
        node: Node,
        weight: usize,
        anchor: usize,
        problems: &mut Vec<Diagnostic>,
    ) -> Result<(), Diagnostic> {
        if anchor > 0 {
            self.grow(weight, node.span)?;
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        let depth = self.open.len();
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.weight += weight;
        match &mut open.items {
            Items::List(items) => items.push(node),
            Items::Map { entries, key } => match key.take() {
                None => *key = Some(new_key(node, entries, depth == 1, problems)),
                Some(Some((key, key_span))) => entries.push(Entry { key, key_span, value: node }),
                Some(None) => {}
            },
        }
        Ok(())
    }
}

fn refused_tag(tag: &str, span: Span) -> Diagnostic {
    Diagnostic::error(
        Some(span),
        "yaml-tag",
        format!("`{tag}` is a YAML tag, which a stack file does not have"),
    )
    .help("refer to other resources as in `${keys.text.arn}`; put text that looks like a number in quotes")
}

fn new_key(node: Node, entries: &[Entry], top: bool, problems: &mut Vec<Diagnostic>) -> Key {
    let span = node.span;
    let key = match node.value {
        Value::Text { text, .. } => text,
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Null | Value::Unknown | Value::List(_) | Value::Map(_) => {
            problems.push(Diagnostic::error(Some(span), "bad-key", "a key must be plain text"));
            return None;
        }
    };
    if key == "<<" {
        let problem = "merge keys (`<<`) are not part of YAML 1.2 and not read";
        problems.push(
            Diagnostic::error(Some(span), "bad-key", problem)
                .help("repeat whole values with an anchor and an alias: `a: &x {..}` and `b: *x`"),
        );
        return None;
    }
    if let Some(first) = entries.iter().find(|entry| entry.key == key) {
        let what = if top { "section" } else { "key" };
        problems.push(
            Diagnostic::error(Some(span), "duplicate-key", format!("the {what} `{key}` is given twice"))
                .label(first.key_span, "first given here")
                .help("put both into one, or rename one of them"),
        );
        return None;
    }
    Some((key, span))
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
