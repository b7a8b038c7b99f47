//! Child processes.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

use super::BuildError;

/// A callback for the lines that a build writes.
pub(super) type Progress<'a> = &'a dyn Fn(&str);

/// The number of output lines that an error repeats.
const LAST: usize = 20;

/// Runs a program and returns its standard output.
pub(super) fn output(command: &[String], folder: &Path) -> Result<String, BuildError> {
    let out = start(command, folder)?.output().map_err(|source| cannot_start(command, source))?;
    if !out.status.success() {
        let mut last = Last::default();
        String::from_utf8_lossy(&out.stderr).lines().for_each(|line| last.push(line));
        return Err(failed(command, out.status, last));
    }
    String::from_utf8(out.stdout)
        .map_err(|error| BuildError::Answer { command: command.join(" "), reason: error.to_string() })
}

/// Returns whether a program runs and succeeds.
pub(super) fn succeeds(command: &[String], folder: &Path) -> bool {
    output(command, folder).is_ok()
}

/// Runs a program and passes every line that it writes to `progress`.
pub(super) fn shown(command: &[String], folder: &Path, progress: Progress<'_>) -> Result<(), BuildError> {
    lines(command, folder, &mut |line| {
        progress(line.text());
        true
    })
}

/// A line that a program writes.
pub(super) enum Line {
    /// A line on its standard output.
    Out(String),
    /// A line on its standard error.
    Err(String),
}

impl Line {
    fn text(&self) -> &str {
        match self {
            Self::Out(text) | Self::Err(text) => text,
        }
    }
}

/// Runs a program and passes every line to `each`, which returns whether an error may repeat the line.
pub(super) fn lines(
    command: &[String],
    folder: &Path,
    each: &mut dyn FnMut(&Line) -> bool,
) -> Result<(), BuildError> {
    let mut child = start(command, folder)?
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| cannot_start(command, source))?;
    let (sender, receiver) = mpsc::channel();
    let readers = [
        child.stdout.take().map(|out| forward(out, sender.clone(), Line::Out)),
        child.stderr.take().map(|err| forward(err, sender, Line::Err)),
    ];
    let mut last = Last::default();
    for line in receiver {
        if each(&line) {
            last.push(line.text());
        }
    }
    for reader in readers.into_iter().flatten() {
        // A reader ends when its pipe closes, and returns nothing.
        let _ = reader.join();
    }
    let status = child.wait().map_err(|source| cannot_start(command, source))?;
    if status.success() { Ok(()) } else { Err(failed(command, status, last)) }
}

fn forward(
    pipe: impl Read + Send + 'static,
    sender: mpsc::Sender<Line>,
    wrap: fn(String) -> Line,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            if sender.send(wrap(line.trim_end_matches('\r').to_owned())).is_err() {
                return;
            }
        }
    })
}

fn start(command: &[String], folder: &Path) -> Result<Command, BuildError> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(BuildError::Answer { command: String::new(), reason: "the command is empty".to_owned() });
    };
    let mut process = Command::new(program);
    process.args(arguments).current_dir(folder).stdin(Stdio::null());
    // Under `cargo run`, the variables that cargo sets for lockstep's own package would make build scripts rerun.
    let names = std::env::vars_os().map(|(name, _)| name);
    for name in names.filter(|name| of_own_package(&name.to_string_lossy())) {
        process.env_remove(name);
    }
    Ok(process)
}

/// Returns whether a variable is one that cargo sets for the package that it runs.
fn of_own_package(name: &str) -> bool {
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "CARGO_PRIMARY_PACKAGE"
}

fn cannot_start(command: &[String], source: std::io::Error) -> BuildError {
    BuildError::Start { program: command.first().cloned().unwrap_or_default(), source }
}

fn failed(command: &[String], status: ExitStatus, last: Last) -> BuildError {
    BuildError::Failed { command: command.join(" "), status: status.to_string(), last: last.0.into() }
}

#[derive(Default)]
struct Last(VecDeque<String>);

impl Last {
    fn push(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        if self.0.len() == LAST {
            self.0.pop_front();
        }
        self.0.push_back(line.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[test]
    fn shows_both_streams_and_keeps_the_last_lines_of_a_failure() {
        let seen = RefCell::new(Vec::new());
        let progress = |line: &str| seen.borrow_mut().push(line.to_owned());
        let script = "echo out; for i in $(seq 30); do echo line $i >&2; done; exit 3";
        let error = shown(&shell(script), Path::new("."), &progress).unwrap_err();
        assert_eq!(seen.borrow().len(), 31);
        let BuildError::Failed { status, last, .. } = &error else { panic!("{error}") };
        assert_eq!(status, "exit status: 3");
        assert_eq!((last.len(), last.last().unwrap().as_str()), (LAST, "line 30"));
        assert!(error.to_string().ends_with("\n  line 30"));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = output(&["no-such-program".to_owned()], Path::new(".")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `no-such-program`");
        assert_eq!(output(&shell("echo yes"), Path::new(".")).unwrap(), "yes\n");
        assert!(!succeeds(&shell("exit 1"), Path::new(".")));
    }
}
