//! The invariant: the role of every function that serves traffic is in the policy of every key that the
//! stack says it uses.

use std::collections::BTreeSet;

use crate::access::Principal;
use crate::kinds::{Name, World, key};
use crate::stack::desired::Desired;

use super::access::actions;

/// A function that serves traffic under a role without access to a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// The function.
    pub function: Name,
    /// ARN of the role that it runs under.
    pub role: String,
    /// The key.
    pub key: Name,
    /// The actions that it lacks, without `kms:`.
    pub lacks: BTreeSet<String>,
}

/// Lists every place where a world breaks the invariant.
///
/// INVARIANT: applying a plan, or any part of it, to a world without gaps gives a world without gaps.
pub fn gaps(desired: &Desired, world: &World) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for (function, want) in &desired.functions {
        let Some(seen) = world.functions.get(function) else { continue };
        for (key, actions) in &want.uses {
            for role in seen.live_roles() {
                let lacks = lacking(world.keys.get(key), role, actions);
                if !lacks.is_empty() {
                    let (function, role, key) = (function.clone(), role.to_owned(), key.clone());
                    gaps.push(Gap { function, role, key, lacks });
                }
            }
        }
    }
    gaps
}

pub(super) fn lacking(key: Option<&key::Seen>, role: &str, needed: &BTreeSet<String>) -> BTreeSet<String> {
    let principal = Principal::Arn(role.to_owned());
    let has = key
        .filter(|key| key.spec.enabled)
        .map(|key| actions(&key.spec.policy, &principal))
        .unwrap_or_default();
    needed
        .iter()
        .map(|action| action.strip_prefix("kms:").unwrap_or(action))
        .filter(|action| !has.contains(*action))
        .map(str::to_owned)
        .collect()
}
