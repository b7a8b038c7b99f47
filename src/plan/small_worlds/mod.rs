//! Tests the planner on every small world: from each stack to every other, in both orders of every tie, stopped after
//! every call and started again.

mod edges;
pub(crate) mod fixtures;
mod flaws;
mod questions;
mod rich;
mod scenarios;
mod stand_ins;

use std::collections::{BTreeMap, BTreeSet};

use fixtures::{alias, empty, nothing, permission};
use flaws::{Flaw, ProofInput, left_dead, lost};

use super::{Plan, PlanError, Purpose, Rules, Ties, plan_by};
use crate::kinds::{Name, Op, World, api, domain, function, function::Version, key, log_group, role};
use crate::stack::desired::Desired;

const ROLES: [&str; 3] = ["a", "b", "c"];

/// The shape of one stack of the small world.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// Role of the first function, and `true` if callers reach it through an alias.
    first: Option<(&'static str, bool)>,
    /// Role of the second function.
    second: Option<&'static str>,
}

fn shapes() -> Vec<Shape> {
    let firsts = ROLES.iter().flat_map(|role| [Some((*role, false)), Some((*role, true))]).chain([None]);
    let seconds: Vec<Option<&str>> = ROLES.iter().map(|role| Some(*role)).chain([None]).collect();
    firsts.flat_map(|first| seconds.iter().map(move |second| Shape { first, second: *second })).collect()
}

/// Returns the stack of a shape: two keys, each function with its log group, only the roles that are used, and an API
/// in front of the first function.
fn stack(shape: Shape) -> Desired {
    let mut desired = empty();
    desired.keys = BTreeMap::from([("k1".into(), fixtures::key()), ("k2".into(), fixtures::key())]);
    let mut add = |name: &str, role_name: &str, uses: &[&str]| {
        desired.roles.insert(role_name.into(), fixtures::role(role_name));
        desired.log_groups.insert(name.into(), fixtures::log_group(name));
        desired.functions.insert(name.into(), fixtures::function(name, role_name, uses));
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
        desired.apis.insert("api".into(), fixtures::api(if aliased { "first:live" } else { "first" }));
    }
    desired
}

/// A fault that the planner must not have.
#[derive(Debug)]
#[expect(dead_code, reason = "failing tests show it")]
enum Fault {
    Planning(PlanError),
    Step(Box<Op>, Wrong),
    Unsettled(Plan),
    WrongMarks(Name),
}

/// The fault of a step.
#[derive(Debug)]
#[expect(dead_code, reason = "failing tests show it")]
enum Wrong {
    /// AWS refuses it.
    Refused(String),
    /// It causes a flaw that was not there before.
    Flawed(BTreeSet<Flaw>),
    /// It takes something away before the replacement was seen working.
    Lost(Vec<String>),
    /// It deletes a role while these keys name it, so its bare ID stays in their policies.
    LeftDead(Vec<Name>),
    /// It creates something in the narrowing phase, when everything should be in place already.
    Late,
    /// It creates a deployment of a different tree than the one that it is named after.
    Snapshot,
}

/// Applies a plan step by step, and returns the world after each step.
fn apply(plan: &Plan, course: &ProofInput<'_>, start: &World) -> Result<Vec<World>, Fault> {
    let mut passed: Vec<World> = Vec::new();
    let mut flaws = course.flaws(start);
    for step in ops(plan) {
        let world = pass(course, passed.last().unwrap_or(start), &mut flaws, step);
        passed.push(world.map_err(|wrong| Fault::Step(Box::new(step.1.clone()), wrong))?);
    }
    Ok(passed)
}

/// Applies one step. `flaws` holds the flaws of the world before and is replaced by those of the world after.
fn pass(
    course: &ProofInput<'_>,
    before: &World,
    flaws: &mut BTreeSet<Flaw>,
    (purpose, op): (Purpose, &Op),
) -> Result<World, Wrong> {
    let mut world = before.clone();
    world.apply(op).map_err(|refused| Wrong::Refused(refused.reason))?;
    let had = std::mem::replace(flaws, course.flaws(&world));
    let new: BTreeSet<Flaw> = flaws.difference(&had).cloned().collect();
    if !new.is_empty() {
        return Err(Wrong::Flawed(new));
    }
    let lost = if purpose != Purpose::Narrow { lost(before, &world) } else { Vec::new() };
    if !lost.is_empty() {
        return Err(Wrong::Lost(lost));
    }
    let dead = left_dead(before, op);
    if !dead.is_empty() {
        return Err(Wrong::LeftDead(dead));
    }
    if purpose == Purpose::Narrow && !takes_away(op) {
        return Err(Wrong::Late);
    }
    if let Op::Api { name, op: api::Op::Deploy { .. } } = op {
        let deployed = world.apis.get(name).map(|api| (&api.parts, &api.settings));
        if deployed != course.to.apis.get(name).map(|want| (&want.parts, &want.settings)) {
            return Err(Wrong::Snapshot);
        }
    }
    Ok(world)
}

/// Returns whether an operation may wait until everything that the stack wants is in place.
fn takes_away(op: &Op) -> bool {
    match op {
        Op::Key { op, .. } => matches!(
            op,
            key::Op::PutPolicy { .. }
                | key::Op::Disable
                | key::Op::DeleteAlias { .. }
                | key::Op::ScheduleDeletion { .. }
        ),
        Op::Role { op, .. } => {
            !matches!(op, role::Op::Create { .. } | role::Op::Attach { .. } | role::Op::DeleteBoundary)
        }
        Op::LogGroup { op, .. } => matches!(op, log_group::Op::Delete),
        Op::Function { op, .. } => matches!(
            op,
            function::Op::Delete | function::Op::DeleteAlias { .. } | function::Op::RemovePermission { .. }
        ),
        Op::Api { op, .. } => matches!(
            op,
            api::Op::Delete
                | api::Op::DeleteStage { .. }
                | api::Op::RemoveUsagePlan { .. }
                | api::Op::RemoveApiKey { .. }
        ),
        Op::Domain { op, .. } => matches!(op, domain::Op::Unmap { .. } | domain::Op::Delete),
    }
}

