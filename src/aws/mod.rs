//! AWS itself: reading what a stack has there, and performing the operations of a plan.

mod clients;
mod error;
mod found;
mod hint;
mod limits;
mod retry;
mod wait;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kinds::Name;

pub use clients::{Aws, CallCount, Clients, Identity, Settings};
pub use error::{AwsError, ErrorKind};
pub use found::{Found, Tagged, owned, owner};
pub use retry::Awaited;
pub use wait::{Pace, until};

/// Zip archives by name of the function.
pub type Archives = BTreeMap<Name, Arc<[u8]>>;
