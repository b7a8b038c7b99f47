//! Reads the resources of a stack from AWS, and performs the operations of a plan: the parts that all kinds share, and the
//! dispatch to the kinds.

pub(crate) mod discover;
mod found;
mod observe;
mod outsiders;
pub(crate) mod perform;
pub(crate) mod principals;
pub(crate) mod stale;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Name;

pub use super::key::aws::{grants, key};
pub use found::{Found, Tagged, owned, owner};
pub use observe::observe;
pub use outsiders::outsiders;
pub use perform::perform;

/// Zip archives by name of the function.
pub type Archives = BTreeMap<Name, Arc<[u8]>>;
