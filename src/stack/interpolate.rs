//! Fills in the references between `${` and `}`.

use std::collections::{BTreeMap, BTreeSet};

use super::desired::Place;
use super::diagnostics::{Diagnostic, Diagnostics, lines};
use super::names::Names;
use super::select::Variable;
use super::suggest;
use super::tree::{Entry, Node, Span, Value};
use crate::kinds::ids;

/// The references that are available in every text besides variables and resources.
const BUILT_IN: [&str; 5] = ["env", "stack", "account", "region", "partition"];

/// The attributes of each kind of resource.
const ATTRIBUTES: [(&str, &[&str]); 6] = [
    ("keys", &["arn", "id", "alias"]),
    ("roles", &["arn", "name"]),
    ("functions", &["arn", "name"]),
    ("apis", &["id", "url", "name"]),
    ("log_groups", &["arn", "name"]),
    ("domains", &["target", "name"]),
];

/// Longest chain of references to references.
const MAX_DEPTH: usize = 32;

/// Maximum number of bytes of all filled-in texts together.
const MAX_FILLED: usize = 16 * 1024 * 1024;

/// Maximum number of resources that are searched for a suggestion.
const MOST_KNOWN: usize = 100;

/// Number of lines of a block text that are searched for a reference.
const BLOCK: usize = 200;

/// Fills in every text of a tree.
///
/// `text` is the text of the file, used to locate references inside texts.
pub(super) fn fill(
    (tree, text): (&Node, &str),
    names: Names<'_>,
    variables: &BTreeMap<String, Variable>,
    problems: &mut Diagnostics,
) -> Node {
    let section = |(section, _): (&'static str, _)| {
        let names = tree.get(section).map(Node::entries).unwrap_or_default();
        names.iter().map(move |entry| (section, entry.key.as_str()))
    };
    let declared = ATTRIBUTES.into_iter().flat_map(section).collect();
    let (path, open, known) = (Vec::new(), Vec::new(), BTreeMap::new());
    let mut filler =
        Filler { tree, text, names, variables, declared, problems, path, open, known, filled: 0 };
    filler.node(tree)
}

struct Filler<'a> {
    tree: &'a Node,
    text: &'a str,
    names: Names<'a>,
    variables: &'a BTreeMap<String, Variable>,
    /// Resources, by section and name.
    declared: BTreeSet<(&'static str, &'a str)>,
    problems: &'a mut Diagnostics,
    /// Keys on the path to the text that is being filled in.
    path: Vec<&'a str>,
    /// References that are being filled in, to detect cycles.
    open: Vec<String>,
    /// References that were filled in already; without this cache, nested references could take exponential time.
    known: BTreeMap<String, Option<String>>,
    /// Bytes written so far.
    filled: usize,
}

impl<'a> Filler<'a> {
    fn node(&mut self, node: &'a Node) -> Node {
        let value = match &node.value {
            Value::Text { text, .. } => match self.text(text, node.span) {
                Some(filled) => Value::Text { text: filled, open: text.contains("${") },
                None => Value::Unknown,
            },
            Value::List(items) => Value::List(items.iter().map(|item| self.node(item)).collect()),
            Value::Map(entries) => Value::Map(entries.iter().map(|entry| self.entry(entry)).collect()),
            Value::Null | Value::Unknown | Value::Bool(_) | Value::Number(_) => node.value.clone(),
        };
        Node { span: node.span, value }
    }

    fn entry(&mut self, Entry { key, key_span, value }: &'a Entry) -> Entry {
        self.path.push(key);
        let value = self.node(value);
        self.path.pop();
        Entry { key: key.clone(), key_span: *key_span, value }
    }

