//! Stops waiting early.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// A switch that ends waiting: once it is set, no call is retried and no condition is waited for.
#[derive(Clone, Debug)]
pub struct Halt(watch::Sender<bool>);

impl Default for Halt {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Halt {
    /// Ends all waiting, including waits that are in progress. Calls in progress continue.
    pub fn set(&self) {
        self.0.send_replace(true);
    }

    /// Returns whether waiting is over.
    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for some time; returns false if the wait was cut short.
    pub(crate) async fn sleep(&self, time: Duration) -> bool {
        self.sleep_until(Instant::now() + time).await
    }

    /// Waits until an instant; returns false if the wait was cut short.
    pub(crate) async fn sleep_until(&self, at: Instant) -> bool {
        let mut halted = self.0.subscribe();
        tokio::select! {
            biased;
            // The sender lives as long as this value.
            _ = halted.wait_for(|halted| *halted) => false,
            () = tokio::time::sleep_until(at) => true,
        }
    }
}
