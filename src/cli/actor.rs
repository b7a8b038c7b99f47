//! Carries out plans against AWS.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lockstep::apply::Actor;
use lockstep::aws::{self, Archives, AwsError};
use lockstep::build;
use lockstep::call::{self, CallError, Caller, Http, ProbeFailure, ProbeOutcome};
use lockstep::kinds::{Expected, Ids, Name, Op, World, function};
use lockstep::plan::Plan;
use lockstep::report;
use lockstep::stack::desired::Probe;

use super::Context;
use super::changes::Change;
use super::error::CliError;
use super::session::{Session, build_options};
use super::signals::Stop;

/// Seconds for which a function is probed before the first step, to find out whether it works.
const LOOK: u32 = 10;

/// Carries out the steps and probes of `apply` against AWS.
pub struct AwsActor<'a> {
    session: &'a Session,
    archives: Archives,
    http: Http,
    stop: &'a Stop,
    /// The current state of AWS if nobody else changes it; `None` once that state is unknown.
    world: Mutex<Option<World>>,
    /// Values that no message may contain, the longest first.
    secrets: Vec<String>,
}

impl<'a> AwsActor<'a> {
    /// Creates the actor for a plan.
    ///
    /// # Errors
    ///
    /// The HTTP client cannot be created.
    pub fn new(change: &Change<'a>, archives: Archives, stop: &'a Stop) -> Result<Self, CliError> {
        let mut world = change.world.clone();
        world.role_arns.extend(change.desired.roles.values().map(|role| role.arn.clone()));
        let world = Mutex::new(Some(world));
        let secrets = secrets(change);
        Ok(Self { session: change.session, archives, http: Http::new()?, stop, world, secrets })
    }
}

/// Lists the secrets in the variables of functions and stages, with their current and wanted values.
fn secrets(change: &Change<'_>) -> Vec<String> {
    let Change { desired, world, .. } = change;
    let wanted = desired.functions.values().map(|want| &want.spec.config.env);
    let there = world.functions.values().map(|seen| &seen.config.env);
    let stages = desired.apis.values().map(|api| &api.stage.variables);
    let variables = wanted.chain(there).chain(stages).flatten();
    // Shorter values occur in every other message by chance.
    let named = variables.filter(|(name, value)| report::is_secret(name) && value.len() > 3);
    let mut secrets: Vec<String> = named.map(|(_, value)| value.clone()).collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

impl Actor for AwsActor<'_> {
    async fn perform(&self, ids: &Ids, op: &Op) -> Result<Ids, AwsError> {
        let expected = self.world().as_ref().map_or(Expected::Anything, |world| world.expected(op));
        let result = tokio::select! {
            result = aws::perform(&self.session.aws, ids, (op, &expected), &self.archives) => result,
            // A hanging call is not waited for; the next run finds out its outcome.
            () = self.stop.grace() => Err(AwsError::halted("waiting for an answer of AWS")),
        };
        let mut world = self.world();
        if result.is_ok() && world.as_mut().is_some_and(|world| world.apply(op).is_err()) {
            *world = None;
        }
        drop(world);
        result.map_err(|error| error.without(&self.secrets, report::HIDDEN))
    }

    async fn probe(&self, ids: &Ids, function: &Name, probe: &Probe) -> ProbeOutcome {
        let Some(want) = self.session.desired.functions.get(function) else {
            return never(&CallError::NotDeployed { api: function.clone() });
        };
        let caller = caller(self.session, &self.http, ids);
        tokio::select! {
            result = call::run(probe, want, &caller) => result.unwrap_or_else(|error| never(&error)),
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
        self.stop.asked()
    }
}

impl AwsActor<'_> {
    fn world(&self) -> MutexGuard<'_, Option<World>> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the outcome of a probe that could not even be tried.
fn never(error: &CallError) -> ProbeOutcome {
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

/// Returns a caller for the APIs and functions of the stack.
pub fn caller<'a>(session: &'a Session, http: &'a Http, ids: &'a Ids) -> Caller<'a> {
    Caller {
        kms: &session.aws.read.kms,
        lambda: &session.aws.read.lambda,
        http,
        desired: &session.desired,
        ids,
        subject: &session.caller,
        now: seconds,
    }
}

/// Returns the seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "tokens carry the time at which they are minted")]
fn seconds() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map(|since| since.as_secs()).unwrap_or_default()
}

/// Builds the archives of the functions whose code a plan uploads.
///
/// # Errors
///
/// The first build that fails.
pub async fn archives(context: &Context, session: &Session, plan: &Plan) -> Result<Archives, CliError> {
    let uploads: BTreeSet<&Name> = plan
        .steps()
        .filter_map(|step| match &step.op {
            Op::Function { name, op: function::Op::Create { .. } | function::Op::UpdateCode { .. } } => {
                Some(name)
            }
            _ => None,
        })
        .collect();
    let mut archives = Archives::new();
    // One after the other: cargo uses all cores by itself, and two builds would wait for the same lock.
    for name in uploads {
        let Some(want) = session.desired.functions.get(name).cloned() else { continue };
        context.output.note(&format!("building functions.{name}"));
        let (root, options, output) =
            (session.file.root.clone(), build_options(context, &session.aws), context.output);
        let verbose = context.global.verbose;
        let job = tokio::task::spawn_blocking(move || {
            build::archive(&want, &root, &options, &|line| {
                if verbose || line.trim_start().starts_with("Compiling") {
                    output.note(&format!("  {line}"));
                }
            })
        });
        let zip = job.await.map_err(|error| CliError::failed("the build stopped").because(error))??;
        archives.insert(name.clone(), Arc::from(zip));
    }
    Ok(archives)
}
