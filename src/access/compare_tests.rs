use super::{Change, PolicyDocument, PolicyKind, Verdict, compare};

const KEY: PolicyKind<'_> = PolicyKind::Key { partition: "aws" };
const ROLE: &str = "arn:aws:iam::111122223333:role/f";

/// Makes a key policy from statements written as `Effect principal actions condition`, with commas in lists.
fn key(statements: &[&str]) -> PolicyDocument {
    let list = |text: &str| {
        format!("[{}]", text.split(',').map(|item| format!("\"{item}\"")).collect::<Vec<_>>().join(","))
    };
    let statements: Vec<String> = statements
        .iter()
        .map(|text| {
            let mut words = text.splitn(4, ' ');
            let mut next = || words.next().unwrap_or_default();
            let (effect, principals, actions, condition) = (next(), next(), next(), next());
            let principals = principals.replace("ROLE", ROLE);
            let condition = if condition.is_empty() { "{}" } else { condition };
            format!(
                r#"{{"Effect":"{effect}","Principal":{{"AWS":{}}},"Action":{},"Resource":"*","Condition":{condition}}}"#,
                list(&principals),
                list(actions)
            )
        })
        .collect();
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    PolicyDocument::parse(&text, KEY).unwrap()
}

fn check(before: &[&str], after: &[&str], expected: Change) {
    let verdict = match expected {
        Change::None => Verdict::Cosmetic,
        _ => Verdict::Different,
    };
    let back = match expected {
        Change::Widens => Change::Narrows,
        Change::Narrows => Change::Widens,
        other => other,
    };
    assert_eq!(compare(&key(before), &key(after), KEY), (verdict, expected), "{before:?} -> {after:?}");
    assert_eq!(compare(&key(after), &key(before), KEY), (verdict, back), "{after:?} -> {before:?}");
}

