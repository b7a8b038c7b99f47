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
    /// `open` marks an unquoted text that came out of an interpolation: `memory: ${var.memory}` is a number
    /// where a number belongs.
    Text {
        text: String,
        open: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
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
            Value::Null => serde_json::Value::Null,
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
            match &node.value {
                Value::Map(entries) => {
                    let Some(entry) = entries.iter().find(|entry| entry.key == *segment) else { break };
                    node = &entry.value;
                    let block = matches!(node.value, Value::Map(_) | Value::List(_) | Value::Null);
                    span = if key || block { entry.key_span } else { node.span };
                }
                Value::List(items) => {
                    let Some(item) = segment.parse().ok().and_then(|index: usize| items.get(index)) else {
                        break;
                    };
                    node = item;
                    span = item.span;
                }
                _ => break,
            }
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
            Ok((event, span)) => builder.event(event, Span::new(span), problems),
            Err(error) => {
                let mark = error.marker();
                let span = Span { line: small(mark.line()), column: small(mark.col() + 1), length: 1 };
                Err(Diagnostic::error(Some(span), "yaml", error.info()))
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
            Event::Scalar(text, style, anchor, tag) => {
                if let Some(tag) = tag {
                    problems.push(refused_tag(&tag.original(), span));
                }
                let weight = NODE_WEIGHT + text.len();
                self.grow(weight, span)?;
                let plain = matches!(style, ScalarStyle::Plain);
                let value = if plain { resolve(&text) } else { None };
                let value = value.unwrap_or_else(|| Value::Text { text: text.into_owned(), open: plain });
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
            Event::SequenceStart(_, anchor, tag) => {
                self.start(span, anchor, Items::List(Vec::new()), tag.map(|tag| tag.original()), problems)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                let items = Items::Map { entries: Vec::new(), key: None };
                self.start(span, anchor, items, tag.map(|tag| tag.original()), problems)?;
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

    fn start(
        &mut self,
        span: Span,
        anchor: usize,
        items: Items,
        tag: Option<String>,
        problems: &mut Vec<Diagnostic>,
    ) -> Result<(), Diagnostic> {
        if let Some(tag) = tag {
            problems.push(refused_tag(&tag, span));
        }
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
        Value::Null | Value::List(_) | Value::Map(_) => {
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
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        read(text, &mut problems);
        problems
    }

    #[test]
    fn scalars_are_resolved_by_the_core_schema() {
        let json = |text: &str| read(text, &mut Vec::new()).unwrap().to_json();
        let list = json("[1, -2, +3, 0x10, 0o17, 1.5, 1e3, true, no, ~, '1', 1.2.3, 007, .5, 365d]");
        let want = serde_json::json!([
            1, -2, 3, 16, 15, 1.5, 1000.0, true, "no", null, "1", "1.2.3", 7, 0.5, "365d"
        ]);
        assert_eq!(list, want);
    }

    #[test]
    fn places_count_characters_from_one() {
        let node = read("a:\n  é: [x, yy]\n", &mut Vec::new()).unwrap();
        assert_eq!(node.place(&["a", "é", "1"], false), Span { line: 2, column: 10, length: 2 });
        assert_eq!(node.place(&["a", "é", "7"], true), Span { line: 2, column: 3, length: 1 });
    }

    #[test]
    fn every_duplicate_key_is_found() {
        let found = problems("a: 1\na: 2\nb: {c: 1, c: 2}\n");
        assert_eq!(
            found.iter().map(|p| (p.line, p.code)).collect::<Vec<_>>(),
            [(2, "duplicate-key"), (3, "duplicate-key")]
        );
        assert_eq!(found[0].labels[0].line, 1);
    }

    #[test]
    fn tags_merge_keys_documents_and_odd_keys_are_refused() {
        for (text, code) in [
            ("a: !Ref x", "yaml-tag"),
            ("a: {<<: {b: 1}}", "bad-key"),
            ("a: 1\n---\nb: 2\n", "yaml"),
            ("? [1]\n: 2\n", "bad-key"),
            ("", "yaml"),
            ("a: [", "yaml"),
            ("a: &x [*x]", "yaml"),
            ("a: *x", "yaml"),
        ] {
            assert_eq!(problems(text).first().map(|p| p.code), Some(code), "{text}");
        }
    }

    #[test]
    fn an_alias_bomb_is_refused_before_it_grows() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..40 {
            let item = format!("*a{}", level - 1);
            text.push_str(&format!("a{level}: &a{level} [{}]\n", [item.as_str(); 10].join(", ")));
        }
        assert_eq!(problems(&text).first().map(|p| p.code), Some("too-large"));
        let mut long = format!("a: &a {}\nb:\n", "x".repeat(100_000));
        long.push_str(&"- *a\n".repeat(1000));
        assert_eq!(problems(&long).first().map(|p| p.code), Some("too-large"));
    }

    #[test]
    fn size_and_depth_are_bounded() {
        assert_eq!(problems(&"a".repeat(100 * MAX_BYTES)).first().map(|p| p.code), Some("too-large"));
        for (open, count) in [("[", 500_000), ("{a: ", 200_000), ("- ", 500_000)] {
            let found = problems(&open.repeat(count));
            assert_eq!(found.first().map(|p| p.code == "too-deep" || p.code == "yaml"), Some(true), "{open}");
        }
        let nested = format!("{}x{}", "[".repeat(70), "]".repeat(70));
        assert_eq!(problems(&nested).first().map(|p| p.code), Some("too-deep"));
    }
}
