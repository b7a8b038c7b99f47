//! What an operation replaces, for looking at it right before.

use super::{Op, World, function, key};
use crate::access::PolicyDocument;

/// What AWS should have where an operation writes, as far as overwriting it would lose something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nothing that could be lost, or nothing that could be read.
    Anything,
    /// This key policy.
    Policy(Box<PolicyDocument>),
    /// This configuration of a function.
    Config(Box<function::Config>),
    /// Code with this `CodeSha256`.
    Code(String),
}

impl World {
    /// Returns what an operation finds in this world.
    pub fn expected(&self, op: &Op) -> Expected {
        let found = match op {
            Op::Key { name, op: key::Op::PutPolicy { .. } } => self
                .keys
                .get(name)
                .filter(|seen| !seen.unread.contains_key("policy"))
                .map(|seen| Expected::Policy(Box::new(seen.spec.policy.clone()))),
            Op::Function { name, op: function::Op::Configure { .. } } => self
                .functions
                .get(name)
                .filter(|seen| !seen.unread.contains_key("env"))
                .map(|seen| Expected::Config(Box::new(seen.config.clone()))),
            Op::Function { name, op: function::Op::UpdateCode { .. } } => {
                self.functions.get(name).map(|seen| Expected::Code(seen.code_sha256.clone()))
            }
            _ => None,
        };
        found.unwrap_or(Expected::Anything)
    }
}
