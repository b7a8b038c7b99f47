//! IAM roles.

mod observe;
mod perform;

pub(super) use observe::{attached, decode, inline, managed_documents, observe};
pub(super) use perform::perform;
