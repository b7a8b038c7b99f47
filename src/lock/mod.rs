//! One apply at a time for each environment of a stack.
//!
//! # Where the lock is kept
//!
//! In one SSM parameter, which needs nothing of the user. SSM has neither a conditional overwrite nor a
//! conditional delete, but it numbers: every `PutParameter` appends a version, the numbers have no gaps, and
//! every version can be read by its number (`NAME:7`) as it was written. A parameter is a log.
//!
//! # Why that suffices
//!
//! Whoever wants to change the lock reads the newest version `n`, decides, and appends an [`Entry`] that says
//! what it was made from: `base: n`, and the id of the entry found there. It counts if it became version
//! `n + 1` and that entry is still the one before it; otherwise it changes nothing, **for every reader**, for
//! all readers go by the same rule ([`Entry::counts`]). Of several that append upon the same version just one
//! becomes the next, so this is a compare-and-swap; no clock is needed for it, and a loser that overwrites the
//! winner's value takes nothing away: the lock is not the newest version but the newest that counts.
//!
//! - A version, once written, stays as it is, so whether it counts is the same for everybody and for ever. A
//!   read that is late only makes an append fail.
//! - An answer that got lost is harmless: a repeated append does not count, and looking again shows whether
//!   the first did, by the session in it.
//! - A parameter that is deleted and re-created counts from 1 again. The id of the entry before keeps a writer
//!   that slept through that from hitting the right number by chance.
//! - To let go is an append too. Deleting is left to whoever removes a whole environment while holding a lock
//!   that was just renewed.
//!
//! Clocks matter only for the end of a lock whose holder is silent. The age of an entry is told by AWS alone:
//! the date of its answer less the date that it gave the entry. A holder that could not renew for
//! [`FENCE`], which is well before [`EXPIRY`], starts no step any more.
//!
//! `model_tests.rs` runs all interleavings of contenders that win, lose, crash and get no answers.

mod describe;
mod entry;
mod turn;

#[cfg(test)]
mod model_tests;

use std::time::Duration;

pub use describe::{date, describe, span};
pub use entry::{Entry, Holder};
pub use turn::{Answer, Call, Found, Intent, Turn, Verdict};

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
