//! The access by which two policy documents differ.

use std::collections::BTreeSet;

use super::cover::Rule;
use super::document::{Clause, Conditions, Effect, PolicyDocument, PolicyKind, Statement};
use super::proof::Proof;

/// One piece of access that only one of two documents allows or denies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Piece {
    /// The effect of the statement behind it.
    pub effect: Effect,
    /// The principals as written in a policy; empty for policies without a Principal element.
    pub principals: Vec<String>,
    /// The actions.
    pub actions: BTreeSet<String>,
    /// The resources.
    pub resources: Vec<String>,
    /// The conditions, such as `kms:ViaService StringEquals lambda.eu-west-1.amazonaws.com`.
    pub conditions: Vec<String>,
}

/// The access that is gained and lost when one document replaces another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// Access that is newly allowed or no longer denied.
    pub gained: Vec<Piece>,
    /// Access that is no longer allowed or newly denied.
    pub lost: Vec<Piece>,
}

/// Lists the access by which two documents of the same kind differ.
pub fn delta(before: &PolicyDocument, after: &PolicyDocument, kind: PolicyKind<'_>) -> Delta {
    let beyond = |these: &PolicyDocument, others: &PolicyDocument, effect: Effect| -> Vec<Piece> {
        let rules: Vec<Rule> =
            others.statements().iter().filter_map(|statement| Rule::of(statement, kind)).collect();
        let rules: Vec<&Rule> = rules.iter().filter(|rule| rule.effect() == effect).collect();
        // One budget for all statements: when it is used up, statements are reported whole.
        let proof = Proof::new(None);
        let is_new = |statement: &Statement| {
            // A rule that exists unchanged needs no proof, which would take long for long policies.
            Rule::of(statement, kind)
                .is_some_and(|rule| !rules.contains(&&rule) && !rule.is_covered_by(&rules, &proof))
        };
        let own = these.statements().iter().filter(|statement| statement.effect == effect);
        own.filter(|statement| is_new(statement))
            .map(|statement| piece(&reduced(statement, is_new)))
            .collect()
    };
    let both = |these, others| {
        let mut pieces = beyond(these, others, Effect::Allow);
        pieces.extend(beyond(others, these, Effect::Deny));
        pieces
    };
    Delta { gained: both(after, before), lost: both(before, after) }
}

/// Leaves out the principals, actions and resources of a statement that are not new.
fn reduced(statement: &Statement, is_new: impl Fn(&Statement) -> bool) -> Statement {
    let mut left = statement.clone();
    left.principals =
        new_of(&left.principals, |principals| is_new(&Statement { principals, ..left.clone() }));
    left.actions = new_of(&left.actions, |actions| is_new(&Statement { actions, ..left.clone() }));
    left.resources = new_of(&left.resources, |resources| is_new(&Statement { resources, ..left.clone() }));
    left
}

fn new_of<T: Ord + Clone>(clause: &Clause<T>, is_new: impl Fn(Clause<T>) -> bool) -> Clause<T> {
    match clause {
        Clause::Is(items) if items.len() > 1 => {
            let one = |item: &&T| is_new(Clause::Is(BTreeSet::from([(*item).clone()])));
            Clause::Is(items.iter().filter(one).cloned().collect())
        }
        other => other.clone(),
    }
}

fn piece(statement: &Statement) -> Piece {
    let Statement { sid: _, effect, principals, actions, resources, conditions } = statement;
    Piece {
        effect: *effect,
        principals: texts(principals, |principal| principal.parts().1),
        actions: texts(actions, ToString::to_string).into_iter().collect(),
        resources: texts(resources, Clone::clone),
        conditions: shown_conditions(conditions).collect(),
    }
}

/// Writes conditions one by one, such as `kms:ViaService StringEquals lambda.eu-west-1.amazonaws.com`.
pub fn shown_conditions(conditions: &Conditions) -> impl Iterator<Item = String> + '_ {
    conditions.iter().flat_map(|(operator, keys)| {
        keys.iter().map(move |(key, values)| {
            format!("{key} {operator} {}", values.iter().cloned().collect::<Vec<_>>().join(", "))
        })
    })
}

fn texts<T: Ord>(clause: &Clause<T>, text: impl Fn(&T) -> String) -> Vec<String> {
    match clause {
        Clause::Absent => Vec::new(),
        Clause::Is(items) => items.iter().map(text).collect(),
        Clause::IsNot(items) => items.iter().map(|item| format!("not {}", text(item))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: PolicyKind<'_> = PolicyKind::Key { partition: "aws" };

    fn policy(roles: &[&str], actions: &[&str]) -> PolicyDocument {
        let arns = roles.iter().map(|role| format!("arn:aws:iam::111122223333:role/{role}"));
        let actions = actions.iter().copied();
        PolicyDocument::new([Statement::allow("Use").principal_aws(arns).actions(actions).resource("*")])
    }

    fn told(pieces: &[Piece]) -> Vec<(Vec<&str>, Vec<&str>)> {
        pieces
            .iter()
            .map(|piece| {
                let principals =
                    piece.principals.iter().map(|arn| arn.rsplit('/').next().unwrap_or_default());
                (principals.collect(), piece.actions.iter().map(String::as_str).collect())
            })
            .collect()
    }

    #[test]
    fn only_what_is_new_is_told() {
        let before = policy(&["test"], &["kms:Decrypt", "kms:Encrypt"]);
        let after = policy(&["test", "prod"], &["kms:Decrypt", "kms:Encrypt"]);
        let Delta { gained, lost } = delta(&before, &after, KIND);
        assert_eq!(told(&gained), [(vec!["prod"], vec!["kms:Decrypt", "kms:Encrypt"])]);
        assert!(lost.is_empty());
        let after = policy(&["test"], &["kms:Decrypt", "kms:Sign"]);
        let Delta { gained, lost } = delta(&before, &after, KIND);
        assert_eq!(told(&gained), [(vec!["test"], vec!["kms:Sign"])]);
        assert_eq!(told(&lost), [(vec!["test"], vec!["kms:Encrypt"])]);
    }

    #[test]
    fn a_deny_takes_away_and_its_end_gives() {
        let plain = policy(&["test"], &["kms:*"]);
        let deny = Statement::deny("No").principal_aws(["*"]).actions(["kms:Sign"]).resource("*");
        let denied = PolicyDocument::new(plain.statements().iter().cloned().chain([deny]));
        let Delta { gained, lost } = delta(&plain, &denied, KIND);
        assert!(gained.is_empty());
        assert_eq!((lost.len(), lost[0].effect), (1, Effect::Deny));
        assert_eq!(delta(&denied, &plain, KIND).gained, lost);
    }
}
