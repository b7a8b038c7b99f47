//! Formats the values of fields: hides secrets, and writes the others in one line.

use std::collections::BTreeSet;

use serde_json::Value;

use super::policy;
use super::short::Names;
use crate::kinds::secret::{HIDDEN, is_secret};
use crate::kinds::{Change, ids};

/// Maximum length of a value that is shown in full, in characters.
const SHOWN: usize = 72;

/// Objects of an API whose keys are names that a user chose.
const NAMED_BY_USERS: [&str; 4] = ["env", "variables", "request_parameters", "parameters"];

/// Returns the fields that differ, as deep as both sides have fields, without their secrets.
pub fn visible_changes(change: &Change) -> Vec<Change> {
    let Change { field, before, after } = change;
    let (owner, name) = field.split_once('.').unwrap_or(("", field));
    let mut leaves = Vec::new();
    differing(Place { field: field.clone(), owner, name }, (before.as_ref(), after.as_ref()), &mut leaves);
    leaves
}

/// The place of a value.
struct Place<'a> {
    field: String,
    /// Name of the enclosing object.
    owner: &'a str,
    /// Its own name.
    name: &'a str,
}

fn differing(place: Place<'_>, sides: (Option<&Value>, Option<&Value>), leaves: &mut Vec<Change>) {
    let Place { field, owner, name } = place;
    if let (Some(Value::Object(before)), Some(Value::Object(after))) = sides
        && !policy::is_document(before)
    {
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for inner in names {
            let sides = (before.get(inner), after.get(inner));
            if sides.0 != sides.1 {
                let place = Place { field: format!("{field}.{inner}"), owner: last(name), name: inner };
                differing(place, sides, leaves);
            }
        }
        return;
    }
    let hide = |value: Option<&Value>| {
        value.filter(|value| !value.is_null()).map(|value| hidden(owner, name, value))
    };
    leaves.push(Change { field, before: hide(sides.0), after: hide(sides.1) });
}

/// Replaces the secrets in a value.
fn hidden(owner: &str, name: &str, value: &Value) -> Value {
    if NAMED_BY_USERS.contains(&owner) && is_secret(name) || value.as_str().is_some_and(holds_password) {
        return HIDDEN.into();
    }
    match value {
        Value::Object(fields) => {
            let inner = fields.iter().map(|(inner, value)| (inner.clone(), hidden(last(name), inner, value)));
            inner.collect()
        }
        Value::Array(items) => items.iter().map(|item| hidden(owner, name, item)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// Returns whether text is a URL with a password: `postgres://user:password@host/`.
fn holds_password(text: &str) -> bool {
    let authority =
        text.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(rest));
    authority.and_then(|authority| authority.rsplit_once('@')).is_some_and(|(user, _)| user.contains(':'))
}

/// Writes both sides of a change, each in one line. They are not shortened if they would then look the same.
pub fn lines(names: &Names, change: &Change) -> [String; 2] {
    let whole = [&change.before, &change.after].map(|side| whole(names, &change.field, side.as_ref()));
    let [before, after] = whole.each_ref().map(|text| shortened(text));
    if before == after { whole } else { [before, after] }
}

/// Writes one side of a change in one line; a field that is not set is `(none)`.
pub fn line(names: &Names, field: &str, value: Option<&Value>) -> String {
    shortened(&whole(names, field, value))
}

fn whole(names: &Names, field: &str, value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "(none)".to_owned(),
        Some(Value::String(text)) => text_line(names, text),
        Some(Value::Number(number)) if last(field) == "rate_millis" => rate(number),
        Some(Value::Number(number)) => format!("{number}{}", unit(field)),
        Some(Value::Array(items)) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            let items: Vec<String> = items.iter().map(|item| whole(names, field, Some(item))).collect();
            items.join(", ")
        }
        Some(other) => {
            let text = part(other).or_else(|| permission(other)).unwrap_or_else(|| object(other));
            printable(&with_known_after_apply(&text))
        }
    }
}

/// Returns the name of a field as people read it: a limit of a whole stage is its throttle.
pub fn label(field: &str) -> String {
    match field {
        "stage.methods.*/*.rate_millis" => "stage throttle".to_owned(),
        "stage.methods.*/*.burst" => "stage throttle burst".to_owned(),
        _ => match field.strip_suffix(".rate_millis") {
            Some(owner) => printable(&format!("{owner} throttle")),
            None => printable(field),
        },
    }
}

