//! Stops reading a listing that has no end.
//!
//! A page names the next one. The SDK stops only if a page names itself: an AWS, or anything that answers in its place,
//! that returns a new token with every page would fill the memory.

use std::cell::Cell;
use std::future::Future;

use super::error::{AwsError, ErrorKind};

/// Maximum number of requests of one call, including those that the SDK retries. Fifty thousand grants on one key, the
/// longest of the lists read here that AWS allows, take a thousand pages of fifty.
const MOST: u32 = 2_000;

tokio::task_local! {
    /// Requests that the call may still send; `None` once it needed more.
    static LEFT: Cell<Option<u32>>;
}

/// The error of a call that needs more requests than it may send.
#[derive(Debug, thiserror::Error)]
#[error("the call needs more than {MOST} requests")]
pub(crate) struct TooMany;

/// Carries out a call; returns `None` if it was cut short because it would not end.
pub(crate) async fn bounded<T>(call: impl Future<Output = T>) -> Option<T> {
    let call = async {
        let output = call.await;
        LEFT.with(Cell::get).map(|_| output)
    };
    LEFT.scope(Cell::new(Some(MOST)), call).await
}

/// Counts one request of the call in progress.
///
/// # Errors
/// The request exceeds the limit, and must not be sent.
pub(crate) fn count() -> Result<(), TooMany> {
    let counted = LEFT.try_with(|left| {
        left.set(left.get().and_then(|left| left.checked_sub(1)));
        left.get().map(|_| ()).ok_or(TooMany)
    });
    // Calls outside `bounded` are answered in one page.
    counted.unwrap_or(Ok(()))
}

/// Returns the error of a call that would not end.
pub(crate) fn endless(operation: &str) -> AwsError {
    let message = format!("after {MOST} requests AWS still names another page");
    AwsError::new(operation, ErrorKind::Invalid, message).with_hint(
        "no account has this many; check what answers at AWS_ENDPOINT_URL, and any proxy on the way",
    )
}
