//! The access by which two policy documents differ.

use std::collections::BTreeSet;

use super::cover::Rule;
use super::document::{Clause, Effect, PolicyDocument, PolicyKind, Statement};
use super::proof::Proof;

/// One piece of access that only one of two documents gives, or denies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Piece {
    /// Whether the statement behind it allows or denies.
    pub effect: Effect,
    /// As people write them; empty in policies that name nobody.
    pub principals: Vec<String>,
    /// Actions.
    pub actions: BTreeSet<String>,
    /// Resources.
    pub resources: Vec<String>,
    /// Such as `kms:ViaService StringEquals lambda.eu-west-1.amazonaws.com`.
    pub conditions: Vec<String>,
}

/// What is gained and lost on the way from one document to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// Allowed afterwards only, or no longer denied.
    pub gained: Vec<Piece>,
    /// No longer allowed, or denied afterwards only.
    pub lost: Vec<Piece>,
}

/// Lists the access by which two documents of the same kind differ.
pub fn delta(before: &PolicyDocument, after: &PolicyDocument, kind: PolicyKind<'_>) -> Delta {
    let beyond = |these: &PolicyDocument, others: &PolicyDocument, effect: Effect| -> Vec<Piece> {
        let rules: Vec<Rule> =
            others.statements().iter().filter_map(|statement| Rule::of(statement, kind)).collect();
        let rules: Vec<&Rule> = rules.iter().filter(|rule| rule.effect() == effect).collect();
        let proof = Proof::new(None);
        let new = these.statements().iter().filter(|statement| {
            statement.effect == effect
                && Rule::of(statement, kind).is_some_and(|rule| !rule.is_covered_by(&rules, &proof))
        });
        new.map(piece).collect()
    };
    let both = |these, others| {
        let mut pieces = beyond(these, others, Effect::Allow);
        pieces.extend(beyond(others, these, Effect::Deny));
        pieces
    };
    Delta { gained: both(after, before), lost: both(before, after) }
}

fn piece(statement: &Statement) -> Piece {
    let Statement { sid: _, effect, principals, actions, resources, conditions } = statement;
    let pairs = conditions.iter().flat_map(|(operator, keys)| {
        keys.iter().map(move |(key, values)| {
            format!("{key} {operator} {}", values.iter().cloned().collect::<Vec<_>>().join(", "))
        })
    });
    Piece {
        effect: *effect,
        principals: texts(principals, |principal| principal.parts().1),
        actions: texts(actions, ToString::to_string).into_iter().collect(),
        resources: texts(resources, Clone::clone),
        conditions: pairs.collect(),
    }
}

fn texts<T: Ord>(clause: &Clause<T>, text: impl Fn(&T) -> String) -> Vec<String> {
    match clause {
        Clause::Absent => Vec::new(),
        Clause::Is(items) => items.iter().map(text).collect(),
        Clause::IsNot(items) => items.iter().map(|item| format!("not {}", text(item))).collect(),
    }
}
