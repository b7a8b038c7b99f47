//! Measured figures.

use std::io::{self, Write as _};

/// Prints a line in every case: the test harness captures the output of `println!`.
pub fn figure(line: &str) {
    io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}
