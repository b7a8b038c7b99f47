//! The error type of all commands.

use std::error::Error;
use std::fmt::Write as _;

use lockstep::aws::AwsError;
use lockstep::build::BuildError;
use lockstep::call::CallError;
use lockstep::local::LocalError;

use super::exit::Exit;

/// The reason why a command ended early, and what to do next.
#[derive(Debug)]
pub struct CliError {
    exit: Exit,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    hints: Vec<String>,
}

impl CliError {
    /// Creates the error of an operation that failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Error, message: message.into(), source: None, hints: Vec::new() }
    }

    /// Creates the error of a command line or a setting that is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::failed(message) }
    }

    /// Creates the error of a signal that arrived before the first change.
    pub fn interrupted(message: impl Into<String>) -> Self {
        Self { exit: Exit::Interrupted, ..Self::failed(message) }
    }

    /// Adds a hint that says what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the error that caused this one.
    pub fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// Returns the exit code.
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// Formats the error with its causes and hints.
    pub fn render(&self, colour: bool) -> String {
        let (red, bold, reset) = if colour { ("\x1b[1;31m", "\x1b[1m", "\x1b[0m") } else { ("", "", "") };
        let mut text = String::new();
        // Diagnostics with several lines have a heading of their own.
        if self.message.contains('\n') {
            text.push_str(self.message.trim_end());
            text.push('\n');
        } else {
            let _ = writeln!(text, "{red}error{reset}: {}", self.message);
        }
        let mut cause: Option<&dyn Error> = self.source.as_deref().map(|source| source as &dyn Error);
        while let Some(error) = cause {
            let _ = writeln!(text, "  because {error}");
            cause = error.source();
        }
        for hint in &self.hints {
            let _ = writeln!(text, "  {bold}help{reset}: {hint}");
        }
        text
    }
}

impl From<AwsError> for CliError {
    fn from(error: AwsError) -> Self {
        let hint = error.hint().map(str::to_owned);
        let cli = Self::failed(error.to_string());
        hint.into_iter().fold(cli, Self::hint)
    }
}

impl From<LocalError> for CliError {
    fn from(error: LocalError) -> Self {
        let hint = error.hint();
        with_cause(error).hint(hint)
    }
}

impl From<BuildError> for CliError {
    fn from(error: BuildError) -> Self {
        let hint = error.hint();
        hint.into_iter().fold(with_cause(error), Self::hint)
    }
}

impl From<CallError> for CliError {
    fn from(error: CallError) -> Self {
        let hint = error.hint();
        hint.into_iter().fold(with_cause(error), Self::hint)
    }
}

/// Keeps the causes of an error as text, because the error itself becomes the message.
fn with_cause(error: impl Error) -> CliError {
    let mut cli = CliError::failed(error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        cli.message = format!("{}: {error}", cli.message);
        cause = error.source();
    }
    cli
}
