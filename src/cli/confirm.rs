//! Asks for confirmation before something is changed.

use std::io::{BufRead, IsTerminal, Write};

use super::error::CliError;

/// Asks a question and returns whether the answer is `yes`.
///
/// # Errors
///
/// There is no terminal to ask on.
pub async fn confirm(question: String) -> Result<bool, CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::usage("there is no terminal to ask for a confirmation in")
            .hint("add --auto-approve, or save a plan with `plan --out FILE` and run `apply FILE`"));
    }
    let (answer, answered) = tokio::sync::oneshot::channel();
    // A thread of its own: a read from the terminal cannot be cancelled, and nothing must wait for it at the end.
    std::thread::spawn(move || {
        let mut stderr = std::io::stderr().lock();
        let _ = write!(stderr, "\n{question} Enter `yes` to confirm: ").and_then(|()| stderr.flush());
        drop(stderr);
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        let _ = answer.send(read.is_ok() && line.trim() == "yes");
    });
    Ok(answered.await.unwrap_or(false))
}
