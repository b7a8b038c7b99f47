//! Compares the permissions of two roles, ignoring names that differ between environments.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::access::{
    Caller, Decision, KeyFacts, NamedPolicy, Outcome, Piece, PolicyDocument, PolicyKind, Readable, Request,
    Statement, decide, delta, key_actions,
};
use crate::kinds::Name;
use crate::stack::desired::Desired;

/// A role with everything that determines its permissions.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Displayed name.
    pub name: String,
    /// The role and its policies.
    pub caller: Caller,
    /// Its trust policy, if known.
    pub trust: Option<PolicyDocument>,
    /// The keys of its stack by name.
    pub keys: BTreeMap<Name, KeyFacts>,
    /// Names that belong to its environment, each with a placeholder that is the same in every environment.
    pub names: Vec<(String, String)>,
}

/// One of two roles that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The first.
    One,
    /// The second.
    Other,
}

/// A permission that one role has and the other does not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Difference {
    /// The role that has the permission; for an unknown outcome, the role for which it is unknown.
    pub side: Side,
    /// The place of the difference: `keys.text`, `policies`, `boundary` or `trust`.
    pub subject: String,
    /// Actions, as written in policies.
    pub actions: BTreeSet<String>,
    /// Resources for policies; principals for trust.
    pub objects: Vec<String>,
    /// Conditions on the permission.
    pub conditions: Vec<String>,
    /// The deciding statements, for keys, or the reason that the outcome is `unknown`.
    pub note: String,
}

/// Lists the names of an environment, key ARNs first because they contain other names, each with a placeholder that is
/// the same in every environment.
///
/// Key IDs, account, region and names that contain the environment's own name do not make roles differ.
pub fn names(desired: &Desired, keys: &BTreeMap<Name, KeyFacts>) -> Vec<(String, String)> {
    let Desired { stack, env, place, .. } = desired;
    let own = keys.iter().filter(|(_, key)| !key.arn.is_empty());
    let mut names: Vec<(String, String)> = own
        .map(|(name, key)| (key.arn.clone(), format!("arn:any:kms:any:000000000000:key/{name}")))
        .collect();
    names.extend([
        (format!("{stack}-{env}"), format!("{stack}-ENV")),
        (format!("{stack}/{env}"), format!("{stack}/ENV")),
        (place.account.clone(), "000000000000".to_owned()),
        (place.region.clone(), "any".to_owned()),
        (format!("arn:{}:", place.partition), "arn:any:".to_owned()),
    ]);
    names
}

/// Lists the permissions that one of two roles has and the other does not; empty if they are equivalent.
pub fn differences(one: &Subject, other: &Subject) -> Vec<Difference> {
    let mut found = policies(one, other);
    found.extend(boundaries(one, other));
    found.extend(trust(one, other));
    let names: BTreeSet<&Name> = one.keys.keys().chain(other.keys.keys()).collect();
    for name in names {
        if let (Some(here), Some(there)) = (one.keys.get(name), other.keys.get(name)) {
            found.extend(on_key(name, (one, here), (other, there)));
        }
    }
    found
}

fn policies(one: &Subject, other: &Subject) -> Vec<Difference> {
    let merged = |subject: &Subject| match &subject.caller.identity {
        Readable::Known(policies) => Ok(common(subject, &all_of(policies), PolicyKind::Identity)),
        Readable::Unknown { why } => Err(why.clone()),
    };
    of_documents("policies", merged(one), merged(other))
}

fn boundaries(one: &Subject, other: &Subject) -> Vec<Difference> {
    let limit = |subject: &Subject| match &subject.caller.boundary {
        Readable::Known(Some(document)) => Ok(common(subject, document, PolicyKind::Identity)),
        // A missing boundary does not restrict anything.
        Readable::Known(None) => {
            Ok(PolicyDocument::new([Statement::allow("All").actions(["*"]).resource("*")]))
        }
        Readable::Unknown { why } => Err(why.clone()),
    };
    of_documents("boundary", limit(one), limit(other))
}

