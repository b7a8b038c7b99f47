//! Performs the operations of a plan.

use super::Archives;
use crate::aws::clients::Aws;
use crate::aws::error::{AwsError, ErrorKind};
use crate::kinds::{Expected, Ids, Op};
use crate::kinds::{api, domain, function, key, log_group, role};

/// Performs one operation whose references are filled in, and waits until its effect can be relied upon.
///
/// Returns the ids that are known afterwards: `keys.text.id`, `keys.text.arn`, `roles.app.arn`, `apis.text.id`, … An
/// operation whose effect is already there is done. Anything that was changed since `expected` was read is not
/// overwritten, as far as AWS allows it to be checked.
///
/// # Errors
/// Errors of AWS, changes by others, and effects that do not show in time.
pub async fn perform(
    aws: &Aws,
    ids: &Ids,
    (op, expected): (&Op, &Expected),
    archives: &Archives,
) -> Result<Ids, AwsError> {
    match op {
        Op::Key { name, op } => key::aws::perform(aws, name, (op, expected), ids).await,
        Op::Role { name, op } => role::aws::perform(aws, name, (op, expected), ids).await,
        Op::LogGroup { name, op } => log_group::aws::perform(aws, name, op, ids).await,
        Op::Function { name, op } => function::aws::perform(aws, (ids, archives), name, (op, expected)).await,
        Op::Api { name, op } => api::aws::perform(aws, ids, name, op).await,
        Op::Domain { name, op } => domain::aws::perform(aws, name, op, ids).await,
    }
}

/// Looks up an id that an operation needs.
///
/// # Errors
/// An id that is unknown because its resource was neither read nor created.
pub(crate) fn known(ids: &Ids, reference: &str) -> Result<String, AwsError> {
    ids.get(reference).map(str::to_owned).ok_or_else(|| {
        let message = format!("`{reference}` is not known, so there is nothing to call");
        AwsError::new("filling in ids", ErrorKind::Invalid, message).with_hint("plan again")
    })
}

/// Treats the removal of something that does not exist as done.
pub(crate) fn done_if_absent<T>(answer: Result<T, AwsError>) -> Result<(), AwsError> {
    match answer {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}
