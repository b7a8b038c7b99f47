//! Policies that are written in a stack file.

use std::collections::BTreeMap;

use serde_json::Value;

use super::context::{Context, Path};
use super::values::is_arn;
use crate::access::{Clause, PolicyDocument, PolicyKind, Statement};

/// Parses a whole policy document.
pub(super) fn document(
    cx: &Context<'_>,
    path: Path<'_>,
    value: &Value,
    kind: PolicyKind<'_>,
) -> Option<PolicyDocument> {
    match PolicyDocument::from_value(value, kind) {
        Ok(document) => Some(document),
        Err(error) => {
            cx.error(path, "bad-policy", format!("`{}`: {error}", path.join(".")));
            None
        }
    }
}

/// Converts the mapping of a model into JSON.
pub(super) fn object(map: &BTreeMap<String, Value>) -> Value {
    map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Parses the extra statements of a key policy, by AWS's rules for key policies.
pub(super) fn key_statements(cx: &Context<'_>, key: &str, values: &[Value]) -> Vec<Statement> {
    let kind = PolicyKind::Key { partition: &cx.names.place.partition };
    let mut statements = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let index = index.to_string();
        let path = ["keys", key, "statements", &index];
        let policy = serde_json::json!({ "Version": "2012-10-17", "Statement": [value] });
        for statement in document(cx, &path, &policy, kind).iter().flat_map(PolicyDocument::statements) {
            key_statement(cx, &path, statement);
            statements.push(statement.clone());
        }
    }
    statements
}

/// Checks that a statement has `Principal` and `Action`, without which KMS has refused statements since August 2025,
/// and no resource other than the key itself, which KMS refuses too.
fn key_statement(cx: &Context<'_>, path: Path<'_>, statement: &Statement) {
    let Statement { sid, effect: _, principals, actions, resources, conditions: _ } = statement;
    if *principals == Clause::Absent {
        cx.error(path, "bad-policy", "a statement of a key policy needs `Principal`");
    }
    if *actions == Clause::Absent {
        cx.error(path, "bad-policy", "a statement of a key policy needs `Action`");
    }
    if *resources != Clause::Is(["*".to_owned()].into()) {
        cx.error(path, "bad-policy", "a statement of a key policy needs `Resource: \"*\"`, which is the key");
    }
    if sid.as_deref().is_some_and(|sid| sid.starts_with("UseBy") || sid.starts_with("Administer")) {
        cx.error(path, "bad-policy", "`Sid`s that start with `UseBy` and `Administer` are made by lockstep");
    }
}

/// Expands the name of a managed policy to its ARN.
pub(super) fn managed(cx: &Context<'_>, path: Path<'_>, text: &str) -> Option<String> {
    if text.starts_with("arn:") {
        let right = "the ARN of a managed policy is `arn:aws:iam::ACCOUNT:policy/NAME`";
        return cx.require(is_arn(text, "iam", "policy/"), path, right).then(|| text.to_owned());
    }
    let name = text.strip_prefix('/').unwrap_or(text);
    let known = name.split('/').all(|part| super::values::is_word(part, "+=,.@-_", 128));
    let right =
        "write the name of a policy of AWS, such as `service-role/AWSLambdaBasicExecutionRole`, or an ARN";
    cx.require(known, path, right).then(|| format!("arn:{}:iam::aws:policy/{name}", cx.names.place.partition))
}
