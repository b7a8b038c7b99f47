//! Everything that is printed goes through here.

use std::io::{IsTerminal, Write};

use super::settings::{Environment, When};

/// The two streams, and how to write to them.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Colour on standard output.
    pub colour: bool,
    /// Colour on standard error.
    pub error_colour: bool,
    /// Whether somebody watches standard error in a terminal.
    pub live: bool,
}

impl Output {
    /// Looks at the streams.
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

    /// Writes what happens meanwhile to standard error.
    pub fn note(&self, text: &str) {
        write(&mut std::io::stderr().lock(), text);
    }
}

/// A reader that went away (`| head`) is no reason to fail.
fn write(stream: &mut impl Write, text: &str) {
    let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
    let _ = write!(stream, "{text}{end}").and_then(|()| stream.flush());
}
