//! The connection to AWS: clients, errors, retries, rates, waits, and the lock's parameter.

pub(crate) mod clients;
pub(crate) mod complete;
pub(crate) mod error;
mod halt;
mod hint;
mod limits;
mod lock;
pub(crate) mod pages;
mod retry;
mod trail;
pub(crate) mod wait;

pub use clients::{Aws, CallCount, Clients, Identity, Settings};
pub use error::{AwsError, ErrorKind};
pub use halt::Halt;
pub use lock::Locker;
pub use retry::Awaited;
pub use trail::{Event, Trail, changes};
pub use wait::Pace;
