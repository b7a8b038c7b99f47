//! Counts the resources that a plan changes.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::kinds::Action;
use crate::plan::Plan;

/// The numbers of resources, not of steps, that a plan creates, changes and deletes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Resources that are created.
    pub add: usize,
    /// Resources that are changed in place.
    pub change: usize,
    /// Resources that are deleted, or for keys, scheduled for deletion.
    pub destroy: usize,
}

impl Summary {
    /// Counts the resources of a plan. A resource that is created and deleted counts as both.
    pub fn of(plan: &Plan) -> Self {
        let mut summary = Self::default();
        for action in plan.actions().into_values() {
            match action {
                Action::Create => summary.add += 1,
                Action::Update => summary.change += 1,
                Action::Delete => summary.destroy += 1,
                Action::Replace => {
                    summary.add += 1;
                    summary.destroy += 1;
                }
            }
        }
        summary
    }

    /// Writes the last line of an apply that took `took`.
    pub fn applied(self, took: Duration) -> String {
        let Self { add, change, destroy } = self;
        let took = shown(took);
        format!("Apply complete: {add} added, {change} changed, {destroy} destroyed in {took}.")
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { add, change, destroy } = self;
        write!(f, "Plan: {add} to add, {change} to change, {destroy} to destroy.")
    }
}

/// Formats a duration: tenths of a second below a minute, whole seconds above.
fn shown(took: Duration) -> String {
    let seconds = took.as_secs();
    if seconds < 60 {
        return format!("{:.1} s", took.as_secs_f64());
    }
    format!("{} min {} s", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_apply_ends_with_what_it_did() {
        let summary = Summary { add: 12, change: 0, destroy: 1 };
        assert_eq!(
            summary.applied(Duration::from_millis(9_412)),
            "Apply complete: 12 added, 0 changed, 1 destroyed in 9.4 s."
        );
        assert!(summary.applied(Duration::from_secs(83)).ends_with("in 1 min 23 s."));
    }
}
