//! Writes the problems that block a plan, in the format of rustc errors.

use super::Paint;
use super::paint::{BOLD, CYAN, RED};
use super::value::printable;
use crate::plan::Blocked;

/// Writes every problem with its place and its remedy; the text ends with a line break.
pub fn text(blocked: &[Blocked], paint: Paint) -> String {
    let mut out = String::new();
    for Blocked { resource, problem, remedy, line } in blocked {
        let error = paint.of(RED.bold(), "error");
        out.push_str(&format!(
            "{error}: {}\n",
            paint.of(BOLD, format_args!("{resource}: {}", printable(problem)))
        ));
        if let Some(line) = line {
            out.push_str(&format!(" {} {line}\n", paint.of(CYAN, "-->")));
        }
        out.push_str(&format!(
            "  {} {} {}\n\n",
            paint.of(CYAN, "="),
            paint.of(BOLD, "help:"),
            printable(remedy)
        ));
    }
    let count = blocked.len();
    let problems = if count == 1 { "problem" } else { "problems" };
    out.push_str(&format!("there is no plan: {count} {problems} must be solved first\n"));
    out
}
