//! Policy documents and AWS's authorization rules for KMS.
//!
//! [`PolicyDocument`] reads a policy into its normal form; [`compare`] decides whether two documents mean the
//! same, and whether access widens or narrows; [`decide`] decides whether a caller may do something to a key,
//! gives the reason, and lists the statements and grants that would have allowed it but for one thing.
//!
//! Anything that could not be read is marked ([`Readable::Unknown`], [`Context::set_unknown`]). A decision that
//! depends on it is [`Outcome::Unknown`], never an allow; a deny that is certain remains a deny.
//!
//! The following are not decided here, and users of this module must treat them as unknown: VPC endpoint
//! policies, federated users (GetFederationToken), anonymous callers, web identities before they assume a role,
//! regions that an account has not enabled, and the time that AWS takes to propagate a change. The permission
//! that alias operations need on the alias itself has to be decided separately from the one on the key.

mod actions;
mod build;
mod caller;
pub mod case;
mod compare;
mod condition;
mod context;
mod cover;
mod decide;
mod delta;
mod document;
mod explain;
mod grant;
mod implies;
mod json;
mod key;
mod lines;
mod names;
mod naming;
mod operator;
pub mod pair;
mod parse;
mod path;
mod pattern;
mod proof;
mod reason;
mod route;
mod service;
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
pub use decide::{Decision, Outcome, actions_of, decide};
pub use delta::{Delta, Piece, delta, shown_conditions};
pub use explain::{Miss, NearMiss};
pub use key::{Constraints, Grant, KeyFacts, NewGrant, Request};
pub use lines::{Checked, answer_line, check_line};
pub use path::{Says, Station, Stop, path};
pub use pattern::action_covers;
pub use reason::Reason;
pub use service::{arn_like, may_assume};
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
mod condition_tests;
#[cfg(test)]
mod decide_tests;
#[cfg(test)]
mod document_tests;
#[cfg(test)]
mod explain_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod property_tests;
