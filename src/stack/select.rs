//! Selects one environment of a stack file: merges its overrides and sets its variables.

use std::collections::BTreeMap;

use super::Inputs;
use super::diagnostics::{Diagnostic, Diagnostics};
use super::suggest;
use super::tree::{Entry, Node, Span, Value};

/// The value of a variable, by origin.
#[derive(Clone, Debug)]
pub(super) enum Variable {
    /// A value in the file.
    Node(Node),
    /// A value given by the caller.
    Given(String),
    /// No value.
    Missing,
}

/// Lists the environments that a file declares.
pub(super) fn environments(tree: &Node) -> impl Iterator<Item = &str> {
    tree.get("environments").map(Node::entries).unwrap_or_default().iter().map(|entry| entry.key.as_str())
}

/// Returns the selected environment: the named one, or the only one.
pub(super) fn environment(tree: &Node, wanted: Option<&str>) -> Result<String, Diagnostic> {
    let declared: Vec<&str> = environments(tree).collect();
    let place = tree.entry("environments").map(|entry| entry.key_span);
    match (wanted, declared.as_slice()) {
        (Some(name), all) if all.contains(&name) => Ok(name.to_owned()),
        (Some(name), all) => {
            let problem = format!("there is no environment `{name}`");
            Err(Diagnostic::error(place, "unknown-environment", problem)
                .maybe_help(suggest::advice(name, all.iter().copied()))
                .maybe_help(all.is_empty().then(|| format!("write `environments: {{ {name}: {{}} }}`"))))
        }
        (None, [only]) => Ok((*only).to_owned()),
        (None, []) => Err(Diagnostic::error(place, "unknown-environment", "the stack has no environment")
            .help("write it as in `environments: { test: {} }`")),
        (None, several) => {
            let problem = format!("the stack has {} environments, name one", several.len());
            Err(Diagnostic::error(place, "unknown-environment", problem)
                .help(format!("use `--env {}`", several.join("` or `--env "))))
        }
    }
}

/// Returns the file for one environment: without `environments`, and with its overrides merged.
pub(super) fn merged(tree: &Node, env: &str) -> Node {
    let mut whole = tree.clone();
    if let Value::Map(entries) = &mut whole.value {
        entries.retain(|entry| entry.key != "environments");
    }
    let overrides = tree.get("environments").and_then(|all| all.get(env)?.get("override"));
    if let Some(overrides) = overrides {
        merge(&mut whole, overrides);
    }
    whole
}

fn merge(base: &mut Node, over: &Node) {
    let (Value::Map(entries), Value::Map(overs)) = (&mut base.value, &over.value) else {
        *base = over.clone();
        return;
    };
    for over in overs {
        if matches!(over.value.value, Value::Null) {
            entries.retain(|entry| entry.key != over.key);
            continue;
        }
        match entries.iter_mut().find(|entry| entry.key == over.key) {
            Some(entry) => {
                merge(&mut entry.value, &over.value);
                entry.key_span = over.key_span;
            }
            None => entries.push(Entry {
                key: over.key.clone(),
                key_span: over.key_span,
                value: without_nulls(&over.value),
            }),
        }
    }
}

/// Removes the keys that an override sets to null if the base has no mapping to remove them from.
fn without_nulls(node: &Node) -> Node {
    let value = match &node.value {
        Value::Map(entries) => Value::Map(
            entries
                .iter()
                .filter(|entry| !matches!(entry.value.value, Value::Null))
                .map(|entry| Entry { value: without_nulls(&entry.value), ..entry.clone() })
                .collect(),
        ),
        other => other.clone(),
    };
    Node { span: node.span, value }
}

