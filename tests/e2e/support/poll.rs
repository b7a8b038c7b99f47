//! Waits for conditions.

use std::time::{Duration, Instant};

/// Checks until there is a value.
///
/// The timeout decides only how late a failure is reported: no test depends on how long anything takes.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = look().await {
            return value;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "never so: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
