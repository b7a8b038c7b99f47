//! The effect of a plan on access: which principals gain and lose which actions on which key.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::access::{Clause, Effect, PolicyDocument, Principal, Statement, action_covers};
use crate::kinds::{Draft, Name, Op, World, key};
use crate::stack::desired::Desired;

/// A change in the actions that the key policy allows one principal on a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AccessChange {
    /// The displayed name of the principal: the name of a role of the stack, otherwise an ARN.
    pub principal: String,
    /// Actions, without `kms:`, that it gains.
    pub gains: BTreeSet<String>,
    /// Actions, without `kms:`, that it loses.
    pub loses: BTreeSet<String>,
    /// Actions, without `kms:`, that it keeps.
    pub keeps: BTreeSet<String>,
}

/// Lists the changes in access that a step makes.
pub fn changes(desired: &Desired, world: &World, draft: &Draft) -> Vec<AccessChange> {
    let Op::Key { name, op } = &draft.op else { return Vec::new() };
    let empty = PolicyDocument::new([]);
    let before = world.keys.get(name).map_or(&empty, |key| &key.spec.policy);
    match op {
        key::Op::Create { spec } => between(desired, world, &empty, &spec.policy),
        key::Op::PutPolicy { policy } => between(desired, world, before, policy),
        _ => Vec::new(),
    }
}

/// Compares the actions that two key policies allow each principal that they name.
pub fn between(
    desired: &Desired,
    world: &World,
    before: &PolicyDocument,
    after: &PolicyDocument,
) -> Vec<AccessChange> {
    let mut changes: Vec<AccessChange> = principals(before)
        .union(&principals(after))
        .map(|principal| {
            let (had, has) = (actions(before, principal), actions(after, principal));
            let kept = has.iter().filter(|action| covered(action, &had));
            AccessChange {
                principal: shown(desired, world, principal),
                gains: has.iter().filter(|action| !covered(action, &had)).cloned().collect(),
                loses: had.iter().filter(|action| !covered(action, &has)).cloned().collect(),
                keeps: kept.chain(had.iter().filter(|action| covered(action, &has))).cloned().collect(),
            }
        })
        .collect();
    let changed = changes.iter().any(|change| !change.gains.is_empty() || !change.loses.is_empty());
    // A principal that keeps everything is listed only next to one that gains or loses something, and only if it is
    // not shown as an ARN, because roles of the stack may be taking over from each other.
    changes.retain(|change| {
        !change.gains.is_empty()
            || !change.loses.is_empty()
            || (changed && !change.principal.starts_with("arn:"))
    });
    changes
}

/// Returns whether actions as written hold another one: by a wildcard, or without the condition that it has.
fn covered(action: &str, by: &BTreeSet<String>) -> bool {
    let (inner, is_conditional) = match action.strip_suffix('?') {
        Some(inner) => (inner, true),
        None => (action, false),
    };
    by.iter().any(|outer| match outer.strip_suffix('?') {
        Some(outer) => is_conditional && outer == inner,
        None => action_covers(outer, inner),
    })
}

fn principals(policy: &PolicyDocument) -> BTreeSet<Principal> {
    let named = policy.statements().iter().filter_map(|statement| match &statement.principals {
        Clause::Is(principals) => Some(principals),
        Clause::IsNot(_) | Clause::Absent => None,
    });
    named.flatten().cloned().collect()
}

/// Lists the actions that a policy allows a principal by name, as they are written, without `kms:`. Actions under a
/// condition are marked with a `?`.
pub fn actions(policy: &PolicyDocument, principal: &Principal) -> BTreeSet<String> {
    let named = |statement: &&Statement| matches!(&statement.principals, Clause::Is(principals) if principals.contains(principal));
    let mut allowed = BTreeSet::new();
    for statement in policy.statements().iter().filter(named) {
        let Clause::Is(actions) = &statement.actions else { continue };
        let shown = actions.iter().map(|action| {
            let action = action.as_str().strip_prefix("kms:").unwrap_or(action.as_str());
            if statement.conditions.is_empty() { action.to_owned() } else { format!("{action}?") }
        });
        match statement.effect {
            Effect::Allow => allowed.extend(shown),
            Effect::Deny => {
                let denied: BTreeSet<String> = shown.collect();
                allowed.retain(|action| !denied.contains(action));
            }
        }
    }
    allowed
}

fn shown(desired: &Desired, world: &World, principal: &Principal) -> String {
    let (_, text) = principal.parts();
    let wanted = desired.roles.iter().map(|(name, role)| (name, role.arn.as_str()));
    let seen = world.roles.iter().map(|(name, role)| (name, role.spec.arn.as_str()));
    let name: Option<&Name> = wanted.chain(seen).find(|(_, arn)| *arn == text).map(|(name, _)| name);
    match (name, principal) {
        (Some(name), _) => name.to_string(),
        (None, Principal::Account { account, .. }) => format!("arn of account {account}"),
        (None, _) => text,
    }
}
