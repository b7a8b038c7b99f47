//! The command as it is used: against a local AWS that enforces key policies, over the address that the
//! gateway serves, with the functions of `lambda/` running.
//!
//! Each test has an AWS of its own and ends by planning again to "no changes".

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod command;
mod crash;
mod edits;
mod failures;
mod local;
mod lock;
mod lock_faults;
mod owner;
mod round_trip;
mod saved_plan;
mod secrets;
mod story;
mod strict;
mod support;
mod swap;
mod why;
