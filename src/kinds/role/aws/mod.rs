//! IAM roles.

mod observe;
mod perform;
mod unchanged;

pub(crate) use observe::{Observed, attached, decode, inline, managed_documents, observe};
pub(crate) use perform::perform;
