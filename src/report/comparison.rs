//! The differences between two policies, for people and programs: access first, text below.

use serde::Serialize;

use super::paint::{BOLD, FAINT, GREEN, Paint, RED, YELLOW};
use super::value::printable;
use super::{FORMAT_VERSION, policy, short};
use crate::access::{self, Delta, Effect, Piece, PolicyDocument, PolicyKind, Verdict};

/// The difference between two policies of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// `1.0`.
    pub format_version: String,
    /// `same`, `cosmetic` or `different`.
    pub verdict: String,
    /// `none`, `widens`, `narrows` or `mixed`.
    pub effect: String,
    /// The access that only the second policy allows.
    pub gained: Vec<Part>,
    /// The access that only the first policy allows.
    pub lost: Vec<Part>,
    /// The first document in its normal form.
    pub before: PolicyDocument,
    /// The second document in its normal form.
    pub after: PolicyDocument,
}

/// A piece of access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// `allow`, or `deny` for a statement that denies.
    pub effect: String,
    /// ARNs, services and `*`; empty if the policy names no principal.
    pub principals: Vec<String>,
    /// Actions as the policy writes them.
    pub actions: Vec<String>,
    /// Resources.
    pub resources: Vec<String>,
    /// Conditions, all of which must hold.
    pub conditions: Vec<String>,
}

impl Comparison {
    /// Compares two documents.
    pub fn new(before: &PolicyDocument, after: &PolicyDocument, kind: PolicyKind<'_>) -> Self {
        let (verdict, effect) = access::compare(before, after, kind);
        // The parts follow the statements, and the same access may be divided into statements in many ways.
        let Delta { gained, lost } = match verdict {
            Verdict::Different => access::delta(before, after, kind),
            Verdict::Same | Verdict::Cosmetic => Delta::default(),
        };
        let parts = |pieces: Vec<Piece>| pieces.into_iter().map(part).collect();
        Self {
            format_version: FORMAT_VERSION.to_owned(),
            verdict: verdict.as_str().to_owned(),
            effect: effect.as_str().to_owned(),
            gained: parts(gained),
            lost: parts(lost),
            before: before.clone(),
            after: after.clone(),
        }
    }

    /// Returns whether access differs.
    pub fn is_different(&self) -> bool {
        self.verdict == Verdict::Different.as_str()
    }

    /// Writes it as JSON.
    pub fn json(&self) -> String {
        super::json(self)
    }

    /// Writes it for people. ARNs of `account` are written without the parts that repeat it.
    pub fn text(&self, paint: Paint, account: &str) -> String {
        let colour = match self.effect.as_str() {
            "none" => GREEN,
            "narrows" => YELLOW,
            _ => RED,
        };
        let mut lines = vec![paint.of(colour.bold(), self.sentence())];
        for (glyph, style, parts) in [("+", GREEN, &self.gained), ("-", RED, &self.lost)] {
            for part in parts {
                lines.push(format!("  {} {}", paint.of(style, glyph), line(part, glyph, account)));
                lines.extend(
                    part.conditions.iter().map(|condition| {
                        paint.of(FAINT, format_args!("      when {}", printable(condition)))
                    }),
                );
            }
        }
        let diff = policy::diff_texts(paint, &pretty(&self.before), &pretty(&self.after));
        if !diff.is_empty() {
            lines.push(String::new());
            lines.push(paint.of(BOLD, "policy"));
            lines.extend(diff.into_iter().map(|line| format!("  {line}")));
        }
        lines.join("\n") + "\n"
    }

    fn sentence(&self) -> &'static str {
        match (self.verdict.as_str(), self.effect.as_str()) {
            ("same", _) => "same: only the representation differs",
            ("cosmetic", _) => "cosmetic: the text differs, access does not",
            (_, "widens") => "different: the second policy allows more",
            (_, "narrows") => "different: the second policy allows less",
            _ if self.gained.is_empty() || self.lost.is_empty() => {
                "different, and it cannot be shown which of the two allows more"
            }
            _ => "different: the second policy allows some things more and some less",
        }
    }
}

fn pretty(document: &PolicyDocument) -> String {
    super::json(document) + "\n"
}

fn part(piece: Piece) -> Part {
    let Piece { effect, principals, actions, resources, conditions } = piece;
    let effect = if effect == Effect::Deny { "deny" } else { "allow" }.to_owned();
    Part { effect, principals, actions: actions.into_iter().collect(), resources, conditions }
}

/// Writes a part in one line; for a statement that denies, the line says what happens to its denial.
fn line(part: &Part, glyph: &str, account: &str) -> String {
    let Part { effect, principals, actions, resources, conditions: _ } = part;
    let shown: Vec<&str> = principals.iter().map(|one| short::principal(one, account)).collect();
    let who = if shown.is_empty() { String::new() } else { format!("{}   ", shown.join(", ")) };
    let on = match resources.as_slice() {
        [] => String::new(),
        [all] if all == "*" && !principals.is_empty() => String::new(),
        some => format!("   on {}", some.join(", ")),
    };
    let denial = match (effect.as_str(), glyph) {
        ("deny", "+") => "no longer denied   ",
        ("deny", _) => "denied   ",
        _ => "",
    };
    printable(&format!("{denial}{who}{}{on}", actions.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Statement;

    const KIND: PolicyKind<'_> = PolicyKind::Key { partition: "aws" };
    const ACCOUNT: &str = "111122223333";

    fn policy(roles: &[&str]) -> PolicyDocument {
        let arns = roles.iter().map(|role| format!("arn:aws:iam::{ACCOUNT}:role/{role}"));
        PolicyDocument::new([Statement::allow("Use")
            .principal_aws(arns)
            .actions(["kms:Decrypt", "kms:Encrypt"])
            .resource("*")])
    }

    #[test]
    fn access_comes_first_and_the_text_below() {
        let told = Comparison::new(&policy(&["test"]), &policy(&["prod"]), KIND);
        insta::assert_snapshot!(told.text(Paint::default(), ACCOUNT), @r#"
        different: the second policy allows some things more and some less
          + role/prod   kms:Decrypt, kms:Encrypt
          - role/test   kms:Decrypt, kms:Encrypt

        policy
                  "Sid": "Use",
                  "Effect": "Allow",
                  "Principal": {
          -         "AWS": "arn:aws:iam::111122223333:role/test"
          +         "AWS": "arn:aws:iam::111122223333:role/prod"
                  },
                  "Action": [
                    "kms:Decrypt",
        "#);
        assert!(told.is_different());
    }

    #[test]
    fn what_is_the_same_is_said_in_one_line() {
        let told = Comparison::new(&policy(&["a", "b"]), &policy(&["b", "a"]), KIND);
        assert_eq!(told.text(Paint::default(), ACCOUNT), "same: only the representation differs\n");
        assert!(!told.is_different());
    }

    #[test]
    fn a_denial_and_its_end_are_told_apart() {
        let deny = Statement::deny("No").principal_aws(["*"]).actions(["kms:Decrypt"]).resource("*");
        let denied = PolicyDocument::new(policy(&["test"]).statements().iter().cloned().chain([deny]));
        let text = |before, after| Comparison::new(before, after, KIND).text(Paint::default(), ACCOUNT);
        let (less, more) = (text(&policy(&["test"]), &denied), text(&denied, &policy(&["test"])));
        assert!(less.contains("  - denied   *   kms:Decrypt\n"), "{less}");
        assert!(more.contains("  + no longer denied   *   kms:Decrypt\n"), "{more}");
    }
}
