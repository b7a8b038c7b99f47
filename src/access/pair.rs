//! Pairs of policy documents: data that says how they compare.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::compare::{Change, Verdict, compare};
use super::document::{Clause, PolicyDocument, PolicyError, PolicyKind, Principal};

/// Two documents as they were received.
#[derive(Debug, Deserialize)]
pub struct Pair {
    pub id: String,
    policy_type: String,
    a: String,
    b: String,
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
    /// Compares the documents. One that AWS would refuse is different from everything but the same text.
    pub fn answer(&self) -> Answer {
        let (verdict, change) = self.compare().unwrap_or(match self.a == self.b {
            true => (Verdict::Same, Change::None),
            false => (Verdict::Different, Change::Mixed),
        });
        Answer { id: self.id.clone(), verdict: verdict.as_str(), effect: change.as_str() }
    }

    fn compare(&self) -> Result<(Verdict, Change), PolicyError> {
        let partition = "aws";
        let kind = match self.policy_type.as_str() {
            "key" => PolicyKind::Key { partition },
            "trust" => PolicyKind::Trust { partition },
            "scp" => PolicyKind::Scp,
            _ => PolicyKind::Identity,
        };
        let read = |text| PolicyDocument::parse(text, kind).map(|document| self.with_known_ids(document));
        Ok(compare(&read(&self.a)?, &read(&self.b)?, kind))
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
