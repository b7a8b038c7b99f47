//! What was measured.

use std::io::{self, Write as _};

/// Prints a line, with the others of its test or not: the test harness holds back what goes through `println!`.
pub fn figure(line: &str) {
    io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}
