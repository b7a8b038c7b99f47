//! One apply at a time for each environment of a stack.
//!
//! # Where the lock is kept
//!
//! In one SSM parameter, which needs nothing of the user, or, where the stack names a bucket, in one object
//! there. A [`Turn`] takes, keeps and leaves a lock without knowing which: it asks a store what is there, and
//! asks it to put another entry in the place of that and of nothing else. This is all that is needed:
//!
//! - An S3 object has a tag that changes whenever the object does, and S3 writes and deletes under the
//!   condition that the tag is still the one that was read. No two entries are alike, by their ids, so no tag
//!   comes back. What is asked is one call.
//! - A parameter has versions, and how they make a compare-and-swap is written down in [`log`].
//!
//! In both, an answer that got lost is harmless: looking again shows whether the swap was made, by the session
//! in the entry.
//!
//! Clocks matter only for the end of a lock whose holder is silent. The age of an entry is told by AWS alone:
//! the date of its answer less the date that it gave the entry. A holder that could not renew for
//! [`FENCE`], which is well before [`EXPIRY`], starts no step any more.
//!
//! `model_tests` runs all interleavings of contenders that win, lose, crash and get no answers, on both.

mod describe;
mod entry;
pub mod log;
mod turn;

#[cfg(test)]
mod model_tests;

use std::time::Duration;

pub use describe::{date, describe, span};
pub use entry::{Entry, Holder};
pub use turn::{Ask, Intent, Told, Turn, Verdict};

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

/// Returns the key of the object that holds the lock of an environment, in a bucket that the stack names.
pub fn object(stack: &str, env: &str) -> String {
    format!("lockstep/{stack}/{env}/lock.json")
}
