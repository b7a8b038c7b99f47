//! Policy documents and AWS's authorization rules for KMS.

mod actions;
mod build;
mod caller;
pub mod case;
mod compare;
mod condition;
mod context;
mod cover;
mod decide;
mod document;
mod explain;
mod grant;
mod implies;
mod json;
mod key;
mod names;
mod naming;
mod operator;
pub mod pair;
mod parse;
mod pattern;
mod reason;
mod route;
mod source;
mod statement;
mod tri;
mod values;
mod variable;
mod write;

pub use actions::key_actions;
pub use caller::{Caller, CallerKind, Level, NamedPolicy, Readable};
pub use compare::{Change, Verdict, compare};
pub use context::Context;
pub use decide::{Decision, Outcome, decide};
pub use explain::{Miss, NearMiss};
pub use key::{Constraints, Grant, KeyFacts, NewGrant, Request};
pub use reason::Reason;
pub use source::Layer;

pub use document::{
    Clause, Conditions, Effect, MAX_KEY_POLICY_BYTES, PolicyDocument, PolicyError, PolicyKind, Principal,
    Statement, Version,
};
pub use names::{Arn, Caseless, is_account_id};
pub use operator::{Operator, Quantifier, Test};

#[cfg(test)]
mod case_tests;
#[cfg(test)]
mod compare_tests;
#[cfg(test)]
mod document_tests;
