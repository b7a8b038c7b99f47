//! The way round for functions whose role was deleted and re-created: to a role that stands in for it, and back.
//!
//! Lambda gives a role access to the environment of a function by a grant to the id of the role, and makes that
//! grant when the role of the function changes, at no other time. A role that was re-created has another id, so
//! the only way to renew the grant is a swap there and back. Both are done as every swap is: nothing is taken
//! away before its replacement was seen working. A run that ends on the way leaves a function under a stand-in,
//! which the next run moves like any other.

use crate::access::{Clause, Effect, PolicyDocument, Principal, Statement};
use crate::kinds::role::stand_in_name;
use crate::kinds::{Kind, Name, ResourceId, Target, World, function, key, role};
use crate::stack::desired::{Desired, FunctionWant};

/// What a stand-in's name in the stack ends with. No name of a stack file has a `+`.
const SUFFIX: &str = "+stand-in";

/// Returns the stack as it is on the way: functions that Lambda is cut off from run under stand-ins. `None`
/// where there are none.
pub fn detour(desired: &Desired, world: &World) -> Option<Desired> {
    let mut way = desired.clone();
    for (name, original) in &desired.roles {
        let Some((stand_in, spec)) = stand_in(desired, name, original) else { continue };
        let mut needed = false;
        for (function, want) in &desired.functions {
            let Some(seen) = world.functions.get(function) else { continue };
            let goes = want.spec.config.role == original.arn
                && is_needed(world, &want.spec, seen, &spec.arn)
                && obstacle(desired, world, function).is_none();
            if let Some(on_the_way) = way.functions.get_mut(function).filter(|_| goes) {
                on_the_way.spec.config.role.clone_from(&spec.arn);
                needed = true;
            }
        }
        if needed {
            let (original, stand_in_arn) = (original.arn.as_str(), spec.arn.as_str());
            way.roles.insert(stand_in, spec.clone());
            let keys = way.keys.values_mut().map(|key| &mut key.spec.policy);
            let trusts = way.roles.values_mut().map(|role| &mut role.trust);
            keys.chain(trusts).for_each(|policy| let_in(policy, original, stand_in_arn));
        }
    }
    (way.roles.len() > desired.roles.len()).then_some(way)
}

/// Tells whether a function has to take the way round. What a role outside of the stack may do is not known, so
/// nothing can stand in for it.
fn is_needed(world: &World, want: &function::Spec, seen: &function::Seen, stand_in: &str) -> bool {
    if seen.config.role == want.config.role {
        // An environment that comes now finds the grant as dead as one that is there.
        return world.is_cut_off(seen) || (want.config.is_encrypted() && world.has_lost_role(seen));
    }
    // The aliases have to follow. Back at its own role the function would be the same as the version that they
    // still route to, and Lambda publishes no version twice.
    let lags = |alias: &function::SeenAlias| {
        alias.versions().filter_map(|version| seen.versions.get(version)).any(|version| {
            let same_again =
                version.config == want.config && version.config.is_encrypted() && mark_is_dead(world, seen);
            if seen.config.role == stand_in { version.config.role != stand_in } else { same_again }
        })
    };
    let wanted = want.aliases.iter().filter(|(_, alias)| alias.version == function::Version::Latest);
    let mut there = wanted.filter_map(|(alias, _)| seen.aliases.get(alias));
    there.any(lags)
}

/// Tells whether the role that was recorded last is known to exist no more.
fn mark_is_dead(world: &World, seen: &function::Seen) -> bool {
    let hidden = world.hidden().any(|(listing, _)| listing.kind == Kind::Role);
    let recorded = seen.marks.role.as_ref();
    recorded.is_some_and(|recorded| !hidden && !world.roles.values().any(|role| role.role_id == recorded.id))
}

