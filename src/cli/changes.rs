//! Shows a plan, asks, runs it, and reports how it ended: the same for apply, bootstrap and destroy.

use std::collections::BTreeMap;
use std::time::Instant;

use lockstep::apply::{self, Outcome};
use lockstep::aws::Archives;
use lockstep::kinds::{Action, Name, World};
use lockstep::plan::prove::Proof;
use lockstep::plan::{Plan, original};
use lockstep::report::plan::Style;
use lockstep::report::{self, AccessLine, Paint, PlanView};
use lockstep::stack::desired::Desired;

use super::Context;
use super::actor::AwsActor;
use super::confirm::confirm;
use super::error::CliError;
use super::exit::Exit;
use super::progress::Progress;
use super::session::{Proved, Session};
use super::signals::Stop;

/// A plan with what it was made from.
pub struct Change<'a> {
    /// The stack and its AWS.
    pub session: &'a Session,
    /// The desired state: that of the session, or an empty one for a removal.
    pub desired: &'a Desired,
    /// The observed state.
    pub world: &'a World,
    /// The plan.
    pub plan: Plan,
    /// The access that functions have once the plan is applied.
    pub proved: Proved,
}

/// Formats a proof for people.
fn line(desired: &Desired, proof: &Proof) -> AccessLine {
    let Proof { function, role, key, actions, decision, statements, unknowns: _ } = proof.clone();
    let role = desired.role_by_arn(&role).cloned().unwrap_or_else(|| Name::new(role));
    AccessLine { function, role, key, actions, decision, statements }
}

impl<'a> Change<'a> {
    /// Plans, and proves the claims of the stack about access.
    ///
    /// # Errors
    ///
    /// Everything that blocks the plan, and every claim that is not proved.
    pub async fn plan(
        context: &Context,
        session: &'a Session,
        wanted: (&'a Desired, &'a World),
    ) -> Result<Self, CliError> {
        let (desired, world) = wanted;
        let plan = session.plan(context, desired, world)?;
        let proved = session.prove(context, (desired, world), &plan).await?;
        Ok(Self { session, desired, world, plan, proved })
    }

    /// Renders the plan for people.
    pub fn text(&self, context: &Context) -> String {
        let paint = Paint { colour: context.output.colour };
        report::plan::text(&self.document(), Style { paint, verbose: context.global.verbose })
    }

    /// Renders the plan for programs.
    pub fn json(&self) -> serde_json::Value {
        serde_json::to_value(self.document()).unwrap_or_default()
    }

    fn document(&self) -> report::plan::Document {
        let Self { session: _, desired, world, plan, proved: Proved { uses, unproved } } = self;
        let access: Vec<AccessLine> = uses.iter().map(|proof| line(desired, proof)).collect();
        report::plan::document(&PlanView {
            desired,
            world,
            plan,
            access: &access,
            unproved: unproved.as_ref(),
        })
    }

    /// Refuses to delete resources in a protected environment that are not named.
    ///
    /// # Errors
    ///
    /// Everything that would be deleted and is not among `named`, at once.
    pub fn check_protection(&self, named: &[String]) -> Result<(), CliError> {
        let deletes = |action| matches!(action, Action::Delete | Action::Replace);
        let actions = self.plan.actions().into_iter();
        // Temporary resources that lockstep itself created for a repair need no protection.
        let deleted = actions
            .filter(|(resource, action)| deletes(*action) && original(&resource.name).is_none())
            .map(|(resource, _)| resource.to_string());
        let unnamed: Vec<String> = deleted.filter(|resource| !named.contains(resource)).collect();
        if !self.session.desired.protect || unnamed.is_empty() {
            return Ok(());
        }
        let env = &self.session.desired.env;
        let flags: Vec<String> = unnamed.iter().map(|resource| format!("--delete {resource}")).collect();
        let list = unnamed.join(", ");
        Err(CliError::failed(format!("the environment `{env}` is protected, and the plan deletes {list}"))
            .hint(format!("if you mean it: lockstep apply {}", flags.join(" "))))
    }

    /// Asks whether to go on.
    ///
    /// # Errors
    ///
    /// There is no terminal to ask on, or the answer is no.
    pub fn approve(&self, auto: bool) -> Result<(), CliError> {
        if auto || self.plan.is_empty() {
            return Ok(());
        }
        let question = format!("Change {}/{} as shown?", self.desired.stack, self.desired.env);
        if confirm(&question)? { Ok(()) } else { Err(CliError::failed("not approved; nothing was changed")) }
    }

    /// Runs the plan and returns the exit code.
    ///
    /// # Errors
    ///
    /// The HTTP client cannot be created; nothing was changed.
    pub async fn run(&self, context: &Context, archives: Archives, stop: &Stop) -> Result<Exit, CliError> {
        let actor = AwsActor::new(self, archives, stop)?;
        let begun = Instant::now();
        let progress = Progress::new(context.output);
        let ids = self.world.ids.clone();
        let outcome = apply::run(&actor, &self.plan, ids, &mut |event| progress.event(&event)).await;
        drop(progress);
        if outcome.is_complete() {
            let summary = report::Summary::of(&self.plan);
            context.output.result(&summary.applied(begun.elapsed()));
            return Ok(Exit::Success);
        }
        let lost = stop.lost();
        context.output.note(&self.incomplete(&outcome, lost.as_deref()));
        Ok(if outcome.interrupted && lost.is_none() { Exit::Interrupted } else { Exit::Error })
    }

    /// Describes which steps are done, which are not, and how to continue.
    fn incomplete(&self, outcome: &Outcome, lost: Option<&str>) -> String {
        let mut lines = Vec::new();
        let step = |(phase, place): &(usize, usize)| {
            self.plan
                .phases
                .get(*phase)
                .and_then(|phase| phase.steps.get(*place))
                .map(report::progress::doing)
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
        lines
            .push(format!("{done} {} completed, {left} remaining", if done == 1 { "step" } else { "steps" }));
        lines.extend(outcome.unseen.iter().filter_map(step).map(|what| format!("  outcome unknown: {what}")));
        let mut remaining: BTreeMap<String, usize> = BTreeMap::new();
        for what in outcome.remaining.iter().filter_map(step) {
            *remaining.entry(what).or_default() += 1;
        }
        lines.extend(remaining.keys().map(|what| format!("  remaining: {what}")));
        lines.push("Running the same command again continues from here.".to_owned());
        lines.join("\n")
    }
}
