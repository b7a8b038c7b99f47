//! Policy documents and AWS's authorization rules for KMS.

mod build;
mod document;
mod json;
mod names;
mod operator;
mod parse;
mod write;

pub use document::{
    Clause, Conditions, Effect, MAX_KEY_POLICY_BYTES, PolicyDocument, PolicyError, PolicyKind, Principal,
    Statement, Version,
};
pub use names::{Arn, Caseless, is_account_id};
pub use operator::{Operator, Quantifier, Test};

#[cfg(test)]
mod document_tests;
