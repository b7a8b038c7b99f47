//! What people and programs read of a plan, of drift and of what is in the way: text, JSON, Markdown.
//!
//! Every renderer goes by way of one document, a plain value; the JSON is that value, and the text says
//! nothing that it lacks. Secrets are hidden when the document is made, so that no form of it holds them.

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
pub use value::{HIDDEN, is_secret};

/// Version of every JSON document: a higher minor number only adds fields.
pub const FORMAT_VERSION: &str = "1.0";

/// Where a stack is.
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

/// Writes a document as JSON in lines, as programs and people read it.
fn json(document: &impl Serialize) -> String {
    // A document is made of strings, numbers and lists, which cannot fail to be written.
    serde_json::to_string_pretty(document).unwrap_or_default()
}

/// A plan with what it was made from.
#[derive(Clone, Copy, Debug)]
pub struct PlanView<'a> {
    /// What the stack wants.
    pub desired: &'a Desired,
    /// What AWS has.
    pub world: &'a World,
    /// What is done about the difference.
    pub plan: &'a Plan,
    /// What functions may do with keys once the plan is applied.
    pub access: &'a [AccessLine],
    /// What is not proved, and why it may be applied all the same.
    pub unproved: Option<&'a plan::Unproved>,
}

/// What one function may do with one key, and what decides that.
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
