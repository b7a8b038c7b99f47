//! REST APIs in a stack file: authorizers, routes and what they refer to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Tags;
use super::function::yes;
use super::stage::{ApiKey, Stage, Throttle, UsagePlan};

/// A REST API, named `{stack}-{env}-{name}`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Description.
    #[serde(default)]
    pub description: String,
    /// How it is reached.
    #[serde(default)]
    pub endpoint_type: EndpointType,
    /// VPC endpoint ids of a private API.
    #[serde(default)]
    #[schemars(example = json!(["vpce-0123456789abcdef0"]))]
    pub vpc_endpoints: Vec<String>,
    /// Media types that are passed as bytes.
    #[serde(default)]
    #[schemars(example = json!(["application/octet-stream"]))]
    pub binary_types: Vec<String>,
    /// Resource policy, as AWS takes it.
    pub policy: Option<BTreeMap<String, Value>>,
    /// Smallest body in bytes that is compressed; none is unless given.
    #[schemars(range(min = 0, max = 10_485_760), example = 1024)]
    pub min_compression: Option<u32>,
    /// Where API keys are read from.
    #[serde(default)]
    pub api_key_source: ApiKeySource,
    /// Whether the `execute-api` address is switched off, for use with a custom domain.
    #[serde(default)]
    pub disable_execute_api: bool,
    /// Authorizers by name.
    #[serde(default)]
    #[schemars(example = json!({"bearer": {"function": "authorizer"}}))]
    pub authorizers: BTreeMap<String, Authorizer>,
    /// Request validators by name.
    #[serde(default)]
    #[schemars(example = json!({"body": {"body": true}}))]
    pub validators: BTreeMap<String, Validator>,
    /// Models by name.
    #[serde(default)]
    pub models: BTreeMap<String, Model>,
    /// Answers that API Gateway itself gives, by type.
    #[serde(default)]
    #[schemars(example = json!({"UNAUTHORIZED": {"status": 401}}))]
    pub gateway_responses: BTreeMap<String, GatewayResponse>,
    /// Cross-origin requests of browsers.
    pub cors: Option<Cors>,
    /// Routes by method and path.
    #[schemars(example = json!({"POST /encrypt": {"function": "encrypt"}}))]
    pub routes: BTreeMap<String, Route>,
    /// The stage that serves it.
    #[serde(default)]
    #[schemars(example = json!({"name": "v1"}))]
    pub stage: Stage,
    /// Usage plans of the stage by name.
    #[serde(default)]
    pub usage_plans: BTreeMap<String, UsagePlan>,
    /// API keys by name. Their values are made by AWS and never read.
    #[serde(default)]
    pub api_keys: BTreeMap<String, ApiKey>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// How an API is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EndpointType {
    /// From everywhere, in its region.
    #[default]
    Regional,
    /// From everywhere, by CloudFront.
    Edge,
    /// From VPC endpoints only.
    Private,
}

/// Where API keys are read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ApiKeySource {
    /// From the header `x-api-key`.
    #[default]
    Header,
    /// From the answer of the authorizer.
    Authorizer,
}

/// An authorizer: a function, or Cognito user pools.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Authorizer {
    /// Type; `token` for a function and `cognito` for user pools unless given.
    #[serde(rename = "type")]
    pub kind: Option<AuthorizerType>,
    /// The function that decides.
    #[schemars(example = &"authorizer")]
    pub function: Option<String>,
    /// Alias of the function.
    #[schemars(example = &"live")]
    pub alias: Option<String>,
    /// What identifies the caller: the name of a header, or sources such as `method.request.querystring.key`.
    /// `Authorization` unless given.
    #[schemars(example = &"Authorization")]
    pub identity: Option<OneOrMany>,
    /// Regular expression that a token must match.
    #[schemars(example = &"^Bearer .+$")]
    pub validation: Option<String>,
    /// How long an answer is kept, 0 to 1 h; 300 s unless given.
    #[schemars(example = &"300s")]
    pub ttl: Option<String>,
    /// ARNs of Cognito user pools.
    #[serde(default)]
    #[schemars(example = json!(["arn:aws:cognito-idp:eu-central-1:111122223333:userpool/eu-central-1_abcdefghi"]))]
    pub user_pools: Vec<String>,
    /// ARN of a role that API Gateway assumes to call the function.
    #[schemars(example = &"arn:aws:iam::111122223333:role/gateway")]
    pub credentials: Option<String>,
}

/// Type of an authorizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthorizerType {
    /// A function that gets one header.
    Token,
    /// A function that gets the request.
    Request,
    /// Cognito user pools.
    Cognito,
}

/// One text, or a list of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// A request validator.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Validator {
    /// Whether bodies are held against the model.
    #[serde(default)]
    pub body: bool,
    /// Whether required parameters must be there.
    #[serde(default)]
    pub parameters: bool,
}

