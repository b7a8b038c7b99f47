//! The one loop of effects: runs a plan as it stands and decides nothing.
//!
//! Steps whose predecessors are done run at once, within bounds per service. After the first error no new
//! step starts; those that run are waited for. A gate that does not open stops the plan, and a failed probe
//! takes the way back that the plan holds. A gate protects what works: where a function did not work before the
//! first step either, it stays where the stack file wants it, and what was put on by hand is taken away all the same.

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

/// What carries out operations and probes.
pub trait Actor {
    /// Performs one operation, whose references are filled in, and returns the ids known since.
    fn perform(&self, ids: &Ids, op: &Op) -> impl Future<Output = Result<Ids, AwsError>>;

    /// Probes one function until it works or the probe's time is over.
    fn probe(&self, ids: &Ids, function: &Name, probe: &Probe) -> impl Future<Output = ProbeOutcome>;

    /// Returns whether one function works now: a probe that succeeds once is enough, within a short time.
    fn works(&self, ids: &Ids, function: &Name, probe: &Probe) -> impl Future<Output = bool>;

    /// Waits until requests that began before are over.
    fn drain(&self, time: Duration) -> impl Future<Output = ()>;

    /// Returns whether somebody asked to stop. No new step starts then.
    fn interrupted(&self) -> bool;
}

/// Something that happened, for those who watch.
#[derive(Debug)]
pub enum Event<'a> {
    /// A phase begins.
    Phase(usize, &'a Phase),
    /// A step begins.
    Started(&'a Step),
    /// A step is done.
    Done(&'a Step, Duration),
    /// A step failed, or was not waited for any longer.
    Failed(&'a Step, &'a AwsError),
    /// A gate begins.
    Gate(&'a Gate),
    /// A probe begins.
    Probing(&'a Name, &'a Probe),
    /// A probe ended.
    Probed(&'a Name, &'a ProbeOutcome),
    /// Requests under an old role are waited for.
    Draining(Duration),
    /// A function goes back to where it was.
    RollingBack(&'a Rollback),
}

/// How a run of a plan ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Steps that are done, by phase and place.
    pub done: Vec<(usize, usize)>,
    /// Steps that failed.
    pub failed: Vec<Failure>,
    /// Steps that were begun when somebody asked to stop, and whose effect was not seen.
    pub unseen: Vec<(usize, usize)>,
    /// Steps that were not begun, by phase and place.
    pub remaining: Vec<(usize, usize)>,
    /// The probe that did not succeed, and what became of the way back.
    pub unproved: Option<Unproved>,
    /// Whether somebody asked to stop.
    pub interrupted: bool,
    /// The ids known at the end.
    pub ids: Ids,
}

/// A step that failed.
#[derive(Debug)]
pub struct Failure {
    /// Phase and place.
    pub step: (usize, usize),
    /// Why.
    pub error: AwsError,
}

/// A probe that did not succeed.
#[derive(Debug)]
pub struct Unproved {
    /// The function.
    pub function: Name,
    /// What the probe saw.
    pub outcome: ProbeOutcome,
    /// Whether the function did not work before the first step either. Nothing is moved back then.
    pub before: bool,
    /// Functions that were moved back, with the role that they run under again.
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
