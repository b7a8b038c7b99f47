//! Writes everything that is printed.

use std::io::{IsTerminal, Write};

use super::settings::{Environment, When};

/// The settings of standard output and standard error.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Whether standard output is in colour.
    pub colour: bool,
    /// Whether standard error is in colour.
    pub error_colour: bool,
    /// Whether standard error is a terminal that can redraw lines.
    pub live: bool,
}

impl Output {
    /// Checks whether the streams are terminals, and chooses their settings.
    pub fn new(when: When, environment: &Environment) -> Self {
        let (out, err) = (std::io::stdout(), std::io::stderr());
        Self {
            colour: environment.colour(when, out.is_terminal()),
            error_colour: environment.colour(when, err.is_terminal()),
            live: err.is_terminal() && environment.get("TERM") != Some("dumb"),
        }
    }

    /// Writes the result of a command to standard output.
    pub fn result(&self, text: &str) {
        write(&mut std::io::stdout().lock(), text);
    }

    /// Writes a message about progress to standard error.
    pub fn note(&self, text: &str) {
        write(&mut std::io::stderr().lock(), text);
    }
}

/// Writes a text. A reader that closed the pipe (`| head`) is not an error.
fn write(stream: &mut impl Write, text: &str) {
    let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
    let _ = write!(stream, "{text}{end}").and_then(|()| stream.flush());
}
