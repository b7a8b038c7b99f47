//! Records requests to stop a run.

use std::sync::Arc;
use std::time::Duration;

use lockstep::aws::Aws;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::error::CliError;
use super::exit::Exit;
use super::output::Output;

/// Time that calls in progress may take once someone asked to stop. Pipelines send a second signal 7.5 seconds after
/// the first, and the lock has to be released before that.
const GRACE: Duration = Duration::from_secs(4);

/// The reason why a run stops.
#[derive(Clone, Debug)]
enum Why {
    Asked,
    /// The lock is no longer held; the text describes what happened to it.
    LockLost(String),
}

/// A request to stop a run, which may not have been made yet.
#[derive(Clone)]
pub struct Stop {
    why: watch::Sender<Option<Why>>,
    aws: Arc<Aws>,
}

impl Stop {
    /// Listens for SIGINT and SIGTERM. The first signal lets calls in progress finish; a second one ends the process at
    /// once.
    ///
    /// # Errors
    ///
    /// Signals cannot be listened for.
    pub fn listen(output: Output, aws: Arc<Aws>) -> Result<Self, CliError> {
        let stop = Self { why: watch::Sender::new(None), aws };
        let heard = |error| CliError::failed("signals cannot be listened for").because(error);
        let mut interrupt = signal(SignalKind::interrupt()).map_err(heard)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(heard)?;
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
                listening.set(Why::Asked);
                output.note(
                    "stopping: calls that are under way finish, no new one begins; once more ends at once",
                );
            }
        });
        Ok(stop)
    }

    /// Stops the run as a signal does, because the lock is no longer held.
    pub fn lock_lost(&self, what: String) {
        self.set(Why::LockLost(what));
    }

    fn set(&self, why: Why) {
        self.why.send_if_modified(|set| {
            let first = set.is_none();
            set.get_or_insert(why);
            first
        });
        // Ends all waiting, in every call.
        self.aws.halt.set();
    }

    /// Returns whether the run has to stop.
    pub fn asked(&self) -> bool {
        self.why.borrow().is_some()
    }

    /// Returns what happened to the lock, if that is the reason for the stop.
    pub fn lost(&self) -> Option<String> {
        match &*self.why.borrow() {
            Some(Why::LockLost(what)) => Some(what.clone()),
            _ => None,
        }
    }

    /// Waits until the run has to stop.
    pub async fn wait(&self) {
        // The sender lives as long as this value.
        let _ = self.why.subscribe().wait_for(Option::is_some).await;
    }

    /// Waits until the run has to stop, and then for calls in progress.
    pub async fn grace(&self) {
        self.wait().await;
        tokio::time::sleep(GRACE).await;
    }

    /// Runs something that changes nothing, unless the run has to stop.
    ///
    /// # Errors
    ///
    /// The run has to stop.
    pub async fn unless_asked<T>(
        &self,
        work: impl Future<Output = Result<T, CliError>>,
    ) -> Result<T, CliError> {
        tokio::select! {
            biased;
            () = self.wait() => Err(match self.lost() {
                Some(what) => CliError::failed(format!("{what}; nothing was changed")),
                None => CliError::interrupted("stopped before the first change; nothing was changed"),
            }),
            result = work => result,
        }
    }
}
