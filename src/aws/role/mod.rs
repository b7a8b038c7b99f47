//! IAM roles.

mod observe;
mod perform;
mod unchanged;

pub(super) use observe::{attached, decode, inline, managed_documents, observe};
pub(super) use perform::perform;
