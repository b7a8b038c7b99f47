//! Being asked to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

use super::error::CliError;
use super::exit::Exit;
use super::output::Output;

/// Whether somebody asked to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens for SIGINT and SIGTERM. The first asks running calls to finish; a second ends at once.
    ///
    /// # Errors
    ///
    /// When signals cannot be listened for.
    pub fn listen(output: Output) -> Result<Self, CliError> {
        let stop = Self::default();
        let asked = stop.0.clone();
        let heard = |error| CliError::failed("signals cannot be listened for").because(error);
        let mut interrupt = signal(SignalKind::interrupt()).map_err(heard)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(heard)?;
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if asked.swap(true, Ordering::SeqCst) {
                    std::process::exit(Exit::Interrupted.code().into());
                }
                output.note(
                    "stopping: calls that are under way finish, no new one begins; once more ends at once",
                );
            }
        });
        Ok(stop)
    }

    /// Tells whether somebody asked to stop.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits until somebody asks to stop.
    pub async fn wait(&self) {
        let mut look = tokio::time::interval(std::time::Duration::from_millis(100));
        while !self.asked() {
            look.tick().await;
        }
    }
}
