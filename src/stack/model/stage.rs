//! Stages, usage plans and API keys in a stack file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::Tags;
use super::function::yes;

/// The stage that serves an API.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Name, a part of the URL; `v1` unless given.
    #[schemars(example = &"v1")]
    pub name: Option<String>,
    /// Description.
    #[serde(default)]
    pub description: String,
    /// Stage variables.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Limits of every route that has none of its own.
    #[schemars(example = json!({"rate": 50, "burst": 100}))]
    pub throttle: Option<Throttle>,
    /// Where requests are logged to.
    pub access_log: Option<AccessLog>,
    /// Whether CloudWatch metrics are kept for every route.
    pub metrics: Option<bool>,
    /// Execution log.
    pub logging: Option<Logging>,
    /// Whether the execution log holds whole bodies. They may be secret.
    pub data_trace: Option<bool>,
    /// Whether requests are traced with X-Ray.
    #[serde(default)]
    pub tracing: bool,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// Limits on requests.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    /// Requests per second.
    #[schemars(range(min = 0, max = 1_000_000), example = 50)]
    pub rate: f64,
    /// Requests at once.
    #[schemars(range(min = 0, max = 1_000_000), example = 100)]
    pub burst: u32,
}

/// Where requests are logged to; a log group of the stack, or any destination.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessLog {
    /// A log group of the stack.
    #[schemars(example = &"access")]
    pub log_group: Option<String>,
    /// ARN of a log group, or of a Firehose stream whose name starts with `amazon-apigateway-`.
    pub destination: Option<String>,
    /// One line that holds `$context.requestId`; JSON unless given.
    #[schemars(example = &"$context.requestId $context.status")]
    pub format: Option<String>,
}

/// Level of an execution log.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Logging {
    Off,
    Error,
    Info,
}

/// A usage plan for the stage.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UsagePlan {
    /// Description.
    #[serde(default)]
    pub description: String,
    /// Limits for each key.
    pub throttle: Option<Throttle>,
    /// Requests in a period for each key.
    #[schemars(example = json!({"limit": 10000, "period": "month"}))]
    pub quota: Option<Quota>,
    /// API keys of the API by name.
    #[serde(default)]
    #[schemars(example = json!(["partner"]))]
    pub keys: Vec<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// Requests in a period.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Requests.
    #[schemars(range(min = 1, max = 2_147_483_647), example = 10000)]
    pub limit: u32,
    /// Requests that are taken off in the first period.
    #[serde(default)]
    pub offset: u32,
    /// The period.
    pub period: Period,
}

/// Period of a quota.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    Day,
    Week,
    Month,
}

/// An API key. Its value is made by AWS and never read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// Description.
    #[serde(default)]
    pub description: String,
    /// Whether it is accepted.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}
