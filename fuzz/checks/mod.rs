//! Properties that must hold for any input, one file per fuzz target.
//!
//! The targets in `fuzz/fuzz_targets` and the tests in `tests/fuzz` both include this folder: the tests check the
//! corpus and some mutations of it, with every `cargo test`.

pub mod access_line;
pub mod answers;
pub mod policy;
pub mod saved_plan;
pub mod service;
pub mod stack;
pub mod world;
