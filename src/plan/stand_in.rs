//! The way round for functions whose role was deleted and re-created: to a role that stands in for it, and back.
//!
//! Lambda gives a role access to the environment of a function by a grant to the id of the role, and makes that
//! grant when the role of the function changes, at no other time. A role re-created has another id, so the only
//! way to renew the grant is a swap there and back. Both are done as every swap is: nothing is taken away before
//! its replacement was seen working. A run that ends on the way leaves a function under a stand-in, which the
//! next run moves like any other.

use sha2::{Digest as _, Sha256};

use crate::kinds::{Kind, Name, ResourceId, Target, World, function, key, role};
use crate::stack::desired::{Desired, FunctionWant};

/// What a stand-in's name in the stack ends with. No name of a stack file has a `+`.
const SUFFIX: &str = "+stand-in";
/// Longest name of a role in IAM.
const LONGEST: usize = 64;

/// Returns the stack as it is on the way: functions that Lambda is cut off from run under stand-ins. `None`
/// where there are none.
pub fn detour(desired: &Desired, world: &World) -> Option<Desired> {
    let mut way = desired.clone();
    for (name, original) in &desired.roles {
        let (stand_in, spec) = stand_in(desired, name, original);
        let needs = |function: &Name, want: &FunctionWant| {
            let seen = world.functions.get(function);
            want.spec.config.role == original.arn
                && seen.is_some_and(|seen| is_needed(world, &want.spec, seen, &spec.arn))
        };
        let mut needed = false;
        for (_, want) in way.functions.iter_mut().filter(|(function, want)| needs(function, want)) {
            want.spec.config.role.clone_from(&spec.arn);
            needed = true;
        }
        if needed {
            way.roles.insert(stand_in, spec);
        }
    }
    (way.roles.len() > desired.roles.len()).then_some(way)
}

/// Tells whether a function has to take the way round. What a role outside of the stack may do is not known, so
/// nothing can stand in for it.
fn is_needed(world: &World, want: &function::Spec, seen: &function::Seen, stand_in: &str) -> bool {
    if seen.config.role == want.config.role {
        return world.is_cut_off(seen);
    }
    // A run ended before the aliases followed. They have to: back at its own role the function would be the same
    // as the version that they still route to, and Lambda publishes no version twice.
    let follows = |alias: &function::SeenAlias| {
        alias.versions().filter_map(|version| seen.versions.get(version)).all(|it| it.config.role == stand_in)
    };
    let wanted = want.aliases.iter().filter(|(_, alias)| alias.version == function::Version::Latest);
    let mut there = wanted.filter_map(|(alias, _)| seen.aliases.get(alias));
    seen.config.role == stand_in && there.any(|alias| !follows(alias))
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

/// A stand-in may do what its original may do, and no more.
fn stand_in(desired: &Desired, name: &Name, original: &role::Spec) -> (Name, role::Spec) {
    let stand_in = Name::new(format!("{name}{SUFFIX}"));
    let role_name = role_name(&desired.prefix(), &original.role_name);
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
    (stand_in, spec)
}

/// The prefix stays, for roles of a stack are found by it.
fn role_name(prefix: &str, original: &str) -> String {
    let whole = format!("{original}{SUFFIX}");
    if whole.len() <= LONGEST {
        return whole;
    }
    let digest = Sha256::digest(original);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    // What no name of a stack file can be, however little room the prefix leaves.
    let mut short: String = format!("{prefix}+{hex}");
    short.truncate(LONGEST);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_and_stays_in_the_stack() {
        assert_eq!(role_name("s-e-", "s-e-a"), "s-e-a+stand-in");
        let (one, other) = (format!("s-e-{}", "a".repeat(60)), format!("s-e-{}", "b".repeat(60)));
        let short = role_name("s-e-", &one);
        assert_eq!(short.len(), LONGEST);
        assert!(short.starts_with("s-e-+"));
        assert_ne!(short, role_name("s-e-", &other));
    }
}
