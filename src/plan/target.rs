//! The worlds that a plan goes to: the widened one on the way, and the one that the stack wants.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::{PolicyDocument, Principal, Statement};
use crate::kinds::{Name, Target, World, function, key, role};
use crate::stack::desired::{Desired, KeyWant, use_sid};

/// Returns what the stack wants, with the key policies derived: a function's role may do with a key what
/// the function says, and so may the role of every version that an alias still routes to.
pub fn finally(desired: &Desired, world: &World) -> Target {
    let keys = desired.keys.iter().map(|(name, want)| (name.clone(), with_uses(desired, world, name, want)));
    let functions = desired.functions.iter().map(|(name, want)| (name.clone(), want.spec.clone()));
    let target = Target {
        keys: keys.collect(),
        roles: desired.roles.clone(),
        log_groups: desired.log_groups.clone(),
        functions: functions.collect(),
        apis: desired.apis.clone(),
    };
    // A target that cannot be written as JSON cannot have been read from a stack file.
    world.ids.resolve(&target).unwrap_or(target)
}

fn with_uses(desired: &Desired, world: &World, name: &Name, want: &KeyWant) -> key::Spec {
    let mut statements: Vec<Statement> = want.spec.policy.statements().to_vec();
    for (function, wanted) in &desired.functions {
        let Some(actions) = wanted.uses.get(name).filter(|actions| !actions.is_empty()) else { continue };
        let roles = wanted.spec.remaining_roles(world.functions.get(function));
        statements.push(
            Statement::allow(use_sid(function))
                .principal_aws(roles)
                .actions(actions.iter().cloned())
                .resource("*"),
        );
    }
    let mut policy = PolicyDocument::new(statements);
    policy.id.clone_from(&want.spec.policy.id);
    key::Spec { policy, ..want.spec.clone() }
}

/// Returns the world on the way to `last`: all that it has, and all access that `world` has.
///
/// Resources that `last` lacks are not part of it; their removal is left out of the steps to it.
pub fn widened(desired: &Desired, last: &Target, world: &World) -> Target {
    let mut wide = last.clone();
    for (name, spec) in &mut wide.keys {
        let Some(seen) = world.keys.get(name) else { continue };
        spec.policy = key::policy::widened(&spec.policy, &seen.spec.policy, |principal| {
            exists(principal, desired, world)
        });
    }
    let busy = busy_roles(last, world);
    for (name, spec) in &mut wide.roles {
        if let Some(seen) = world.roles.get(name).filter(|seen| busy.contains(seen.spec.arn.as_str())) {
            keep_permissions(spec, seen);
        }
    }
    wide
}

/// Tells whether a key policy may name a principal. Of principals outside the stack nothing is known, so
/// they are taken to exist.
fn exists(principal: &Principal, desired: &Desired, world: &World) -> bool {
    match principal {
        Principal::UniqueId(_) => false,
        Principal::Arn(arn) => {
            desired.role_by_arn(arn).is_some()
                || world.roles.values().any(|role| role.spec.arn == *arn)
                || !gone_role(arn, desired)
        }
        _ => true,
    }
}

/// Tells whether an ARN is that of a role by the stack's naming, which the caller knows not to exist.
fn gone_role(arn: &str, desired: &Desired) -> bool {
    arn.rsplit_once('/').is_some_and(|(_, role)| role.starts_with(&desired.prefix()))
}

/// Lists the roles under which functions run whose code or configuration is about to change: until the
/// change has landed, the old code may need what the role loses.
fn busy_roles<'a>(last: &Target, world: &'a World) -> BTreeSet<&'a str> {
    let changing = world.functions.iter().filter(|(name, seen)| match last.functions.get(*name) {
        Some(want) => {
            function::steps(name, Some(want), Some(seen)).iter().any(|draft| !draft.changes.is_empty())
        }
        None => true,
    });
    changing.flat_map(|(_, seen)| seen.live_roles()).collect()
}

/// Inline policies keep what they allow; attached policies and a missing boundary stay, for taking them away
/// is no step to a widened world.
fn keep_permissions(spec: &mut role::Spec, seen: &role::Seen) {
    let mut inline: BTreeMap<String, PolicyDocument> = spec.inline.clone();
    for (policy, document) in &mut inline {
        if let Some(has) = seen.spec.inline.get(policy) {
            *document = key::policy::widened(document, has, |_| true);
        }
    }
    spec.inline = inline;
}
