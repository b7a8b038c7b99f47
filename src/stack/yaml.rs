//! Parses YAML into a [`Node`], within limits.

use std::collections::BTreeMap;

use serde_yaml::granit_parser::{self, Event, Parser, ScalarStyle};

use super::diagnostics::{Diagnostic, Diagnostics, lines};
use super::tree::{Entry, Node, Span, Value, resolve};

/// Maximum size of a file, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Maximum nesting depth; it also bounds every recursion over the tree.
const MAX_DEPTH: usize = 64;
/// Maximum weight of the tree once aliases are expanded, in bytes.
const MAX_WEIGHT: usize = 16 * MAX_BYTES;
/// Weight of one value besides its text, in bytes.
const NODE_WEIGHT: usize = 32;

/// Parses one YAML document.
///
/// Duplicate keys, tags and keys that are not scalars are reported and left out; parsing ends at the first syntax error
/// or exceeded limit. Also returns the weight of the tree, in bytes.
pub(super) fn read(text: &str, problems: &mut Diagnostics) -> Option<(Node, usize)> {
    if text.len() > MAX_BYTES {
        let message = format!("the file has more than {MAX_BYTES} bytes");
        problems.push(Diagnostic::error(None, "too-large", message).help("split the stack"));
        return None;
    }
    let mut builder = Builder::default();
    for next in Parser::new_from_str(text) {
        let step = match next {
            Ok((event, span)) => {
                if let Some(tag) = event.tag() {
                    let place = span.tag_span().unwrap_or(span);
                    problems.push(refused_tag(&tag.original(), place_of(place)));
                }
                builder.event(event, place_of(span), problems)
            }
            Err(error) => {
                let mark = error.marker();
                let span = Span { line: small(mark.line()), column: small(mark.col() + 1), length: 1 };
                let line = lines(text).nth(mark.line().saturating_sub(1)).unwrap_or_default();
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
    if builder.root.is_none() {
        let problem = Diagnostic::error(None, "yaml", "the file is empty");
        problems.push(problem.help("`lockstep init` writes an example"));
    }
    Some((builder.root?, builder.weight))
}

fn place_of(span: granit_parser::Span) -> Span {
    let (start, end) = (span.start, span.end);
    let length = if start.line() == end.line() { end.col().saturating_sub(start.col()) } else { 1 };
    Span { line: small(start.line()), column: small(start.col() + 1), length: small(length.max(1)) }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The size of a value.
#[derive(Clone, Copy)]
struct Size {
    /// In bytes.
    weight: usize,
    /// Levels of nested collections.
    height: usize,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, (Node, Size)>,
    root: Option<Node>,
    documents: usize,
    weight: usize,
}

/// A collection whose end has not been reached yet.
struct Open {
    span: Span,
    anchor: usize,
    size: Size,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, seen: BTreeMap<String, Span>, key: Option<Key> },
}

/// A key whose value has not been reached yet; `None` if the key was refused and its value is to be dropped.
type Key = Option<(String, Span)>;

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span, problems: &mut Diagnostics) -> Result<(), Diagnostic> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Diagnostic::error(Some(span), "yaml", "a second document starts here")
                        .help("a stack file holds one document; take `---` out"));
                }
            }
            Event::Scalar(text, style, anchor, _) => {
                let size = Size { weight: NODE_WEIGHT + text.len(), height: 0 };
                self.grow(size, span)?;
                let plain = matches!(style, ScalarStyle::Plain);
                let value = if plain { resolve(&text) } else { None };
                let value = value.unwrap_or_else(|| Value::Text { text: text.into_owned(), open: false });
                self.keep(anchor, &Node { span, value: value.clone() }, size)?;
                self.add(Node { span, value }, size, problems);
            }
            Event::Alias(id) => {
                let Some((_, size)) = self.anchors.get(&id) else {
                    let problem = "this alias stands inside the value that it refers to";
                    return Err(Diagnostic::error(Some(span), "yaml", problem));
                };
                let size = *size;
                self.grow(size, span)?;
                let node = self.anchors.get(&id).map(|(node, _)| Node { span, ..node.clone() });
                node.into_iter().for_each(|node| self.add(node, size, problems));
            }
            Event::SequenceStart(_, anchor, _) => self.start(span, anchor, Items::List(Vec::new()))?,
            Event::MappingStart(_, anchor, _) => {
                let (entries, seen) = (Vec::new(), BTreeMap::new());
                self.start(span, anchor, Items::Map { entries, seen, key: None })?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { span, anchor, size, items }) = self.open.pop() {
                    let value = match items {
                        Items::List(items) => Value::List(items),
                        Items::Map { entries, .. } => Value::Map(entries),
                    };
                    let node = Node { span, value };
                    self.keep(anchor, &node, size)?;
                    self.add(node, size, problems);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, span: Span, anchor: usize, items: Items) -> Result<(), Diagnostic> {
        let size = Size { weight: NODE_WEIGHT, height: 1 };
        self.grow(size, span)?;
        self.open.push(Open { span, anchor, size, items });
        Ok(())
    }

    /// Adds the size of a value before it is created, and checks the limits.
    fn grow(&mut self, size: Size, span: Span) -> Result<(), Diagnostic> {
        if self.open.len() + size.height > MAX_DEPTH {
            let message = format!("values are nested more than {MAX_DEPTH} deep");
            return Err(Diagnostic::error(Some(span), "too-deep", message));
        }
        self.weight += size.weight;
        if self.weight > MAX_WEIGHT {
            let message = format!("the file grows to more than {MAX_WEIGHT} bytes once aliases are expanded");
            let problem = Diagnostic::error(Some(span), "too-large", message);
            return Err(problem.help("write the repeated parts out, or repeat less"));
        }
        Ok(())
    }

    /// Stores a value that aliases may refer to.
    fn keep(&mut self, anchor: usize, node: &Node, size: Size) -> Result<(), Diagnostic> {
        if anchor > 0 {
            self.grow(Size { height: 0, ..size }, node.span)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(())
    }

    /// Adds a finished value to the innermost open collection, or makes it the root.
    fn add(&mut self, node: Node, size: Size, problems: &mut Diagnostics) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        open.size.weight += size.weight;
        open.size.height = open.size.height.max(size.height + 1);
        match &mut open.items {
            Items::List(items) => items.push(node),
            Items::Map { entries, seen, key } => match key.take() {
                None => *key = Some(new_key(node, seen, problems)),
                Some(Some((key, key_span))) => entries.push(Entry { key, key_span, value: node }),
                Some(None) => {}
            },
        }
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

fn new_key(node: Node, seen: &mut BTreeMap<String, Span>, problems: &mut Diagnostics) -> Key {
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
        let problem = Diagnostic::error(Some(span), "bad-key", problem);
        problems
            .push(problem.help("repeat whole values with an anchor and an alias: `a: &x {..}` and `b: *x`"));
        return None;
    }
    if let Some(first) = seen.get(&key) {
        problems.push(
            Diagnostic::error(Some(span), "duplicate-key", format!("`{key}` is given twice"))
                .label(*first, "first given here")
                .help("put both into one, or rename one of them"),
        );
        return None;
    }
    seen.insert(key.clone(), span);
    Some((key, span))
}

#[cfg(test)]
#[path = "yaml_tests.rs"]
mod tests;
