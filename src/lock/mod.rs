//! One apply at a time for each environment of a stack.
//!
//! # Where the lock is kept
//!
//! In one SSM parameter, which needs no bucket and no table. A [`Turn`] takes, keeps and releases the lock: it asks what
//! is there, and asks to put another entry in the place of that and of nothing else. The versions of a parameter make
//! such a compare-and-swap, as written down in [`log`].
//!
//! A lost answer is harmless: looking again shows whether the swap was made, by the session in the entry.
//!
//! Clocks matter only for the end of a lock whose holder is silent. The age of an entry is told by AWS alone:
//! the date of its answer less the date that it gave the entry. A holder that could not renew for
//! [`FENCE`], which is well before [`EXPIRY`], starts no step any more.
//!
//! `model_tests` runs all interleavings of contenders that win, lose, crash and get no answers.

mod describe;
mod entry;
pub mod log;
mod turn;

#[cfg(test)]
mod model_tests;

use std::time::Duration;

pub use describe::{date, describe, span};
pub use entry::{Entry, Holder};
pub use turn::{Ask, Intent, StoreReply, Turn, Verdict};

/// How often a holder renews its lock.
pub const BEAT: Duration = Duration::from_secs(15);
/// How long a holder goes on without having renewed its lock.
pub const FENCE: Duration = Duration::from_secs(40);
/// How long after the last heartbeat somebody else may take a lock.
pub const EXPIRY: Duration = Duration::from_secs(60);

/// Returns the name of the parameter that holds the lock of an environment.
pub fn parameter(stack: &str, env: &str) -> String {
    format!("/lockstep/{stack}/{env}/lock")
}
