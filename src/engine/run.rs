//! Applies a stack under the lock of its environment: take the lock, read once, plan, ask, build, apply, release.

use std::time::{Duration, Instant};

use super::{AwsService, Change, Engine, EngineError, Event, HeldLock, LockPlace, Stop};
use crate::apply::{self, Outcome};
use crate::kinds::World;
use crate::plan::Plan;
use crate::stack::desired::Desired;

/// Sees what happens in a run, and approves what is done.
pub trait Supervisor: Sync {
    /// The error of the program.
    type Error: From<EngineError>;

    /// Takes note of something that happened.
    fn event(&self, event: Event<'_>);

    /// Checks what was read, before anything is planned.
    fn check(&self, world: &World) -> impl Future<Output = Result<(), Self::Error>>;

    /// Returns whether a plan is applied. It is asked for empty plans, too.
    fn approve(&self, change: &Change<'_>) -> impl Future<Output = Result<bool, Self::Error>>;
}

/// The options of one run.
#[derive(Clone, Copy, Debug)]
pub struct ApplyOptions<'a> {
    /// What is wanted: the stack, or nothing for a removal.
    pub desired: &'a Desired,
    /// The command, for those who wait for the lock.
    pub verb: &'a str,
    /// The longest time to wait for the lock; `None` to go on without a lock.
    pub lock_timeout: Option<Duration>,
    /// The address of the pipeline's run that this process is part of.
    pub pipeline: Option<&'a str>,
    /// Whether the plan is applied although not everything is proved.
    pub allow_unproved: bool,
    /// Whether the environment no longer exists afterwards.
    pub removes: bool,
}

/// The result of a run.
#[derive(Debug)]
pub struct Applied {
    /// What was observed before.
    pub world: World,
    /// The plan.
    pub plan: Plan,
    /// How the plan ended; `None` if it was not applied.
    pub outcome: Option<Outcome>,
    /// The time that applying it took.
    pub time: Duration,
}

impl Engine {
    /// Applies a stack: takes the lock, reads AWS once, plans, asks, builds, applies, and releases the lock.
    ///
    /// # Errors
    ///
    /// Everything that stops the run before the first change. After it, errors are part of the outcome.
    pub async fn apply<S: Supervisor>(
        &self,
        options: ApplyOptions<'_>,
        stop: &Stop,
        supervisor: &S,
    ) -> Result<Applied, S::Error> {
        let Some(patience) = options.lock_timeout else {
            return self.apply_locked(options, stop, supervisor).await;
        };
        let ApplyOptions { verb, pipeline, .. } = options;
        let place = LockPlace { stack: &self.desired.stack, env: &self.desired.env, verb, pipeline };
        let watch = |event: Event<'_>| supervisor.event(event);
        let lock = HeldLock::take(self.aws.clone(), place, patience, (stop, &watch)).await?;
        let applied = self.apply_locked(options, stop, supervisor).await;
        let complete = |applied: &Applied| applied.outcome.as_ref().is_some_and(Outcome::is_complete);
        let remove = options.removes && applied.as_ref().is_ok_and(complete);
        if !lock.release(remove).await {
            supervisor.event(Event::LockNotReleased);
        }
        applied
    }

    async fn apply_locked<S: Supervisor>(
        &self,
        options: ApplyOptions<'_>,
        stop: &Stop,
        supervisor: &S,
    ) -> Result<Applied, S::Error> {
        let begun = Instant::now();
        let world = stop.unless_set(self.observe()).await?;
        supervisor.event(Event::Observed(&world, begun.elapsed()));
        stop.unless_set(supervisor.check(&world)).await?;
        let change = stop.unless_set(self.plan(options.desired, &world)).await?;
        if !change.proof.findings.is_empty() && !options.allow_unproved {
            return Err(EngineError::Unproved(change.proof.findings).into());
        }
        if !stop.unless_set(supervisor.approve(&change)).await? {
            let plan = change.plan;
            return Ok(Applied { world, plan, outcome: None, time: Duration::ZERO });
        }
        let archives = stop.unless_set(self.archives(&change.plan, supervisor)).await?;
        let service = AwsService::new(self, &change, archives, stop)?;
        let begun = Instant::now();
        let ids = world.ids.clone();
        let mut watch = |event: apply::Event<'_>| supervisor.event(Event::Apply(event));
        let outcome = apply::run(&service, &change.plan, ids, &mut watch).await;
        drop(service);
        let plan = change.plan;
        Ok(Applied { world, plan, outcome: Some(outcome), time: begun.elapsed() })
    }
}
