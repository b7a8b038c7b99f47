//! Checks a tree against the JSON Schema of the format: unknown keys, missing keys, wrong types.
//!
//! The schema is generated from the types of [`super::model`], so the format is defined only once. Invalid parts are
//! reported and left out of the result, so that the rest can still be checked.

use serde_json::{Map, Value as Json};

use super::diagnostics::{Diagnostic, Diagnostics};
use super::suggest;
use super::tree::{self, Entry, Node, Span, Value};

/// Checks a tree; returns its valid part, or `None` if nothing is left.
///
/// In a `raw` tree no references are filled in yet, so a text with a reference may become anything.
pub(super) fn check(schema: &Json, node: &Node, raw: bool, problems: &mut Diagnostics) -> Option<Json> {
    let mut checker = Checker { root: schema, raw, problems, path: Vec::new() };
    checker.value(schema, node, node.span)
}

struct Checker<'a> {
    root: &'a Json,
    raw: bool,
    problems: &'a mut Diagnostics,
    path: Vec<String>,
}

/// The shapes that a JSON Schema distinguishes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Null,
    Bool,
    Integer,
    Number,
    Text,
    List,
    Map,
}

impl Shape {
    fn of(node: &Node) -> Self {
        match &node.value {
            Value::Null | Value::Unknown => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Number(number) if number.is_i64() || number.is_u64() => Self::Integer,
            Value::Number(_) => Self::Number,
            Value::Text { .. } => Self::Text,
            Value::List(_) => Self::List,
            Value::Map(_) => Self::Map,
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "null" => Self::Null,
            "boolean" => Self::Bool,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "string" => Self::Text,
            "array" => Self::List,
            "object" => Self::Map,
            _ => return None,
        })
    }

    fn takes(self, given: Self) -> bool {
        self == given || (self == Self::Number && given == Self::Integer)
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool => "`true` or `false`",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Text => "text",
            Self::List => "a list",
            Self::Map => "a mapping",
        }
    }
}

impl<'a> Checker<'a> {
    /// Checks a value; `at` is the place of its key, used for problems without a line of their own.
    fn value(&mut self, schema: &'a Json, node: &Node, at: Span) -> Option<Json> {
        let schema = self.follow(schema);
        match &node.value {
            Value::Unknown => return None,
            Value::Text { text, .. } if self.raw && text.contains("${") => return None,
            _ => {}
        }
        if matches!(schema, Json::Bool(true)) || is_open(schema) {
            return Some(node.to_json());
        }
        let options = self.options(schema);
        let fits = |this: &Self, node: &Node| {
            let given = Shape::of(node);
            options.iter().copied().find(|option| this.shapes(option).iter().any(|shape| shape.takes(given)))
        };
        if let Some(option) = fits(self, node) {
            return self.one(option, node, at);
        }
        // An interpolated value is treated as text unless another type is expected.
        if let Value::Text { text, open: true } = &node.value
            && let Some(value) = tree::resolve(text)
        {
            let resolved = Node { span: node.span, value };
            if let Some(option) = fits(self, &resolved) {
                return self.one(option, &resolved, at);
            }
        }
        // `test:` without a value means an empty mapping if no key in it is required.
        if matches!(node.value, Value::Null)
            && let Some(map) = options.iter().find(|option| self.shapes(option).contains(&Shape::Map))
            && map.get("required").is_none()
        {
            return Some(Json::Object(Map::new()));
        }
        self.wrong_type(schema, &options, node, at);
        None
    }

