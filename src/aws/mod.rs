//! AWS itself: reads the resources of a stack, and performs the operations of a plan.

mod api;
mod clients;
mod complete;
mod discover;
mod error;
mod found;
mod function;
mod halt;
mod hint;
mod key;
mod limits;
mod lock;
mod log_group;
mod observe;
mod outsiders;
mod pages;
mod perform;
mod principals;
mod retry;
mod role;
mod stale;
mod trail;
mod wait;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kinds::Name;

pub use clients::{Aws, CallCount, Clients, Identity, Settings};
pub use error::{AwsError, ErrorKind};
pub use found::{Found, Tagged, owned, owner};
pub use halt::Halt;
pub use key::{grants, key};
pub use lock::Locker;
pub use observe::observe;
pub use outsiders::outsiders;
pub use perform::perform;
pub use retry::Awaited;
pub use trail::{Event, Trail, changes};
pub use wait::Pace;

/// Zip archives by name of the function.
pub type Archives = BTreeMap<Name, Arc<[u8]>>;
