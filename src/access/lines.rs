//! Answers cases and pairs given as lines of JSON.

use serde::Deserialize;

use super::case::{Answer, Case};
use super::pair::Pair;

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Pair(Pair),
    Case(Box<Case>),
    /// Something that lacks a part, or has one of the wrong shape.
    Broken {
        id: String,
    },
}

/// Answers one line, a case or a pair, with one line. A case that cannot be read is `unknown`.
///
/// # Errors
/// A line that is no JSON object with an `id`.
pub fn answer_line(line: &str) -> Result<String, serde_json::Error> {
    match serde_json::from_str(line)? {
        Line::Pair(pair) => serde_json::to_string(&pair.answer()),
        Line::Case(case) => serde_json::to_string(&case.answer()),
        Line::Broken { id } => serde_json::to_string(&Answer::unknown(id)),
    }
}

/// A case with what it says must come out, answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The line to print.
    pub answer: String,
    /// What differs from what the case expects, in one line.
    pub mismatch: Option<String>,
}

/// What the line of a case says besides the case itself.
#[derive(Deserialize)]
struct Expected {
    id: String,
    expect: Option<String>,
}

/// What the line of an answer holds.
#[derive(Deserialize)]
struct Answered {
    decision: Option<String>,
    code: Option<String>,
    #[serde(default)]
    statements: Vec<String>,
}

/// Answers one line, and holds the decision against the `expect` of the line, where it has one.
///
/// # Errors
/// A line that is no JSON object with an `id`.
pub fn check_line(line: &str) -> Result<Checked, serde_json::Error> {
    let answer = answer_line(line)?;
    let Expected { id, expect } = serde_json::from_str(line)?;
    let Answered { decision, code, statements } = serde_json::from_str(&answer)?;
    let mismatch = expect.filter(|expect| decision.as_ref() != Some(expect)).map(|expect| {
        let by =
            if statements.is_empty() { String::new() } else { format!(", by {}", statements.join(", ")) };
        let decision = decision.unwrap_or_else(|| "nothing".to_owned());
        format!("{id}: expected {expect}, and it is {decision} ({}{by})", code.unwrap_or_default())
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
    fn every_line_has_an_answer() {
        let pair = r#"{"id": "p", "policy_type": "key", "account": "1", "a": "{}", "b": "[]"}"#;
        assert_eq!(answer_line(pair).unwrap(), r#"{"id":"p","verdict":"different","effect":"mixed"}"#);
        let broken = r#"{"id": "c", "key": {}}"#;
        assert_eq!(
            answer_line(broken).unwrap(),
            r#"{"id":"c","decision":"unknown","code":"malformed","statements":[]}"#
        );
        assert!(answer_line("{}").is_err());
    }
}
