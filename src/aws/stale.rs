//! Changes that somebody else made since a plan: they are not overwritten.

use super::clients::Aws;
use super::error::{AwsError, ErrorKind};
use super::wait::Pace;

/// Looks, right before a call, until what it replaces is what the plan was made from. A replica may be behind the
/// run's own change, or show the id of a role in place of its ARN for a moment.
///
/// # Errors
/// `what` was changed by somebody else, and what the look meets.
pub(super) async fn unchanged<Look>(
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

/// The error of a call that was not made, for it would overwrite what somebody else has changed.
pub(super) fn stale(operation: &str, what: &str) -> AwsError {
    let message = format!("{what} was changed since the plan, and is left as it is");
    AwsError::new(operation, ErrorKind::Conflict, message)
        .with_hint("run `lockstep plan` again, and look at what it shows")
}

/// Returns whether what is there may be replaced: it is what the plan was made from, or already what it shall be,
/// for an attempt before this one may have gone through although no answer came back.
pub(super) fn may_replace<T: PartialEq>(is: &T, expected: Option<&T>, wanted: &T) -> bool {
    is == wanted || expected.is_none_or(|expected| is == expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_plan_knows_is_replaced() {
        let (before, wanted, foreign) = ("a", "b", "c");
        assert!(may_replace(&before, Some(&before), &wanted));
        // Its own change, whose answer got lost.
        assert!(may_replace(&wanted, Some(&before), &wanted));
        assert!(!may_replace(&foreign, Some(&before), &wanted));
        // What could not be read when the plan was made cannot be compared.
        assert!(may_replace(&foreign, None, &wanted));
    }
}
