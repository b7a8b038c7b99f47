//! The invariant: the role of every function that serves traffic may do with every key what the stack says that
//! the function does. The evaluator decides it, as it decides everything about access.

use std::collections::BTreeSet;

use crate::access::{Decision, Outcome, Reason, Request, decide};
use crate::kinds::{Name, World};
use crate::stack::desired::Desired;

use super::prove::{Evidence, Scene};

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
    /// The reason that they are lacking.
    pub cause: Cause,
}

/// The reason that a role may not do something with a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The key does not exist.
    Missing,
    /// The key exists and is not enabled.
    Disabled,
    /// A rule of AWS denies it: the rule, and the statements that decide, as `layer:[policy/]Sid`.
    Denied(Reason, BTreeSet<String>),
}

/// Lists every place where a world breaks the invariant. A use that is unknown is no gap: nothing is claimed of it.
///
/// INVARIANT: applying a plan, or any part of it, to a world without gaps gives a world without gaps.
pub fn gaps(desired: &Desired, world: &World) -> Vec<Gap> {
    let evidence = Evidence::default();
    let scene = Scene { desired, world, evidence: &evidence };
    let mut gaps: Vec<Gap> = Vec::new();
    for (function, want) in &desired.functions {
        let Some(seen) = world.functions.get(function) else { continue };
        for (key, actions) in &want.uses {
            for role in seen.live_roles() {
                for (action, cause) in lacking(scene, key, role, actions) {
                    let alike = |gap: &&mut Gap| {
                        gap.function == *function && gap.role == role && gap.key == *key && gap.cause == cause
                    };
                    if let Some(gap) = gaps.iter_mut().find(alike) {
                        gap.lacks.insert(action);
                        continue;
                    }
                    gaps.push(Gap {
                        function: function.clone(),
                        role: role.to_owned(),
                        key: key.clone(),
                        lacks: BTreeSet::from([action]),
                        cause,
                    });
                }
            }
        }
    }
    gaps
}

/// Lists the actions, without `kms:`, that a role certainly may not do with a key, and the reason for each.
fn lacking(scene: Scene<'_>, name: &Name, role: &str, needed: &BTreeSet<String>) -> Vec<(String, Cause)> {
    let short = |action: &String| action.strip_prefix("kms:").unwrap_or(action).to_owned();
    let Some(key) = scene.world.keys.get(name) else {
        return needed.iter().map(|action| (short(action), Cause::Missing)).collect();
    };
    if !key.spec.enabled {
        return needed.iter().map(|action| (short(action), Cause::Disabled)).collect();
    }
    let (caller, facts) = (scene.caller(role), scene.key(name, key));
    let denied = needed.iter().filter_map(|action| {
        let Decision { outcome, reason, statements, .. } =
            decide(&caller, &Request::new(action, &caller, &facts), &facts);
        match outcome {
            Outcome::Allow | Outcome::Unknown => None,
            Outcome::ImplicitDeny | Outcome::ExplicitDeny => {
                Some((short(action), Cause::Denied(reason, statements)))
            }
        }
    });
    denied.collect()
}
