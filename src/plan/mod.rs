//! Plans the way from the state of AWS to the state in the stack: the steps, their order, and the conditions to wait
//! for.
//!
//! A plan passes through a widened world, in which every principal that has access keeps it, and new principals have
//! access too. The plan takes access away only after that world was seen working.

pub mod access;
pub mod checks;
pub mod claims;
mod gate;
pub mod invariant;
mod order;
pub mod parity;
pub mod prove;
mod repair;
pub mod saved;
mod settle;
mod stand_in;
mod target;

#[cfg(test)]
pub(crate) mod small_worlds;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::kinds::{Action, Change, Edge, Op, Refused, ResourceId, Target, World, world};
use crate::stack::desired::Desired;

pub use access::AccessChange;
pub use checks::Blocked;
pub use gate::{Gate, Rollback};
pub use stand_in::{original, remedy as renewal};
pub use target::{final_target, widened};

/// The phases that lead from one world to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The phases, executed one after the other.
    pub phases: Vec<Phase>,
}

/// Steps that may run concurrently as far as their order allows, and the conditions to wait for after them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// The purpose of the phase.
    pub purpose: Purpose,
    /// The conditions that must hold before the first step: the world that the earlier phases produced works.
    pub gate: Option<Gate>,
    /// The steps, in an order in which they can run.
    pub steps: Vec<Step>,
    /// The conditions that must hold after the last step.
    pub proof: Option<Gate>,
    /// The steps, by index, that remove permissions that neither the stack file grants nor any function relies on. They
    /// do not require a working function, because a gate protects only what works.
    pub cleanup: BTreeSet<usize>,
}

/// The purpose of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Creates everything that the stack wants and AWS lacks, and takes nothing away.
    Widen,
    /// Moves functions back from temporary roles to their own.
    Return,
    /// Takes away what the stack no longer wants.
    Narrow,
}

/// One ordered step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The resource.
    pub resource: ResourceId,
    /// The action that is displayed for it.
    pub action: Action,
    /// The operation.
    pub op: Op,
    /// The steps of the same phase, by index, that this one waits for, with the reason.
    pub after: BTreeMap<usize, Edge>,
    /// The fields that it changes.
    pub changes: Vec<Change>,
    /// The principals that gain and lose access to a key.
    pub access: Vec<AccessChange>,
}

impl Plan {
    /// Returns whether there are no steps.
    pub fn is_empty(&self) -> bool {
        self.phases.is_empty()
    }

    /// Returns all steps in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.phases.iter().flat_map(|phase| &phase.steps)
    }

    /// Returns the action for each resource that changes.
    pub fn actions(&self) -> BTreeMap<&ResourceId, Action> {
        let mut actions = BTreeMap::new();
        for step in self.steps() {
            // A resource that is created is shown as created, whatever else is done to it.
            let action = actions.entry(&step.resource).or_insert(step.action);
            *action = match (*action, step.action) {
                (before, Action::Update) => before,
                (Action::Create | Action::Replace, Action::Delete) => Action::Replace,
                (_, now) => now,
            };
        }
        actions
    }
}

/// The rules for ordering steps; everything but the default is for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// Leaves out every edge of one kind.
    pub without: Option<Edge>,
    /// The order of steps that do not wait for each other.
    pub ties: Ties,
}

/// The rule that breaks ties between steps.
#[derive(Clone, Copy, Debug, Default)]
pub enum Ties {
    /// In the order in which the steps were found.
    #[default]
    AsFound,
    /// In the reverse order.
    Reversed,
    /// In one of many other orders, always the same for the same seed.
    Shuffled(u64),
}

/// The reason that there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Problems that must be fixed first, in the stack file or in AWS.
    #[error("the plan is blocked by {} {}", .0.len(), if .0.len() == 1 { "problem" } else { "problems" })]
    Blocked(Vec<Blocked>),
    /// The planner produced a step that AWS would refuse.
    #[error("the plan contradicts a rule of AWS")]
    Refused(#[source] Refused),
    /// The planner produced steps that wait for each other.
    #[error("the steps wait for each other: {0}")]
    Cycle(String),
}

/// Plans the steps from `world` to the desired stack.
///
/// # Errors
///
/// [`PlanError::Blocked`] lists all problems that must be fixed first.
pub fn plan(desired: &Desired, world: &World) -> Result<Plan, PlanError> {
    plan_by(desired, world, Rules::default())
}

