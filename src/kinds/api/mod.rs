//! API Gateway REST APIs: the editable tree, deployments, the stage, usage plans and API keys.

pub(crate) mod aws;
mod op;
mod predict;
mod steps;
mod usage;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::access::PolicyDocument;
use crate::kinds::step::Aspect;
use crate::kinds::{Change, Tags, Text, ids};
use crate::kinds::{Draft, Expected, Name, Resource, Without, World};

pub use op::Op;
pub use predict::predict;
pub use steps::{KEPT_DEPLOYMENTS, steps};

/// API Gateway REST APIs.
#[derive(Clone, Copy, Debug)]
pub struct Api;

impl Resource for Api {
    type Want = Spec;
    type Seen = Seen;
    type Op = Op;

    const AT_ONCE: usize = 8;
    // API Gateway answers with a conflict.
    const ONE_BY_ONE: bool = true;
    const WITHOUT: Without = Without::NoRequests;
    const IS_GLOBAL: bool = false;

    fn steps(name: &Name, want: Option<&Spec>, seen: Option<&Seen>) -> Vec<Draft> {
        steps(name, want, seen)
    }

    fn predict(seen: Option<Seen>, op: &Op) -> Result<Option<Seen>, String> {
        predict(seen, op)
    }

    fn check(world: &World, name: &Name, op: &Op) -> Result<(), String> {
        let serves = |stage: Option<&String>| {
            let own = world.apis.get(name).map(|seen| seen.id.as_str());
            let mut mappings = world.domains.values().flat_map(|domain| domain.spec.mappings.values());
            mappings.any(|mapping| {
                (Some(mapping.api.as_str()) == own || mapping.api == ids::to(&format!("apis.{name}.id")))
                    && stage.is_none_or(|stage| *stage == mapping.stage)
            })
        };
        match op {
            Op::Delete if serves(None) => Err("a domain still serves it".to_owned()),
            Op::DeleteStage { stage } if serves(Some(stage)) => {
                Err(format!("a domain still serves the stage `{stage}`"))
            }
            _ => Ok(()),
        }
    }

    fn settle(_world: &mut World, _name: &Name, _op: &Op, _before: Option<Seen>) {}

    fn expected(_seen: &Seen, _op: &Op) -> Option<Expected> {
        None
    }

    fn arguments(op: &Op) -> serde_json::Result<String> {
        serde_json::to_string(op)
    }

    fn knows(seen: &Seen, aspect: &Aspect) -> bool {
        // The address of an API is that of its stage.
        *aspect != Aspect::Served || !seen.stages.is_empty()
    }

    fn unread(seen: &Seen) -> &BTreeMap<String, String> {
        &seen.unread
    }

    fn trail_names(_want: Option<&Spec>, seen: Option<&Seen>) -> Vec<String> {
        seen.map(|api| api.id.clone()).into_iter().collect()
    }
}

/// A REST API as declared in the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Settings of the API itself.
    pub settings: Settings,
    /// The editable tree, by part.
    pub parts: BTreeMap<PartId, Part>,
    /// Hash over everything that a deployment snapshots, hexadecimal.
    pub fingerprint: String,
    /// The stage.
    pub stage: Stage,
    /// Usage plans by name in the stack file.
    pub usage_plans: BTreeMap<String, UsagePlan>,
    /// API keys by name in the stack file.
    pub api_keys: BTreeMap<String, ApiKey>,
}

/// Settings of a REST API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Name; not unique in AWS.
    pub api_name: String,
    /// Description, empty for none.
    pub description: String,
    /// `REGIONAL`, `EDGE` or `PRIVATE`.
    pub endpoint_type: String,
    /// VPC endpoint IDs of a private API.
    pub vpc_endpoints: BTreeSet<String>,
    /// Media types that are passed through as binary.
    pub binary_types: BTreeSet<String>,
    /// Resource policy.
    pub policy: Option<PolicyDocument>,
    /// Smallest body in bytes that is compressed; `None` turns compression off.
    pub min_compression: Option<u32>,
    /// `HEADER` or `AUTHORIZER`.
    pub api_key_source: String,
    /// `true` if the default `execute-api` endpoint is disabled.
    pub disable_execute_api: bool,
    /// All tags, including those of lockstep.
    pub tags: Tags,
}

/// Address of one part of the editable tree, independent of IDs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum PartId {
    /// An authorizer by name.
    Authorizer(String),
    /// A request validator by name.
    Validator(String),
    /// A model by name.
    Model(String),
    /// A gateway response by type, such as `DEFAULT_4XX`.
    GatewayResponse(String),
    /// A resource by path, such as `/encrypt`. The root always exists and is never listed.
    Resource(String),
    /// A method by path and verb.
    Method(String, String),
}

