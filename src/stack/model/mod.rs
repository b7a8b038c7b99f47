//! The format of a stack file.
//!
//! These types are its one description: the JSON Schema that editors use and that the structure of a file
//! is checked against is generated from them. What a type cannot say (names that must exist, ranges of
//! durations) is checked by [`super::compile`].

mod api;
mod domain;
mod function;
mod key;
mod role;
mod stage;

pub use api::{
    Api, ApiKeySource, Authorizer, AuthorizerType, Cors, EndpointType, GatewayResponse, HttpMethod, Mock,
    Model, OneOrMany, Response, Route, Validator,
};
pub use domain::{Domain, DomainEndpoint, SecurityPolicy, Truststore};
pub use function::{
    Alias, AliasTarget, Architecture, Code, Function, Latest, Log, Probe, ProbeStep, Use, VersionWord, Vpc,
};
pub use key::{Delegation, Key, KeySpec, KeyUsage, Rotation};
pub use role::{Role, Trust};
pub use stage::{AccessLog, ApiKey, Logging, Period, Quota, Stage, Throttle, UsagePlan};

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// Tags: key to value.
pub type Tags = BTreeMap<String, String>;

/// A stack: an API with its authorizer, functions, roles and keys, in one or more environments.
///
/// Text may hold `${env}`, `${stack}`, `${account}`, `${region}`, `${partition}`, `${var.NAME}` and
/// references to other resources such as `${keys.text.arn}`; `$${` is a literal `${`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "lockstep stack file")]
pub struct File {
    /// Version of the format.
    #[schemars(range(min = 1, max = 1), example = 1)]
    pub lockstep: u32,
    /// Name of the stack, a part of every name that it makes.
    #[schemars(example = &"text-encryption")]
    pub stack: String,
    /// Region of every environment that names no other.
    #[schemars(example = &"eu-central-1")]
    #[expect(dead_code, reason = "read from the tree, before the account is known")]
    region: Option<String>,
    /// Tags of every resource.
    #[serde(default)]
    #[schemars(example = json!({"team": "payments"}))]
    pub tags: Tags,
    /// Variables, used as `${var.NAME}` and set by `--var NAME=VALUE`, by `LOCKSTEP_VAR_NAME`, by the
    /// environment, or by default.
    #[serde(default)]
    #[expect(dead_code, reason = "read from the tree, which they are filled into")]
    variables: BTreeMap<String, Variable>,
    /// Environments: copies of the stack that differ only in what they say here.
    #[serde(default)]
    #[schemars(example = json!({"test": {}}))]
    #[expect(dead_code, reason = "read from the tree, which they are merged into")]
    environments: BTreeMap<String, Environment>,
    /// KMS keys. Their key policies follow from what the functions declare.
    #[serde(default)]
    pub keys: BTreeMap<String, Key>,
    /// IAM roles.
    #[serde(default)]
    pub roles: BTreeMap<String, Role>,
    /// Log groups beside those that every function has, such as for access logs.
    #[serde(default)]
    pub log_groups: BTreeMap<String, LogGroup>,
    /// Lambda functions.
    #[serde(default)]
    pub functions: BTreeMap<String, Function>,
    /// API Gateway REST APIs.
    #[serde(default)]
    pub apis: BTreeMap<String, Api>,
    /// Custom domain names of APIs.
    #[serde(default)]
    pub domains: BTreeMap<String, Domain>,
    /// Statements about access that must hold in every plan.
    #[serde(default)]
    pub assert: Vec<Assert>,
}

/// A variable: its default value, or a mapping.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Variable {
    /// The default value.
    Text(String),
    /// The default value.
    Number(f64),
    /// The default value.
    Bool(bool),
    /// A variable with a description.
    Described(DescribedVariable),
}

/// A variable with a description.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read from the tree, which variables are filled into")]
pub struct DescribedVariable {
    /// What it is for.
    description: Option<String>,
    /// The default value; without one it must be given.
    default: Option<Scalar>,
}

/// A text, a number, `true` or `false`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// `true` or `false`.
    Bool(bool),
}

/// One environment.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read from the tree, before the account is known")]
pub struct Environment {
    /// Account id; any other account is refused. In quotes.
    account: Option<String>,
    /// Region of this environment.
    #[schemars(example = &"eu-central-1")]
    region: Option<String>,
    /// Whether deletions need a flag that names them.
    #[serde(default)]
    protect: bool,
    /// Values of variables.
    #[serde(default)]
    variables: BTreeMap<String, Scalar>,
    /// Values that differ here, by path: `override: { functions: { encrypt: { memory: 512 } } }`. A mapping is
    /// merged into the one at its place; anything else replaces it; `null` takes it out.
    #[serde(default, rename = "override")]
    #[schemars(example = json!({"functions": {"encrypt": {"memory": 512}}}))]
    overrides: BTreeMap<String, Value>,
}

/// A CloudWatch Logs log group.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogGroup {
    /// Name in AWS; `/lockstep/{stack}/{env}/{name}` unless given.
    #[schemars(example = &"/lockstep/text-encryption/access")]
    pub name: Option<String>,
    /// How long events are kept, in days as AWS offers them, or `never` to keep them for ever. 30 days unless
    /// given.
    #[schemars(example = &"30d")]
    pub retention: Option<String>,
    /// Key of the stack, or ARN of another one, that encrypts the events.
    #[schemars(example = &"text")]
    pub key: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A statement about access that must hold.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assert {
    /// A role of the stack.
    #[schemars(example = &"authorizer")]
    pub role: Option<String>,
    /// Any principal: an ARN, `role/NAME` or `user/NAME` in this account.
    #[schemars(example = &"user/alice")]
    pub principal: Option<String>,
    /// KMS actions that must be allowed.
    #[serde(default)]
    #[schemars(example = json!(["kms:Encrypt"]))]
    pub can: Vec<String>,
    /// KMS actions that must not be allowed.
    #[serde(default)]
    #[schemars(example = json!(["kms:Decrypt"]))]
    pub cannot: Vec<String>,
    /// The key of the stack.
    #[schemars(example = &"text")]
    pub key: String,
    /// Encryption context of the request.
    #[serde(default)]
    pub context: BTreeMap<String, String>,
    /// Condition keys of the request, such as the service that makes it for the principal.
    #[serde(default)]
    #[schemars(example = json!({ "kms:ViaService": "lambda.eu-west-1.amazonaws.com" }))]
    pub when: BTreeMap<String, String>,
}
