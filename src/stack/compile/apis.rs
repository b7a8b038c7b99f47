//! REST APIs: settings, validators, models and gateway responses.

use std::collections::BTreeMap;

use super::context::Context;
use super::values::{is_header, is_media_type, is_word};
use super::{authorizers, cors, fingerprint, policies, routes, stage};
use crate::access::{PolicyDocument, PolicyKind};
use crate::kinds::api::{self, Part, PartId};
use crate::kinds::{Kind, Name};
use crate::stack::model::{Api, ApiKeySource, EndpointType, GatewayResponse};
use crate::stack::suggest;

/// Types of gateway responses.
const RESPONSE_TYPES: [&str; 21] = [
    "ACCESS_DENIED",
    "API_CONFIGURATION_ERROR",
    "AUTHORIZER_CONFIGURATION_ERROR",
    "AUTHORIZER_FAILURE",
    "BAD_REQUEST_BODY",
    "BAD_REQUEST_PARAMETERS",
    "DEFAULT_4XX",
    "DEFAULT_5XX",
    "EXPIRED_TOKEN",
    "INTEGRATION_FAILURE",
    "INTEGRATION_TIMEOUT",
    "INVALID_API_KEY",
    "INVALID_SIGNATURE",
    "MISSING_AUTHENTICATION_TOKEN",
    "QUOTA_EXCEEDED",
    "REQUEST_TOO_LARGE",
    "RESOURCE_NOT_FOUND",
    "THROTTLED",
    "UNAUTHORIZED",
    "UNSUPPORTED_MEDIA_TYPE",
    "WAF_FILTERED",
];

pub(super) fn compile(cx: &Context<'_>) -> BTreeMap<Name, api::Spec> {
    cx.file.apis.iter().map(|(name, api)| (Name::from(name.as_str()), spec(cx, name, api))).collect()
}

fn spec(cx: &Context<'_>, name: &str, api: &Api) -> api::Spec {
    cx.check_name(&["apis", name], 1024);
    let settings = settings(cx, name, api);
    let mut parts = authorizers::parts(cx, name, api);
    parts.extend(validators(cx, name, api));
    parts.extend(models(cx, name, api));
    parts.extend(responses(cx, name, api));
    parts.extend(routes::parts(cx, name, api));
    if let Some(cors) = &api.cors {
        cors::add(cx, name, cors, &mut parts);
    }
    api::Spec {
        fingerprint: fingerprint::of(&settings, &parts),
        stage: stage::stage(cx, name, api),
        usage_plans: stage::usage_plans(cx, name, api),
        api_keys: stage::api_keys(cx, name, api),
        settings,
        parts,
    }
}

fn settings(cx: &Context<'_>, name: &str, api: &Api) -> api::Settings {
    let endpoint = match api.endpoint_type {
        EndpointType::Regional => "REGIONAL",
        EndpointType::Edge => "EDGE",
        EndpointType::Private => "PRIVATE",
    };
    let private = api.endpoint_type == EndpointType::Private;
    let at = ["apis", name];
    if !private && !api.vpc_endpoints.is_empty() {
        let problem =
            cx.about_key(&["apis", name, "vpc_endpoints"], "bad-value", "only private APIs have these");
        cx.report(problem.help("write `endpoint_type: PRIVATE`, or take `vpc_endpoints` out"));
    }
    if private && api.policy.is_none() {
        let problem = cx.about_key(&at, "missing-key", format!("the private API `{name}` has no `policy`"));
        cx.report(problem.help("nobody can call a private API without a resource policy"));
    }
    for (index, id) in api.vpc_endpoints.iter().enumerate() {
        let fits = id.strip_prefix("vpce-").is_some_and(|rest| is_word(rest, "", 32));
        cx.require(fits, &["apis", name, "vpc_endpoints", &index.to_string()], "an id starts with `vpce-`");
    }
    for (index, media) in api.binary_types.iter().enumerate() {
        let at = ["apis", name, "binary_types", &index.to_string()];
        cx.require(is_media_type(media), &at, "a media type is written `image/png` or `*/*`");
    }
    cx.at_most(&["apis", name, "description"], &api.description, 1024);
    api::Settings {
        api_name: cx.names.physical(name),
        description: api.description.clone(),
        endpoint_type: endpoint.to_owned(),
        vpc_endpoints: api.vpc_endpoints.iter().cloned().collect(),
        binary_types: api.binary_types.iter().cloned().collect(),
        policy: api.policy.as_ref().and_then(|policy| policy_of(cx, name, &policies::object(policy))),
        min_compression: api.min_compression,
        api_key_source: match api.api_key_source {
            ApiKeySource::Header => "HEADER".to_owned(),
            ApiKeySource::Authorizer => "AUTHORIZER".to_owned(),
        },
        disable_execute_api: api.disable_execute_api,
        tags: cx.tags(&at, &api.tags, Kind::Api, name),
    }
}

