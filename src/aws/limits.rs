//! Keeps calls below the request rates of the control planes.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::halt::Halt;

/// Operations that have rates of their own and do not count towards the rate of the whole service.
const OWN_RATE: &[&str] = &["lambda:GetFunction", "lambda:GetPolicy"];

/// Names, milliseconds between two calls on average, and number of calls that may follow each other at once. Every name
/// has a bucket of its own; `service:*` covers all operations of a service together.
///
/// The rates apply per account and region. Source: the pages on quotas in the developer guide of each service. The rate
/// that API Gateway allows for all operations together is shared by everyone in the account, hence 8 per second instead
/// of 10.
static RATES: &[(&[&str], u64, u32)] = &[
    (
        &[
            "kms:CreateKey",
            "kms:CreateAlias",
            "kms:UpdateAlias",
            "kms:EnableKey",
            "kms:DisableKey",
            "kms:DisableKeyRotation",
            "kms:CancelKeyDeletion",
            "kms:UntagResource",
            "kms:UpdateKeyDescription",
        ],
        200,
        5,
    ),
    (&["kms:TagResource"], 100, 10),
    (&["kms:PutKeyPolicy", "kms:DeleteAlias", "kms:EnableKeyRotation", "kms:ScheduleKeyDeletion"], 67, 15),
    (&["lambda:GetFunction"], 10, 100),
    (&["lambda:GetPolicy", "lambda:*"], 67, 15),
    (&["apigateway:*"], 125, 30),
    (&["apigateway:CreateRestApi"], 3_000, 1),
    (&["apigateway:DeleteRestApi"], 30_000, 1),
    (&["apigateway:CreateDeployment"], 5_000, 1),
    (
        &["apigateway:CreateDomainName", "apigateway:UpdateDomainName", "apigateway:DeleteDomainName"],
        30_000,
        1,
    ),
    (&["apigateway:CreateResource", "apigateway:DeleteResource"], 200, 5),
    (&["apigateway:CreateApiKey", "apigateway:DeleteApiKey"], 200, 5),
    (&["apigateway:GetResources"], 400, 5),
    (&["cloudtrail:LookupEvents"], 500, 2),
    (&["apigateway:UpdateUsagePlan", "apigateway:UpdateAccount"], 20_000, 1),
];

/// One bucket per name; empty if nothing is limited.
pub(crate) struct Limits {
    buckets: BTreeMap<&'static str, Bucket>,
}

struct Bucket {
    interval: Duration,
    slack: Duration,
    /// The time at which the next call would be due if calls were evenly spaced.
    due: Mutex<Instant>,
}

impl Limits {
    /// Creates limits that limit nothing, for an AWS on this machine.
    pub(crate) const fn none() -> Self {
        Self { buckets: BTreeMap::new() }
    }

    /// Creates the limits that AWS sets.
    pub(crate) fn of_aws() -> Self {
        let now = Instant::now();
        let bucket = |interval: u64, burst: u32| {
            let interval = Duration::from_millis(interval);
            Bucket { interval, slack: interval * burst.saturating_sub(1), due: Mutex::new(now) }
        };
        let rates = RATES.iter().flat_map(|(names, interval, burst)| {
            names.iter().map(move |name| (*name, bucket(*interval, *burst)))
        });
        Self { buckets: rates.collect() }
    }

    /// Waits until the operation may be called; returns false if the wait was cut short.
    pub(crate) async fn take(&self, operation: &str, halt: &Halt) -> bool {
        let now = Instant::now();
        let at = self.reserve(operation, now);
        at <= now || halt.sleep_until(at).await
    }

    /// Reserves one call and returns when it may be made.
    fn reserve(&self, operation: &str, now: Instant) -> Instant {
        let service = operation.split_once(':').map_or(operation, |(service, _)| service);
        let together = if OWN_RATE.contains(&operation) { None } else { Some(format!("{service}:*")) };
        let names = [Some(operation), together.as_deref()];
        let covering = names.into_iter().flatten().filter_map(|name| self.buckets.get(name));
        covering.map(|bucket| bucket.reserve(now)).max().unwrap_or(now)
    }
}

impl Bucket {
    fn reserve(&self, now: Instant) -> Instant {
        let mut due = self.due.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mine = (*due).max(now);
        *due = mine + self.interval;
        mine.checked_sub(self.slack).unwrap_or(now).max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(limits: &Limits, operation: &str, calls: usize) -> Vec<Duration> {
        let now = Instant::now();
        (0..calls).map(|_| limits.reserve(operation, now) - now).collect()
    }

    #[test]
    fn a_burst_passes_and_the_rest_is_spread() {
        let waits = waits(&Limits::of_aws(), "kms:CreateAlias", 7);
        assert_eq!(waits[4], Duration::ZERO);
        assert!(waits[5] > Duration::ZERO && waits[6] > waits[5]);
    }

    #[test]
    fn each_operation_has_a_bucket_of_its_own() {
        let limits = Limits::of_aws();
        waits(&limits, "kms:CreateAlias", 5);
        assert_eq!(waits(&limits, "kms:UpdateAlias", 1), [Duration::ZERO]);
    }

    #[test]
    fn the_slowest_rate_decides() {
        let waits = waits(&Limits::of_aws(), "apigateway:CreateDeployment", 2);
        assert!(waits[1] > Duration::from_secs(4));
    }

    #[test]
    fn operations_without_a_rate_and_local_ones_pass() {
        assert_eq!(waits(&Limits::of_aws(), "iam:CreateRole", 50), [Duration::ZERO; 50]);
        assert_eq!(waits(&Limits::none(), "kms:CreateKey", 50), [Duration::ZERO; 50]);
    }
}
