//! IAM roles in a stack file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Tags;

/// An IAM role, named `{stack}-{env}-{name}`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Who may assume it: a service, an ARN or an account, or a whole trust policy. Lambda unless given.
    #[schemars(example = &"lambda.amazonaws.com")]
    pub trust: Option<Trust>,
    /// Managed policies: names of AWS's own, or ARNs.
    #[schemars(example = json!(["service-role/AWSLambdaBasicExecutionRole"]))]
    pub managed_policies: Option<Vec<String>>,
    /// Inline policies by name, as AWS takes them.
    pub inline_policies: Option<BTreeMap<String, Value>>,
    /// The policy that bounds its permissions: a name of AWS's own, or an ARN.
    #[schemars(example = &"arn:aws:iam::111122223333:policy/boundary")]
    pub permissions_boundary: Option<String>,
    /// Path; `/lockstep/{stack}/{env}/` unless given. Cannot be changed later.
    #[schemars(example = &"/service/")]
    pub path: Option<String>,
    /// Description.
    #[serde(default)]
    pub description: String,
    /// Longest session, 1 to 12 hours; 1 hour unless given.
    #[schemars(example = &"1h")]
    pub max_session: Option<String>,
    /// A role that this one takes trust, policies and boundary from, and that must never be able to do more or
    /// less.
    #[schemars(example = &"encrypt-test")]
    pub twin_of: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// Who may assume a role.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Trust {
    /// A service (`lambda.amazonaws.com`), an ARN, or an account id.
    Principal(String),
    /// A trust policy as AWS takes it.
    Document(BTreeMap<String, Value>),
}
