//! The command as users run it: against a local AWS that enforces key policies, with requests to the address that the
//! gateway serves, and with the functions of `lambda/` running.
//!
//! Each test has an AWS of its own and ends with a plan that has no changes.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod command;
mod crash;
mod domains;
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
