//! IAM roles.

mod observe;
mod perform;

pub(super) use observe::observe;
pub(super) use perform::perform;
