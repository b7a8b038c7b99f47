//! Problems in a stack file with their places, displayed like rustc errors.

use std::fmt::{self, Write as _};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::Source;
use super::tree::Span;

/// Maximum length of a source line that is shown; longer lines are cut around the mark.
const SHOWN: usize = 140;

/// Maximum number of problems that are kept.
const MOST: usize = 200;

/// The severity of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but someone should look at it.
    Warning,
}

/// One problem in a stack file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Diagnostic {
    /// Line, from 1; 0 if the problem has no place in the file.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Number of marked characters; at least 1.
    pub length: u32,
    /// The severity.
    pub severity: Severity,
    /// Stable name of the kind of problem, such as `unknown-key`.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// Related places.
    pub labels: Vec<Label>,
    /// Advice, one sentence each.
    pub help: Vec<String>,
}

/// Another place that is related to a problem.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Label {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Number of marked characters.
    pub length: u32,
    /// The description of the place.
    pub message: String,
}

impl Diagnostic {
    /// Creates an error at a place; `None` if it has no place in the file.
    pub(super) fn error(span: Option<Span>, code: &'static str, message: impl Into<String>) -> Self {
        let Span { line, column, length } = span.unwrap_or_default();
        Self {
            line,
            column,
            length: length.max(1),
            severity: Severity::Error,
            code,
            message: message.into(),
            labels: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Creates a warning.
    pub(super) fn warning(span: Span, code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(Some(span), code, message) }
    }

    /// Adds advice.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds advice if there is any.
    pub(super) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help.extend(help);
        self
    }

    /// Adds a related place.
    pub(super) fn label(mut self, span: Span, message: impl Into<String>) -> Self {
        let Span { line, column, length } = span;
        self.labels.push(Label { line, column, length: length.max(1), message: message.into() });
        self
    }
}

/// All problems that were found, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(transparent)]
pub struct Diagnostics(pub(super) Vec<Diagnostic>);

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Diagnostic { line, column, message, .. }) in self.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            if *line > 0 {
                write!(f, "{line}:{column}: ")?;
            }
            f.write_str(message)?;
        }
        Ok(())
    }
}

impl Diagnostics {
    /// Iterates over the problems in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// Returns whether there are no problems.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of problems.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Adds a problem, unless there are too many to read already.
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        if !self.is_full() {
            self.0.push(diagnostic);
        }
    }

    /// Returns whether further problems would be dropped, so that they need not be described.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }

    /// Returns whether a problem should still get a suggestion, which takes a search to find.
    pub(super) fn wants_advice(&self) -> bool {
        self.0.len() < MOST / 4
    }

    pub(super) fn extend(&mut self, others: Self) {
        others.0.into_iter().for_each(|diagnostic| self.push(diagnostic));
    }

    /// Sorts by place and removes duplicates.
    pub(super) fn sorted(mut self) -> Self {
        self.0.sort();
        self.0.dedup();
        self
    }

    /// Separates errors from warnings.
    pub(super) fn split(self) -> (Self, Self) {
        let (errors, warnings) =
            self.0.into_iter().partition(|diagnostic| diagnostic.severity == Severity::Error);
        (Self(errors), Self(warnings))
    }

    /// Formats every problem with its source line, for a terminal; the text ends with a line break.
    pub fn render(&self, source: Source<'_>, colour: bool) -> String {
        let lines: Vec<&str> = lines(source.text).collect();
        let paint = Paint { colour };
        let mut out = String::new();
        for diagnostic in self.iter() {
            // Writing to a string cannot fail.
            let _ = one(&mut out, diagnostic, source.file, &lines, paint);
        }
        out
    }
}

/// Splits a text into lines like YAML, in which a carriage return alone ends a line too.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut left = Some(text);
    std::iter::from_fn(move || {
        let rest = left?;
        let Some((line, after)) = rest.split_once(['\n', '\r']) else { return left.take() };
        let returns = rest.as_bytes().get(line.len()) == Some(&b'\r');
        left = Some(if returns { after.strip_prefix('\n').unwrap_or(after) } else { after });
        Some(line)
    })
}

#[derive(Clone, Copy)]
struct Paint {
    colour: bool,
}

impl Paint {
    fn of(self, style: Style, text: impl fmt::Display) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_string() }
    }
}

const FRAME: Style = AnsiColor::BrightBlue.on_default().bold();
const BOLD: Style = Style::new().bold();

