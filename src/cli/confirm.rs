//! Asks for confirmation before something is changed.

use std::io::{BufRead, IsTerminal, Write};

use super::error::CliError;

/// Asks a question and returns whether the answer is `yes`.
///
/// # Errors
///
/// There is no terminal to ask on.
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
