use std::collections::BTreeSet;

use serde_json::Value;

use super::case::Case;
use super::pair::Pair;

/// Includes a file from the folder of cases.
macro_rules! data {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/access/", $name))
    };
}

const CASES: [&str; 2] = [data!("cases.jsonl"), data!("rules.jsonl")];
const PAIRS: [&str; 2] = [data!("pairs.jsonl"), data!("more-pairs.jsonl")];

fn lines(files: [&'static str; 2]) -> impl Iterator<Item = &'static str> {
    files.into_iter().flat_map(str::lines)
}

fn texts(value: &Value) -> BTreeSet<String> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_case_comes_out_as_documented() {
    let mut wrong = Vec::new();
    for line in lines(CASES) {
        let expected: Value = serde_json::from_str(line).unwrap();
        let got = serde_json::from_str::<Case>(line).unwrap().answer();
        let decided_by = &expected["decided_by"];
        let exact = got.decision == expected["expect"]
            && texts(&decided_by["accept"]).contains(got.code)
            && BTreeSet::from_iter(got.statements.clone()) == texts(&decided_by["statements"]);
        if !exact {
            wrong.push(format!(
                "{}: {}\n  want {} {decided_by}\n  got  {got:?}",
                got.id, expected["why"], expected["expect"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_pair_compares_as_documented() {
    let mut wrong = Vec::new();
    for line in lines(PAIRS) {
        let expected: Value = serde_json::from_str(line).unwrap();
        let got = serde_json::from_str::<Pair>(line).unwrap().answer();
        let effects = match &expected["accept_effect"] {
            Value::Null => BTreeSet::from([expected["effect"].as_str().unwrap().to_owned()]),
            several => texts(several),
        };
        if !texts(&expected["accept"]).contains(got.verdict) || !effects.contains(got.effect) {
            wrong.push(format!("{got:?}: {} want {} {effects:?}", expected["why"], expected["accept"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_context_is_derived_from_caller_and_key() {
    for line in lines(CASES) {
        let case: Case = serde_json::from_str(line).unwrap();
        let (derived, given) = case.contexts().unwrap();
        assert_eq!(derived, given, "{}", case.id);
    }
}