impl From<PartId> for String {
    fn from(id: PartId) -> Self {
        id.to_string()
    }
}

impl std::fmt::Display for PartId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PartId::Authorizer(name) => write!(f, "authorizers.{name}"),
            PartId::Validator(name) => write!(f, "validators.{name}"),
            PartId::Model(name) => write!(f, "models.{name}"),
            PartId::GatewayResponse(kind) => write!(f, "gateway_responses.{kind}"),
            PartId::Resource(path) => write!(f, "resources {path}"),
            PartId::Method(path, verb) => write!(f, "routes {verb} {path}"),
        }
    }
}

impl TryFrom<String> for PartId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let read = || {
            if let Some(path) = text.strip_prefix("resources ") {
                return Some(PartId::Resource(path.to_owned()));
            }
            if let Some(route) = text.strip_prefix("routes ") {
                let (verb, path) = route.split_once(' ')?;
                return Some(PartId::Method(path.to_owned(), verb.to_owned()));
            }
            let (section, name) = text.split_once('.')?;
            let name = name.to_owned();
            match section {
                "authorizers" => Some(PartId::Authorizer(name)),
                "validators" => Some(PartId::Validator(name)),
                "models" => Some(PartId::Model(name)),
                "gateway_responses" => Some(PartId::GatewayResponse(name)),
                _ => None,
            }
        };
        read().ok_or_else(|| format!("`{text}` is not a part of an API"))
    }
}

/// One part of the editable tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum Part {
    /// An authorizer.
    Authorizer(Authorizer),
    /// A request validator.
    Validator {
        /// `true` if bodies are validated.
        body: bool,
        /// `true` if parameters are validated.
        parameters: bool,
    },
    /// A model.
    Model {
        /// Media type. Immutable.
        content_type: String,
        /// JSON Schema.
        schema: serde_json::Value,
        /// Description, empty for none.
        description: String,
    },
    /// A gateway response.
    GatewayResponse(GatewayResponse),
    /// A resource (a path).
    Resource,
    /// A method with its integration.
    Method(Box<Method>),
}

/// An authorizer of an API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorizer {
    /// `TOKEN`, `REQUEST` or `COGNITO_USER_POOLS`.
    pub kind: String,
    /// Invocation URI of the authorizer function.
    pub uri: Option<Text>,
    /// ARNs of Cognito user pools.
    pub providers: BTreeSet<String>,
    /// Identity sources, in order (`method.request.header.Authorization`).
    pub identity: Vec<String>,
    /// Regular expression that a token must match.
    pub validation: Option<String>,
    /// Seconds that a result is cached (0 to 3600).
    pub ttl: u32,
    /// ARN of a role that API Gateway assumes to call the function.
    pub credentials: Option<String>,
}

/// A response that API Gateway itself generates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayResponse {
    /// HTTP status, `None` for the default of the type.
    pub status: Option<String>,
    /// `gatewayresponse.header.X` to value (literals in single quotes).
    pub parameters: BTreeMap<String, String>,
    /// Media type to template.
    pub templates: BTreeMap<String, String>,
}

/// A method of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// `NONE`, `AWS_IAM`, `CUSTOM` or `COGNITO_USER_POOLS`.
    pub authorization: String,
    /// Name of the authorizer, for `CUSTOM` and `COGNITO_USER_POOLS`.
    pub authorizer: Option<String>,
    /// OAuth scopes.
    pub scopes: BTreeSet<String>,
    /// `true` if an API key is required.
    pub api_key_required: bool,
    /// Name of the request validator.
    pub validator: Option<String>,
    /// Media type to model name.
    pub request_models: BTreeMap<String, String>,
    /// `method.request.…` to `true` if it is required.
    pub request_parameters: BTreeMap<String, bool>,
    /// The integration behind the method.
    pub integration: Integration,
    /// Method responses by status, for integrations that are not proxies.
    pub responses: BTreeMap<String, MethodResponse>,
}

/// The backend of a method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Integration {
    /// `AWS_PROXY`, `HTTP_PROXY`, `HTTP` or `MOCK`.
    pub kind: String,
    /// Invocation URI of a function, or URL; `None` for `MOCK`.
    pub uri: Option<Text>,
    /// HTTP method of the backend request; always `POST` for a function.
    pub http_method: Option<String>,
    /// ARN of a role that API Gateway assumes.
    pub credentials: Option<String>,
    /// Timeout in milliseconds (50 to 29000).
    pub timeout_ms: u32,
    /// `integration.request.…` to source.
    pub request_parameters: BTreeMap<String, String>,
    /// Media type to mapping template.
    pub request_templates: BTreeMap<String, String>,
    /// `WHEN_NO_MATCH`, `WHEN_NO_TEMPLATES` or `NEVER`.
    pub passthrough: String,
}

