//! Lambda functions: reads them and changes them.

mod calls;
mod observe;
mod perform;
mod permission;
mod read;

pub use observe::observe;
pub use perform::perform;