    fn one(&mut self, schema: &'a Json, node: &Node, at: Span) -> Option<Json> {
        match &node.value {
            Value::Map(entries) => self.map(schema, entries, at),
            Value::List(items) => {
                let schema = schema.get("items").unwrap_or(&Json::Bool(true));
                let mut list = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    self.path.push(index.to_string());
                    list.extend(self.value(schema, item, item.span));
                    self.path.pop();
                }
                Some(Json::Array(list))
            }
            Value::Number(number) => self.range(schema, number, node),
            Value::Text { text, .. } => self.word(schema, text, node),
            Value::Null | Value::Unknown | Value::Bool(_) => Some(node.to_json()),
        }
    }

    fn map(&mut self, schema: &'a Json, entries: &[Entry], at: Span) -> Option<Json> {
        let properties = schema.get("properties").and_then(Json::as_object);
        let rest = schema.get("additionalProperties");
        let mut map = Map::new();
        let mut whole = true;
        for Entry { key, key_span, value } in entries {
            let known = properties.and_then(|properties| properties.get(key));
            let Some(schema) = known.or_else(|| rest.filter(|rest| **rest != Json::Bool(false))) else {
                if self.problems.is_full() {
                    continue;
                }
                let names =
                    properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str));
                let problem = format!("unknown key `{key}` in {}", self.here());
                self.problems.push(
                    Diagnostic::error(Some(*key_span), "unknown-key", problem)
                        .maybe_help(suggest::advice(key, names)),
                );
                continue;
            };
            self.path.push(key.clone());
            if let Some(value) = self.value(schema, value, *key_span) {
                map.insert(key.clone(), value);
            }
            self.path.pop();
        }
        let missing = schema.get("required").and_then(Json::as_array).into_iter().flatten();
        for name in missing.filter_map(Json::as_str) {
            if map.contains_key(name) {
                continue;
            }
            whole = false;
            if entries.iter().any(|entry| entry.key == name) {
                continue;
            }
            let problem = format!("{} has no `{name}`", self.here());
            let example = properties.and_then(|properties| self.example(name, properties.get(name)?));
            self.problems.push(
                Diagnostic::error(Some(at), "missing-key", problem)
                    .maybe_help(example.map(|example| format!("write it as in `{example}`"))),
            );
        }
        whole.then_some(Json::Object(map))
    }

    fn range(&mut self, schema: &Json, number: &serde_json::Number, node: &Node) -> Option<Json> {
        let bound = |name: &str| schema.get(name).and_then(Json::as_f64);
        let (low, high) = (bound("minimum"), bound("maximum"));
        let value = number.as_f64()?;
        if low.is_none_or(|low| value >= low) && high.is_none_or(|high| value <= high) {
            return Some(number.clone().into());
        }
        let range = match (schema.get("minimum"), schema.get("maximum")) {
            (Some(low), Some(high)) => format!("from {low} to {high}"),
            (Some(low), None) => format!("{low} or more"),
            (_, Some(high)) => format!("{high} or less"),
            (None, None) => String::new(),
        };
        let problem = format!("{} is `{number}`; it can be {range}", self.here());
        self.problems.push(Diagnostic::error(Some(node.span), "out-of-range", problem));
        None
    }

    /// Checks a text against the allowed words, if the schema restricts them.
    fn word(&mut self, schema: &Json, text: &str, node: &Node) -> Option<Json> {
        let words = words(schema);
        if words.is_empty() || words.contains(&text) {
            return Some(text.into());
        }
        let problem = format!("`{text}` is not a value of {}", self.here());
        self.problems.push(
            Diagnostic::error(Some(node.span), "unknown-value", problem)
                .maybe_help(suggest::advice(text, words)),
        );
        None
    }

    fn wrong_type(&mut self, schema: &Json, options: &[&Json], node: &Node, at: Span) {
        let mut expected: Vec<&str> = Vec::new();
        for shape in options.iter().flat_map(|option| self.shapes(option)) {
            if shape != Shape::Null && !expected.contains(&shape.words()) {
                expected.push(shape.words());
            }
        }
        let expected = expected.join(" or ");
        let found = match &node.value {
            Value::Text { text, .. } if text.chars().count() <= 40 => format!("the text `{text}`"),
            Value::Number(number) => format!("the number `{number}`"),
            Value::Bool(value) => format!("`{value}`"),
            _ => Shape::of(node).words().to_owned(),
        };
        let span =
            if matches!(node.value, Value::Null | Value::Map(_) | Value::List(_)) { at } else { node.span };
        let problem = format!("{} must be {expected}, not {found}", self.here());
        let name = self.path.last().map_or("", String::as_str);
        let quoted = match &node.value {
            Value::Number(_) | Value::Bool(_) if expected == Shape::Text.words() => {
                Some(format!("put it in quotes: `{name}: \"{}\"`", node.to_json()))
            }
            _ => None,
        };
        let example = self.example(name, schema).map(|example| format!("write it as in `{example}`"));
        self.problems
            .push(Diagnostic::error(Some(span), "wrong-type", problem).maybe_help(example.or(quoted)));
    }

    /// Returns an example of a key, from the examples of its schema or from its possible values.
    fn example(&self, name: &str, schema: &Json) -> Option<String> {
        let own = |schema: &Json| schema.get("examples").and_then(Json::as_array)?.first().cloned();
        let followed = self.follow(schema);
        let options = self.options(followed);
        let example = own(schema)
            .or_else(|| own(followed))
            .or_else(|| options.iter().find_map(|option| own(option)))
            .or_else(|| {
                options.iter().find_map(|option| match self.shapes(option).first()? {
                    Shape::Bool => Some(Json::Bool(true)),
                    Shape::Text => words(option).first().map(|word| Json::from(*word)),
                    _ => None,
                })
            })?;
        let example = flow(&example);
        Some(if name.is_empty() { example } else { format!("{name}: {example}") })
    }

    /// Returns the alternative schemas for a value.
    fn options(&self, schema: &'a Json) -> Vec<&'a Json> {
        let Some(list) = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Json::as_array) else {
            return vec![schema];
        };
        if !words(schema).is_empty() {
            return vec![schema];
        }
        list.iter().flat_map(|option| self.options(self.follow(option))).collect()
    }

    fn shapes(&self, schema: &Json) -> Vec<Shape> {
        match schema.get("type") {
            Some(Json::String(word)) => Shape::parse(word).into_iter().collect(),
            Some(Json::Array(words)) => {
                words.iter().filter_map(Json::as_str).filter_map(Shape::parse).collect()
            }
            _ if !words(schema).is_empty() => vec![Shape::Text],
            _ => Vec::new(),
        }
    }

    fn follow(&self, schema: &'a Json) -> &'a Json {
        let mut schema = schema;
        while let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
            let Some(target) = reference.strip_prefix('#').and_then(|path| self.root.pointer(path)) else {
                break;
            };
            schema = target;
        }
        schema
    }

    fn here(&self) -> String {
        if self.path.is_empty() { "the stack file".to_owned() } else { format!("`{}`", self.path.join(".")) }
    }
}