    /// Fills in one text; `None` if anything in it has no value.
    fn text(&mut self, text: &str, span: Span) -> Option<String> {
        let mut whole = true;
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                filled.push_str(before);
                filled.push_str("${");
                rest = after;
                continue;
            }
            filled.push_str(before);
            let Some((reference, tail)) = after.split_once('}') else {
                let problem = Diagnostic::error(Some(span), "bad-reference", "`${` is not closed by `}`");
                self.problems.push(problem.help("write `$${` for a literal `${`"));
                return None;
            };
            if self.passes(reference) {
                filled.push_str(&format!("${{{reference}}}"));
            } else {
                match self.reference(reference, span) {
                    Some(value) => filled.push_str(&value),
                    None => whole = false,
                }
            }
            rest = tail;
        }
        filled.push_str(rest);
        self.filled = self.filled.saturating_add(filled.len());
        if self.filled > MAX_FILLED {
            let problem = format!("the file grows to more than {MAX_FILLED} bytes once it is filled in");
            let problem = Diagnostic::error(None, "too-large", problem);
            self.problems.push(problem.help("shorten the variables"));
            return None;
        }
        whole.then_some(filled)
    }

    /// Returns whether a reference is left for someone else to fill in: IAM, API Gateway, or a probe.
    fn passes(&self, reference: &str) -> bool {
        (reference.contains(':') && !reference.starts_with("lockstep:"))
            || reference.starts_with("stageVariables.")
            || (reference.starts_with("answer.") && self.path.contains(&"probe"))
    }

    fn reference(&mut self, reference: &str, span: Span) -> Option<String> {
        if let Some(known) = self.known.get(reference) {
            return known.clone();
        }
        if !self.exists(reference) {
            self.unknown(reference, span);
            return None;
        }
        if let Some(start) = self.open.iter().position(|open| open == reference) {
            let circle: Vec<&str> =
                self.open.iter().skip(start).map(String::as_str).chain([reference]).collect();
            let problem = format!("references go in a circle: {}", circle.join(" -> "));
            self.report(reference, span, "reference-cycle", problem);
            return None;
        }
        if self.open.len() >= MAX_DEPTH {
            let problem = format!("references lead to each other more than {MAX_DEPTH} deep");
            self.report(reference, span, "too-deep", problem);
            return None;
        }
        self.open.push(reference.to_owned());
        let value = self.value(reference, span);
        self.open.pop();
        self.known.insert(reference.to_owned(), value.clone());
        value
    }

    fn exists(&self, reference: &str) -> bool {
        if let Some(name) = reference.strip_prefix("var.") {
            return self.variables.contains_key(name);
        }
        let parts: Vec<&str> = reference.split('.').collect();
        let [section, name, attribute] = parts.as_slice() else { return BUILT_IN.contains(&reference) };
        let has = |section: &'static str| self.declared.contains(&(section, *name));
        ATTRIBUTES.iter().any(|(kind, all)| {
            kind == section
                && all.contains(attribute)
                // Every function has a log group.
                && (has(kind) || (*kind == "log_groups" && has("functions")))
        })
    }

    fn value(&mut self, reference: &str, span: Span) -> Option<String> {
        let names = self.names;
        let Place { partition, account, region, .. } = names.place;
        let mut parts = reference.splitn(3, '.');
        let (section, name) = (parts.next()?, parts.next().unwrap_or_default());
        Some(match (section, parts.next()) {
            ("var", _) => return self.variable(reference, span),
            ("env", None) => names.env.to_owned(),
            ("stack", None) => names.stack.to_owned(),
            ("account", None) => account.clone(),
            ("region", None) => region.clone(),
            ("partition", None) => partition.clone(),
            ("keys", Some("alias")) => return self.alias(name, span),
            ("roles", Some("arn")) => {
                names.role_arn(name, &self.field(&["roles", name, "path"], || names.role_path())?)
            }
            ("functions", Some("arn")) => names.function_arn(name),
            ("log_groups", Some("name")) => self.log_group(name)?,
            ("domains", Some("name")) => self.field(&["domains", name, "name"], String::new)?,
            ("log_groups", _) => names.log_group_arn(&self.log_group(name)?),
            (_, Some("name")) => names.physical(name),
            // AWS assigns the IDs of keys and APIs.
            _ => ids::to(reference),
        })
    }

    fn variable(&mut self, reference: &str, span: Span) -> Option<String> {
        let name = reference.strip_prefix("var.")?;
        let variables = self.variables;
        match variables.get(name)? {
            Variable::Given(text) => Some(text.clone()),
            Variable::Node(node) => match &node.value {
                Value::Text { text, .. } => self.text(text, node.span),
                Value::Number(number) => Some(number.to_string()),
                Value::Bool(value) => Some(value.to_string()),
                // The check of the structure has already reported these.
                Value::Null | Value::Unknown | Value::List(_) | Value::Map(_) => None,
            },
            Variable::Missing => {
                let problem = format!("the variable `{name}` has no value");
                let problem =
                    Diagnostic::error(Some(self.narrow(reference, span)), "missing-variable", problem);
                self.problems
                    .push(problem.help(format!("use `--var {name}=VALUE`, or set `LOCKSTEP_VAR_{name}`")));
                None
            }
        }
    }

    fn alias(&mut self, name: &str, span: Span) -> Option<String> {
        let names = self.names;
        let listed = self.tree.find(&["keys", name, "aliases"]);
        let Some(Value::List(items)) = listed.map(|node| &node.value) else {
            let alias = self.field(&["keys", name, "alias"], || names.physical(name))?;
            return Some(format!("alias/{alias}"));
        };
        let Some(first) = items.first() else {
            let problem = format!("the key `{name}` has no alias; use `${{keys.{name}.arn}}`");
            self.report(&format!("keys.{name}.alias"), span, "bad-reference", problem);
            return None;
        };
        Some(format!("alias/{}", self.text(first.text()?, first.span)?))
    }

    /// Returns the name of a log group, either one of the stack or the one of a function.
    fn log_group(&mut self, name: &str) -> Option<String> {
        let names = self.names;
        if self.declared.contains(&("log_groups", name)) {
            return self.field(&["log_groups", name, "name"], || names.log_group(name));
        }
        self.field(&["functions", name, "log", "group"], || names.function_log_group(name))
    }

    /// Returns a text of the file, filled in, or the default if the file does not set it.
    fn field(&mut self, path: &[&str], otherwise: impl Fn() -> String) -> Option<String> {
        match self.tree.find(path) {
            Some(node) => self.text(node.text()?, node.span),
            None => Some(otherwise()),
        }
    }

    fn report(&mut self, reference: &str, span: Span, code: &'static str, problem: String) {
        let span = self.narrow(reference, span);
        self.problems.push(Diagnostic::error(Some(span), code, problem));
    }

    fn unknown(&mut self, reference: &str, span: Span) {
        if self.problems.is_full() {
            return;
        }
        let advice = if self.problems.wants_advice() { self.advice(reference) } else { None };
        let problem = format!("`${{{reference}}}` refers to nothing");
        self.problems.push(
            Diagnostic::error(Some(self.narrow(reference, span)), "unknown-reference", problem)
                .maybe_help(advice)
                .help("write `$${` for a literal `${`"),
        );
    }

    /// Returns a suggestion for an unknown reference.
    fn advice(&self, reference: &str) -> Option<String> {
        let mut known: Vec<String> = BUILT_IN.map(str::to_owned).to_vec();
        known.extend(self.variables.keys().map(|name| format!("var.{name}")));
        for (section, name) in self.declared.iter().take(MOST_KNOWN) {
            let attributes = ATTRIBUTES.iter().filter(|(kind, _)| kind == section).flat_map(|(_, all)| *all);
            known.extend(attributes.map(|attribute| format!("{section}.{name}.{attribute}")));
        }
        // For a known resource, its attributes are a better suggestion than a resource with a similar name.
        let meant = reference.trim_start_matches("lockstep:");
        let resource = meant.rsplit_once('.').map_or(meant, |(resource, _)| resource);
        let all = || known.iter().map(String::as_str);
        let of = |known: &str| known.rsplit_once('.').is_some_and(|(of, _)| of == resource && of != "var");
        let own: Vec<&str> = all().filter(|known| of(known)).collect();
        let listed = |known: &[&str]| format!("known are `${{{}}}`", known.join("}`, `${"));
        match suggest::nearest(meant, own.iter().copied()).or_else(|| suggest::nearest(meant, all())) {
            Some(name) => Some(format!("did you mean `${{{name}}}`?")),
            None if !own.is_empty() => Some(listed(&own)),
            None => (!meant.contains('.')).then(|| listed(&BUILT_IN)),
        }
    }

    /// Returns the place of a reference inside a text of the file.
    fn narrow(&self, reference: &str, span: Span) -> Span {
        let written = format!("${{{reference}}}");
        let index = |number: u32| usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let mut skip = index(span.column);
        // The text of a block starts on the line below its `|`.
        for (line, text) in (span.line..).zip(lines(self.text).skip(index(span.line)).take(BLOCK)) {
            let start = text.char_indices().nth(skip).map_or(text.len(), |(at, _)| at);
            if let Some(at) = text.get(start..).and_then(|rest| rest.find(&written)) {
                let before = text.get(..start + at).map_or(0, |before| before.chars().count());
                return Span { line, column: count(before + 1), length: count(written.chars().count()) };
            }
            skip = 0;
        }
        span
    }
}

