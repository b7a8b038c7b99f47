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

#[cfg(test)]
mod tests {
    use super::*;

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
