//! Policies of 32 KiB that are built to be hard to compare. These tests would not end with an algorithm that
//! tries every combination; none of them measures time.

use serde_json::{Value, json};

use super::{
    Caller, Change, KeyFacts, MAX_KEY_POLICY_BYTES, Outcome, PolicyDocument, PolicyKind, Request, Verdict,
    compare, decide, delta,
};

const KIND: PolicyKind<'_> = PolicyKind::Key { partition: "aws" };
const ROLE: &str = "arn:aws:iam::111122223333:role/f";

fn statement(principal: Value, action: Value, condition: Value) -> Value {
    json!({
        "Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, "Resource": "*",
        "Condition": condition
    })
}

fn document(statements: Vec<Value>) -> PolicyDocument {
    let policy = json!({"Version": "2012-10-17", "Statement": statements});
    let document = PolicyDocument::from_value(&policy, KIND).unwrap();
    assert!(document.size() <= MAX_KEY_POLICY_BYTES, "{}", document.size());
    document
}

fn list(length: usize, text: impl Fn(usize) -> String) -> Value {
    (0..length).map(text).collect::<Vec<_>>().into()
}

fn outcome(document: &PolicyDocument, value: &str) -> Outcome {
    let key = KeyFacts::new("arn:aws:kms:eu-west-1:111122223333:key/k", document.clone());
    let caller = Caller::role(ROLE, []);
    let mut request = Request::new("kms:Decrypt", &caller, &key);
    request.context.add("k", [value]);
    decide(&caller, &request, &key).outcome
}

/// Compares two documents that differ in a way that may use up the steps of a proof.
fn check(before: Vec<Value>, after: Vec<Value>) {
    let (before, after) = (document(before), document(after));
    assert_eq!(compare(&before, &after, KIND).0, Verdict::Different);
}

#[test]
fn patterns_of_many_wildcards() {
    let one = |end: &str| vec![statement(json!(ROLE), json!("*a".repeat(16_000) + end), json!({}))];
    check(one("b"), one("c"));
    let like = |end: &str| {
        vec![statement(json!(ROLE), json!("*"), json!({"StringLike": {"k": "*a".repeat(16_000) + end}}))]
    };
    check(like("b"), like("c"));
    assert_eq!(outcome(&document(like("b")), &"a".repeat(20_000)), Outcome::ImplicitDeny);
    assert_eq!(outcome(&document(like("b")), &("a".repeat(20_000) + "b")), Outcome::Allow);
    let not = |end: &str| {
        let action = "*a".repeat(16_000) + end;
        vec![json!({"Effect": "Allow", "Principal": "*", "NotAction": action, "Resource": "*"})]
    };
    check(not("b"), one("c"));
}

#[test]
fn long_lists_of_principals_and_actions() {
    let principals =
        |name: &'static str| list(600, move |at| format!("arn:aws:iam::111122223333:role/{name}{at}"));
    let all = |name| vec![statement(principals(name), json!("kms:*"), json!({}))];
    check(all("a"), all("b"));
    let actions = |end: &'static str| list(2_000, move |at| format!("kms:{at:x}{end}"));
    let all = |end| vec![statement(json!(ROLE), actions(end), json!({}))];
    check(all(""), all("*"));
    // Each principal lies within a rule of its own, and so does each action: two million products.
    let each =
        (0..130).map(|at| statement(json!(format!("{at:x}")), json!(format!("kms:{at:x}")), json!({})));
    let product =
        statement(list(1_500, |at| format!("{at:x}")), list(1_500, |at| format!("kms:{at:x}")), json!({}));
    check(each.collect(), vec![product]);
}

#[test]
fn long_lists_of_values() {
    let like = |operator: &'static str, middle: &'static str| {
        let values = list(2_500, move |at| format!("{at:x}*{middle}*"));
        vec![statement(json!(ROLE), json!("kms:*"), json!({operator: {"k": values}}))]
    };
    check(like("StringLike", "a"), like("StringLike", "b"));
    check(like("ForAnyValue:StringNotLike", "a"), like("ForAnyValue:StringNotLike", "b"));
    assert_eq!(outcome(&document(like("StringLike", "a")), &"b".repeat(8_192)), Outcome::ImplicitDeny);
}

#[test]
fn every_combination_of_values() {
    // Sixteen times sixteen cases in each of a hundred statements.
    let statements = |end: &'static str| {
        let values = |at: usize| list(16, move |value| format!("{at:x}{value:x}{end}"));
        (0..90)
            .map(|at| {
                statement(json!("*"), json!("*"), json!({"StringLike": {"k": values(at), "l": values(at)}}))
            })
            .collect::<Vec<_>>()
    };
    check(statements("?"), statements("*"));
}

#[test]
fn long_policies_that_change_everywhere() {
    let statements = |end: &str| {
        let action = |at: usize| json!(format!("kms:{at}{end}"));
        document((0..230).map(|at| statement(json!(ROLE), action(at), json!({}))).collect())
    };
    let (before, after) = (statements("*"), statements("a*"));
    assert_eq!(compare(&before, &after, KIND), (Verdict::Different, Change::Narrows));
    let delta = delta(&before, &after, KIND);
    assert_eq!((delta.gained.len(), delta.lost.len()), (0, 230));
}