/// Plans with other ordering rules.
///
/// # Errors
///
/// As [`plan`].
pub fn plan_by(desired: &Desired, world: &World, rules: Rules) -> Result<Plan, PlanError> {
    let mut present = world.clone();
    present.role_arns.extend(desired.roles.values().map(|role| role.arn.clone()));
    let last = final_target(desired, &present);
    let temporary = stand_in::detour(desired, &last, &present);
    let (way, wide) = match &temporary {
        None => (desired, widened(desired, &last, &present)),
        Some(way) => (way, stand_in::widened(way, &last, &present)),
    };
    let blocked = checks::blocked(desired, &present, &wide);
    if !blocked.is_empty() {
        return Err(PlanError::Blocked(blocked));
    }

    let there = WideningPart::new(way, (present, true), &wide, rules)?;
    let back = match &temporary {
        None => None,
        Some(_) => {
            let wide = widened(desired, &last, &there.end);
            Some(WideningPart::new(desired, (there.end.clone(), false), &wide, rules)?)
        }
    };
    let mut between = back.as_ref().unwrap_or(&there).end.clone();
    let mut drafts = world::steps(&last, &between);
    // All remaining steps take something away, including a final key policy.
    drafts.iter_mut().for_each(|draft| draft.narrows = true);
    let narrow = order::steps(desired, &between, drafts, rules)?;
    for step in &narrow {
        between.apply(&step.op).map_err(PlanError::Refused)?;
    }
    let parts: Vec<WideningPart<'_>> = std::iter::once(there).chain(back).collect();
    Ok(Plan { phases: phases(parts, narrow) })
}

/// A part of a plan that takes nothing away.
struct WideningPart<'a> {
    desired: &'a Desired,
    /// `true` if its start was observed; the start of a second part is the predicted end of the first.
    seen: bool,
    start: World,
    steps: Vec<Step>,
    end: World,
}

impl<'a> WideningPart<'a> {
    fn new(
        desired: &'a Desired,
        (start, seen): (World, bool),
        wide: &Target,
        rules: Rules,
    ) -> Result<Self, PlanError> {
        let mut drafts = world::steps(wide, &start);
        repair::denials_first(desired, &start, &mut drafts);
        drafts.retain(|draft| !draft.narrows);
        settle::before_moves(desired, &start, wide, &mut drafts);
        let steps = order::steps(desired, &start, drafts, rules)?;
        let mut end = start.clone();
        for step in &steps {
            end.apply(&step.op).map_err(PlanError::Refused)?;
        }
        Ok(Self { desired, seen, start, steps, end })
    }

    fn gate_context<'b>(&'b self, touched: &'b BTreeSet<ResourceId>) -> gate::GateContext<'b> {
        gate::GateContext { desired: self.desired, world: &self.start, seen: self.seen, touched }
    }

    /// Returns the gates after this part, before the steps in `narrow` take anything away.
    fn gates(&self, narrow: &[Step], drain: u32) -> gate::Gates {
        let touched = self.steps.iter().chain(narrow).map(|step| step.resource.clone()).collect();
        gate::gates(&self.gate_context(&touched), (&self.steps, narrow), drain)
    }
}

/// Returns the world that a plan leads to.
///
/// # Errors
///
/// [`PlanError::Refused`] for a plan that was not made for this world.
pub fn after(plan: &Plan, desired: &Desired, world: &World) -> Result<World, PlanError> {
    let mut world = world.clone();
    world.role_arns.extend(desired.roles.values().map(|role| role.arn.clone()));
    for step in plan.steps() {
        world.apply(&step.op).map_err(PlanError::Refused)?;
    }
    Ok(world)
}

fn phases(parts: Vec<WideningPart<'_>>, narrow: Vec<Step>) -> Vec<Phase> {
    let mut phases = Vec::new();
    let mut gate = None;
    let purposes = [Purpose::Widen, Purpose::Return];
    // The drain covers the roles that a function runs under at the start as well as those in between.
    let drains = parts.iter().map(|part| gate::drain(&part.gate_context(&BTreeSet::new()), &narrow));
    let drain = drains.max().unwrap_or_default();
    let cleanup = parts.first().map(|part| gate::cleanup(&part.start, &narrow)).unwrap_or_default();
    let count = parts.len();
    for (index, (part, purpose)) in parts.into_iter().zip(purposes).enumerate() {
        let is_last = index + 1 == count;
        let gates = if is_last { part.gates(&narrow, drain) } else { part.gates(&[], 0) };
        let proof = if is_last && narrow.is_empty() { gates.proof } else { None };
        let before = std::mem::replace(&mut gate, gates.before_narrowing);
        if !part.steps.is_empty() {
            let cleanup = BTreeSet::new();
            phases.push(Phase { purpose, gate: before, steps: part.steps, proof, cleanup });
        }
    }
    if !narrow.is_empty() {
        phases.push(Phase { purpose: Purpose::Narrow, gate, steps: narrow, proof: None, cleanup });
    }
    phases
}
