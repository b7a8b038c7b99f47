//! Lambda functions: what AWS has, and the calls that change it.

mod calls;
mod observe;
mod perform;
mod permission;
mod read;

pub use observe::observe;
pub use perform::perform;
