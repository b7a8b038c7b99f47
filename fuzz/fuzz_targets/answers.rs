//! Runs `checks/answers.rs`.

#![no_main]

#[path = "../checks/mod.rs"]
#[allow(dead_code, reason = "one of all checks")]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::answers::check(data));
