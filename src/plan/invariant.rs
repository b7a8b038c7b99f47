//! The invariant: the role of every function that serves traffic may use every key as the stack declares for that
//! function. The evaluator decides it, like everything about access.

use std::collections::BTreeSet;

use crate::access::{Decision, Outcome, Reason, Request, decide};
use crate::kinds::{Kind, Name, World, key};

use super::prove::AccessContext;
use super::target::final_target;

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
    /// The reason that it lacks them.
    pub cause: Cause,
}

/// The reason that a role may not perform an action on a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The key does not exist.
    Missing,
    /// The key exists and is not enabled.
    Disabled,
    /// A rule of AWS denies it: the rule, and the deciding statements as `layer:[policy/]Sid`.
    Denied(Reason, BTreeSet<String>),
}

/// Lists every violation of the invariant in a world. An unknown outcome is not a gap, because nothing is claimed about
/// it.
///
/// INVARIANT: applying a plan, or any part of it, to a world without gaps gives a world without gaps.
pub fn gaps(scene: AccessContext<'_>) -> Vec<Gap> {
    let AccessContext { desired, world, evidence: _ } = scene;
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

/// An environment variable of a function that should name a key of the stack but points elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Astray {
    /// The function.
    pub function: Name,
    /// The environment variable.
    pub variable: String,
    /// The key that it should name.
    pub key: Name,
    /// The value of the variable.
    pub value: String,
    /// The key that it points to; `None` if it does not point to any key.
    pub leads_to: Option<OtherKey>,
}

/// A key that a function asks for instead of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OtherKey {
    /// Its name, if it is a key of the stack.
    pub name: Option<Name>,
    /// Its ARN.
    pub arn: String,
    /// The actions, without `kms:`, that the function's role certainly may not perform with it.
    pub lacks: BTreeSet<String>,
}

/// Lists the environment variables that point to no key, or to a key that their function certainly may not use.
///
/// Only those variables count that name a key of the stack, by alias, ARN or ID, in the stack file.
pub fn astray(scene: AccessContext<'_>) -> Vec<Astray> {
    let AccessContext { desired, world, evidence: _ } = scene;
    let target = final_target(desired, world);
    let mut found = Vec::new();
    for (function, want) in &target.functions {
        let (Some(seen), Some(uses)) = (world.functions.get(function), desired.functions.get(function))
        else {
            continue;
        };
        for (variable, wanted) in &want.config.env {
            let Some(value) = seen.config.env.get(variable) else { continue };
            let named = uses.uses.iter().find(|(key, _)| {
                let seen = world.keys.get(*key);
                let aliases = desired.keys.get(*key).map(|want| &want.spec.aliases);
                seen.is_some_and(|seen| [&seen.arn, &seen.id].contains(&wanted))
                    || seen.is_some() && aliases.is_some_and(|aliases| aliases.contains(wanted))
            });
            let Some((key, actions)) = named else { continue };
            let leads_to = match lead(world, value) {
                Lead::Unknown => continue,
                Lead::Nowhere => None,
                Lead::To(name, _) if name == Some(key) => continue,
                Lead::To(name, other) => {
                    let denied = denied(scene, (name.unwrap_or(key), other), &seen.config.role, actions);
                    if denied.is_empty() {
                        continue;
                    }
                    let lacks = denied.into_iter().map(|(action, _)| action).collect();
                    Some(OtherKey { name: name.cloned(), arn: other.arn.clone(), lacks })
                }
            };
            found.push(Astray {
                function: function.clone(),
                variable: variable.clone(),
                key: key.clone(),
                value: value.clone(),
                leads_to,
            });
        }
    }
    found
}

/// The key that a name points to.
enum Lead<'a> {
    /// A key, with its name if it is one of the stack.
    To(Option<&'a Name>, &'a key::Seen),
    /// No key has the name.
    Nowhere,
    /// The name does not belong to the stack, or could not be looked up.
    Unknown,
}

fn lead<'a>(world: &'a World, value: &str) -> Lead<'a> {
    let by_name = |key: &key::Seen| key.spec.aliases.contains(value) || key.arn == value || key.id == value;
    if let Some((name, key)) = world.keys.iter().find(|(_, key)| by_name(key)) {
        return Lead::To(Some(name), key);
    }
    if let Some(key) = world.foreign_aliases.get(value) {
        return Lead::To(None, key);
    }
    // The target of an alias is known only for aliases that the stack wants, and only if all of them could be read.
    let hidden = world.unread.keys().any(|resource| resource.kind == Kind::Key)
        || world.keys.values().any(|key| key.unread.contains_key("aliases"));
    match value.starts_with("alias/") && !hidden {
        true => Lead::Nowhere,
        false => Lead::Unknown,
    }
}

/// Lists the actions, without `kms:`, that a role certainly may not perform with a key, with the reason for each.
fn lacking(
    scene: AccessContext<'_>,
    name: &Name,
    role: &str,
    needed: &BTreeSet<String>,
) -> Vec<(String, Cause)> {
    let Some(key) = scene.world.keys.get(name) else {
        return needed.iter().map(|action| (short(action), Cause::Missing)).collect();
    };
    denied(scene, (name, key), role, needed)
}

fn short(action: &str) -> String {
    action.strip_prefix("kms:").unwrap_or(action).to_owned()
}

fn denied(
    scene: AccessContext<'_>,
    (name, key): (&Name, &key::Seen),
    role: &str,
    needed: &BTreeSet<String>,
) -> Vec<(String, Cause)> {
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
