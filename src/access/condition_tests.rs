use serde_json::{Value, json};

use super::condition::{Scope, all_hold};
use super::context::Context;
use super::document::{PolicyDocument, PolicyKind, Version};
use super::tri::Tri;

fn context() -> Context {
    let mut context = Context::default();
    for (key, value) in [
        ("s", "Abc"),
        ("n", "7"),
        ("b", "true"),
        ("d", "2026-03-02T08:15:00Z"),
        ("ip", "203.0.113.9"),
        ("arn", "arn:aws:iam::111122223333:role/team/f"),
        ("odd", "arn:aws:x:r:1:store/a:2:doc"),
        ("empty", ""),
        ("aws:PrincipalTag/team", "Abc"),
    ] {
        context.set(key, value);
    }
    context.add("list", ["a", "b"]);
    context.set_unknown("foggy");
    context
}

fn holds_in(version: Version, conditions: Value) -> Tri {
    let policy =
        json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": conditions}});
    let document = PolicyDocument::from_value(&policy, PolicyKind::Identity).unwrap();
    let context = context();
    all_hold(&document.statements()[0].conditions, Scope { context: &context, version, hidden_key: None })
}

#[track_caller]
fn check(operator: &str, key: &str, values: Value, expected: bool) {
    let got = holds_in(Version::V2012, json!({operator: {key: values}}));
    assert_eq!(got, Tri::from(expected), "{operator} {key}");
}

#[test]
fn text_operators() {
    check("StringEquals", "S", json!("Abc"), true);
    check("StringEquals", "s", json!("abc"), false);
    check("StringEquals", "s", json!(["x", "Abc"]), true);
    check("StringEquals", "s", json!("A*"), false);
    check("StringNotEquals", "s", json!(["x", "Abc"]), false);
    check("StringEqualsIgnoreCase", "s", json!("aBC"), true);
    check("StringNotEqualsIgnoreCase", "s", json!("aBC"), false);
    check("StringLike", "s", json!("A?c"), true);
    check("StringNotLike", "s", json!(["x*", "A*"]), false);
    check("StringLike", "empty", json!("*"), true);
}

#[test]
fn operators_on_typed_values() {
    check("NumericLessThan", "n", json!(7), false);
    check("NumericLessThanEquals", "n", json!("7.0"), true);
    check("NumericGreaterThan", "n", json!(["9", "5"]), true);
    check("NumericEquals", "s", json!("7"), false);
    check("NumericNotEquals", "n", json!("8"), true);
    check("Bool", "b", json!("True"), true);
    check("Bool", "b", json!(false), false);
    check("DateGreaterThan", "d", json!("2026-01-01"), true);
    check("DateLessThan", "d", json!("1772439300"), false);
    check("DateEquals", "d", json!("1772439300"), true);
    check("IpAddress", "ip", json!(["10.0.0.0/8", "203.0.113.0/24"]), true);
    check("NotIpAddress", "ip", json!("203.0.113.0/24"), false);
    check("BinaryEquals", "s", json!("QWJj"), true);
}

#[test]
fn arn_operators_go_part_by_part() {
    check("ArnLike", "arn", json!("arn:aws:iam::*:role/*"), true);
    check("ArnEquals", "arn", json!("arn:aws:iam::111122223333:role/team/?"), true);
    check("ArnLike", "arn", json!("arn:aws:*:role/team/f"), false);
    check("ArnNotLike", "arn", json!("arn:aws:iam::*:role/f"), true);
    check("ArnLike", "odd", json!("arn:aws:x:*:2:doc"), false);
    check("StringLike", "odd", json!("arn:aws:x:*:2:doc"), true);
    check("ArnLike", "s", json!("arn:aws:iam::*:role/*"), false);
}

#[test]
fn absent_keys() {
    check("StringEquals", "gone", json!("x"), false);
    check("StringNotEquals", "gone", json!("x"), true);
    check("StringEqualsIfExists", "gone", json!("x"), true);
    check("BoolIfExists", "gone", json!("true"), true);
    check("BoolIfExists", "b", json!("false"), false);
    check("Bool", "gone", json!("false"), false);
    check("Null", "gone", json!("true"), true);
    check("Null", "gone", json!("false"), false);
    check("Null", "s", json!(false), true);
    check("ForAllValues:StringEquals", "gone", json!("x"), true);
    check("ForAllValues:StringNotEquals", "gone", json!("x"), true);
    check("ForAnyValue:StringEquals", "gone", json!("x"), false);
    check("ForAnyValue:StringNotEquals", "gone", json!("x"), false);
    check("ForAnyValue:StringEqualsIfExists", "gone", json!("x"), true);
}

#[test]
fn sets_of_values() {
    check("ForAllValues:StringEquals", "list", json!(["a", "b", "c"]), true);
    check("ForAllValues:StringEquals", "list", json!(["a"]), false);
    check("ForAnyValue:StringLike", "list", json!(["b*"]), true);
    check("ForAnyValue:StringEquals", "list", json!(["c"]), false);
    check("ForAnyValue:StringNotEquals", "list", json!(["a"]), true);
    check("ForAllValues:StringNotEquals", "list", json!(["a"]), false);
    check("ForAllValues:StringEquals", "empty", json!("x"), true);
    check("ForAnyValue:StringEquals", "empty", json!(""), false);
}

#[test]
fn variables() {
    check("StringEquals", "s", json!("${aws:principaltag/team}"), true);
    check("StringLike", "s", json!("${aws:PrincipalTag/team}*"), true);
    check("StringEquals", "s", json!("${aws:PrincipalTag/none, 'Abc'}"), true);
    check("StringEquals", "s", json!("${aws:PrincipalTag/none}"), false);
    check("StringNotEquals", "s", json!("${aws:PrincipalTag/none}"), false);
    check("StringEquals", "s", json!("${list}"), false);
    let old = holds_in(Version::V2008, json!({"StringEquals": {"s": "${aws:PrincipalTag/team}"}}));
    assert_eq!(old, Tri::No);
}

#[test]
fn what_is_not_known_may_hold() {
    for operator in ["StringEquals", "StringNotEquals", "StringEqualsIfExists", "ForAllValues:StringLike"] {
        assert_eq!(holds_in(Version::V2012, json!({operator: {"foggy": "x"}})), Tri::Maybe, "{operator}");
    }
    assert_eq!(holds_in(Version::V2012, json!({"Null": {"foggy": "true"}})), Tri::Maybe);
    assert_eq!(holds_in(Version::V2012, json!({"StringEquals": {"foggy": "x", "s": "no"}})), Tri::No);
    assert_eq!(holds_in(Version::V2012, json!({"StringEquals": {"s": "${foggy}"}})), Tri::Maybe);
}
