//! The one error that commands end with.

use std::error::Error;
use std::fmt::Write as _;

use lockstep::aws::AwsError;
use lockstep::build::BuildError;
use lockstep::call::CallError;
use lockstep::local::LocalError;

use super::exit::Exit;

/// Why a command ended early, and the way out.
#[derive(Debug)]
pub struct CliError {
    exit: Exit,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    hints: Vec<String>,
}

impl CliError {
    /// Something failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Error, message: message.into(), source: None, hints: Vec::new() }
    }

    /// The command line, or a setting, is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::failed(message) }
    }

    /// A signal came before the first change.
    pub fn interrupted(message: impl Into<String>) -> Self {
        Self { exit: Exit::Interrupted, ..Self::failed(message) }
    }

    /// Adds a way out.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the error behind this one.
    pub fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// Returns the exit code.
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// Writes the error with its causes and the ways out.
    pub fn render(&self, colour: bool) -> String {
        let (red, bold, reset) = if colour { ("\x1b[1;31m", "\x1b[1m", "\x1b[0m") } else { ("", "", "") };
        let mut text = String::new();
        // Diagnostics over several lines bring their own heading.
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

/// Keeps an error's causes as text, for the error itself becomes the message.
fn with_cause(error: impl Error) -> CliError {
    let mut cli = CliError::failed(error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        cli.message = format!("{}: {error}", cli.message);
        cause = error.source();
    }
    cli
}
