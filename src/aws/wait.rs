//! Polls named conditions with a deadline.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::clients::Aws;
use super::error::{AwsError, ErrorKind};
use super::halt::Halt;

/// The interval at which a condition is checked, and the longest time for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Time between two checks.
    pub every: Duration,
    /// Time after which the condition counts as not met.
    pub patience: Duration,
    /// Number of consecutive checks that must see the condition, because a read may go to a replica that is ahead of
    /// the others.
    pub in_a_row: u32,
}

impl Pace {
    /// Checks every second for two minutes.
    pub const TWO_MINUTES: Self = Self::seconds(1, 120);
    /// Checks every second for five minutes, as the waiters of Lambda do.
    pub const FIVE_MINUTES: Self = Self::seconds(1, 300);

    /// Checks every `every` seconds for `patience` seconds.
    pub const fn seconds(every: u64, patience: u64) -> Self {
        Self { every: Duration::from_secs(every), patience: Duration::from_secs(patience), in_a_row: 1 }
    }

    /// Requires that several consecutive checks see the condition.
    pub const fn in_a_row(self, in_a_row: u32) -> Self {
        Self { in_a_row, ..self }
    }
}

impl Aws {
    /// Checks a condition until it returns a value.
    ///
    /// # Errors
    /// Any error of the check itself, [`ErrorKind::Timeout`] if the condition `what` is not met in time, and
    /// [`ErrorKind::Halted`] if waiting was cut short.
    pub async fn until<T, Look>(
        &self,
        what: &str,
        pace: Pace,
        look: impl FnMut() -> Look,
    ) -> Result<T, AwsError>
    where
        Look: Future<Output = Result<Option<T>, AwsError>>,
    {
        until(&self.halt, (what, pace), look).await
    }
}

/// Checks a condition like [`Aws::until`].
///
/// # Errors
/// Those of [`Aws::until`].
pub(crate) async fn until<T, Look>(
    halt: &Halt,
    (what, pace): (&str, Pace),
    mut look: impl FnMut() -> Look,
) -> Result<T, AwsError>
where
    Look: Future<Output = Result<Option<T>, AwsError>>,
{
    let started = Instant::now();
    let mut met = 0;
    loop {
        match look().await? {
            Some(value) if met + 1 >= pace.in_a_row => return Ok(value),
            Some(_) => met += 1,
            None => met = 0,
        }
        if started.elapsed() + pace.every > pace.patience {
            let message = format!("not so after {} s", pace.patience.as_secs());
            return Err(AwsError::new(format!("waiting until {what}"), ErrorKind::Timeout, message)
                .with_hint("run the command again: it goes on from here"));
        }
        if !halt.sleep(pace.every).await {
            return Err(AwsError::halted(format!("waiting until {what}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const AT_ONCE: Pace = Pace { every: Duration::ZERO, patience: Duration::from_secs(60), in_a_row: 1 };

    #[tokio::test]
    async fn a_condition_must_hold_several_times_in_a_row() {
        let (halt, looks) = (Halt::default(), Cell::new(0));
        let seen = until(&halt, ("it holds", AT_ONCE.in_a_row(2)), || {
            looks.set(looks.get() + 1);
            let look = looks.get();
            async move { Ok((look != 2).then_some(look)) }
        });
        assert_eq!(seen.await.unwrap(), 4);
    }

    #[tokio::test]
    async fn a_condition_that_is_not_met_names_itself() {
        let pace = Pace { patience: Duration::ZERO, every: Duration::from_secs(1), in_a_row: 1 };
        let halt = Halt::default();
        let error = until(&halt, ("the role is visible", pace), || async { Ok(None::<()>) });
        let error = error.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.to_string().starts_with("waiting until the role is visible"));
    }

    #[tokio::test]
    async fn a_wait_that_is_cut_short_ends_at_once() {
        let halt = Halt::default();
        let (endless, looks) = (Pace::seconds(86_400, 864_000), Cell::new(0));
        let look = || {
            looks.set(looks.get() + 1);
            halt.set();
            async { Ok(None::<()>) }
        };
        let error = until(&halt, ("the role is visible", endless), look).await.unwrap_err();
        assert_eq!((error.kind(), looks.get()), (ErrorKind::Halted, 1));
    }
}
