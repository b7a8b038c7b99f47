//! Performs the operations of a plan.

use super::clients::Aws;
use super::error::{AwsError, ErrorKind};
use super::{Archives, api, function, key, log_group, role};
use crate::kinds::{Expected, Ids, Op};

/// Performs one operation whose references are filled in, and waits until its effect can be relied upon.
///
/// Returns the ids that are known since: `keys.text.id`, `keys.text.arn`, `roles.app.arn`, `apis.text.id`, …
/// An operation whose effect is there already is done. What was changed since `expected` was seen is not
/// overwritten, where AWS lets it be looked at.
///
/// # Errors
/// What AWS answers, changes by others, and effects that do not show in time.
pub async fn perform(
    aws: &Aws,
    ids: &Ids,
    (op, expected): (&Op, &Expected),
    archives: &Archives,
) -> Result<Ids, AwsError> {
    match op {
        Op::Key { name, op } => key::perform(aws, name, (op, expected), ids).await,
        Op::Role { name, op } => role::perform(aws, name, (op, expected), ids).await,
        Op::LogGroup { name, op } => log_group::perform(aws, name, op, ids).await,
        Op::Function { name, op } => function::perform(aws, (ids, archives), name, (op, expected)).await,
        Op::Api { name, op } => api::perform(aws, ids, name, op).await,
    }
}

/// Looks up an id that an operation needs.
///
/// # Errors
/// An id that nothing has told, for its resource was neither seen nor made.
pub(super) fn known(ids: &Ids, reference: &str) -> Result<String, AwsError> {
    ids.get(reference).map(str::to_owned).ok_or_else(|| {
        let message = format!("`{reference}` is not known, so there is nothing to call");
        AwsError::new("filling in ids", ErrorKind::Invalid, message).with_hint("plan again")
    })
}

/// Counts the removal of something that is not there as done.
pub(super) fn done_if_absent<T>(answer: Result<T, AwsError>) -> Result<(), AwsError> {
    match answer {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}
