//! The options about the lock of commands that change something.

use std::time::Duration;

use clap::Args;

/// Options of commands that change something.
#[derive(Args, Debug)]
pub struct LockOptions {
    /// Wait this long for another run that holds the lock of the environment, such as 10m
    #[arg(
        long,
        env = "LOCKSTEP_LOCK_TIMEOUT",
        default_value = "0s",
        value_name = "DURATION",
        value_parser = duration
    )]
    pub lock_timeout: Duration,

    /// Go on without the lock: only where nothing else can change the environment meanwhile
    #[arg(long)]
    pub no_lock: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a valid duration: write 30s, 10m or 1h");
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let factor = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let seconds = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    // A day is longer than any pipeline; beyond it lies what a clock cannot count.
    seconds.filter(|seconds| *seconds <= 86_400).map(Duration::from_secs).ok_or_else(wrong)
}

impl LockOptions {
    /// Returns the longest time to wait for the lock; `None` to go on without it.
    pub fn patience(&self) -> Option<Duration> {
        (!self.no_lock).then_some(self.lock_timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit() {
        let seconds = |text| duration(text).map(|duration| duration.as_secs());
        assert_eq!([seconds("0s"), seconds("10m"), seconds("2h")], [Ok(0), Ok(600), Ok(7200)]);
        for wrong in ["", "10", "m", "-1s", "25h", "1d", "99999999999999999999s"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