/// Compares two documents, each of which may be unknown for a given reason.
fn of_documents(
    subject: &str,
    here: Result<PolicyDocument, String>,
    there: Result<PolicyDocument, String>,
) -> Vec<Difference> {
    match (here, there) {
        (Ok(here), Ok(there)) => compared(subject, &here, &there, PolicyKind::Identity),
        (here, there) => {
            let unknown =
                |(side, read): (Side, Result<_, String>)| read.err().map(|why| unknown(side, subject, &why));
            [(Side::One, here), (Side::Other, there)].into_iter().filter_map(unknown).collect()
        }
    }
}

fn trust(one: &Subject, other: &Subject) -> Vec<Difference> {
    let (Some(here), Some(there)) = (&one.trust, &other.trust) else { return Vec::new() };
    let kind = PolicyKind::Trust { partition: "any" };
    compared("trust", &common(one, here, kind), &common(other, there, kind), kind)
}

fn all_of(policies: &[NamedPolicy]) -> PolicyDocument {
    PolicyDocument::new(policies.iter().flat_map(|policy| policy.document.statements()).cloned())
}

/// Replaces the names of the environment in a document by the common ones.
fn common(subject: &Subject, document: &PolicyDocument, kind: PolicyKind<'_>) -> PolicyDocument {
    let text = subject.names.iter().fold(document.to_json(), |text, (own, all)| text.replace(own, all));
    // Only names are replaced, so the document should parse again; if it does not, it is compared unchanged.
    PolicyDocument::parse(&text, kind).unwrap_or_else(|_| document.clone())
}

fn compared(
    subject: &str,
    here: &PolicyDocument,
    there: &PolicyDocument,
    kind: PolicyKind<'_>,
) -> Vec<Difference> {
    let delta = delta(here, there, kind);
    let of = |side: Side, piece: Piece| {
        let Piece { effect: _, principals, actions, resources, conditions } = piece;
        Difference {
            side,
            subject: subject.to_owned(),
            actions,
            objects: if principals.is_empty() { resources } else { principals },
            conditions,
            note: String::new(),
        }
    };
    let more = delta.gained.into_iter().map(|piece| of(Side::Other, piece));
    let less = delta.lost.into_iter().map(|piece| of(Side::One, piece));
    less.chain(more).collect()
}

fn unknown(side: Side, about: &str, why: &str) -> Difference {
    Difference {
        side,
        subject: about.to_owned(),
        actions: BTreeSet::new(),
        objects: Vec::new(),
        conditions: Vec::new(),
        note: format!("unknown: {why}"),
    }
}

/// Compares the permissions of two roles on the same key, each in its own environment.
fn on_key(
    name: &Name,
    (one, here): (&Subject, &KeyFacts),
    (other, there): (&Subject, &KeyFacts),
) -> Vec<Difference> {
    let asked = |subject: &Subject, key: &KeyFacts, action: &str| {
        let request = Request::new(format!("kms:{action}"), &subject.caller, key);
        decide(&subject.caller, &request, key)
    };
    // Grouped by side and note, so that actions with the same explanation are listed together.
    let mut found: BTreeMap<(Side, String), BTreeSet<String>> = BTreeMap::new();
    for action in key_actions() {
        let (first, second) = (asked(one, here, action), asked(other, there, action));
        if first.outcome == second.outcome || !(may(&first) || may(&second)) {
            continue;
        }
        let (side, decision) = if first.outcome == Outcome::Allow || !may(&second) {
            (Side::One, &first)
        } else {
            (Side::Other, &second)
        };
        found.entry((side, note(decision))).or_default().insert(format!("kms:{action}"));
    }
    let differences = found.into_iter().map(|((side, note), actions)| Difference {
        side,
        subject: format!("keys.{name}"),
        actions,
        objects: Vec::new(),
        conditions: Vec::new(),
        note,
    });
    differences.collect()
}

/// Returns whether an outcome is allowed or unknown; an implicit and an explicit denial count as the same.
fn may(decision: &Decision) -> bool {
    matches!(decision.outcome, Outcome::Allow | Outcome::Unknown)
}

fn note(decision: &Decision) -> String {
    let listed = |causes: &BTreeSet<String>| causes.iter().cloned().collect::<Vec<_>>().join("; ");
    match decision.outcome {
        Outcome::Unknown => format!("unknown: {}", listed(&decision.unknowns)),
        _ => listed(&decision.statements),
    }
}
