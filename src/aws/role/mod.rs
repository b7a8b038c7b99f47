//! IAM roles.

mod observe;
mod perform;

pub use observe::managed_documents;
pub(super) use observe::observe;
pub(super) use perform::perform;
