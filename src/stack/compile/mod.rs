//! Compiles the model of a stack file into the desired state in AWS, and checks everything that AWS would refuse as far
//! as this can be known without calling AWS.

mod apis;
mod assertions;
mod authorizers;
mod context;
mod cors;
mod cycles;
mod domains;
mod fingerprint;
mod function_parts;
mod functions;
mod integrations;
mod keys;
mod log_groups;
mod policies;
mod roles;
mod routes;
mod stage;
mod values;

use std::collections::BTreeMap;

use self::context::Context;
use super::desired::{Desired, Line};
use super::diagnostics::{Diagnostic, Diagnostics};
use super::model::File;
use super::names::Names;
use super::tree::{Node, Value};

/// Compiles the tree of one environment, in which every reference is filled in already.
///
/// `None` is returned together with at least one error in `problems`.
pub(super) fn compile(
    tree: &Node,
    names: Names<'_>,
    file: &str,
    problems: &mut Diagnostics,
) -> Option<Desired> {
    let json = super::structure::check(super::json_schema(), tree, false, problems)?;
    let model: File = match serde_json::from_value(json) {
        Ok(model) => model,
        Err(error) => {
            problems.push(Diagnostic::error(None, "structure", error.to_string()));
            return None;
        }
    };
    let cx = Context::new(tree, names, &model);
    cx.check_stack_tags();
    let roles = roles::compile(&cx);
    let mut keys = keys::compile(&cx);
    let log_groups = log_groups::compile(&cx);
    let mut functions = functions::compile(&cx);
    let apis = apis::compile(&cx);
    let domains = domains::compile(&cx, &apis);
    routes::permit(&cx, &mut functions);
    keys::serve(&cx, &mut keys, &log_groups, &functions);
    let twins = roles::twins(&cx);
    let assertions = assertions::compile(&cx, file);
    let Names { stack, env, place } = names;
    let desired = Desired {
        stack: stack.to_owned(),
        env: env.to_owned(),
        place: place.clone(),
        protect: false,
        keys,
        roles,
        twins,
        log_groups,
        functions,
        apis,
        domains,
        assertions,
        lines: lines(tree, file),
    };
    cycles::check(&cx, &desired);
    problems.extend(cx.into_problems());
    Some(desired)
}

/// Lists the places of all values, by path.
fn lines(tree: &Node, file: &str) -> BTreeMap<String, Line> {
    fn walk(node: &Node, path: &str, file: &str, lines: &mut BTreeMap<String, Line>) {
        for entry in node.entries() {
            let path = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
            let line =
                Line { file: file.to_owned(), line: entry.key_span.line, column: entry.key_span.column };
            if matches!(entry.value.value, Value::Map(_)) {
                walk(&entry.value, &path, file, lines);
            }
            lines.insert(path, line);
        }
    }
    let mut lines = BTreeMap::new();
    walk(tree, "", file, &mut lines);
    // Log groups of functions are separate resources, but have no line of their own.
    for function in tree.get("functions").map(Node::entries).unwrap_or_default() {
        let line = ["log", ""].iter().find_map(|field| {
            lines.get(format!("functions.{}.{field}", function.key).trim_end_matches('.')).cloned()
        });
        if let Some(line) = line {
            lines.entry(format!("log_groups.{}", function.key)).or_insert(line);
        }
    }
    lines
}
