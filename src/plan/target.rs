//! The worlds that a plan leads to: the widened one on the way, and the one that the stack wants.

use std::collections::{BTreeMap, BTreeSet};

use super::access;
use crate::access::{Change, PolicyDocument, PolicyKind, Principal, Statement, compare};
use crate::kinds::{Kind, Name, Target, World, key, role};
use crate::stack::desired::{Desired, KeyWant, use_sid};

/// Returns the final target, with the key policies derived: the role of a function may use a key as the function
/// declares, and so may the role of every version that an alias still routes to.
pub fn final_target(desired: &Desired, world: &World) -> Target {
    let keys = desired.keys.iter().map(|(name, want)| (name.clone(), with_uses(desired, world, name, want)));
    let functions = desired.functions.iter().map(|(name, want)| (name.clone(), want.spec.clone()));
    let target = Target {
        keys: keys.collect(),
        roles: desired.roles.clone(),
        log_groups: desired.log_groups.clone(),
        functions: functions.collect(),
        apis: desired.apis.clone(),
        domains: desired.domains.clone(),
    };
    if world.ids.is_empty() {
        return target;
    }
    // A target that cannot be serialized as JSON cannot have come from a stack file.
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

/// Returns the world on the way to `last`: everything that `last` has, plus all access that `world` has.
///
/// Resources that `last` lacks are not part of it; the steps to it do not include their removal.
pub fn widened(desired: &Desired, last: &Target, world: &World) -> Target {
    let mut wide = last.clone();
    for (name, spec) in &mut wide.keys {
        spec.policy = follow_aliases(desired, world, (name, spec));
        let Some(seen) = world.keys.get(name) else { continue };
        spec.policy = key::policy::widened(&spec.policy, &seen.spec.policy, |principal| {
            exists(principal, desired, world)
        });
    }
    for (name, spec) in &mut wide.roles {
        if let Some(seen) = world.roles.get(name) {
            keep_permissions(&desired.place.partition, spec, seen);
        }
    }
    wide
}

/// Keeps access for principals that use a key by an alias when the alias moves to this key: the roles that functions
/// run under keep, until they are changed, their permissions from the previous key on this one.
fn follow_aliases(desired: &Desired, world: &World, (name, spec): (&Name, &key::Spec)) -> PolicyDocument {
    let mut statements = spec.policy.statements().to_vec();
    let moved = spec.aliases.iter().filter_map(|alias| {
        world.keys.iter().find(|(holder, seen)| *holder != name && seen.spec.aliases.contains(alias))
    });
    let from: BTreeMap<&Name, &key::Seen> = moved.collect();
    for (function, want) in &desired.functions {
        let (Some(uses), Some(seen)) = (want.uses.get(name), world.functions.get(function)) else { continue };
        let mut alike: BTreeMap<BTreeSet<&String>, BTreeSet<&str>> = BTreeMap::new();
        for role in seen.live_roles() {
            let principal = Principal::Arn(role.to_owned());
            let may: BTreeSet<String> =
                from.values().flat_map(|from| access::actions(&from.spec.policy, &principal)).collect();
            let kept =
                uses.iter().filter(|action| may.contains(action.strip_prefix("kms:").unwrap_or(action)));
            alike.entry(kept.collect()).or_default().insert(role);
        }
        let kept = alike.into_iter().filter(|(kept, _)| !kept.is_empty());
        statements.extend(kept.enumerate().map(|(index, (kept, roles))| {
            let sid = format!("{}Before{index}", use_sid(function));
            Statement::allow(sid).principal_aws(roles).actions(kept.into_iter().cloned()).resource("*")
        }));
    }
    let mut policy = PolicyDocument::new(statements);
    policy.version = spec.policy.version;
    policy.id.clone_from(&spec.policy.id);
    policy
}

/// Returns whether a key policy may name a principal. Nothing is known about principals outside the stack, so they are
/// assumed to exist.
fn exists(principal: &Principal, desired: &Desired, world: &World) -> bool {
    match principal {
        Principal::UniqueId(_) => false,
        Principal::Arn(arn) => {
            desired.role_by_arn(arn).is_some()
                || world.roles.values().any(|role| role.spec.arn == *arn)
                || world.hidden().any(|(listing, _)| listing.kind == Kind::Role)
                || !gone_role(arn, desired)
        }
        _ => true,
    }
}

/// Returns whether an ARN follows the naming of the stack's roles. The caller has listed all of them, so such a role
/// does not exist if it was not found.
fn gone_role(arn: &str, desired: &Desired) -> bool {
    arn.rsplit_once('/').is_some_and(|(_, role)| role.starts_with(&desired.prefix()))
}

/// Keeps everything that the policies allow, including the trust policy, the attached policies and a missing boundary,
/// because a widened world takes nothing away.
fn keep_permissions(partition: &str, spec: &mut role::Spec, seen: &role::Seen) {
    let dead = |principal: &Principal| matches!(principal, Principal::UniqueId(_));
    // A role that took the place of the stack's own contributes nothing, because nobody agreed to its trust policy.
    if !seen.is_tagged() {
        return;
    }
    let covers_all = matches!(
        compare(&seen.spec.trust, &spec.trust, PolicyKind::Trust { partition }).1,
        Change::None | Change::Narrows
    );
    // A trust policy that merely allows too much stays unchanged until the last phase.
    spec.trust = match covers_all && key::policy::dead_ids(&seen.spec.trust).is_empty() {
        true => seen.spec.trust.clone(),
        false => key::policy::widened(&spec.trust, &seen.spec.trust, |principal| !dead(principal)),
    };
    for (policy, document) in &mut spec.inline {
        if let Some(has) = seen.spec.inline.get(policy) {
            *document = key::policy::widened(document, has, |_| true);
        }
    }
}
