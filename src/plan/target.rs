//! The worlds that a plan goes to: the widened one on the way, and the one that the stack wants.

use std::collections::{BTreeMap, BTreeSet};

use super::access;
use crate::access::{Change, PolicyDocument, PolicyKind, Principal, Statement, compare};
use crate::kinds::{Kind, Name, Target, World, key, role};
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
    if world.ids.is_empty() {
        return target;
    }
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

/// Lets whoever uses a key by an alias go on when the alias moves to this one: the roles that functions run
/// under may do here, until they are moved, what they may do there.
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

/// Returns whether a key policy may name a principal. Of principals outside the stack nothing is known, so
/// they are taken to exist.
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

/// Returns whether an ARN is that of a role by the stack's naming, which the caller knows not to exist: all of
/// them were listed.
fn gone_role(arn: &str, desired: &Desired) -> bool {
    arn.rsplit_once('/').is_some_and(|(_, role)| role.starts_with(&desired.prefix()))
}

/// Policies keep what they allow, the trust policy too; attached policies and a missing boundary stay, for
/// taking them away is no step to a widened world.
fn keep_permissions(partition: &str, spec: &mut role::Spec, seen: &role::Seen) {
    let dead = |principal: &Principal| matches!(principal, Principal::UniqueId(_));
    // A role that was put in the place of ours brings nothing along: whom it trusts was never agreed to.
    if !seen.is_tagged() {
        return;
    }
    let covers_all = matches!(
        compare(&seen.spec.trust, &spec.trust, PolicyKind::Trust { partition }).1,
        Change::None | Change::Narrows
    );
    // A trust policy that only has too much stays as it is until the last phase.
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
