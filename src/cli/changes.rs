//! Shows a plan, asks, applies it, and reports how it ended: the same for apply, bootstrap and destroy.

use std::collections::BTreeMap;
use std::sync::Mutex;

use lockstep::apply::Outcome;
use lockstep::engine::{Applied, ApplyOptions, Change, Event, Supervisor};
use lockstep::kinds::{Action, Name, World};
use lockstep::lock::{self, EXPIRY};
use lockstep::plan::prove::Proof;
use lockstep::plan::{Plan, original};
use lockstep::report::plan::{Style, Unproved};
use lockstep::report::{self, AccessLine, Paint, PlanView};
use lockstep::stack::desired::Desired;

use super::Context;
use super::confirm::confirm;
use super::error::CliError;
use super::exit::Exit;
use super::lock::LockOptions;
use super::progress::Progress;
use super::saved::Saved;
use super::session::{Session, observed};
use super::signals;

/// A plan as people and programs see it.
pub struct View<'a> {
    context: &'a Context,
    /// The plan.
    pub change: &'a Change<'a>,
}

/// Describes a proof for people.
fn line(desired: &Desired, proof: &Proof) -> AccessLine {
    let Proof { function, role, key, actions, decision, statements, unknowns: _ } = proof.clone();
    let role = desired.role_by_arn(&role).cloned().unwrap_or_else(|| Name::new(role));
    AccessLine { function, role, key, actions, decision, statements }
}

impl<'a> View<'a> {
    /// Shows a plan by the settings of the command.
    pub const fn new(context: &'a Context, change: &'a Change<'a>) -> Self {
        Self { context, change }
    }

    /// Renders the plan for people.
    pub fn text(&self) -> String {
        let paint = Paint { colour: self.context.output.colour };
        report::plan::text(&self.document(), Style { paint, verbose: self.context.global.verbose })
    }

    /// Renders the plan for programs.
    pub fn json(&self) -> serde_json::Value {
        serde_json::to_value(self.document()).unwrap_or_default()
    }

    /// Returns what is not proved, and the reason for which the plan may be applied all the same.
    pub fn unproved(&self) -> Option<Unproved> {
        let findings = self.change.proof.findings.clone();
        let reason = self.context.global.allow_unproved.clone().filter(|_| !findings.is_empty())?;
        Some(Unproved { reason, findings })
    }

    /// Refuses a plan of which not everything is proved, unless that is allowed with a reason.
    ///
    /// # Errors
    ///
    /// Everything that is not proved.
    pub fn check_proof(&self) -> Result<(), CliError> {
        let findings = &self.change.proof.findings;
        if findings.is_empty() || self.context.global.allow_unproved.is_some() {
            return Ok(());
        }
        Err(lockstep::engine::EngineError::Unproved(findings.clone()).into())
    }

    fn document(&self) -> report::plan::Document {
        let Change { desired, world, plan, proof } = self.change;
        let access: Vec<AccessLine> = proof.uses.iter().map(|proof| line(desired, proof)).collect();
        let unproved = self.unproved();
        report::plan::document(&PlanView {
            desired,
            world,
            plan,
            access: &access,
            unproved: unproved.as_ref(),
        })
    }
}

/// One run of a command that changes something.
pub struct Run<'a> {
    /// The context of the command.
    pub context: &'a Context,
    /// The stack and its AWS.
    pub session: &'a Session,
    /// What is wanted: that of the session, or nothing for a removal.
    pub desired: &'a Desired,
    /// The command, for those who wait for the lock.
    pub verb: &'static str,
    /// The options of the lock.
    pub lock: &'a LockOptions,
    /// Whether nobody is asked.
    pub auto: bool,
    /// The plan that is applied exactly, or not at all.
    pub saved: Option<&'a Saved>,
    /// The resources that may be deleted in a protected environment; `None` where all may.
    pub named: Option<&'a [String]>,
    /// Whether the environment no longer exists afterwards.
    pub removes: bool,
}

impl Run<'_> {
    /// Plans, asks and applies under the lock of the environment, and reports how it ended.
    ///
    /// # Errors
    ///
    /// Everything that stops the run before the first change.
    pub async fn apply(&self) -> Result<(Exit, World), CliError> {
        let Self { context, session, desired, verb, lock, removes, .. } = *self;
        let stop = signals::listen(context.output, session.engine.aws.clone())?;
        let pipeline = context.environment.pipeline();
        let options = ApplyOptions {
            desired,
            verb,
            lock_timeout: lock.patience(),
            pipeline: pipeline.as_deref(),
            allow_unproved: context.global.allow_unproved.is_some(),
            removes,
        };
        let watched = Watched { run: self, progress: Mutex::default() };
        let applied = session.engine.apply(options, &stop, &watched).await?;
        drop(watched);
        let Applied { world, plan, outcome, time } = applied;
        let Some(outcome) = outcome else { return Ok((Exit::Success, world)) };
        if outcome.is_complete() {
            context.output.result(&report::Summary::of(&plan).applied(time));
            return Ok((Exit::Success, world));
        }
        let lost = stop.lost_lock();
        context.output.note(&incomplete(&plan, &outcome, lost.as_deref()));
        let exit = if outcome.interrupted && lost.is_none() { Exit::Interrupted } else { Exit::Error };
        Ok((exit, world))
    }

    /// Refuses to delete in a protected environment what is not named.
    fn check_protection(&self, plan: &Plan) -> Result<(), CliError> {
        let Some(named) = self.named.filter(|_| self.desired.protect) else { return Ok(()) };
        let deletes = |action| matches!(action, Action::Delete | Action::Replace);
        let actions = plan.actions().into_iter();
        // Temporary roles, which lockstep itself created for a repair, need no approval.
        let deleted = actions
            .filter(|(resource, action)| deletes(*action) && original(&resource.name).is_none())
            .map(|(resource, _)| resource.to_string());
        let unnamed: Vec<String> = deleted.filter(|resource| !named.contains(resource)).collect();
        if unnamed.is_empty() {
            return Ok(());
        }
        let env = &self.desired.env;
        let flags: Vec<String> = unnamed.iter().map(|resource| format!("--delete {resource}")).collect();
        let list = unnamed.join(", ");
        Err(CliError::failed(format!("the environment `{env}` is protected, and the plan deletes {list}"))
            .hint(format!("if you mean it: lockstep apply {}", flags.join(" "))))
    }
}

