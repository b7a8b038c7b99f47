//! Saved plans as files, and the errors of plans that no longer fit.

use std::io::Read as _;
use std::path::Path;

use lockstep::engine::{Change, Engine};
use lockstep::kinds::World;
use lockstep::plan::saved::{self, Made, Moved, Unreadable};
use lockstep::report::plan::Unproved;
use lockstep::stack::desired::Desired;

use super::attribution::attributed;
use super::changes::View;
use super::error::CliError;
use super::session::Session;

/// Maximum number of bytes that are read of a file, which may have no end: the largest plan has a few megabytes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// A plan in a file.
#[derive(Debug)]
pub struct Saved(saved::Saved);

impl Saved {
    /// Creates a saved plan from a plan and the state that it was made from.
    pub fn new(engine: &Engine, view: &View<'_>, destroy: bool) -> Self {
        Self(saved::Saved::new(made(engine, view, (&view.json(), view.unproved().as_ref())), destroy))
    }

    /// Returns the environment that the plan is for.
    pub fn env(&self) -> &str {
        self.0.env()
    }

    /// Returns whether the plan removes everything.
    pub const fn destroys(&self) -> bool {
        self.0.destroys()
    }

    /// Returns the reason for which the plan may be applied although not everything is proved.
    pub fn allow_unproved(&self) -> Option<&str> {
        self.0.allow_unproved()
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), CliError> {
        let failed = || CliError::failed(format!("the plan cannot be saved as `{}`", path.display()));
        let text = self.0.text().map_err(|error| failed().because(error))?;
        std::fs::write(path, text).map_err(|error| failed().because(error))
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is not a saved plan, or has another major version.
    pub fn read(path: &Path) -> Result<Self, CliError> {
        let shown = path.display();
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text))
            .map_err(|error| CliError::usage(format!("the plan `{shown}` cannot be read")).because(error))?;
        let saved = saved::Saved::parse(&text).map_err(|error| {
            let hint = match error {
                Unreadable::NoPlan(_) => "save one with `lockstep plan --out FILE`",
                Unreadable::Format(_) => "save it again with this version",
            };
            CliError::usage(format!("`{shown}` is not a saved plan that can be read"))
                .because(error)
                .hint(hint)
        })?;
        Ok(Self(saved))
    }

    /// Checks that the plan is for this place, and that nothing has changed since it was made.
    ///
    /// # Errors
    ///
    /// The plan is stale; the error names every resource that changed, and who changed it if CloudTrail shows that.
    pub async fn check_base(
        &self,
        session: &Session,
        desired: &Desired,
        world: &World,
    ) -> Result<(), CliError> {
        if let Some(elsewhere) = self.0.misplaced(&session.engine.desired) {
            return Err(CliError::failed(elsewhere));
        }
        let moved = self.0.moved(world);
        if !moved.is_empty() {
            return Err(stale(session, world, &moved, self.0.read_at()).await);
        }
        match self.0.outdated(desired, world) {
            None => Ok(()),
            Some(why) => Err(refused(&[why.to_owned()])),
        }
    }

    /// Checks that planning again results in exactly the plan that was saved.
    ///
    /// # Errors
    ///
    /// The plans differ: another version of lockstep plans differently, or the file was edited.
    pub fn check_plan(&self, engine: &Engine, view: &View<'_>) -> Result<(), CliError> {
        let unlike = self.0.unlike(made(engine, view, (&view.json(), view.unproved().as_ref())));
        if unlike.is_empty() { Ok(()) } else { Err(refused(&unlike)) }
    }
}

fn made<'a>(
    engine: &Engine,
    view: &'a View<'_>,
    (json, unproved): (&'a serde_json::Value, Option<&'a Unproved>),
) -> Made<'a, Unproved> {
    let Change { desired, world, plan, proof: _ } = view.change;
    let unproved = unproved.map(|unproved| (unproved.reason.as_str(), unproved));
    Made { desired, world, read_at: engine.aws.began(), plan, unproved, view: json }
}

/// Returns the error of a plan that no longer fits: which resources changed, and who changed them since a time.
pub async fn stale(session: &Session, world: &World, moved: &[Moved], since: Option<u64>) -> CliError {
    let (lines, remark) = attributed(session, world, moved, since).await;
    let error = listed(&lines);
    match remark {
        Some(remark) => error.hint(remark),
        None => error,
    }
}

fn refused(why: &[String]) -> CliError {
    listed(&why.iter().map(|why| format!("  - {why}")).collect::<Vec<_>>())
}

fn listed(lines: &[String]) -> CliError {
    CliError::failed("the plan is stale, and nothing was changed")
        .detail(lines)
        .hint("plan again, and look at what it shows")
}