/// Returns the schema for editors: a reference may replace any value, and `environments` is required.
pub(super) fn for_editors(schema: &Json) -> Json {
    let mut schema = with_references(schema);
    if let Some(required) = schema.get_mut("required").and_then(Json::as_array_mut) {
        required.push("environments".into());
    }
    schema
}

fn with_references(schema: &Json) -> Json {
    match schema {
        Json::Array(items) => items.iter().map(with_references).collect(),
        Json::Object(map) => {
            let inner = map.iter().filter(|(key, _)| *key != "examples" && *key != "default");
            let mut all = map.clone();
            all.extend(inner.map(|(key, value)| (key.clone(), with_references(value))));
            // A reference matches every word of an enumeration, so more than one alternative can match.
            all.remove("oneOf").into_iter().for_each(|words| drop(all.insert("anyOf".to_owned(), words)));
            let word =
                matches!(map.get("type").and_then(Json::as_str), Some("integer" | "number" | "boolean"))
                    || map.get("enum").is_some()
                    || map.get("const").is_some();
            if !word {
                return Json::Object(all);
            }
            // Descriptive fields stay at the top level, where editors look for them.
            let mut outer = Map::new();
            for key in ["description", "default", "examples", "title"] {
                outer.extend(all.remove(key).map(|value| (key.to_owned(), value)));
            }
            let reference = serde_json::json!({ "type": "string", "pattern": "\\$\\{" });
            outer.insert("anyOf".to_owned(), Json::Array(vec![Json::Object(all), reference]));
            Json::Object(outer)
        }
        other => other.clone(),
    }
}

/// Formats JSON as YAML in flow style, on one line.
fn flow(value: &Json) -> String {
    let plain = |text: &str| {
        text.chars().all(|c| c.is_ascii_alphanumeric() || " -_./:=+".contains(c))
            && tree::resolve(text).is_none()
    };
    match value {
        Json::String(text) if plain(text) => text.clone(),
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => {
            let pair = |(key, value): (&String, &Json)| format!("{key}: {}", flow(value));
            format!("{{ {} }}", map.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Returns whether a schema accepts anything, because it has only descriptive fields.
fn is_open(schema: &Json) -> bool {
    schema.as_object().is_some_and(|object| {
        object.keys().all(|key| matches!(key.as_str(), "title" | "description" | "default" | "examples"))
    })
}

/// Returns the words of an enumeration.
fn words(schema: &Json) -> Vec<&str> {
    if let Some(list) = schema.get("enum").and_then(Json::as_array) {
        return list.iter().filter_map(Json::as_str).collect();
    }
    if let Some(word) = schema.get("const").and_then(Json::as_str) {
        return vec![word];
    }
    let Some(list) = schema.get("oneOf").and_then(Json::as_array) else { return Vec::new() };
    let all: Vec<&str> = list.iter().flat_map(words).collect();
    let only_words = list.iter().all(|option| !words(option).is_empty());
    if only_words { all } else { Vec::new() }
}