fn one(out: &mut String, diagnostic: &Diagnostic, file: &str, lines: &[&str], paint: Paint) -> fmt::Result {
    let Diagnostic { line, column, length, severity, code, message, labels, help } = diagnostic;
    let (word, style) = match severity {
        Severity::Error => ("error", AnsiColor::BrightRed.on_default().bold()),
        Severity::Warning => ("warning", AnsiColor::BrightYellow.on_default().bold()),
    };
    let head = paint.of(style, format_args!("{word}[{code}]"));
    writeln!(out, "{head}{}", paint.of(BOLD, format_args!(": {}", printable(message.chars()))))?;
    let widest = labels.iter().map(|label| label.line).chain([*line]).max().unwrap_or(1);
    let margin = widest.to_string().len();
    let pad = " ".repeat(margin);
    if *line == 0 {
        writeln!(out, "{pad}{} {file}", paint.of(FRAME, "-->"))?;
    } else {
        writeln!(out, "{pad}{} {file}:{line}:{column}", paint.of(FRAME, "-->"))?;
        writeln!(out, "{pad} {}", paint.of(FRAME, "|"))?;
        let mut marks = vec![(*line, *column, *length, '^', style, "")];
        for Label { line, column, length, message } in labels {
            marks.push((*line, *column, *length, '-', FRAME, message.as_str()));
        }
        marks.sort_by_key(|(line, column, ..)| (*line, *column));
        for (line, column, length, mark, style, text) in marks {
            let source = usize::try_from(line).ok().and_then(|line| lines.get(line.saturating_sub(1)));
            let shown = window(source.copied().unwrap_or_default(), column, length);
            let number = paint.of(FRAME, format_args!("{line:>margin$} |"));
            writeln!(out, "{number} {}", shown.text)?;
            let marks = paint.of(style, mark.to_string().repeat(shown.length));
            let text = if text.is_empty() { String::new() } else { format!(" {}", paint.of(style, text)) };
            writeln!(out, "{pad} {} {}{marks}{text}", paint.of(FRAME, "|"), " ".repeat(shown.before))?;
        }
    }
    for help in help {
        writeln!(
            out,
            "{pad} {} {} {}",
            paint.of(FRAME, "="),
            paint.of(BOLD, "help:"),
            printable(help.chars())
        )?;
    }
    writeln!(out)
}

struct Window {
    text: String,
    before: usize,
    length: usize,
}

/// Cuts a line so that the mark stays visible.
fn window(line: &str, column: u32, length: u32) -> Window {
    let total = line.chars().count();
    let before = usize::try_from(column.saturating_sub(1)).unwrap_or(0).min(total);
    let start = if total > SHOWN { before.saturating_sub(SHOWN / 2) } else { 0 };
    let mut text = printable(line.chars().skip(start).take(SHOWN));
    let mut offset = before - start;
    if start > 0 {
        text.insert_str(0, "... ");
        offset += 4;
    }
    if start + SHOWN < total {
        text.push_str(" ...");
    }
    let room = (total - before).clamp(1, SHOWN);
    Window { text, before: offset, length: usize::try_from(length).unwrap_or(1).clamp(1, room) }
}

/// Replaces control characters, so that a file cannot control the terminal on which its problems are displayed.
fn printable(text: impl Iterator<Item = char>) -> String {
    text.map(|c| if c.is_control() { if c == '\t' { ' ' } else { '\u{fffd}' } } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "stack: x\nkeys:\n  text: {rotaton: 1d}\n";

    fn at(line: u32, column: u32, length: u32) -> Option<Span> {
        Some(Span { line, column, length })
    }

    #[test]
    fn shows_the_line_and_a_caret() {
        let problem = Diagnostic::error(at(3, 10, 7), "unknown-key", "unknown key `rotaton`")
            .help("did you mean `rotation`?")
            .label(at(2, 1, 4).unwrap(), "in here");
        let source = Source { file: "stack.yaml", text: TEXT };
        let text = Diagnostics(vec![problem]).render(source, false);
        assert_eq!(
            text,
            "error[unknown-key]: unknown key `rotaton`\n --> stack.yaml:3:10\n  |\n2 | keys:\n  | ---- in here\n\
             3 |   text: {rotaton: 1d}\n  |          ^^^^^^^\n  = help: did you mean `rotation`?\n\n"
        );
    }

    #[test]
    fn lines_end_as_yaml_ends_them() {
        let all = |text| lines(text).collect::<Vec<_>>();
        assert_eq!(all("a\nb\r\nc\rd\r\r\n\n"), ["a", "b", "c", "d", "", "", ""]);
        assert_eq!((all(""), all("a\r")), (vec![""], vec!["a", ""]));
    }

    #[test]
    fn a_long_line_is_cut_around_the_mark_and_escapes_are_taken_out() {
        let text = format!("a: \u{1b}[31m{}x{}", "-".repeat(500), "-".repeat(500));
        let problem = Diagnostic::error(at(1, 509, 1), "c", "m");
        let text = Diagnostics(vec![problem]).render(Source { file: "f", text: &text }, false);
        assert!(!text.contains('\u{1b}'));
        assert!(text.lines().all(|line| line.chars().count() < 170), "{text}");
        let mark = text.lines().find(|line| line.contains('^')).unwrap();
        let shown = text.lines().find(|line| line.contains("x-")).unwrap();
        assert_eq!(mark.chars().position(|c| c == '^'), shown.chars().position(|c| c == 'x'));
    }

    #[test]
    fn a_problem_without_a_place_names_the_file_only() {
        let text = Diagnostics(vec![Diagnostic::error(None, "c", "m")])
            .render(Source { file: "stack.yaml", text: "" }, false);
        assert_eq!(text, "error[c]: m\n --> stack.yaml\n\n");
    }
}
