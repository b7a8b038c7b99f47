//! API Gateway custom domain names.

mod observe;
mod perform;

pub(crate) use observe::observe;
pub(crate) use perform::perform;