#[cfg(test)]
mod tests {
    use crate::stack::{Source, parse};

    fn codes(text: &str) -> Vec<&'static str> {
        let text = format!("lockstep: 1\nstack: demo\nenvironments: {{ test: {{}} }}\n{text}");
        let problems = parse(Source { file: "stack.yaml", text: &text }).unwrap_err();
        problems.iter().map(|problem| problem.code).collect()
    }

    /// Returns a stack file in which each variable contains the next one twice.
    fn bomb(count: usize, last: &str) -> String {
        let line =
            |number: usize| format!("  v{number}: ${{var.v{next}}}${{var.v{next}}}\n", next = number + 1);
        let lines: String = (0..count).map(line).collect();
        format!("variables:\n{lines}  v{count}: {last}\nkeys: {{ k: {{ description: \"${{var.v0}}\" }} }}\n")
    }

    #[test]
    fn variables_cannot_grow_without_bound() {
        assert_eq!(codes(&bomb(30, "x")), ["too-large"]);
        // These expand to nothing, so only the time would grow.
        assert!(
            parse(Source {
                file: "f",
                text: &format!("lockstep: 1\nstack: s\nenvironments: {{ t: {{}} }}\n{}", bomb(30, "''"))
            })
            .is_ok()
        );
        assert_eq!(codes(&bomb(40, "x")).first(), Some(&"too-deep"));
    }

    #[test]
    fn a_circle_is_reported_once() {
        assert_eq!(
            codes("variables: { a: \"${var.b}\", b: \"${var.c}\", c: \"${var.a}\" }\n"),
            ["reference-cycle"]
        );
        assert_eq!(codes("variables: { a: \"${var.a}\" }\n"), ["reference-cycle"]);
    }

    #[test]
    fn a_file_with_many_mistakes_is_answered_with_some() {
        let keys: String =
            (0..3000).map(|number| format!("  k{number}: {{ x: \"${{keys.{number}.arn}}\" }}\n")).collect();
        assert_eq!(codes(&format!("keys:\n{keys}")).len(), 200);
    }
}