/// A response of a method, with the integration response that produces it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodResponse {
    /// `method.response.header.X` to value (literals in single quotes).
    pub headers: BTreeMap<String, String>,
    /// Media type to template.
    pub templates: BTreeMap<String, String>,
    /// Regular expression over the backend's status; `None` for the default response.
    pub selection: Option<String>,
}

/// A stage, which serves a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Name, a part of the URL. A changed name creates a new stage.
    pub stage_name: String,
    /// Description, empty for none.
    pub description: String,
    /// Stage variables.
    pub variables: BTreeMap<String, Text>,
    /// X-Ray tracing.
    pub tracing: bool,
    /// Access log.
    pub access_log: Option<AccessLog>,
    /// Settings by method as GetStage keys them: `*/*`, or path without its first slash and verb (`encrypt/POST`).
    pub methods: BTreeMap<String, MethodSettings>,
    /// All tags, including those of lockstep.
    pub tags: Tags,
}

/// The destination and format of a stage's access log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessLog {
    /// ARN of a log group without `:*`, or of a Firehose stream.
    pub destination: Text,
    /// Format on one line, with `$context.requestId` in it.
    pub format: String,
}

/// Settings of a stage for one method or all; `None` for a setting that the stack does not declare.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodSettings {
    /// Requests per second, in thousandths, so that specs can be compared exactly.
    pub rate_millis: Option<u64>,
    /// Burst.
    pub burst: Option<u32>,
    /// CloudWatch metrics.
    pub metrics: Option<bool>,
    /// `OFF`, `ERROR` or `INFO`.
    pub logging: Option<String>,
    /// `true` if whole bodies are logged.
    pub data_trace: Option<bool>,
}

/// A usage plan for the stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsagePlan {
    /// Name in AWS; not unique there.
    pub plan_name: String,
    /// Description, empty for none.
    pub description: String,
    /// Requests per second in thousandths, and burst.
    pub throttle: Option<(u64, u32)>,
    /// Limit, offset and period (`DAY`, `WEEK`, `MONTH`).
    pub quota: Option<(u32, u32, String)>,
    /// Names (in the stack file) of the API keys in the plan.
    pub keys: BTreeSet<String>,
    /// Stages in the plan, by stage name of this API.
    pub stages: BTreeSet<String>,
    /// All tags, including those of lockstep.
    pub tags: Tags,
}

/// An API key. AWS generates its value, and lockstep never reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Name in AWS; not unique there.
    pub key_name: String,
    /// Description, empty for none.
    pub description: String,
    /// `true` if the key is accepted.
    pub enabled: bool,
    /// All tags, including those of lockstep.
    pub tags: Tags,
}

/// A REST API as it is in AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// API ID.
    pub id: String,
    /// Settings.
    pub settings: Settings,
    /// The editable tree.
    pub parts: BTreeMap<PartId, Part>,
    /// Deployments, newest first.
    pub deployments: Vec<Deployment>,
    /// Stages by name.
    pub stages: BTreeMap<String, SeenStage>,
    /// Usage plans by name in the stack file (from the tag `lockstep:id`).
    pub usage_plans: BTreeMap<String, UsagePlan>,
    /// API keys by name in the stack file (from the tag `lockstep:id`).
    pub api_keys: BTreeMap<String, ApiKey>,
    /// Fields that could not be read, with the reason.
    pub unread: BTreeMap<String, String>,
}

/// An immutable snapshot of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Deployment id.
    pub id: String,
    /// Fingerprint from the description (`fp=<hex>`), `None` for deployments created by others.
    pub fingerprint: Option<String>,
}

/// A stage as it is in AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenStage {
    /// ID of the deployment that it serves.
    pub deployment: String,
    /// The settings that are compared with the spec.
    pub spec: Stage,
}

/// Lists the differences that API Gateway cannot apply in one step, or at all.
pub fn immutable(want: &Spec, seen: &Seen) -> Vec<Change> {
    let both = want.parts.iter().filter_map(|(id, part)| Some((id, part, seen.parts.get(id)?)));
    let models = both.filter_map(|(id, part, before)| match (before, part) {
        (Part::Model { content_type: before, .. }, Part::Model { content_type, .. }) => {
            Change::of(format!("{id}.content_type"), before, content_type)
        }
        _ => None,
    });
    let (has, wants) = (&seen.settings.endpoint_type, &want.settings.endpoint_type);
    // `EDGE` and `PRIVATE` can change into each other only through `REGIONAL`.
    let apart = has != "REGIONAL" && wants != "REGIONAL";
    let endpoint = apart.then(|| Change::of("endpoint_type", has, wants)).flatten();
    models.chain(endpoint).collect()
}
