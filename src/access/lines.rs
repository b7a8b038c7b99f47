//! Answers cases and pairs given as lines of JSON.

use serde::Deserialize;

use super::case::{Answer, Case};
use super::pair::Pair;

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Pair(Pair),
    Case(Box<Case>),
    /// A line that lacks a part, or has a part of the wrong shape.
    Broken {
        id: String,
        #[serde(flatten)]
        rest: serde_json::Value,
    },
}

/// Answers one line, a case or a pair, with one line. A case that cannot be read is `unknown`.
///
/// # Errors
/// Fails on a line that is not a JSON object with an `id`.
pub fn answer_line(line: &str) -> Result<String, serde_json::Error> {
    match serde_json::from_str(line)? {
        Line::Pair(pair) => serde_json::to_string(&pair.answer()),
        Line::Case(case) => serde_json::to_string(&case.answer()),
        Line::Broken { id, rest } => serde_json::to_string(&Answer::malformed(id, &rest)),
    }
}

/// The answer to a line, compared with the decision that the line expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The line to print.
    pub answer: String,
    /// The difference from the expected decision, in one line; `None` if there is none.
    pub mismatch: Option<String>,
}

/// The fields of a case line that are needed to compare its answer.
#[derive(Deserialize)]
struct Expected {
    id: String,
    expect: Option<String>,
}

/// The fields of an answer line.
#[derive(Deserialize)]
struct Answered {
    decision: Option<String>,
    code: Option<String>,
    problem: Option<String>,
    #[serde(default)]
    statements: Vec<String>,
}

/// Answers one line, and compares the decision with the `expect` of the line, if it has one.
///
/// # Errors
/// Fails on a line that is not a JSON object with an `id`.
pub fn check_line(line: &str) -> Result<Checked, serde_json::Error> {
    let answer = answer_line(line)?;
    let Expected { id, expect } = serde_json::from_str(line)?;
    let Answered { decision, code, problem, statements } = serde_json::from_str(&answer)?;
    let mismatch = expect.filter(|expect| decision.as_ref() != Some(expect)).map(|expect| {
        let by =
            if statements.is_empty() { String::new() } else { format!(", by {}", statements.join(", ")) };
        let decision = decision.unwrap_or_else(|| "nothing".to_owned());
        let problem = problem.map(|problem| format!(": {problem}")).unwrap_or_default();
        format!("{id}: expected {expect}, and it is {decision} ({}{problem}{by})", code.unwrap_or_default())
    });
    Ok(Checked { answer, mismatch })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expectation_that_does_not_hold_is_told() {
        let case = include_str!("../../tests/cases/access/cases.jsonl").lines().next().unwrap();
        let mut value: serde_json::Value = serde_json::from_str(case).unwrap();
        assert_eq!(check_line(case).unwrap().mismatch, None);
        value["expect"] = "explicit_deny".into();
        let told = check_line(&value.to_string()).unwrap().mismatch.unwrap();
        assert!(told.contains("expected explicit_deny, and it is allow (key_policy_direct"), "{told}");
        value.as_object_mut().unwrap().remove("expect");
        assert_eq!(check_line(&value.to_string()).unwrap().mismatch, None);
    }

    #[test]
    fn a_malformed_case_names_the_field_and_what_was_expected() {
        let case = include_str!("../../tests/cases/access/cases.jsonl").lines().next().unwrap();
        let with = |pointer: &str, value: serde_json::Value| {
            let mut case: serde_json::Value = serde_json::from_str(case).unwrap();
            let (owner, name) = pointer.rsplit_once('/').unwrap();
            case.pointer_mut(owner).unwrap()[name] = value;
            let answer: serde_json::Value =
                serde_json::from_str(&answer_line(&case.to_string()).unwrap()).unwrap();
            answer["problem"].as_str().unwrap().to_owned()
        };
        for (pointer, value, problem) in [
            ("/key/aliases", 3.into(), "`key.aliases`: invalid type: integer `3`, expected a sequence"),
            (
                "/principal/org",
                serde_json::json!({"management_account": 3}),
                "`principal.org`: an account id, true or false",
            ),
            (
                "/request/action",
                true.into(),
                "`request.action`: invalid type: boolean `true`, expected a string",
            ),
            (
                "/principal/type",
                "robot".into(),
                "`principal`: the principal: `robot` is not a type known here",
            ),
        ] {
            assert_eq!(with(pointer, value), problem);
        }
    }

    #[test]
    fn every_line_has_an_answer() {
        let pair = r#"{"id": "p", "policy_type": "key", "account": "1", "a": "{}", "b": "[]"}"#;
        assert_eq!(answer_line(pair).unwrap(), r#"{"id":"p","verdict":"different","effect":"mixed"}"#);
        let broken = r#"{"id": "c", "key": {}}"#;
        assert_eq!(
            answer_line(broken).unwrap(),
            r#"{"id":"c","decision":"unknown","code":"malformed","statements":[],"problem":"`key`: missing field `arn`"}"#
        );
        assert!(answer_line("{}").is_err());
    }
}