fn policy_of(cx: &Context<'_>, name: &str, value: &serde_json::Value) -> Option<PolicyDocument> {
    let at = ["apis", name, "policy"];
    let policy =
        policies::document(cx, &at, value, PolicyKind::Resource { partition: &cx.names.place.partition })?;
    if policy.size() > 8192 {
        cx.error(&at, "too-long", format!("the policy has {} bytes; API Gateway takes 8192", policy.size()));
    }
    Some(policy)
}

fn validators(cx: &Context<'_>, name: &str, api: &Api) -> BTreeMap<PartId, Part> {
    let validator = |(validator, model): (&String, &crate::stack::model::Validator)| {
        part_name(cx, &["apis", name, "validators", validator], " -_", 128);
        let part = Part::Validator { body: model.body, parameters: model.parameters };
        (PartId::Validator(validator.clone()), part)
    };
    api.validators.iter().map(validator).collect()
}

fn models(cx: &Context<'_>, name: &str, api: &Api) -> BTreeMap<PartId, Part> {
    let mut parts = BTreeMap::new();
    for (model, spec) in &api.models {
        part_name(cx, &["apis", name, "models", model], "", 256);
        let content_type = spec.content_type.clone().unwrap_or_else(|| "application/json".to_owned());
        let at = ["apis", name, "models", model, "content_type"];
        cx.require(is_media_type(&content_type), &at, "a media type is written `application/json`");
        let schema = policies::object(&spec.schema);
        let description = spec.description.clone();
        parts.insert(PartId::Model(model.clone()), Part::Model { content_type, schema, description });
    }
    parts
}

/// Checks the name of a part of an API.
pub(super) fn part_name(cx: &Context<'_>, path: super::context::Path<'_>, more: &str, longest: usize) {
    let Some(name) = path.last() else { return };
    if !is_word(name, more, longest) {
        let signs = if more.is_empty() {
            "letters and digits".to_owned()
        } else {
            format!("letters, digits and `{more}`")
        };
        let problem = cx.about_key(path, "bad-name", format!("`{name}` is not a valid API Gateway name"));
        cx.report(problem.help(format!("{signs} are taken, {longest} characters in all")));
    }
}

fn responses(cx: &Context<'_>, name: &str, api: &Api) -> BTreeMap<PartId, Part> {
    let mut parts = BTreeMap::new();
    for (kind, response) in &api.gateway_responses {
        let at = ["apis", name, "gateway_responses", kind];
        if !RESPONSE_TYPES.contains(&kind.as_str()) {
            let problem =
                cx.about_key(&at, "unknown-value", format!("`{kind}` is not a gateway response type"));
            cx.report(problem.maybe_help(suggest::advice(kind, RESPONSE_TYPES)));
        }
        let part = Part::GatewayResponse(gateway_response(cx, &at, response));
        parts.insert(PartId::GatewayResponse(kind.clone()), part);
    }
    parts
}

fn gateway_response(
    cx: &Context<'_>,
    path: super::context::Path<'_>,
    response: &GatewayResponse,
) -> api::GatewayResponse {
    let parameters = response.headers.iter().map(|(header, value)| {
        let at: Vec<&str> = path.iter().copied().chain(["headers", header]).collect();
        check_header(cx, &at, header);
        (format!("gatewayresponse.header.{header}"), header_value(value, "method.request."))
    });
    api::GatewayResponse {
        status: response.status.map(|status| status.to_string()),
        parameters: parameters.collect(),
        templates: response.templates.clone(),
    }
}

/// Checks the name of a header.
pub(super) fn check_header(cx: &Context<'_>, path: super::context::Path<'_>, header: &str) {
    if !is_header(header) {
        cx.report(cx.about_key(path, "bad-name", format!("`{header}` is not a valid header name")));
    }
}

/// Returns the value of a header: sources unchanged, literal text in the single quotes that API Gateway requires.
pub(super) fn header_value(value: &str, source: &str) -> String {
    let quoted = value.len() >= 2 && value.starts_with('\'') && value.ends_with('\'');
    if quoted
        || value.starts_with(source)
        || value.starts_with("context.")
        || value.starts_with("stageVariables.")
    {
        value.to_owned()
    } else {
        format!("'{value}'")
    }
}