/// Formats thousandths of requests per second.
fn rate(millis: &serde_json::Number) -> String {
    let Some(millis) = millis.as_u64() else { return millis.to_string() };
    match millis % 1000 {
        0 => format!("rate {} requests/s", millis / 1000),
        rest => format!("rate {}.{} requests/s", millis / 1000, format!("{rest:03}").trim_end_matches('0')),
    }
}

/// Returns the unit of a field that is a bare number in AWS.
fn unit(field: &str) -> &'static str {
    match field {
        "rotation" | "retention" => " d",
        "timeout" | "max_session" => " s",
        "memory" | "ephemeral_storage" => " MB",
        _ => "",
    }
}

/// Describes a part of an API by its distinguishing values: the target of a route, the decision of an authorizer.
fn part(value: &Value) -> Option<String> {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
    match text("/part")? {
        "resource" => Some("(path)".to_owned()),
        "method" => {
            let calls = text("/integration/uri").map(called).or_else(|| text("/integration/kind"))?;
            let by = text("/authorizer").or_else(|| text("/authorization").filter(|kind| *kind != "NONE"));
            Some(by.map_or_else(|| calls.to_owned(), |by| format!("{calls}, authorized by {by}")))
        }
        "authorizer" => Some(format!(
            "{} {}, answers kept {} s",
            text("/kind")?,
            text("/uri").map(called).unwrap_or_default(),
            value.pointer("/ttl")?
        )),
        _ => None,
    }
}

/// Describes a statement of the resource policy of a function: who may invoke it, and on whose behalf.
fn permission(value: &Value) -> Option<String> {
    let text = |field: &str| value.get(field).and_then(Value::as_str);
    let source = text("source_arn")?;
    let source = match ids::open_in(source).first().and_then(|reference| reference.rsplit_once('.')) {
        Some((resource, _)) => resource,
        None => source.rsplit(':').next().unwrap_or(source),
    };
    let alias = text("alias").map(|alias| format!(", by the alias {alias}")).unwrap_or_default();
    Some(format!("{} for {source}{alias}", text("principal")?))
}

/// Writes the fields of an object that are set.
fn object(value: &Value) -> String {
    let Some(fields) = value.as_object() else { return value.to_string() };
    let set = fields.iter().filter_map(|(name, value)| match value {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) if text.is_empty() => None,
        Value::Array(items) if items.is_empty() => None,
        Value::Object(fields) if fields.is_empty() => None,
        Value::String(text) => Some(format!("{name} {text}")),
        other => Some(format!("{name} {other}")),
    });
    set.collect::<Vec<_>>().join(", ")
}

/// Returns the name of the function from the URI by which API Gateway calls it.
fn called(uri: &str) -> &str {
    let function = uri.strip_suffix("/invocations").and_then(|uri| uri.rsplit_once(":function:"));
    function.map_or(uri, |(_, name)| name)
}

/// Returns who may assume a role before and after, if the change is about that.
pub fn trusted(change: &Change) -> Option<(String, String)> {
    let principals = |document: &Option<Value>| {
        let statements = document.as_ref().and_then(|document| document.get("Statement")?.as_array());
        let mut named = Vec::new();
        for principal in statements.into_iter().flatten().filter_map(|statement| statement.get("Principal")) {
            strings(principal, &mut named);
        }
        printable(&named.join(", "))
    };
    let (before, after) = (principals(&change.before), principals(&change.after));
    (change.field == "trust" && before != after).then_some((before, after))
}

fn strings<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| strings(field, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn text_line(names: &Names, text: &str) -> String {
    if let Some(name) = names.get(text) {
        return name.clone();
    }
    // The beginning of a hash is enough to tell it from others.
    if text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return text.chars().take(12).collect();
    }
    let text = called(text.strip_prefix("arn:aws:iam::aws:policy/").unwrap_or(text));
    printable(&with_known_after_apply(text))
}

/// Replaces references to identifiers that AWS has not assigned yet with `(known after apply: REFERENCE)`.
fn with_known_after_apply(text: &str) -> String {
    let mut parts = text.split("${lockstep:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}') {
            Some((reference, rest)) => {
                out.push_str(&format!("(known after apply: {reference}){rest}"));
            }
            None => out.push_str(part),
        }
    }
    out
}

