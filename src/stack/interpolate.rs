//! Fills in what stands between `${` and `}`.

use std::collections::{BTreeMap, BTreeSet};

use super::desired::Place;
use super::diagnostics::Diagnostic;
use super::names::Names;
use super::select::Variable;
use super::suggest;
use super::tree::{Entry, Node, Span, Value};
use crate::kinds::ids;

/// What every text may refer to beside resources.
const BUILT_IN: [&str; 5] = ["env", "stack", "account", "region", "partition"];

/// The attributes of each kind of resource.
const ATTRIBUTES: [(&str, &[&str]); 5] = [
    ("keys", &["arn", "id", "alias"]),
    ("roles", &["arn", "name"]),
    ("functions", &["arn", "name"]),
    ("apis", &["id", "url", "name"]),
    ("log_groups", &["arn", "name"]),
];

/// Lines of a text in a block that are searched for a reference.
const BLOCK: usize = 200;

/// Fills in every text of a tree.
///
/// `text` is the file, for the places of references inside texts.
pub(super) fn fill(
    (tree, text): (&Node, &str),
    names: Names<'_>,
    variables: &BTreeMap<String, Variable>,
    problems: &mut Vec<Diagnostic>,
) -> Node {
    let (path, open, cycles) = (Vec::new(), Vec::new(), BTreeSet::new());
    let mut filler = Filler { tree, text, names, variables, problems, path, open, cycles };
    filler.node(tree)
}

struct Filler<'a> {
    tree: &'a Node,
    text: &'a str,
    names: Names<'a>,
    variables: &'a BTreeMap<String, Variable>,
    problems: &'a mut Vec<Diagnostic>,
    path: Vec<&'a str>,
    /// References that are being filled in, to find cycles.
    open: Vec<String>,
    /// Cycles that were found.
    cycles: BTreeSet<BTreeSet<String>>,
}

