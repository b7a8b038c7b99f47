//! The rates of the control plane that AWS publishes for API Gateway, KMS and Lambda, without the bursts that it
//! allows.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Names, and milliseconds between two calls.
static RATES: &[(&[&str], u32)] = &[
    (&["apigateway:CreateRestApi"], 3_000),
    (&["apigateway:DeleteRestApi"], 30_000),
    (&["apigateway:CreateDeployment"], 5_000),
    (&["apigateway:CreateResource", "apigateway:DeleteResource"], 200),
    (&["apigateway:CreateApiKey", "apigateway:DeleteApiKey"], 200),
    (&["apigateway:GetResources"], 400),
    (&["apigateway:UpdateUsagePlan"], 20_000),
    (&["kms:CreateKey", "kms:CreateAlias", "kms:UpdateAlias", "kms:EnableKey"], 200),
    (&["kms:PutKeyPolicy", "kms:DeleteAlias", "kms:EnableKeyRotation", "kms:ScheduleKeyDeletion"], 67),
    (&["lambda:GetPolicy"], 67),
];

/// The time at which the next call of each operation would be due if calls were evenly spaced.
#[derive(Default)]
pub struct Rates(BTreeMap<String, Instant>);

impl Rates {
    /// Counts a call, or returns the seconds after which to retry.
    pub fn take(&mut self, second: Duration, operation: &str) -> Option<u64> {
        let (_, every) = RATES.iter().find(|(names, _)| names.contains(&operation))?;
        let interval = second * *every / 1000;
        let now = Instant::now();
        let due = self.0.get(operation).copied().unwrap_or(now).max(now);
        if due > now {
            return Some((due - now).as_secs().max(1));
        }
        self.0.insert(operation.to_owned(), due + interval);
        None
    }
}