/// A run with its progress.
struct Watched<'a> {
    run: &'a Run<'a>,
    progress: Mutex<Option<Progress>>,
}

impl Supervisor for Watched<'_> {
    type Error = CliError;

    fn event(&self, event: Event<'_>) {
        let Run { context, session, desired, .. } = self.run;
        let note = |text: String| context.output.note(&text);
        match event {
            Event::Building(name) => note(format!("building functions.{name}")),
            Event::BuildOutput(line) => {
                if context.global.verbose || line.trim_start().starts_with("Compiling") {
                    note(format!("  {line}"));
                }
            }
            Event::WaitingForLock { holder, silent, patience } => note(format!(
                "waiting up to {} for the lock of {}/{}, which is held\n{}",
                lock::span(patience),
                desired.stack,
                desired.env,
                lock::describe(holder, silent)
            )),
            Event::TakingOver(dead) => note(format!(
                "taking over the lock of a run that is gone: lockstep {} by {} on {}, process {}",
                dead.verb, dead.who, dead.host, dead.pid
            )),
            Event::LockNotReleased => note(format!(
                "warning: failed to release the lock; it expires {} after its last heartbeat",
                lock::span(EXPIRY)
            )),
            Event::Observed(world, time) => observed(context, &session.engine, (world, time)),
            Event::Apply(event) => {
                let mut progress = self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                progress.get_or_insert_with(|| Progress::new(context.output)).event(&event);
            }
        }
    }

    async fn check(&self, world: &World) -> Result<(), CliError> {
        let Run { session, desired, saved, .. } = self.run;
        match saved {
            Some(saved) => saved.check_base(session, desired, world).await,
            None => Ok(()),
        }
    }

    async fn approve(&self, change: &Change<'_>) -> Result<bool, CliError> {
        let Run { context, session, desired, saved, auto, .. } = self.run;
        let view = View::new(context, change);
        match saved {
            // The plan was shown when it was saved.
            Some(saved) => saved.check_plan(&session.engine, &view)?,
            None => context.output.result(&view.text()),
        }
        if change.plan.is_empty() {
            return Ok(false);
        }
        self.run.check_protection(&change.plan)?;
        let question = format!("Change {}/{} as shown?", desired.stack, desired.env);
        if *auto || confirm(question).await? {
            Ok(true)
        } else {
            Err(CliError::failed("not approved; nothing was changed"))
        }
    }
}

/// Describes which steps are done, which are not, and how to continue.
fn incomplete(plan: &Plan, outcome: &Outcome, lost: Option<&str>) -> String {
    let mut lines = Vec::new();
    let step = |(phase, place): &(usize, usize)| {
        plan.phases.get(*phase).and_then(|phase| phase.steps.get(*place)).map(report::progress::doing)
    };
    for failure in &outcome.failed {
        let what = step(&failure.step).unwrap_or_default();
        lines.push(format!("error: {what}: {}", failure.error));
        lines.extend(failure.error.hint().map(|hint| format!("  help: {hint}")));
    }
    if let Some(unproved) = &outcome.unproved {
        let function = &unproved.function;
        lines.push(format!("error: functions.{function} does not work after the change"));
        if unproved.before {
            lines.push(format!(
                "  it did not work before the first step either, so nothing was moved back; what was put on by hand \
                 was taken away, and the rest waits until functions.{function} works"
            ));
        }
        if let Some(failure) = &unproved.outcome.failure {
            lines.push(format!("  last answer: {failure}"));
            lines.extend(failure.hint.iter().map(|hint| format!("  help: {hint}")));
        }
        for (function, role) in &unproved.moved_back {
            lines.push(format!(
                "  functions.{function} was moved back to {role}; both roles are still allowed by the key policies"
            ));
        }
        for (function, error) in &unproved.stuck {
            lines.push(format!("  functions.{function} could not be moved back: {error}"));
        }
    }
    match lost {
        Some(what) => lines.push(format!("error: {what}")),
        None if outcome.interrupted => lines.push("stopped as asked".to_owned()),
        None => {}
    }
    let done = outcome.done.len();
    let left = outcome.remaining.len() + outcome.failed.len() + outcome.unseen.len();
    lines.push(format!("{done} {} completed, {left} remaining", if done == 1 { "step" } else { "steps" }));
    lines.extend(outcome.unseen.iter().filter_map(step).map(|what| format!("  outcome unknown: {what}")));
    let mut remaining: BTreeMap<String, usize> = BTreeMap::new();
    for what in outcome.remaining.iter().filter_map(step) {
        *remaining.entry(what).or_default() += 1;
    }
    lines.extend(remaining.keys().map(|what| format!("  remaining: {what}")));
    lines.push("Running the same command again continues from here.".to_owned());
    lines.join("\n")
}
