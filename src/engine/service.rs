//! AWS as the service that a plan is applied to.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Change, Engine, EngineError, Stop};
use crate::apply::Actor;
use crate::aws::AwsError;
use crate::call::{self, CallError, Http, ProbeFailure, ProbeOutcome};
use crate::kinds::aws::Archives;
use crate::kinds::secret::{HIDDEN, is_secret};
use crate::kinds::{Expected, Ids, Name, Op, World};
use crate::stack::desired::Probe;

/// Seconds for which a function is tried before the first step, to know whether it works.
const LOOK: u32 = 10;

/// AWS, with everything that performing the operations of one plan takes.
pub struct AwsService<'a> {
    engine: &'a Engine,
    archives: Archives,
    http: Http,
    stop: &'a Stop,
    /// The state of AWS if nobody else changes it; `None` once that is unknown.
    world: Mutex<Option<World>>,
    /// Values that must not appear in any message, the longest first.
    secrets: Vec<String>,
}

impl<'a> AwsService<'a> {
    /// Prepares AWS for a plan.
    ///
    /// # Errors
    ///
    /// There is no HTTP client.
    pub fn new(
        engine: &'a Engine,
        change: &Change<'_>,
        archives: Archives,
        stop: &'a Stop,
    ) -> Result<Self, EngineError> {
        let mut world = change.world.clone();
        world.role_arns.extend(change.desired.roles.values().map(|role| role.arn.clone()));
        let world = Mutex::new(Some(world));
        Ok(Self { engine, archives, http: Http::new()?, stop, world, secrets: secrets(change) })
    }

    fn world(&self) -> MutexGuard<'_, Option<World>> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lists the secrets in the variables of functions and stages, both in AWS and in the stack.
fn secrets(change: &Change<'_>) -> Vec<String> {
    let Change { desired, world, .. } = change;
    let wanted = desired.functions.values().map(|want| &want.spec.config.env);
    let seen = world.functions.values().map(|seen| &seen.config.env);
    let stages = desired.apis.values().map(|api| &api.stage.variables);
    let variables = wanted.chain(seen).chain(stages).flatten();
    // Shorter values occur in messages by chance.
    let named = variables.filter(|(name, value)| is_secret(name) && value.len() > 3);
    let mut secrets: Vec<String> = named.map(|(_, value)| value.clone()).collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

impl Actor for AwsService<'_> {
    async fn perform(&self, ids: &Ids, op: &Op) -> Result<Ids, AwsError> {
        let expected = self.world().as_ref().map_or(Expected::Anything, |world| world.expected(op));
        let result = tokio::select! {
            result = crate::kinds::aws::perform(&self.engine.aws, ids, (op, &expected), &self.archives) => result,
            // A call that hangs is not waited for; the next run finds out its effect.
            () = self.stop.grace() => Err(AwsError::halted("waiting for an answer of AWS")),
        };
        let mut world = self.world();
        if result.is_ok() && world.as_mut().is_some_and(|world| world.apply(op).is_err()) {
            *world = None;
        }
        drop(world);
        result.map_err(|error| error.without(&self.secrets, HIDDEN))
    }

    async fn probe(&self, ids: &Ids, function: &Name, probe: &Probe) -> ProbeOutcome {
        let Some(want) = self.engine.desired.functions.get(function) else {
            return not_sent(&CallError::NotDeployed { api: function.clone() });
        };
        let caller = self.engine.api_caller(&self.http, ids);
        tokio::select! {
            result = call::run(probe, want, &caller) => result.unwrap_or_else(|error| not_sent(&error)),
            () = self.stop.wait() => ProbeOutcome { succeeded: false, attempts: 0, successes: 0, failure: None },
        }
    }

    async fn works(&self, ids: &Ids, function: &Name, probe: &Probe) -> bool {
        let once = Probe { successes: 1, timeout: probe.timeout.min(LOOK), ..probe.clone() };
        self.probe(ids, function, &once).await.succeeded
    }

    async fn drain(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.stop.wait() => {}
        }
    }

    fn interrupted(&self) -> bool {
        self.stop.is_set()
    }
}

/// Describes a probe that could not be sent.
fn not_sent(error: &CallError) -> ProbeOutcome {
    let failure = ProbeFailure {
        request: "the probe".to_owned(),
        reason: format!("could not be sent: {error}"),
        status: None,
        excerpt: None,
        request_id: None,
        hint: error.hint(),
    };
    ProbeOutcome { succeeded: false, attempts: 0, successes: 0, failure: Some(failure) }
}
