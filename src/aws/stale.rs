//! Changes that somebody else made since a plan: they are not overwritten.

use super::error::{AwsError, ErrorKind};

/// The error of a call that was not made, for it would overwrite what somebody else has changed.
pub(super) fn stale(operation: &str, what: &str) -> AwsError {
    let message = format!("{what} was changed since the plan, and is left as it is");
    AwsError::new(operation, ErrorKind::Conflict, message)
        .with_hint("run `lockstep plan` again, and look at what it shows")
}

/// Tells whether what is there may be replaced: it is what the plan was made from, or already what it shall be,
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
