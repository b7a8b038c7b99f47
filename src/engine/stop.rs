//! A switch that stops a run: because someone asked for it, or because the lock was lost.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::EngineError;
use crate::aws::Aws;

/// The time that calls in progress may take once the run has to stop. Pipelines send a second signal 7.5 seconds after
/// the first, and the lock has to be released before that.
const GRACE: Duration = Duration::from_secs(4);

/// The reason that a run stops.
#[derive(Clone, Debug)]
enum Reason {
    Asked,
    /// The lock is no longer held; the text says what happened to it.
    LockLost(String),
}

/// A switch that stops a run. Clones share it.
#[derive(Clone)]
pub struct Stop {
    reason: watch::Sender<Option<Reason>>,
    aws: Arc<Aws>,
}

impl Stop {
    /// Creates a switch that is not set.
    pub fn new(aws: Arc<Aws>) -> Self {
        Self { reason: watch::Sender::new(None), aws }
    }

    /// Asks the run to stop: calls in progress end, no new one begins.
    pub fn ask(&self) {
        self.set(Reason::Asked);
    }

    /// Stops the run because the lock is no longer held.
    pub(super) fn lock_lost(&self, what: String) {
        self.set(Reason::LockLost(what));
    }

    fn set(&self, reason: Reason) {
        self.reason.send_if_modified(|set| {
            let first = set.is_none();
            set.get_or_insert(reason);
            first
        });
        // No call waits any longer.
        self.aws.halt.set();
    }

    /// Returns whether the run has to stop.
    pub fn is_set(&self) -> bool {
        self.reason.borrow().is_some()
    }

    /// Returns what happened to the lock, if that is the reason.
    pub fn lost_lock(&self) -> Option<String> {
        match &*self.reason.borrow() {
            Some(Reason::LockLost(what)) => Some(what.clone()),
            Some(Reason::Asked) | None => None,
        }
    }

    /// Waits until the run has to stop.
    pub async fn wait(&self) {
        // The sender lives as long as this value.
        let _ = self.reason.subscribe().wait_for(Option::is_some).await;
    }

    /// Waits until the run has to stop, and then for calls in progress.
    pub(super) async fn grace(&self) {
        self.wait().await;
        tokio::time::sleep(GRACE).await;
    }

    /// Does something that changes nothing, unless the run has to stop.
    ///
    /// # Errors
    ///
    /// [`EngineError::Stopped`] or [`EngineError::LockLost`], or the error of the work.
    pub async fn unless_set<T, E: From<EngineError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        tokio::select! {
            biased;
            () = self.wait() => Err(match self.lost_lock() {
                Some(what) => EngineError::LockLost(what).into(),
                None => EngineError::Stopped.into(),
            }),
            result = work => result,
        }
    }
}
