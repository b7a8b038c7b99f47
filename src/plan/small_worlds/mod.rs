//! The planner on every small world: from each stack to each other, in both orders of every tie, stopped
//! after every call and started again.

mod edges;
pub(crate) mod fixtures;

use std::collections::{BTreeMap, BTreeSet};

use fixtures::{alias, api, empty, function, key, log_group, nothing, permission, role};

use super::{Plan, PlanError, Rules, invariant, plan_by};
use crate::kinds::{Name, World, function::Version};
use crate::stack::desired::Desired;

const ROLES: [&str; 3] = ["a", "b", "c"];

/// What one stack of the small world may be.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// Role of the first function and whether callers reach it through an alias.
    first: Option<(&'static str, bool)>,
    /// Role of the second function.
    second: Option<&'static str>,
}

fn shapes() -> Vec<Shape> {
    let firsts = ROLES.iter().flat_map(|role| [Some((*role, false)), Some((*role, true))]).chain([None]);
    let seconds: Vec<Option<&str>> = ROLES.iter().map(|role| Some(*role)).chain([None]).collect();
    firsts.flat_map(|first| seconds.iter().map(move |second| Shape { first, second: *second })).collect()
}

/// The stack of a shape: two keys; each function with its log group; only the roles that are used; an API in
/// front of the first function.
fn stack(shape: Shape) -> Desired {
    let mut desired = empty();
    desired.keys = BTreeMap::from([("k1".into(), key()), ("k2".into(), key())]);
    let mut add = |name: &str, role_name: &str, uses: &[&str]| {
        desired.roles.insert(role_name.into(), role(role_name));
        desired.log_groups.insert(name.into(), log_group(name));
        desired.functions.insert(name.into(), function(name, role_name, uses));
    };
    if let Some((role, _)) = shape.first {
        add("first", role, &["k1"]);
    }
    if let Some(role) = shape.second {
        add("second", role, &["k1", "k2"]);
    }
    if let Some((_, aliased)) = shape.first {
        let first = desired.functions.get_mut(&Name::from("first")).unwrap();
        let live = aliased.then_some("live");
        if aliased {
            first.spec.aliases.insert("live".to_owned(), alias(Version::Latest));
        }
        first.spec.permissions.insert(format!("api-{aliased}"), permission("api", live));
        desired.apis.insert("api".into(), api("first"));
    }
    desired
}

/// A fault that the planner must not have.
#[derive(Debug)]
enum Fault {
    Planning(PlanError),
    Refused { step: usize, why: String },
    Gap { step: usize, gaps: Vec<invariant::Gap> },
    Unsettled(Plan),
}

/// Applies a plan step by step, and calls `between` after each.
fn apply(
    plan: &Plan,
    desired: &Desired,
    world: &mut World,
    mut between: impl FnMut(&World),
) -> Result<(), Fault> {
    world.role_arns.extend(desired.roles.values().map(|role| role.arn.clone()));
    for (index, step) in plan.steps().enumerate() {
        world.apply(&step.op).map_err(|refused| Fault::Refused { step: index, why: refused.to_string() })?;
        world.role_arns.extend(world.roles.values().map(|role| role.spec.arn.clone()));
        let gaps = invariant::gaps(desired, world);
        if !gaps.is_empty() {
            return Err(Fault::Gap { step: index, gaps });
        }
        between(world);
    }
    Ok(())
}

/// Goes to what is desired, and checks that nothing is left to do.
fn settle(desired: &Desired, world: &mut World, rules: Rules) -> Result<Vec<World>, Fault> {
    let mut passed = Vec::new();
    let plan = plan_by(desired, world, rules).map_err(Fault::Planning)?;
    apply(&plan, desired, world, |world| passed.push(world.clone()))?;
    let again = plan_by(desired, world, rules).map_err(Fault::Planning)?;
    if again.is_empty() { Ok(passed) } else { Err(Fault::Unsettled(again)) }
}

/// Goes from nothing to `from` and on to `to`, and from every world passed through on the way again to `to`,
/// as after a crash. Returns the number of crash points.
fn journey(from: &Desired, to: &Desired, rules: Rules) -> Result<usize, Fault> {
    let mut world = nothing();
    settle(from, &mut world, rules)?;
    let passed = settle(to, &mut world, rules)?;
    for crashed in &passed {
        let mut world = crashed.clone();
        settle(to, &mut world, rules)?;
    }
    Ok(passed.len())
}

const BOTH: [Rules; 2] = [Rules { without: None, reversed: false }, Rules { without: None, reversed: true }];

#[test]
fn every_small_world_reaches_every_other_without_a_gap() {
    let shapes = shapes();
    let mut points = 0;
    for from in &shapes {
        for to in &shapes {
            for rules in BOTH {
                points += journey(&stack(*from), &stack(*to), rules)
                    .unwrap_or_else(|fault| panic!("{from:?} -> {to:?}, {rules:?}: {fault:#?}"));
            }
        }
    }
    assert!(points > 9_000, "only {points} crash points: the worlds are too small");
}

#[test]
fn a_change_of_mind_after_a_crash_leaves_no_gap() {
    // Stopped anywhere between one stack and the next, the third is reached as safely.
    let shapes: Vec<Shape> = shapes().into_iter().filter(|shape| shape.second.is_none()).collect();
    let shapes = &shapes;
    for (from, to, other) in shapes
        .iter()
        .flat_map(|a| shapes.iter().flat_map(move |b| shapes.iter().map(move |c| (a, b, c))))
        .step_by(3)
    {
        let mut world = nothing();
        settle(&stack(*from), &mut world, BOTH[0]).unwrap();
        for crashed in settle(&stack(*to), &mut world, BOTH[1]).unwrap() {
            let mut world = crashed;
            settle(&stack(*other), &mut world, BOTH[0])
                .unwrap_or_else(|fault| panic!("{from:?} -> {to:?} -> {other:?}: {fault:#?}"));
        }
    }
}

#[test]
fn one_input_gives_one_plan() {
    let (from, to) = (shapes()[0], shapes()[9]);
    let mut world = nothing();
    settle(&stack(from), &mut world, BOTH[0]).unwrap();
    let plans: BTreeSet<String> = (0..3)
        .map(|_| serde_json::to_string(&plan_by(&stack(to), &world, BOTH[0]).unwrap()).unwrap())
        .collect();
    assert_eq!(plans.len(), 1);
}
