//! Turns signals into a request to stop.

use std::sync::Arc;

use lockstep::aws::Aws;
use lockstep::engine::Stop;
use tokio::signal::unix::{SignalKind, signal};

use super::error::CliError;
use super::exit::Exit;
use super::output::Output;

/// Listens for SIGINT and SIGTERM. The first asks calls in progress to finish; a second ends the process at once.
///
/// # Errors
///
/// Signals cannot be listened for.
pub fn listen(output: Output, aws: Arc<Aws>) -> Result<Stop, CliError> {
    let stop = Stop::new(aws);
    let failed = |error| CliError::failed("failed to listen for signals").because(error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let listening = stop.clone();
    tokio::spawn(async move {
        let mut before = false;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if before {
                std::process::exit(Exit::Interrupted.code().into());
            }
            before = true;
            listening.ask();
            output
                .note("stopping: calls in progress finish, no new one begins; a second signal ends at once");
        }
    });
    Ok(stop)
}
