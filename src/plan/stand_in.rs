//! The detour for functions whose role was deleted and re-created: to a temporary role, and back.
//!
//! Lambda gives a role access to the environment of a function by a grant to the ID of the role, and creates that grant
//! only when the role of the function changes. A re-created role has another ID, so the only way to renew the grant is
//! to change to another role and back. Both changes are made like every change of a role: nothing is taken away before
//! its replacement was seen working. A run that ends halfway leaves a function under a temporary role, and the next run
//! moves it like any other.

use super::target;
use crate::access::{Clause, Effect, PolicyDocument, Principal, Statement};
use crate::kinds::role::{STAND_IN, stand_in_name};
use crate::kinds::{Kind, Name, ResourceId, Target, World, function, key, role};
use crate::stack::desired::{Desired, FunctionWant};

/// Returns the stack as it is on the way to `last`, in which functions that Lambda is cut off from run under temporary
/// roles. `None` if there are none.
pub fn detour(desired: &Desired, last: &Target, world: &World) -> Option<Desired> {
    let mut detour = None;
    for (name, original) in &desired.roles {
        let Some((stand_in, spec)) = stand_in(desired, name, original) else { continue };
        let goes = |(function, want): &(&Name, &function::Spec)| {
            let Some(seen) = world.functions.get(*function) else { return false };
            // An obstacle that would prevent a function from starting the detour does not prevent it from finishing it.
            want.config.role == original.arn
                && is_needed(world, want, seen, &spec.arn)
                && (seen.config.role == spec.arn || obstacle(desired, world, function).is_none())
        };
        let going: Vec<&Name> = last.functions.iter().filter(goes).map(|(function, _)| function).collect();
        if going.is_empty() {
            continue;
        }
        let way = detour.get_or_insert_with(|| desired.clone());
        for (_, want) in way.functions.iter_mut().filter(|(function, _)| going.contains(function)) {
            want.spec.config.role.clone_from(&spec.arn);
        }
        let arn = spec.arn.clone();
        way.roles.insert(stand_in, spec);
        let keys = way.keys.values_mut().map(|key| &mut key.spec.policy);
        let trusts = way.roles.values_mut().map(|role| &mut role.trust);
        keys.chain(trusts).for_each(|policy| let_in(policy, &original.arn, &arn));
    }
    detour
}

/// Returns whether a function needs the detour.
fn is_needed(world: &World, want: &function::Spec, seen: &function::Seen, stand_in: &str) -> bool {
    if seen.config.role == want.config.role {
        // A newly added environment would find the grant as dead as an existing one does.
        return world.is_cut_off(seen) || (want.config.is_encrypted() && world.has_lost_role(seen));
    }
    // The aliases have to move to the temporary role too. Back under its own role, the function would be identical to
    // the version that they still route to, and Lambda publishes no version twice.
    let lags = |alias: &function::SeenAlias| {
        alias.versions().filter_map(|version| seen.versions.get(version)).any(|version| {
            let dead = seen.marks.role.as_ref().is_some_and(|mark| world.is_dead(mark));
            let same_again = version.config == want.config && version.config.is_encrypted() && dead;
            if seen.config.role == stand_in { version.config.role != stand_in } else { same_again }
        })
    };
    let wanted = want.aliases.iter().filter(|(_, alias)| alias.version == function::Version::Latest);
    let mut there = wanted.filter_map(|(alias, _)| seen.aliases.get(alias));
    there.any(lags)
}

/// Returns the way to renew Lambda's grant for a function, in one line.
pub fn remedy(desired: &Desired, world: &World, function: &Name) -> String {
    match obstacle(desired, world, function) {
        None => "lockstep apply moves it to a role that stands in, and back: only that renews Lambda's grant"
            .to_owned(),
        Some(Obstacle { why, by_hand: true }) => format!(
            "set another role on it, publish a version, and set this one again, for only that renews Lambda's grant; \
             lockstep does not, because {why}"
        ),
        Some(Obstacle { why, by_hand: false }) => why,
    }
}

