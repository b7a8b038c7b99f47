//! Principals outside the stack, as far as a proof needs them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Tags;
use crate::access::PolicyDocument;

/// The facts known about a role or user outside the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Outsider {
    /// It does not exist.
    Gone,
    /// It could not be read.
    Hidden {
        /// The reason.
        why: String,
    },
    /// It exists.
    There(Box<Identity>),
}

/// A role or user with the policies that apply to it. A part that could not be read is an `Err` with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// ARN with the path; for a session, the ARN of its role.
    pub arn: String,
    /// `AROA…` or `AIDA…`.
    pub unique_id: String,
    /// Tags.
    pub tags: Tags,
    /// Documents of inline and managed policies by name or ARN, including those of a user's groups.
    pub policies: Result<BTreeMap<String, PolicyDocument>, String>,
    /// The permissions boundary.
    pub boundary: Result<Option<PolicyDocument>, String>,
}
