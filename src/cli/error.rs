//! The one error that commands end with.

use std::error::Error;
use std::fmt::Write as _;

use lockstep::aws::AwsError;
use lockstep::build::BuildError;
use lockstep::call::CallError;
use lockstep::engine::EngineError;
use lockstep::local::LocalError;
use lockstep::lock::{self, EXPIRY};
use lockstep::plan::Blocked;
use lockstep::report::{self, Paint};

use super::exit::Exit;

/// The reason that a command ended early, and what to do about it.
#[derive(Debug)]
pub struct CliError {
    exit: Exit,
    heading: Heading,
    /// Lines below the heading.
    details: Vec<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
    hints: Vec<String>,
}

/// The first lines of an error.
#[derive(Debug)]
enum Heading {
    /// A message of one line.
    Message(String),
    /// A text that has headings of its own.
    Rendered(String),
    /// What must be changed before there is a plan.
    Blocked(Vec<Blocked>),
    /// The message of the source.
    Source,
}

impl CliError {
    fn new(exit: Exit, heading: Heading) -> Self {
        Self { exit, heading, details: Vec::new(), source: None, hints: Vec::new() }
    }

    /// Something failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Error, Heading::Message(message.into()))
    }

    /// Something failed, and a text with headings of its own says what.
    pub fn rendered(text: impl Into<String>) -> Self {
        Self::new(Exit::Error, Heading::Rendered(text.into()))
    }

    /// Something must be changed before there is a plan.
    pub fn blocked(blocked: Vec<Blocked>) -> Self {
        Self::new(Exit::Error, Heading::Blocked(blocked))
    }

    /// The command line, or a setting, is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, Heading::Message(message.into()))
    }

    /// Another error is the message.
    fn from_source(exit: Exit, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..Self::new(exit, Heading::Source) }
    }

    /// Adds lines below the message.
    pub fn detail(mut self, lines: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.details.extend(lines.into_iter().map(Into::into));
        self
    }

    /// Adds something to do about it.
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

    /// Writes the error with its causes and what to do about it.
    pub fn render(&self, colour: bool) -> String {
        let (red, bold, reset) = if colour { ("\x1b[1;31m", "\x1b[1m", "\x1b[0m") } else { ("", "", "") };
        let mut text = String::new();
        let source = self.source.as_deref().map(|source| source as &dyn Error);
        let mut cause = source;
        match &self.heading {
            Heading::Message(message) => {
                let _ = writeln!(text, "{red}error{reset}: {message}");
            }
            Heading::Rendered(rendered) => {
                text.push_str(rendered.trim_end());
                text.push('\n');
            }
            Heading::Blocked(blocked) => {
                text.push_str(report::blocked::text(blocked, Paint { colour }).trim_end());
                text.push('\n');
            }
            Heading::Source => {
                let message = source.map(ToString::to_string).unwrap_or_default();
                let _ = writeln!(text, "{red}error{reset}: {message}");
                cause = source.and_then(Error::source);
            }
        }
        for line in &self.details {
            let _ = writeln!(text, "{line}");
        }
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
        hint.into_iter().fold(Self::from_source(Exit::Error, error), Self::hint)
    }
}

impl From<LocalError> for CliError {
    fn from(error: LocalError) -> Self {
        let hint = error.hint();
        Self::from_source(Exit::Error, error).hint(hint)
    }
}

impl From<BuildError> for CliError {
    fn from(error: BuildError) -> Self {
        let hint = error.hint();
        hint.into_iter().fold(Self::from_source(Exit::Error, error), Self::hint)
    }
}

impl From<CallError> for CliError {
    fn from(error: CallError) -> Self {
        let hint = error.hint();
        hint.into_iter().fold(Self::from_source(Exit::Error, error), Self::hint)
    }
}

impl From<EngineError> for CliError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Aws(error) => error.into(),
            EngineError::Build(error) => error.into(),
            EngineError::Call(error) => error.into(),
            EngineError::Blocked(blocked) => Self::blocked(blocked),
            EngineError::Unproved(findings) => Self::blocked(findings)
                .hint("apply it all the same with --allow-unproved REASON, which the plan records"),
            EngineError::Plan(_) => Self::from_source(Exit::Error, error)
                .hint("this is a fault of lockstep: please report it with the stack file"),
            EngineError::Locked { stack, env, holder, silent } => {
                let end = lock::span(EXPIRY);
                Self::failed(format!("the lock of {stack}/{env} is held"))
                    .detail([lock::describe(&holder, silent)])
                    .hint("wait for it: --lock-timeout 10m")
                    .hint(format!("if that run is gone: its lock expires {end} after it was last seen"))
                    .hint(format!("to take it away all the same: lockstep unlock --env {env}"))
            }
            EngineError::ForeignLock { ref removal, .. } => {
                let hint =
                    format!("if nothing else needs it: {removal}; or another version of lockstep wrote it");
                Self::from_source(Exit::Error, error).hint(hint)
            }
            EngineError::UnclearLock { ref removal, .. } => {
                let hint = format!("run this again; if it stays so: {removal}");
                Self::from_source(Exit::Error, error).hint(hint)
            }
            EngineError::Stopped => Self::from_source(Exit::Interrupted, error),
            EngineError::LockLost(_) | EngineError::Task(..) => Self::from_source(Exit::Error, error),
        }
    }
}
