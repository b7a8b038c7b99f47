//! Runs a plan as it is, in one loop, and makes no decisions of its own.
//!
//! Steps whose predecessors are done run concurrently, within limits per service. After the first error no new step
//! starts; running steps are waited for. A gate that does not open stops the plan, and a failed probe triggers the
//! rollback that the plan contains. A gate protects only what works: a function that did not work before the first step
//! either is not moved back, but stays where the stack file wants it, and access that was added by hand is removed all
//! the same.

mod run;
mod schedule;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::aws::AwsError;
use crate::call::ProbeOutcome;
use crate::kinds::{Ids, Name, Op};
use crate::plan::{Gate, Phase, Rollback, Step};
use crate::stack::desired::Probe;

pub use run::run;

/// Carries out operations and probes.
pub trait Actor {
    /// Performs one operation, whose references are filled in, and returns the ids that are known afterwards.
    fn perform(&self, ids: &Ids, op: &Op) -> impl Future<Output = Result<Ids, AwsError>>;

    /// Probes one function until it works or the time of the probe is over.
    fn probe(&self, ids: &Ids, function: &Name, probe: &Probe) -> impl Future<Output = ProbeOutcome>;

    /// Returns whether one function works now: one successful probe within a short time is enough.
    fn works(&self, ids: &Ids, function: &Name, probe: &Probe) -> impl Future<Output = bool>;

    /// Waits until requests that began earlier have ended.
    fn drain(&self, time: Duration) -> impl Future<Output = ()>;

    /// Returns whether someone asked to stop. If so, no new step starts.
    fn interrupted(&self) -> bool;
}

/// An event of a run, for observers.
#[derive(Debug)]
pub enum Event<'a> {
    /// A phase begins.
    Phase(usize, &'a Phase),
    /// A step begins.
    Started(&'a Step),
    /// A step is done.
    Done(&'a Step, Duration),
    /// A step failed, or was no longer waited for.
    Failed(&'a Step, &'a AwsError),
    /// A gate begins.
    Gate(&'a Gate),
    /// A probe begins.
    Probing(&'a Name, &'a Probe),
    /// A probe ended.
    Probed(&'a Name, &'a ProbeOutcome),
    /// Requests under an old role are waited for.
    Draining(Duration),
    /// A function is moved back to its previous role.
    RollingBack(&'a Rollback),
}

/// The result of a run of a plan.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Steps that are done, by phase and place.
    pub done: Vec<(usize, usize)>,
    /// Steps that failed.
    pub failed: Vec<Failure>,
    /// Steps that were running when someone asked to stop, and whose effect was not seen.
    pub unseen: Vec<(usize, usize)>,
    /// Steps that were not started, by phase and place.
    pub remaining: Vec<(usize, usize)>,
    /// The probe that did not succeed, and the result of the rollback.
    pub unproved: Option<Unproved>,
    /// Whether someone asked to stop.
    pub interrupted: bool,
    /// The ids that are known at the end.
    pub ids: Ids,
}

/// A step that failed.
#[derive(Debug)]
pub struct Failure {
    /// Phase and place.
    pub step: (usize, usize),
    /// The error.
    pub error: AwsError,
}

/// A probe that did not succeed.
#[derive(Debug)]
pub struct Unproved {
    /// The function.
    pub function: Name,
    /// The result of the probe.
    pub outcome: ProbeOutcome,
    /// Whether the function did not work before the first step either. If so, nothing is moved back.
    pub before: bool,
    /// Functions that were moved back, each with the role that it runs under again.
    pub moved_back: Vec<(Name, String)>,
    /// Functions that could not be moved back.
    pub stuck: Vec<(Name, AwsError)>,
}

impl Outcome {
    /// Returns whether everything was done.
    pub fn is_complete(&self) -> bool {
        let Self { done: _, failed, unseen, remaining, unproved, interrupted, ids: _ } = self;
        let left = !failed.is_empty() || !unseen.is_empty() || !remaining.is_empty();
        !left && unproved.is_none() && !interrupted
    }
}
