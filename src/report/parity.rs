//! The comparison of two roles, for people and programs.

use serde::{Deserialize, Serialize};

use super::paint::{FAINT, GREEN, Paint, RED, YELLOW};
use super::value::printable;
use super::{FORMAT_VERSION, plan, short};
use crate::plan::parity::{Difference, Side, Subject};
use crate::stack::desired::Desired;

/// The differences between the access of two roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// `1.0`.
    pub format_version: String,
    /// The roles, each with its environment: `test:encrypt-test`.
    pub roles: [String; 2],
    /// Access that one of the roles has and the other does not.
    pub differences: Vec<Difference>,
}

impl Document {
    /// Creates the document of a comparison.
    pub fn new(
        (here, one): (&Desired, &Subject),
        (there, other): (&Desired, &Subject),
        differences: Vec<Difference>,
    ) -> Self {
        let roles = [format!("{}:{}", here.env, one.name), format!("{}:{}", there.env, other.name)];
        Self { format_version: FORMAT_VERSION.to_owned(), roles, differences }
    }

    /// Returns whether both roles certainly have the same access.
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty()
    }

    /// Writes it as JSON.
    pub fn json(&self) -> String {
        super::json(self)
    }

    /// Writes it for people. Long lists of actions are cut unless the style is verbose.
    pub fn text(&self, plan::Style { paint, verbose }: plan::Style) -> String {
        let [one, other] = &self.roles;
        if self.is_equal() {
            let all = "may do the same, up to the names that differ between environments";
            return format!("{}\n", paint.of(GREEN, format_args!("{one} and {other} {all}")));
        }
        let mut lines = vec![paint.of(RED, format_args!("{one} and {other} may not do the same"))];
        for difference in &self.differences {
            let (who, lacks) = match difference.side {
                Side::One => (one, other),
                Side::Other => (other, one),
            };
            lines.extend(of((paint, verbose), (who, lacks), difference));
        }
        lines.join("\n") + "\n"
    }
}

fn of((paint, verbose): (Paint, bool), (who, lacks): (&str, &str), difference: &Difference) -> Vec<String> {
    let Difference { side: _, subject, actions, objects, conditions, note } = difference;
    if actions.is_empty() {
        return vec![format!("  {} {who}, {subject}: {}", paint.of(YELLOW, "?"), printable(note))];
    }
    let actions = short::listed(actions, verbose);
    let on = match (objects.is_empty(), subject.starts_with("keys.")) {
        (_, true) => subject.clone(),
        (true, _) => format!("({subject})"),
        (false, false) => format!("{} ({subject})", objects.join(", ")),
    };
    let mut lines = vec![format!(
        "  {} {who} may {} on {}; {lacks} may not",
        paint.of(YELLOW, "~"),
        printable(&actions),
        printable(&on)
    )];
    lines.extend(conditions.iter().map(|one| paint.of(FAINT, format_args!("      when {}", printable(one)))));
    if !note.is_empty() {
        lines.push(paint.of(FAINT, format_args!("      by {}", printable(note))));
    }
    lines
}
