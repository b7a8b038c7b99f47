//! Asks before something is changed.

use std::io::{BufRead, IsTerminal, Write};

use super::error::CliError;

/// Asks a question that only `yes` answers with yes.
///
/// # Errors
///
/// Without a terminal there is nobody to ask.
pub fn confirm(question: &str) -> Result<bool, CliError> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(CliError::usage("there is no terminal to ask for a confirmation in")
            .hint("add --auto-approve, or save a plan with `plan --out FILE` and run `apply FILE`"));
    }
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "\n{question} Enter `yes` to confirm: ").and_then(|()| stderr.flush());
    let mut answer = String::new();
    let read = stdin.lock().read_line(&mut answer);
    Ok(read.is_ok() && answer.trim() == "yes")
}