impl<'a> Filler<'a> {
    fn node(&mut self, node: &'a Node) -> Node {
        let value = match &node.value {
            Value::Text { text, .. } => match self.text(text, node.span) {
                Some(filled) => Value::Text { text: filled, open: text.contains("${") },
                None => Value::Unknown,
            },
            Value::List(items) => Value::List(items.iter().map(|item| self.node(item)).collect()),
            Value::Map(entries) => Value::Map(
                entries
                    .iter()
                    .map(|Entry { key, key_span, value }| {
                        self.path.push(key);
                        let value = self.node(value);
                        self.path.pop();
                        Entry { key: key.clone(), key_span: *key_span, value }
                    })
                    .collect(),
            ),
            Value::Null | Value::Unknown | Value::Bool(_) | Value::Number(_) => node.value.clone(),
        };
        Node { span: node.span, value }
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
                self.problems.push(
                    Diagnostic::error(Some(span), "bad-reference", "`${` is not closed by `}`")
                        .help("write `$${` for a literal `${`"),
                );
                return None;
            };
            if self.passes(reference) {
                filled.push_str(&format!("${{{reference}}}"));
            } else {
                match self.reference(reference, self.narrow(reference, span)) {
                    Some(value) => filled.push_str(&value),
                    None => whole = false,
                }
            }
            rest = tail;
        }
        filled.push_str(rest);
        whole.then_some(filled)
    }

    /// Returns where a reference stands inside a text of the file.
    fn narrow(&self, reference: &str, span: Span) -> Span {
        let written = format!("${{{reference}}}");
        let number = |number: u32| usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
        let mut skip = number(span.column);
        // A text in a block starts below its `|`.
        for (line, text) in (span.line..).zip(self.text.lines().skip(number(span.line))).take(BLOCK) {
            let start = text.char_indices().nth(skip).map_or(text.len(), |(at, _)| at);
            if let Some(at) = text.get(start..).and_then(|rest| rest.find(&written)) {
                let before = text.get(..start + at).map_or(0, |before| before.chars().count());
                let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
                return Span { line, column: count(before + 1), length: count(written.chars().count()) };
            }
            skip = 0;
        }
        span
    }

    /// Tells whether somebody else fills a reference in: IAM, API Gateway, or a probe.
    fn passes(&self, reference: &str) -> bool {
        (reference.contains(':') && !reference.starts_with("lockstep:"))
            || reference.starts_with("stageVariables.")
            || (reference.starts_with("answer.") && self.path.contains(&"probe"))
    }

    fn reference(&mut self, reference: &str, span: Span) -> Option<String> {
        let Names { stack, env, place } = self.names;
        let Place { partition, account, region, .. } = place;
        match reference {
            "env" => return Some(env.to_owned()),
            "stack" => return Some(stack.to_owned()),
            "account" => return Some(account.clone()),
            "region" => return Some(region.clone()),
            "partition" => return Some(partition.clone()),
            _ => {}
        }
        if self.open.iter().any(|open| open == reference) {
            self.cycle(reference, span);
            return None;
        }
        self.open.push(reference.to_owned());
        let value = match reference.strip_prefix("var.") {
            Some(name) => self.variable(name, span),
            None => self.resource(reference, span),
        };
        self.open.pop();
        value
    }

    /// Reports a circle once, wherever it was entered.
    fn cycle(&mut self, reference: &str, span: Span) {
        let circle: Vec<String> = self
            .open
            .iter()
            .skip_while(|open| *open != reference)
            .cloned()
            .chain([reference.to_owned()])
            .collect();
        if self.cycles.insert(circle.iter().cloned().collect()) {
            let problem = format!("references go in a circle: {}", circle.join(" -> "));
            self.problems.push(Diagnostic::error(Some(span), "reference-cycle", problem));
        }
    }

    fn variable(&mut self, name: &str, span: Span) -> Option<String> {
        match self.variables.get(name) {
            Some(Variable::Given(text)) => Some(text.clone()),
            Some(Variable::Node(node)) => match &node.value {
                Value::Text { text, .. } => self.text(text, node.span),
                Value::Number(number) => Some(number.to_string()),
                Value::Bool(value) => Some(value.to_string()),
                // The check of the structure has already reported these.
                Value::Null | Value::Unknown | Value::List(_) | Value::Map(_) => None,
            },
            Some(Variable::Missing) => {
                let problem = format!("the variable `{name}` has no value");
                self.problems.push(
                    Diagnostic::error(Some(span), "missing-variable", problem)
                        .help(format!("use `--var {name}=VALUE`, or set `LOCKSTEP_VAR_{name}`")),
                );
                None
            }
            None => {
                self.unknown(&format!("var.{name}"), span);
                None
            }
        }
    }

    fn resource(&mut self, reference: &str, span: Span) -> Option<String> {
        let mut parts = reference.split('.');
        let (Some(section), Some(name), Some(attribute), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            self.unknown(reference, span);
            return None;
        };
        let known = ATTRIBUTES.iter().any(|(kind, all)| *kind == section && all.contains(&attribute));
        if !known || !self.declared(section, name) {
            self.unknown(reference, span);
            return None;
        }
        let names = self.names;
        Some(match (section, attribute) {
            ("keys", "alias") => return self.alias(name, span),
            ("roles", "arn") => {
                let path = self.field(&["roles", name, "path"], |_| names.role_path())?;
                names.role_arn(name, &path)
            }
            ("functions", "arn") => names.function_arn(name),
            ("log_groups", "name") => self.log_group(name)?,
            ("log_groups", "arn") => names.log_group_arn(&self.log_group(name)?),
            (_, "name") => names.physical(name),
            // AWS assigns the ids of keys and APIs.
            _ => ids::to(reference),
        })
    }

    fn alias(&mut self, name: &str, span: Span) -> Option<String> {
        let listed = self.tree.get("keys").and_then(|keys| keys.get(name)?.get("aliases"));
        let Some(Value::List(items)) = listed.map(|node| &node.value) else {
            let alias = self.field(&["keys", name, "alias"], |this| this.names.physical(name))?;
            return Some(format!("alias/{alias}"));
        };
        match items.first() {
            Some(first) => Some(format!("alias/{}", self.text(first.text()?, first.span)?)),
            None => {
                let problem =
                    Diagnostic::error(Some(span), "bad-reference", format!("the key `{name}` has no alias"));
                self.problems.push(problem.help(format!("use `${{keys.{name}.arn}}`")));
                None
            }
        }
    }

    /// Returns the name of a log group: one of the stack, or the one that a function has.
    fn log_group(&mut self, name: &str) -> Option<String> {
        if self.tree.get("log_groups").is_some_and(|groups| groups.get(name).is_some()) {
            return self.field(&["log_groups", name, "name"], |this| this.names.log_group(name));
        }
        self.field(&["functions", name, "log", "group"], |this| this.names.function_log_group(name))
    }

    /// Returns a text of the file, filled in, or what holds without one.
    fn field(&mut self, path: &[&str], otherwise: impl Fn(&Self) -> String) -> Option<String> {
        match self.tree.find(path) {
            Some(node) => self.text(node.text()?, node.span),
            None => Some(otherwise(self)),
        }
    }

    fn declared(&self, section: &str, name: &str) -> bool {
        let has = |section: &str| self.tree.get(section).is_some_and(|all| all.get(name).is_some());
        has(section) || (section == "log_groups" && has("functions"))
    }

    fn unknown(&mut self, reference: &str, span: Span) {
        let mut known: Vec<String> = BUILT_IN.map(str::to_owned).to_vec();
        known.extend(self.variables.keys().map(|name| format!("var.{name}")));
        for (section, attributes) in ATTRIBUTES {
            for Entry { key, .. } in self.tree.get(section).map(Node::entries).unwrap_or_default() {
                known.extend(attributes.iter().map(|attribute| format!("{section}.{key}.{attribute}")));
            }
        }
        // Of a known resource, its attributes are better advice than a resource with a similar name.
        let meant = reference.trim_start_matches("lockstep:");
        let resource = meant.rsplit_once('.').map_or(meant, |(resource, _)| resource);
        let own: Vec<&str> = known
            .iter()
            .map(String::as_str)
            .filter(|known| known.rsplit_once('.').is_some_and(|(of, _)| of == resource && of != "var"))
            .collect();
        let all = known.iter().map(String::as_str);
        let advice =
            match suggest::nearest(meant, own.iter().copied()).or_else(|| suggest::nearest(meant, all)) {
                Some(name) => Some(format!("did you mean `${{{name}}}`?")),
                None if own.is_empty() && !meant.contains('.') => {
                    Some(format!("known are `${{{}}}`", BUILT_IN.join("}`, `${")))
                }
                None if own.is_empty() => None,
                None => Some(format!("known are `${{{}}}`", own.join("}`, `${"))),
            };
        let problem = format!("`${{{reference}}}` refers to nothing");
        self.problems.push(
            Diagnostic::error(Some(span), "unknown-reference", problem)
                .maybe_help(advice)
                .help("write `$${` for a literal `${`"),
        );
    }
}