fn ops(plan: &Plan) -> Vec<(Purpose, &Op)> {
    plan.phases.iter().flat_map(|phase| phase.steps.iter().map(|step| (phase.purpose, &step.op))).collect()
}

/// Checks that nothing is left to do, and that the marks are correct.
fn check_settled(desired: &Desired, world: &World, rules: Rules) -> Result<(), Fault> {
    let again = plan_by(desired, world, rules).map_err(Fault::Planning)?;
    if !again.is_empty() {
        return Err(Fault::Unsettled(again));
    }
    let unmarked = desired.functions.iter().find(|(name, want)| {
        world.functions.get(*name).is_none_or(|seen| {
            let role = world.roles.values().find(|role| role.spec.arn == want.spec.config.role);
            let marked = seen.marks.role.as_ref().map(|role| &role.id) == role.map(|role| &role.role_id);
            // If there was no grant to lose, the mark keeps the evidence in case the grant is needed later.
            let lost = world.has_lost_role(seen) && !want.spec.config.is_encrypted();
            seen.marks.source.as_ref() != Some(&want.spec.code.source) || !(marked || lost)
        })
    });
    unmarked.map_or(Ok(()), |(name, _)| Err(Fault::WrongMarks(name.clone())))
}

/// Applies a plan to the target stack, and returns the worlds that it passes through.
fn settle(course: &ProofInput<'_>, start: &World, rules: Rules) -> Result<Vec<World>, Fault> {
    let plan = plan_by(course.to, start, rules).map_err(Fault::Planning)?;
    let passed = apply(&plan, course, start)?;
    check_settled(course.to, passed.last().unwrap_or(start), rules)?;
    Ok(passed)
}

/// Returns the world of a stack that was created from nothing.
fn made(desired: &Desired) -> World {
    let course = ProofInput { to: desired, before: Vec::new() };
    settle(&course, &nothing(), BOTH[0]).unwrap().pop().unwrap_or_default()
}

/// Applies a plan to the target stack, and plans again from every world on the way, as after a crash. Returns the
/// worlds that the plan passes through.
fn journey(course: &ProofInput<'_>, start: &World, rules: Rules) -> Result<Vec<World>, Fault> {
    let plan = plan_by(course.to, start, rules).map_err(Fault::Planning)?;
    let passed = apply(&plan, course, start)?;
    check_settled(course.to, passed.last().unwrap_or(start), rules)?;
    let all = ops(&plan);
    for (crashed, done) in passed.iter().zip(1..all.len()) {
        let again = plan_by(course.to, crashed, rules).map_err(Fault::Planning)?;
        // The rest of the same plan has been checked already.
        if ops(&again) != all[done..] {
            let passed = apply(&again, course, crashed)?;
            check_settled(course.to, passed.last().unwrap_or(crashed), rules)?;
        }
    }
    Ok(passed)
}

const BOTH: [Rules; 2] =
    [Rules { without: None, ties: Ties::AsFound }, Rules { without: None, ties: Ties::Reversed }];

#[test]
fn every_small_world_reaches_every_other_without_a_gap() {
    let stacks: Vec<(Shape, Desired)> = shapes().into_iter().map(|shape| (shape, stack(shape))).collect();
    let from = |(shape, from): &(Shape, Desired)| {
        let start = made(from);
        let ways = stacks.iter().flat_map(|to| BOTH.map(|rules| (to, rules)));
        let points = ways.map(|((to_shape, to), rules)| {
            journey(&ProofInput::new(from, to), &start, rules)
                .unwrap_or_else(|fault| panic!("{shape:?} -> {to_shape:?}, {rules:?}: {fault:#?}"))
                .len()
        });
        points.sum::<usize>()
    };
    let points: usize = std::thread::scope(|scope| {
        let (some, others) = stacks.split_at(stacks.len() / 2);
        let some = scope.spawn(|| some.iter().map(from).sum::<usize>());
        others.iter().map(from).sum::<usize>() + some.join().unwrap()
    });
    assert!(points > 9_000, "only {points} crash points: the worlds are too small");
}

#[test]
fn a_change_of_mind_after_a_crash_leaves_no_gap() {
    // A run that stopped anywhere between the first and the second stack can still reach the third safely.
    let shapes: Vec<Shape> = shapes().into_iter().filter(|shape| shape.second.is_none()).collect();
    let shapes = &shapes;
    for (from, to, other) in shapes
        .iter()
        .flat_map(|a| shapes.iter().flat_map(move |b| shapes.iter().map(move |c| (a, b, c))))
        .step_by(3)
    {
        let [first, second, third] = [from, to, other].map(|shape| stack(*shape));
        for crashed in settle(&ProofInput::new(&first, &second), &made(&first), BOTH[1]).unwrap() {
            let course = ProofInput { to: &third, before: vec![&second, &first] };
            settle(&course, &crashed, BOTH[0])
                .unwrap_or_else(|fault| panic!("{from:?} -> {to:?} -> {other:?}: {fault:#?}"));
        }
    }
}

#[test]
fn one_input_gives_one_plan() {
    let (from, to) = (shapes()[0], shapes()[9]);
    let world = made(&stack(from));
    let plans: BTreeSet<String> = (0..3)
        .map(|_| serde_json::to_string(&plan_by(&stack(to), &world, BOTH[0]).unwrap()).unwrap())
        .collect();
    assert_eq!(plans.len(), 1);
}
