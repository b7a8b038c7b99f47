//! IAM roles.

mod observe;
mod perform;
mod unchanged;

pub(super) use observe::{Observed, attached, decode, inline, managed_documents, observe};
pub(super) use perform::perform;
