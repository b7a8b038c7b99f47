//! Keeps a listing that has no end from being read for ever.
//!
//! A page names the next one. The SDK stops where a page names itself, and nowhere else: an AWS, or whatever
//! answers in its place, that gives a new name with every page would fill the memory.

use std::cell::Cell;
use std::future::Future;

use super::error::{AwsError, ErrorKind};

/// Most requests of one call, those that the SDK repeats included. Fifty thousand grants on one key, the longest
/// list that AWS allows of anything that is read here, are a thousand pages of fifty.
const MOST: u32 = 2_000;

tokio::task_local! {
    /// Requests that the call may still send; `None` once it wanted more.
    static LEFT: Cell<Option<u32>>;
}

/// Asked for one more request than a call may send.
#[derive(Debug, thiserror::Error)]
#[error("the call needs more than {MOST} requests")]
pub(super) struct TooMany;

/// Carries out a call; `None` when it was cut short because it would not end.
pub(super) async fn bounded<T>(call: impl Future<Output = T>) -> Option<T> {
    let call = async {
        let output = call.await;
        LEFT.with(Cell::get).map(|_| output)
    };
    LEFT.scope(Cell::new(Some(MOST)), call).await
}

/// Counts one request of the call that is under way.
///
/// # Errors
/// It was one too many, and is not to be sent.
pub(super) fn count() -> Result<(), TooMany> {
    let counted = LEFT.try_with(|left| {
        left.set(left.get().and_then(|left| left.checked_sub(1)));
        left.get().map(|_| ()).ok_or(TooMany)
    });
    // Calls that nobody bounds answer in one page.
    counted.unwrap_or(Ok(()))
}

/// Says of a call that it would not end.
pub(super) fn endless(operation: &str) -> AwsError {
    let message = format!("after {MOST} requests AWS still names another page");
    AwsError::new(operation, ErrorKind::Invalid, message).with_hint(
        "no account has this many; check what answers at AWS_ENDPOINT_URL, and any proxy on the way",
    )
}