/// A model of a body.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Media type; `application/json` unless given. Cannot be changed later.
    #[schemars(example = &"application/json")]
    pub content_type: Option<String>,
    /// JSON Schema (draft 4).
    #[schemars(example = json!({"type": "object"}))]
    pub schema: BTreeMap<String, Value>,
    /// Description.
    #[serde(default)]
    pub description: String,
}

/// An answer that API Gateway itself gives.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayResponse {
    /// HTTP status; that of the type unless given.
    #[schemars(range(min = 100, max = 599), example = 401)]
    pub status: Option<u16>,
    /// Headers: name to text, or to a source such as `method.request.header.Origin`.
    #[serde(default)]
    #[schemars(example = json!({"Retry-After": "1"}))]
    pub headers: BTreeMap<String, String>,
    /// Templates by media type; AWS's own JSON body unless given.
    #[serde(default)]
    pub templates: BTreeMap<String, String>,
}

/// Cross-origin requests of browsers: an `OPTIONS` method on every path, and headers on errors.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Origins that may call, or `*`.
    #[schemars(example = json!(["https://app.example.com"]))]
    pub origins: Vec<String>,
    /// Methods; those of the path unless given.
    #[schemars(example = json!(["POST"]))]
    pub methods: Option<Vec<HttpMethod>>,
    /// Request headers; those that AWS signs and keys use unless given.
    #[schemars(example = json!(["Authorization", "Content-Type"]))]
    pub headers: Option<Vec<String>>,
    /// Whether cookies are sent.
    #[serde(default)]
    pub credentials: bool,
    /// How long browsers keep the answer.
    #[schemars(example = &"1h")]
    pub max_age: Option<String>,
}

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HttpMethod {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    /// Every method.
    Any,
}

/// A route; exactly one of `function`, `http` and `mock`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"function": "encrypt"}))]
pub struct Route {
    /// The function that answers.
    #[schemars(example = &"encrypt")]
    pub function: Option<String>,
    /// Alias of the function.
    #[schemars(example = &"live")]
    pub alias: Option<String>,
    /// The URL that answers.
    #[schemars(example = &"https://backend.example.com/items/{id}")]
    pub http: Option<String>,
    /// Verb towards the URL; that of the route unless given.
    pub http_method: Option<HttpMethod>,
    /// Whether request and answer of the URL are passed as they are.
    #[serde(default = "yes")]
    pub proxy: bool,
    /// A fixed answer.
    #[schemars(example = json!({"status": 200}))]
    pub mock: Option<Mock>,
    /// Who may call: an authorizer of the API by name, `iam`, or `none`. None unless given.
    #[schemars(example = &"bearer")]
    pub authorizer: Option<String>,
    /// OAuth scopes that an access token of Cognito must have one of.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Whether an API key is demanded.
    #[serde(default)]
    pub api_key_required: bool,
    /// Request validator by name.
    pub validator: Option<String>,
    /// Models by media type.
    #[serde(default)]
    #[schemars(example = json!({"application/json": "Text"}))]
    pub request_models: BTreeMap<String, String>,
    /// Parameters (`querystring.q`, `header.X-Id`, `path.id`) and whether each is required.
    #[serde(default)]
    #[schemars(example = json!({"querystring.q": true}))]
    pub request_parameters: BTreeMap<String, bool>,
    /// Parameters towards the URL (`header.X-Id`) and their sources (`method.request.header.X-Id`).
    #[serde(default)]
    pub integration_parameters: BTreeMap<String, String>,
    /// Mapping templates by media type, for a URL that is no proxy.
    #[serde(default)]
    pub request_templates: BTreeMap<String, String>,
    /// Answers by status, for a URL that is no proxy.
    #[serde(default)]
    pub responses: BTreeMap<String, Response>,
    /// Longest wait for an answer, 50 ms to 29 s; 29 s unless given.
    #[schemars(example = &"10s")]
    pub timeout: Option<String>,
    /// Limits of this route on the stage.
    pub throttle: Option<Throttle>,
    /// ARN of a role that API Gateway assumes to call the function.
    #[schemars(example = &"arn:aws:iam::111122223333:role/gateway")]
    pub credentials: Option<String>,
}

/// A fixed answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mock {
    /// HTTP status; 200 unless given.
    #[schemars(range(min = 100, max = 599), example = 200)]
    pub status: Option<u16>,
    /// Headers: name to text.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Body, a mapping template.
    pub body: Option<String>,
    /// Media type of the body; `application/json` unless given.
    #[schemars(example = &"text/plain")]
    pub content_type: Option<String>,
}

/// An answer of a URL that is no proxy.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// Regular expression over the status of the URL; without one it is the default answer.
    #[schemars(example = &"4\\d{2}")]
    pub selection: Option<String>,
    /// Headers: name to text, or to a source such as `integration.response.header.X-Id`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Mapping templates by media type.
    #[serde(default)]
    pub templates: BTreeMap<String, String>,
}
