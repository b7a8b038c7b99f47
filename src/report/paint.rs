//! Colours and styles for a terminal.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};

use crate::kinds::Action;

/// The style settings for text in a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint {
    /// Whether colours and bold type are used.
    pub colour: bool,
}

pub const BOLD: Style = Style::new().bold();
pub const FAINT: Style = Style::new().dimmed();
pub const GREEN: Style = AnsiColor::Green.on_default();
pub const YELLOW: Style = AnsiColor::Yellow.on_default();
pub const RED: Style = AnsiColor::Red.on_default();
pub const CYAN: Style = AnsiColor::Cyan.on_default();

impl Paint {
    /// Writes text in a style.
    pub fn of(self, style: Style, text: impl Display) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_string() }
    }

    /// Writes the glyph of an action in its colour.
    pub fn glyph(self, action: Action) -> String {
        let style = match action {
            Action::Create => GREEN,
            Action::Update => YELLOW,
            Action::Replace | Action::Delete => RED,
        };
        self.of(style, action.glyph())
    }
}

/// Pads text with spaces to a width in characters.
pub fn pad(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}