/// Shortens a long value in its middle: both ends distinguish it from others.
fn shortened(text: &str) -> String {
    let length = text.chars().count();
    if length <= SHOWN {
        return text.to_owned();
    }
    let half = (SHOWN - 3) / 2;
    let head: String = text.chars().take(half).collect();
    let tail: String = text.chars().skip(length - half).collect();
    format!("{head}...{tail}")
}

/// Replaces control characters, so that text that others stored in AWS cannot control a terminal.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_of_secrets_are_known_and_names_about_them_are_not() {
        for name in
            ["DB_PASSWORD", "SECRET", "GITHUB_TOKEN", "client-secret", "PRIVATE_KEY", "STRIPE_API_KEY"]
        {
            assert!(is_secret(name), "{name}");
        }
        for name in ["TOKEN_KEY_ID", "TOKEN_ISSUER", "TOKEN_AUDIENCE", "SECRET_ARN", "KEY_ID", "TABLE"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn secrets_are_hidden_wherever_users_name_fields() {
        let change = |field: &str, after: Value| {
            let change = Change { field: field.to_owned(), before: None, after: Some(after) };
            visible_changes(&change)[0].after.clone().unwrap()
        };
        assert_eq!(change("env.TOKEN", json!("t")), json!(HIDDEN));
        assert_eq!(change("env.TABLE", json!("t")), json!("t"));
        assert_eq!(change("env.DB", json!("postgres://me:pw@host/db")), json!(HIDDEN));
        assert_eq!(
            change("stage.variables", json!({"TOKEN": "t", "a": "b"})),
            json!({"TOKEN": HIDDEN, "a": "b"})
        );
        let method =
            json!({"integration": {"request_parameters": {"x.X-Api-Token": "'t'"}}, "kind": "TOKEN"});
        assert_eq!(
            change("routes POST /x", method),
            json!({"integration": {"request_parameters": {"x.X-Api-Token": HIDDEN}}, "kind": "TOKEN"})
        );
        assert_eq!(change("authorizers.token", json!({"ttl": 300})), json!({"ttl": 300}));
    }

    #[test]
    fn only_the_fields_that_differ_are_told_and_a_change_of_a_secret_is_one() {
        let change = Change {
            field: "stage.variables".to_owned(),
            before: Some(json!({"TOKEN": "a", "same": "x", "gone": "y"})),
            after: Some(json!({"TOKEN": "b", "same": "x"})),
        };
        let told: Vec<_> =
            visible_changes(&change).into_iter().map(|leaf| (leaf.field, leaf.before, leaf.after)).collect();
        assert_eq!(
            told,
            [
                ("stage.variables.TOKEN".to_owned(), Some(json!(HIDDEN)), Some(json!(HIDDEN))),
                ("stage.variables.gone".to_owned(), Some(json!("y")), None),
            ]
        );
    }

    #[test]
    fn values_fit_into_a_line() {
        let names = Names::from([("arn:role".to_owned(), "encrypt-test".to_owned())]);
        let shown = |value: Value| line(&names, "timeout", Some(&value));
        assert_eq!(shown(json!("arn:role")), "encrypt-test");
        assert_eq!(shown(json!("0123456789abcdef0123456789abcdef")), "0123456789ab");
        assert_eq!(shown(json!("${lockstep:keys.text.arn}")), "(known after apply: keys.text.arn)");
        assert_eq!(shown(json!("a\u{1b}[31m\nb")), "a\u{fffd}[31m b");
        assert_eq!(shown(json!(["a", "b"])), "a, b");
        assert_eq!(shown(json!(30)), "30 s");
        assert_eq!(line(&names, "timeout", None), "(none)");
        assert_eq!(shown(json!("x".repeat(100))).chars().count(), 71);
        let arns = |version| json!([format!("{}:{version}{}", "x".repeat(60), "y".repeat(60))]);
        let (before, after) = (Some(arns(1)), Some(arns(2)));
        let [before, after] = lines(&names, &Change { field: "layers".to_owned(), before, after });
        assert!(before != after && before.len() > 72, "{before} and {after}");
    }
}
