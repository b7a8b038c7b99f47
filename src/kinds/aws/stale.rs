//! Detects changes that someone else made since a plan, so that they are not overwritten.

use crate::aws::clients::Aws;
use crate::aws::error::{AwsError, ErrorKind};
use crate::aws::wait::Pace;

/// Reads, right before a call, until the value that the call replaces is the one that the plan was made from. A replica
/// may not have the change of the run itself yet, or may return the id of a role in place of its ARN for a moment.
///
/// # Errors
/// `what` was changed by someone else, and errors of the read.
pub(crate) async fn unchanged<Look>(
    aws: &Aws,
    (operation, what): (&str, &str),
    look: impl Fn() -> Look,
) -> Result<(), AwsError>
where
    Look: Future<Output = Result<bool, AwsError>>,
{
    let look = || async { Ok(look().await?.then_some(())) };
    match aws.until(&format!("{what} is as in the plan"), Pace::seconds(1, 5), look).await {
        Err(error) if error.kind() == ErrorKind::Timeout => Err(stale(operation, what)),
        looked => looked,
    }
}

/// Returns the error of a call that was not made because it would overwrite a change of someone else.
pub(crate) fn stale(operation: &str, what: &str) -> AwsError {
    let message = format!("{what} was changed since the plan, and is left as it is");
    AwsError::new(operation, ErrorKind::Conflict, message)
        .with_hint("run `lockstep plan` again, and look at what it shows")
}

/// Returns whether the current value may be replaced: it is the one that the plan was made from, or already the wanted
/// one, because an attempt before this one may have succeeded although its answer was lost.
pub(crate) fn may_replace<T: PartialEq>(is: &T, expected: Option<&T>, wanted: &T) -> bool {
    is == wanted || expected.is_none_or(|expected| is == expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_plan_knows_is_replaced() {
        let (before, wanted, foreign) = ("a", "b", "c");
        assert!(may_replace(&before, Some(&before), &wanted));
        // The value was written by this run, but the answer was lost.
        assert!(may_replace(&wanted, Some(&before), &wanted));
        assert!(!may_replace(&foreign, Some(&before), &wanted));
        // A value that could not be read when the plan was made cannot be compared.
        assert!(may_replace(&foreign, None, &wanted));
    }
}