/// Collects the variables of an environment. A `--var` flag takes precedence over the process environment, that over
/// the environment of the stack, and that over the default.
pub(super) fn variables(
    tree: &Node,
    env: &str,
    inputs: &Inputs,
    problems: &mut Diagnostics,
) -> BTreeMap<String, Variable> {
    let declared = tree.get("variables").map(Node::entries).unwrap_or_default();
    let mut all = BTreeMap::new();
    for Entry { key, value, .. } in declared {
        let default = match &value.value {
            Value::Map(_) => value.get("default"),
            _ => Some(value),
        };
        let variable = match (inputs.vars.get(key), inputs.process_env.get(&format!("LOCKSTEP_VAR_{key}"))) {
            (Some(text), _) | (None, Some(text)) => Variable::Given(text.clone()),
            (None, None) => default.map_or(Variable::Missing, |node| Variable::Node(node.clone())),
        };
        all.insert(key.clone(), variable);
    }
    let names = || declared.iter().map(|entry| entry.key.as_str());
    let own = tree.get("environments").and_then(|all| all.get(env)?.get("variables"));
    for Entry { key, key_span, value } in own.map(Node::entries).unwrap_or_default() {
        match all.get_mut(key) {
            Some(Variable::Given(_)) => {}
            Some(variable) => *variable = Variable::Node(value.clone()),
            None => problems.push(undeclared(Some(*key_span), key, names())),
        }
    }
    for name in inputs.vars.keys().filter(|name| !all.contains_key(*name)) {
        problems.push(undeclared(None, name, names()));
    }
    all
}

fn undeclared<'a>(span: Option<Span>, name: &str, known: impl Iterator<Item = &'a str>) -> Diagnostic {
    Diagnostic::error(span, "undeclared-variable", format!("there is no variable `{name}`"))
        .maybe_help(suggest::advice(name, known))
        .help(format!("declare it as in `variables: {{ {name}: default }}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::yaml;

    fn read(text: &str) -> Node {
        yaml::read(text, &mut Diagnostics::default()).unwrap().0
    }

    #[test]
    fn overrides_merge_mappings_replace_the_rest_and_take_out_nulls() {
        let tree = read(
            "a: {b: {c: 1, d: [1, 2]}, e: 5}\nenvironments:\n  x: {override: {a: {b: {d: [3], n: {z: ~}}, e: ~}}}\n",
        );
        assert_eq!(
            merged(&tree, "x").to_json(),
            serde_json::json!({"a": {"b": {"c": 1, "d": [3], "n": {}}}})
        );
        assert_eq!(
            merged(&tree, "y").to_json(),
            serde_json::json!({"a": {"b": {"c": 1, "d": [1, 2]}, "e": 5}})
        );
    }

    #[test]
    fn the_environment_is_the_named_or_the_only_one() {
        let one = read("environments: {test: }");
        assert_eq!(environment(&one, None).unwrap(), "test");
        let two = read("environments: {test: , prod: }");
        assert!(environment(&two, None).unwrap_err().help[0].contains("--env prod"));
        assert_eq!(environment(&two, Some("prdo")).unwrap_err().help[0], "did you mean `prod`?");
    }

    #[test]
    fn the_nearest_source_of_a_variable_wins() {
        let tree = read(
            "variables: {a: 0, b: 0, c: 0, d: 0, e: {description: x}}\nenvironments: {t: {variables: {b: 1, c: 1, d: 1}}}\n",
        );
        let pair = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let mut process_env = pair("LOCKSTEP_VAR_c", "2");
        process_env.extend(pair("LOCKSTEP_VAR_d", "2"));
        let inputs = Inputs { env: None, vars: pair("d", "3"), process_env };
        let all = variables(&tree, "t", &inputs, &mut Diagnostics::default());
        let shown: Vec<String> = all
            .values()
            .map(|variable| match variable {
                Variable::Node(node) => node.to_json().to_string(),
                Variable::Given(text) => text.clone(),
                Variable::Missing => "missing".to_owned(),
            })
            .collect();
        assert_eq!(shown, ["0", "1", "2", "3", "missing"]);
    }
}
