//! Cuts short what is waited for.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Whether waiting is over: no call is repeated and no condition is waited for any more.
#[derive(Clone, Debug)]
pub struct Halt(watch::Sender<bool>);

impl Default for Halt {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Halt {
    /// Ends all waiting, that which goes on included. Calls that are under way go on.
    pub fn set(&self) {
        self.0.send_replace(true);
    }

    /// Returns whether waiting is over.
    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for some time; false when that was cut short.
    pub(super) async fn sleep(&self, time: Duration) -> bool {
        self.sleep_until(Instant::now() + time).await
    }

    /// Waits until an instant; false when that was cut short.
    pub(super) async fn sleep_until(&self, at: Instant) -> bool {
        let mut halted = self.0.subscribe();
        tokio::select! {
            biased;
            // The sender lives as long as this.
            _ = halted.wait_for(|halted| *halted) => false,
            () = tokio::time::sleep_until(at) => true,
        }
    }
}
