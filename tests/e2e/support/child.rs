//! A run of the command that is still in progress.

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr};

/// Sends it a signal.
pub fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Reads standard error up to a line that contains a text.
pub async fn hear(child: &mut Child, said: &str) -> BufReader<ChildStderr> {
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(said) {
        line.clear();
        assert!(errors.read_line(&mut line).await.unwrap() > 0, "it never said `{said}`");
    }
    errors
}

/// Reads what is left of standard error.
pub async fn rest(mut errors: BufReader<ChildStderr>) -> String {
    let mut rest = String::new();
    errors.read_to_string(&mut rest).await.unwrap();
    rest
}