/// Says why a function cannot take the way round, in words that follow `because`.
pub fn obstacle(desired: &Desired, world: &World, function: &Name) -> Option<String> {
    let (want, seen) = (desired.functions.get(function)?, world.functions.get(function)?);
    let role = &want.spec.config.role;
    let Some(name) = desired.role_by_arn(role) else {
        return Some(
            "its role is not part of the stack, so what may stand in for it is not known".to_owned(),
        );
    };
    let original = desired.roles.get(name)?;
    if stand_in(desired, name, original).is_none() {
        return Some(format!("the name of roles.{name} leaves no room for that of another role"));
    }
    if let Some((alias, version)) = pinned(want, seen, role) {
        return Some(format!(
            "the alias {alias} routes to version {version}, which keeps the grant that it was published with: let the \
             alias follow `latest`"
        ));
    }
    let denying = desired.keys.iter().find(|(_, key)| denies(&key.spec.policy, original));
    denying.map(|(key, _)| {
        format!("a statement of keys.{key} denies something by the name of {name}, and would not bind another role")
    })
}

/// Finds an alias that stays with a version under a role.
fn pinned<'a>(want: &'a FunctionWant, seen: &function::Seen, role: &str) -> Option<(&'a str, &'a str)> {
    want.spec.aliases.iter().find_map(|(alias, target)| {
        let fixed = match &target.version {
            function::Version::Number(number) => Some(number),
            function::Version::Latest => None,
        };
        let mut fixed = fixed.into_iter().chain(target.additional.iter().map(|(version, _)| version));
        let under = |version: &&String| seen.versions.get(*version).is_some_and(|it| it.config.role == role);
        fixed.find(under).map(|version| (alias.as_str(), version.as_str()))
    })
}

fn denies(policy: &PolicyDocument, original: &role::Spec) -> bool {
    let denials = policy.statements().iter().filter(|statement| statement.effect == Effect::Deny);
    let denials = PolicyDocument::new(denials.cloned());
    denials.to_json().contains(original.role_name.as_str())
}

/// Adds the stand-in wherever its original is let in.
fn let_in(policy: &mut PolicyDocument, original: &str, stand_in: &str) {
    let original = Principal::Arn(original.to_owned());
    let named = |statement: &Statement| {
        statement.effect == Effect::Allow
            && matches!(&statement.principals, Clause::Is(principals) if principals.contains(&original))
    };
    if !policy.statements().iter().any(named) {
        return;
    }
    let statements = policy.statements().iter().map(|statement| {
        let mut statement = statement.clone();
        if named(&statement)
            && let Clause::Is(principals) = &mut statement.principals
        {
            principals.insert(Principal::Arn(stand_in.to_owned()));
        }
        statement
    });
    let mut wider = PolicyDocument::new(statements.collect::<Vec<_>>());
    wider.version = policy.version;
    wider.id.clone_from(&policy.id);
    *policy = wider;
}

/// Lets the roles of the stack keep, or get back, what they may do while others stand in for them.
pub fn keep_originals(wide: &mut Target, last: &Target) {
    for (name, spec) in &mut wide.keys {
        if let Some(last) = last.keys.get(name) {
            spec.policy = key::policy::widened(&spec.policy, &last.policy, |_| true);
        }
    }
}

/// Returns the role that a stand-in stands in for, by its name in the stack.
pub fn original(name: &Name) -> Option<&str> {
    name.as_str().strip_suffix(SUFFIX)
}

/// A stand-in may do what its original may do, and no more. `None` where there is no room for its name.
fn stand_in(desired: &Desired, name: &Name, original: &role::Spec) -> Option<(Name, role::Spec)> {
    let stand_in = Name::new(format!("{name}{SUFFIX}"));
    let role_name = stand_in_name(&desired.prefix(), &original.role_name)?;
    let folder = original.arn.strip_suffix(original.role_name.as_str()).unwrap_or_default();
    let mut tags = original.tags.clone();
    tags.extend(desired.identity_tags(&ResourceId::new(Kind::Role, &stand_in)));
    let spec = role::Spec {
        arn: format!("{folder}{role_name}"),
        role_name,
        description: format!("Stands in for {name} while the grant of Lambda is renewed"),
        tags,
        ..original.clone()
    };
    Some((stand_in, spec))
}