/// The reason that a function cannot take the detour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The remedy if `by_hand` is false, otherwise a reason to follow `because`.
    pub why: String,
    /// `true` if the grant can still be renewed by hand.
    pub by_hand: bool,
}

/// Finds the obstacle that prevents a function from taking the detour.
pub fn obstacle(desired: &Desired, world: &World, function: &Name) -> Option<Obstacle> {
    let (want, seen) = (desired.functions.get(function)?, world.functions.get(function)?);
    let name = desired.role_by_arn(&want.spec.config.role)?;
    let original = desired.roles.get(name)?;
    if let Some(why) = pinned(want, seen, &original.arn) {
        return Some(Obstacle { why, by_hand: false });
    }
    let why = if stand_in(desired, name, original).is_none() {
        format!("the name of roles.{name} leaves no room for that of another role")
    } else {
        let keys = desired.keys.iter().map(|(key, want)| (format!("keys.{key}"), &want.spec.policy));
        let trusts = desired.roles.iter().map(|(role, spec)| (format!("roles.{role}"), &spec.trust));
        let (place, _) = keys.chain(trusts).find(|(_, policy)| denies(policy, &original.arn))?;
        format!(
            "a statement of {place} denies something by the name of a role, and would not bind another one"
        )
    };
    Some(Obstacle { why, by_hand: true })
}

/// Finds an alias that stays on a version under a role, and returns the remedy.
fn pinned(want: &FunctionWant, seen: &function::Seen, role: &str) -> Option<String> {
    let under = |version: &str| seen.versions.get(version).is_some_and(|it| it.config.role == role);
    want.spec.aliases.iter().find_map(|(alias, target)| match (&target.version, &target.additional) {
        (function::Version::Number(number), _) if under(number) => Some(format!(
            "the alias {alias} routes to version {number}, which keeps the grant that it was published with: let it \
             follow `latest`"
        )),
        (_, Some((number, _))) if under(number) => Some(format!(
            "the alias {alias} sends a share to version {number}, which keeps the grant that it was published with: \
             take the share out"
        )),
        _ => None,
    })
}

/// Returns whether a policy denies something to a role by its ARN, or by a condition on the caller's ARN or user ID.
fn denies(policy: &PolicyDocument, original: &str) -> bool {
    let original = Principal::Arn(original.to_owned());
    policy.statements().iter().filter(|statement| statement.effect == Effect::Deny).any(|statement| {
        let named = match &statement.principals {
            Clause::Is(principals) | Clause::IsNot(principals) => principals.contains(&original),
            Clause::Absent => false,
        };
        let text = PolicyDocument::new([statement.clone()]).to_json().to_ascii_lowercase();
        named || ["aws:principalarn", "aws:userid"].iter().any(|key| text.contains(key))
    })
}

/// Adds the temporary role to every statement that allows something to its original by name.
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

/// Returns the widened world on the detour, in which the roles of the stack keep or regain their permissions while
/// temporary roles are in use.
pub fn widened(way: &Desired, last: &Target, world: &World) -> Target {
    let mut wide = target::widened(way, &target::final_target(way, world), world);
    for (name, spec) in &mut wide.keys {
        if let Some(last) = last.keys.get(name) {
            spec.policy = key::policy::widened(&spec.policy, &last.policy, |_| true);
        }
    }
    wide
}

/// Returns whether an ARN is that of a temporary role for a role of the stack.
pub fn is_stand_in(desired: &Desired, arn: &str) -> bool {
    desired.roles.iter().any(|(name, original)| {
        stand_in(desired, name, original).is_some_and(|(_, stand_in)| stand_in.arn == arn)
    })
}

/// Returns the role that a temporary role replaces, by its name in the stack.
pub fn original(name: &Name) -> Option<&str> {
    name.as_str().strip_suffix(STAND_IN)
}

/// Returns the temporary role, which has exactly the permissions of its original. `None` if there is no room for its
/// name.
fn stand_in(desired: &Desired, name: &Name, original: &role::Spec) -> Option<(Name, role::Spec)> {
    let stand_in = Name::new(format!("{name}{STAND_IN}"));
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
