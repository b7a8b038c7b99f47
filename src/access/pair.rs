//! Pairs of policy documents that are given as data, to be compared.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::compare::{Change, Verdict, compare_owned};
use super::document::{Clause, PolicyDocument, PolicyError, PolicyKind, Principal};
use super::json;

/// Two documents as they were received.
#[derive(Debug, Deserialize)]
pub struct Pair {
    pub id: String,
    policy_type: String,
    /// The account that owns the policies.
    #[serde(default)]
    account: Option<String>,
    a: String,
    b: String,
    #[serde(default)]
    a_encoding: Option<String>,
    #[serde(default)]
    b_encoding: Option<String>,
    /// Unique ids of principals by their ARN.
    #[serde(default)]
    known_ids: Option<BTreeMap<String, String>>,
}

/// The answer to a pair.
#[derive(Debug, Serialize)]
pub struct Answer {
    pub id: String,
    pub verdict: &'static str,
    pub effect: &'static str,
}

impl Pair {
    /// Compares the documents. A document that AWS would refuse differs from everything but the same JSON.
    pub fn answer(&self) -> Answer {
        let (a, b) =
            (decoded(&self.a, self.a_encoding.as_deref()), decoded(&self.b, self.b_encoding.as_deref()));
        let (verdict, change) = self.compare(&a, &b).unwrap_or_else(|_| match is_same_json(&a, &b) {
            true => (Verdict::Same, Change::None),
            false => (Verdict::Different, Change::Mixed),
        });
        Answer { id: self.id.clone(), verdict: verdict.as_str(), effect: change.as_str() }
    }

    fn compare(&self, a: &str, b: &str) -> Result<(Verdict, Change), PolicyError> {
        let partition = partition_of(a, b);
        let kind = match self.policy_type.as_str() {
            "key" => PolicyKind::Key { partition },
            "trust" => PolicyKind::Trust { partition },
            "scp" => PolicyKind::Scp,
            _ => PolicyKind::Identity,
        };
        let read = |text| PolicyDocument::parse(text, kind).map(|document| self.with_known_ids(document));
        Ok(compare_owned(&read(a)?, &read(b)?, kind, self.account.as_deref()))
    }

    fn with_known_ids(&self, mut document: PolicyDocument) -> PolicyDocument {
        let by_id: BTreeMap<&str, &str> =
            self.known_ids.iter().flatten().map(|(arn, id)| (id.as_str(), arn.as_str())).collect();
        for statement in &mut document.statements {
            if let Clause::Is(set) | Clause::IsNot(set) = &mut statement.principals {
                let named = |principal: &Principal| match principal {
                    Principal::UniqueId(id) => {
                        by_id.get(id.as_str()).map(|arn| Principal::Arn((*arn).to_owned()))
                    }
                    _ => None,
                };
                *set =
                    set.iter().map(|one| named(one).unwrap_or_else(|| one.clone())).collect::<BTreeSet<_>>();
            }
        }
        document
    }
}

fn decoded<'a>(text: &'a str, encoding: Option<&str>) -> Cow<'a, str> {
    match encoding {
        Some("url") => Cow::Owned(json::url_decoded(text)),
        _ => Cow::Borrowed(text),
    }
}

fn is_same_json(a: &str, b: &str) -> bool {
    a == b || matches!((json::read(a), json::read(b)), (Ok(a), Ok(b)) if a == b)
}

/// Returns the partition of the ARNs in two documents; an account id exists in only one partition.
fn partition_of(a: &str, b: &str) -> &'static str {
    let others = ["aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"];
    let is_named = |partition: &&&str| [a, b].iter().any(|text| text.contains(&format!("arn:{partition}:")));
    others.iter().find(is_named).copied().unwrap_or("aws")
}