#[test]
fn splitting_and_repeating_changes_nothing() {
    let whole = ["Allow ROLE,AIDAX kms:Decrypt,kms:Encrypt"];
    check(
        &whole,
        &["Allow ROLE kms:Decrypt,kms:Encrypt", "Allow AIDAX kms:Decrypt,kms:Encrypt"],
        Change::None,
    );
    check(&whole, &["Allow ROLE,AIDAX kms:Decrypt", "Allow ROLE,AIDAX kms:Encrypt"], Change::None);
    check(&["Allow ROLE kms:*"], &["Allow ROLE kms:*", "Allow ROLE kms:Get*,kms:Decrypt"], Change::None);
    check(&["Allow ROLE kms:*"], &["Allow ROLE *"], Change::None);
    check(
        &[r#"Allow ROLE kms:Decrypt {"StringEquals":{"k":["a","b"]}}"#],
        &[
            r#"Allow ROLE kms:Decrypt {"StringEquals":{"k":"a"}}"#,
            r#"Allow ROLE kms:Decrypt {"StringLike":{"K":"b"}}"#,
        ],
        Change::None,
    );
    // Denied anyway.
    check(&["Deny * kms:*"], &["Deny * kms:*", "Allow ROLE kms:Decrypt"], Change::None);
}

#[test]
fn equivalent_operators_change_nothing() {
    for (one, other) in [
        (r#"{"ArnEquals":{"k":"arn:aws:iam::*:role/x"}}"#, r#"{"ArnLike":{"k":"arn:aws:iam::*:role/x"}}"#),
        (r#"{"StringLike":{"k":"x"}}"#, r#"{"StringEquals":{"k":"x"}}"#),
        (r#"{"StringNotEquals":{"k":"x"}}"#, r#"{"StringNotEqualsIfExists":{"k":"x"}}"#),
        (r#"{"NumericEquals":{"k":"10"}}"#, r#"{"NumericEquals":{"k":"10.0"}}"#),
        (r#"{"IpAddress":{"k":"10.0.0.1"}}"#, r#"{"IpAddress":{"k":"10.0.0.1/32"}}"#),
        (r#"{"DateLessThan":{"k":"2026-03-02T08:15:00Z"}}"#, r#"{"DateLessThan":{"k":"1772439300"}}"#),
    ] {
        check(&[&format!("Allow * kms:* {one}")], &[&format!("Allow * kms:* {other}")], Change::None);
    }
}

#[test]
fn more_is_wider_for_an_allow_and_narrower_for_a_deny() {
    for (less, more) in [
        ("ROLE kms:Decrypt", "ROLE kms:Decrypt,kms:Encrypt"),
        ("ROLE kms:GenerateDataKey", "ROLE kms:GenerateDataKey*"),
        ("ROLE kms:Decrypt", "ROLE,AIDAX kms:Decrypt"),
        ("ROLE kms:Decrypt", "* kms:Decrypt"),
        (r#"* kms:* {"StringEquals":{"k":"x"}}"#, "* kms:*"),
        (r#"* kms:* {"StringEquals":{"k":"x"}}"#, r#"* kms:* {"StringEqualsIfExists":{"k":"x"}}"#),
        (r#"* kms:* {"StringEquals":{"k":"x"}}"#, r#"* kms:* {"StringEquals":{"k":["x","y"]}}"#),
        (r#"* kms:* {"StringEquals":{"k":"xa"}}"#, r#"* kms:* {"StringLike":{"k":"x*"}}"#),
        (r#"* kms:* {"StringEquals":{"k":"x"}}"#, r#"* kms:* {"Null":{"k":"false"}}"#),
        (r#"* kms:* {"StringNotEquals":{"k":["x","y"]}}"#, r#"* kms:* {"StringNotEquals":{"k":"x"}}"#),
        (r#"* kms:* {"NumericLessThan":{"k":"5"}}"#, r#"* kms:* {"NumericLessThanEquals":{"k":"5"}}"#),
        (r#"* kms:* {"NumericGreaterThan":{"k":"7"}}"#, r#"* kms:* {"NumericGreaterThan":{"k":"5"}}"#),
        (r#"* kms:* {"IpAddress":{"k":"10.1.0.0/16"}}"#, r#"* kms:* {"IpAddress":{"k":"10.0.0.0/8"}}"#),
        (
            r#"* kms:* {"ForAnyValue:StringEquals":{"k":"x"}}"#,
            r#"* kms:* {"ForAnyValue:StringLike":{"k":"*"}}"#,
        ),
        (
            r#"* kms:* {"Bool":{"j":"true"},"StringEquals":{"k":"x"}}"#,
            r#"* kms:* {"StringEquals":{"k":"x"}}"#,
        ),
    ] {
        check(&[&format!("Allow {less}")], &[&format!("Allow {more}")], Change::Widens);
        check(&[&format!("Deny {less}")], &[&format!("Deny {more}")], Change::Narrows);
    }
    check(&["Allow ROLE kms:*"], &["Allow ROLE kms:*", "Deny ROLE kms:Decrypt"], Change::Narrows);
    check(&["Deny 111122223333 kms:*"], &["Deny 111122223333 kms:*", "Deny ROLE kms:Decrypt"], Change::None);
}

#[test]
fn what_cannot_be_compared_is_mixed() {
    for (one, other) in [
        ("ROLE kms:Decrypt", "ROLE kms:Encrypt"),
        ("ROLE kms:Decrypt", "AROAX kms:Decrypt"),
        ("ROLE kms:Decrypt", "111122223333 kms:Decrypt"),
        (r#"* kms:* {"StringEquals":{"k":"x"}}"#, r#"* kms:* {"StringNotEquals":{"k":"x"}}"#),
        (r#"* kms:* {"StringEquals":{"k":"x"}}"#, r#"* kms:* {"StringEquals":{"j":"x"}}"#),
        (r#"* kms:* {"StringEquals":{"k":"${aws:username}"}}"#, r#"* kms:* {"StringLike":{"k":"x*"}}"#),
    ] {
        check(&[&format!("Allow {one}")], &[&format!("Allow {other}")], Change::Mixed);
    }
    check(&["Allow ROLE kms:*"], &["Deny ROLE kms:*"], Change::Narrows);
}

fn identity(inner: &str) -> PolicyDocument {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow",{inner}}}}}"#);
    PolicyDocument::parse(&text, PolicyKind::Identity).unwrap()
}

#[test]
fn not_elements_are_compared() {
    for (before, after, expected) in [
        (
            r#""NotAction":"kms:Put*","Resource":"*""#,
            r#""NotAction":["kms:Put*","iam:*"],"Resource":"*""#,
            Change::Narrows,
        ),
        (r#""NotAction":"kms:*","Resource":"*""#, r#""NotAction":"kms:Put*","Resource":"*""#, Change::Widens),
        (r#""Action":"kms:Get*","Resource":"*""#, r#""NotAction":"kms:Put*","Resource":"*""#, Change::Widens),
        (r#""Action":"kms:*","Resource":"*""#, r#""NotAction":"kms:Put*","Resource":"*""#, Change::Mixed),
        (r#""Action":"kms:*","NotResource":"a:b"#, r#""Action":"kms:*","Resource":"*"#, Change::Widens),
        (r#""Action":"*","Resource":"a${*}"#, r#""Action":"*","Resource":"a*"#, Change::Mixed),
        (r#""Action":"kms:*","Resource":"*"#, r#""Action":"*","Resource":"*"#, Change::Widens),
    ] {
        let closed = |text: &str| if text.ends_with('"') { text.to_owned() } else { format!("{text}\"") };
        let got = compare(&identity(&closed(before)), &identity(&closed(after)), PolicyKind::Identity);
        assert_eq!(got, (Verdict::Different, expected), "{before} -> {after}");
    }
}

#[test]
fn the_version_counts_where_variables_are_used() {
    let with = |version: &str, value: &str| {
        let text = format!(
            r#"{{{version}"Statement":{{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{{"StringEquals":{{"k":"{value}"}}}}}}}}"#
        );
        PolicyDocument::parse(&text, PolicyKind::Identity).unwrap()
    };
    let new = r#""Version":"2012-10-17","#;
    let cosmetic = compare(&with("", "x"), &with(new, "x"), PolicyKind::Identity);
    assert_eq!(cosmetic, (Verdict::Cosmetic, Change::None));
    let different =
        compare(&with("", "${aws:username}"), &with(new, "${aws:username}"), PolicyKind::Identity);
    assert_eq!(different, (Verdict::Different, Change::Mixed));
}

#[test]
fn statements_without_a_resource_have_no_effect() {
    let read = |inner: &str| {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*","Action":"kms:*"{inner}}}]}}"#
        );
        PolicyDocument::parse(&text, KEY).unwrap()
    };
    let empty = PolicyDocument::new([]);
    assert_eq!(compare(&read(""), &empty, KEY), (Verdict::Cosmetic, Change::None));
    assert_eq!(compare(&read(""), &read(r#","Resource":"*""#), KEY), (Verdict::Different, Change::Widens));
}

#[test]
fn the_longest_key_policies_compare() {
    let principals: Vec<String> =
        (0..320).map(|n| format!("arn:aws:iam::111122223333:role/role-number-{n}")).collect();
    let actions: Vec<String> = (0..1_000).map(|n| format!("kms:Action{n}")).collect();
    let whole = format!("Allow {} {}", principals.join(","), actions.join(","));
    let (first, last) = principals.split_at(160);
    let halves = [first, last].map(|half| format!("Allow {} {}", half.join(","), actions.join(",")));
    check(&[&whole], &[&halves[0], &halves[1]], Change::None);
    check(&[&whole], &[&halves[0]], Change::Narrows);
}
