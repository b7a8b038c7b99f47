//! The reports on plans, on drift and on problems that block a plan: text, JSON, Markdown.
//!
//! Every renderer starts from one document, a plain value. The JSON is that value, and the text contains nothing that
//! is not in it. Secrets are hidden when the document is created, so that no form of it contains them.

pub mod access;
pub mod blocked;
pub mod comparison;
pub mod drift;
mod paint;
pub mod parity;
pub mod plan;
mod policy;
mod problem;
pub mod progress;
mod short;
pub mod summary;
mod value;
pub mod why;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::kinds::{Name, World};
use crate::plan::Plan;
use crate::stack::desired::Desired;

pub use drift::Drift;
pub use paint::Paint;
pub use problem::Problem;
pub use summary::Summary;

/// Version of every JSON document; a higher minor number only adds fields.
pub const FORMAT_VERSION: &str = "1.0";

/// The stack, environment, region and account of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Name of the stack.
    pub stack: String,
    /// Name of the environment.
    pub env: String,
    /// Region.
    pub region: String,
    /// Account id.
    pub account: String,
}

impl Place {
    fn of(desired: &Desired) -> Self {
        Self {
            stack: desired.stack.clone(),
            env: desired.env.clone(),
            region: desired.place.region.clone(),
            account: desired.place.account.clone(),
        }
    }
}

/// Writes a document as indented JSON, for programs and people.
fn json(document: &impl Serialize) -> String {
    // A document consists of strings, numbers and lists, so serializing it cannot fail.
    serde_json::to_string_pretty(document).unwrap_or_default()
}

/// A plan with the states that it was made from.
#[derive(Clone, Copy, Debug)]
pub struct PlanView<'a> {
    /// The desired state.
    pub desired: &'a Desired,
    /// The observed state.
    pub world: &'a World,
    /// The steps from the observed to the desired state.
    pub plan: &'a Plan,
    /// The access of functions to keys once the plan is applied.
    pub access: &'a [AccessLine],
    /// Claims that are not proved, and the reason for which the plan may be applied.
    pub unproved: Option<&'a plan::Unproved>,
}

/// The access of one function to one key, and the statements that decide it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AccessLine {
    /// The function.
    pub function: Name,
    /// The role that it runs under.
    pub role: Name,
    /// The key.
    pub key: Name,
    /// KMS actions, without `kms:`.
    pub actions: BTreeSet<String>,
    /// Outcome of the evaluator: `allow`, `implicit_deny`, `explicit_deny` or `unknown`.
    pub decision: String,
    /// The statements that decide, as the evaluator cites them: `key_policy:UseByEncrypt`.
    pub statements: BTreeSet<String>,
}
