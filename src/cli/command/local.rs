//! `lockstep local`: starts, stops and shows the local AWS.

use std::path::Path;

use clap::Subcommand;
use lockstep::local::{self, Status, Stopped};

use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session;

/// Subcommands of `local`.
#[derive(Subcommand, Debug, Clone, Copy)]
pub enum Verb {
    /// Install it once, and start it
    Up,
    /// Stop it; its state is kept
    Down,
    /// Say whether it runs
    Status,
    /// Stop it and throw its state away
    Reset,
    /// Print the variables that point the aws command and any SDK at it
    Env,
}

/// Region of a local AWS if there is no stack file.
const REGION: &str = "us-east-1";

/// Runs one verb for the project that contains the stack file.
///
/// # Errors
///
/// Everything that prevents the local AWS from being installed, started or stopped.
pub async fn run(context: &Context, verb: Verb) -> Result<Exit, CliError> {
    let path = &context.global.file;
    let root = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let config = session::local_config(context, root, &region(context))?;
    let note = |line: &str| context.output.note(line);
    match verb {
        Verb::Up => {
            let running = local::up(&config, &note).await?;
            let state = if running.fresh { "started" } else { "runs already" };
            context.output.result(&format!(
                "the local AWS {state} at {} (process {})\nlook inside: eval \"$(lockstep local env)\"; stop it: lockstep local down",
                running.endpoint, running.pid
            ));
        }
        Verb::Down => {
            let line = match local::down(&config).await? {
                Stopped::WasNotRunning => "the local AWS was not running",
                Stopped::WasLost => {
                    "the local AWS had ended without saving; what changed since its start is lost"
                }
                Stopped::Cleanly => "the local AWS is stopped; its state is kept",
                Stopped::Killed => {
                    "the local AWS did not end when asked and was killed; what changed since its start may be lost"
                }
            };
            context.output.result(line);
        }
        Verb::Status => context.output.result(&status(&local::status(&config).await?)),
        Verb::Reset => {
            local::reset(&config).await?;
            context.output.result("the local AWS is stopped and empty");
        }
        Verb::Env => context.output.result(&local::up(&config, &note).await?.exports()),
    }
    Ok(Exit::Success)
}

fn status(status: &Status) -> String {
    match status {
        Status::Stopped => "stopped".to_owned(),
        Status::Lost { pid, started_at } => {
            format!(
                "lost: process {pid}, started at {started_at}, ended without saving; `lockstep local up` starts anew"
            )
        }
        Status::Silent { pid, port } => {
            format!("silent: process {pid} does not answer on port {port}; `lockstep local down` ends it")
        }
        Status::Running { running, started_at } => {
            format!("running at {} since {started_at} (process {})", running.endpoint, running.pid)
        }
    }
}

/// Returns the region of the stack file if there is one: the local AWS serves all regions, and this one is its default.
fn region(context: &Context) -> String {
    if let Some(region) = &context.global.region {
        return region.clone();
    }
    let file = context.global.file.exists().then(|| session::open(context).ok()).flatten();
    let named = file.and_then(|file| {
        let env = file.stack.environments().into_iter().next()?;
        file.stack.region_for(&env).map(str::to_owned)
    });
    named.unwrap_or_else(|| REGION.to_owned())
}
