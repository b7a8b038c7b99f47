//! Translates the answers of API Gateway into the terms of the stack: names instead of ids, paths instead of parents.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_apigateway::operation::get_rest_api::GetRestApiOutput;
use aws_sdk_apigateway::types;

use crate::access::{PolicyDocument, PolicyKind};
use crate::kinds::Tags;
use crate::kinds::api::{
    AccessLog, ApiKey, Authorizer, GatewayResponse, Integration, Method, MethodResponse, MethodSettings,
    Part, Settings, Stage, UsagePlan,
};

/// Template that AWS stores for a gateway response that is put without a template.
const DEFAULT_TEMPLATE: (&str, &str) = ("application/json", r#"{"message":$context.error.messageString}"#);

/// Account-wide throttles that AWS writes into every override of a stage, by the age of the region.
const ACCOUNT_RATES: [f64; 2] = [10_000.0, 2_500.0];
const ACCOUNT_BURSTS: [i32; 2] = [5_000, 1_250];

/// Ids of an API's parts, each with the name that the stack knows it by.
#[derive(Default)]
pub(super) struct Names {
    pub authorizers: BTreeMap<String, String>,
    pub validators: BTreeMap<String, String>,
}

/// Reads the settings of an API except for its policy.
pub(super) fn settings(from: &GetRestApiOutput) -> Settings {
    let endpoint = from.endpoint_configuration();
    let endpoint_type = endpoint.and_then(|endpoint| endpoint.types().first());
    Settings {
        api_name: text(from.name()),
        description: text(from.description()),
        endpoint_type: endpoint_type.map_or("EDGE", |kind| kind.as_str()).to_owned(),
        vpc_endpoints: endpoint.map(|endpoint| set(endpoint.vpc_endpoint_ids())).unwrap_or_default(),
        binary_types: set(from.binary_media_types()),
        policy: None,
        min_compression: from.minimum_compression_size().and_then(|bytes| bytes.try_into().ok()),
        api_key_source: from.api_key_source().map_or("HEADER", |source| source.as_str()).to_owned(),
        disable_execute_api: from.disable_execute_api_endpoint(),
        tags: tags(from.tags()),
    }
}

/// Reads a resource policy, which API Gateway returns escaped as the inside of a JSON string.
///
/// # Errors
///
/// A description of what is wrong with the policy.
pub(super) fn policy(escaped: &str, partition: &str) -> Result<PolicyDocument, String> {
    let text: String = serde_json::from_str(&format!("\"{escaped}\"")).map_err(|error| error.to_string())?;
    PolicyDocument::parse(&text, PolicyKind::Resource { partition }).map_err(|error| error.to_string())
}

pub(super) fn authorizer(from: &types::Authorizer) -> Authorizer {
    let identity = from.identity_source().unwrap_or_default().split(',').map(str::trim);
    Authorizer {
        kind: from.r#type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        uri: some(from.authorizer_uri()),
        providers: set(from.provider_arns()),
        identity: identity.filter(|source| !source.is_empty()).map(str::to_owned).collect(),
        validation: some(from.identity_validation_expression()),
        ttl: number(from.authorizer_result_ttl_in_seconds(), 300),
        credentials: some(from.authorizer_credentials()),
    }
}

/// Reads a model. A schema that is not valid JSON is read as text.
pub(super) fn model(from: &types::Model) -> Part {
    let schema = from.schema().unwrap_or_default();
    Part::Model {
        content_type: text(from.content_type()),
        schema: serde_json::from_str(schema).unwrap_or_else(|_| schema.into()),
        description: text(from.description()),
    }
}

/// Reads a gateway response. A value that AWS fills in by default is read as not set, unless the stack sets exactly
/// that value.
pub(super) fn gateway_response(
    from: &types::GatewayResponse,
    want: Option<&GatewayResponse>,
) -> GatewayResponse {
    let mut templates = map(from.response_templates());
    let filled_in = templates.iter().eq([(&DEFAULT_TEMPLATE.0.to_owned(), &DEFAULT_TEMPLATE.1.to_owned())]);
    if filled_in && want.is_none_or(|want| want.templates.is_empty()) {
        templates.clear();
    }
    let kind = from.response_type().map(|kind| kind.as_str()).unwrap_or_default();
    let open = want.is_none_or(|want| want.status.is_none());
    let status = some(from.status_code()).filter(|status| !(open && default_status(kind) == Some(status)));
    GatewayResponse { status, parameters: map(from.response_parameters()), templates }
}

/// Returns the default status code of a type of gateway response; the two general types have none.
fn default_status(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "BAD_REQUEST_PARAMETERS" | "BAD_REQUEST_BODY" => "400",
        "UNAUTHORIZED" => "401",
        "ACCESS_DENIED"
        | "EXPIRED_TOKEN"
        | "INVALID_API_KEY"
        | "INVALID_SIGNATURE"
        | "MISSING_AUTHENTICATION_TOKEN"
        | "WAF_FILTERED" => "403",
        "RESOURCE_NOT_FOUND" => "404",
        "REQUEST_TOO_LARGE" => "413",
        "UNSUPPORTED_MEDIA_TYPE" => "415",
        "THROTTLED" | "QUOTA_EXCEEDED" => "429",
        "API_CONFIGURATION_ERROR" | "AUTHORIZER_CONFIGURATION_ERROR" | "AUTHORIZER_FAILURE" => "500",
        "INTEGRATION_FAILURE" | "INTEGRATION_TIMEOUT" => "504",
        _ => return None,
    })
}

/// Reads a method with its integration. A method that was left without an integration is read with an empty kind.
pub(super) fn method(from: &types::Method, names: &Names) -> Method {
    let named = |id: Option<&str>, names: &BTreeMap<String, String>| {
        some(id).map(|id| names.get(&id).cloned().unwrap_or(id))
    };
    let integration = integration(from.method_integration());
    let proxy = matches!(integration.kind.as_str(), "AWS_PROXY" | "HTTP_PROXY");
    Method {
        authorization: from.authorization_type().unwrap_or("NONE").to_owned(),
        authorizer: named(from.authorizer_id(), &names.authorizers),
        scopes: set(from.authorization_scopes()),
        api_key_required: from.api_key_required().unwrap_or(false),
        validator: named(from.request_validator_id(), &names.validators),
        request_models: map(from.request_models()),
        request_parameters: from.request_parameters().map(sorted).unwrap_or_default(),
        // The responses of a proxy integration come from its backend: declared responses have no effect.
        responses: if proxy { BTreeMap::new() } else { responses(from) },
        integration,
    }
}

fn integration(from: Option<&types::Integration>) -> Integration {
    let kind = from.and_then(|from| from.r#type()).map(|kind| kind.as_str()).unwrap_or_default();
    // A mock integration has no backend, whatever is stored for it.
    let backend = from.filter(|_| kind != "MOCK");
    let timeout = from.map(|from| from.timeout_in_millis()).filter(|timeout| *timeout > 0);
    Integration {
        kind: kind.to_owned(),
        uri: some(backend.and_then(|backend| backend.uri())),
        http_method: some(backend.and_then(|backend| backend.http_method())),
        credentials: some(from.and_then(|from| from.credentials())),
        timeout_ms: number(timeout, 29_000),
        request_parameters: map(from.and_then(|from| from.request_parameters())),
        request_templates: map(from.and_then(|from| from.request_templates())),
        passthrough: from.and_then(|from| from.passthrough_behavior()).unwrap_or("WHEN_NO_MATCH").to_owned(),
    }
}

/// Merges the responses that a method declares with those that its integration produces. A header without a value is
/// declared but never produced.
fn responses(from: &types::Method) -> BTreeMap<String, MethodResponse> {
    let mut responses: BTreeMap<String, MethodResponse> = BTreeMap::new();
    for (status, declared) in from.method_responses().into_iter().flatten() {
        let headers = declared.response_parameters().into_iter().flatten();
        let headers = headers.map(|(name, _)| (name.clone(), String::new())).collect();
        let response = MethodResponse { headers, templates: BTreeMap::new(), selection: None };
        responses.insert(status.clone(), response);
    }
    let produced = from.method_integration().and_then(|integration| integration.integration_responses());
    for (status, produced) in produced.into_iter().flatten() {
        let response = responses.entry(status.clone()).or_insert_with(|| MethodResponse {
            headers: BTreeMap::new(),
            templates: BTreeMap::new(),
            selection: None,
        });
        response.headers.extend(map(produced.response_parameters()));
        response.templates = map(produced.response_templates());
        response.selection = some(produced.selection_pattern());
    }
    responses
}

/// Reads a stage. As soon as an override has one setting, AWS stores all settings in it; those that the stack does not
/// set and that have the default of AWS are read as not set.
pub(super) fn stage(from: &types::Stage, want: Option<&Stage>) -> Stage {
    let log = from.access_log_settings();
    let log = log.and_then(|log| Some((some(log.destination_arn())?, text(log.format()))));
    let mut methods = BTreeMap::new();
    for (key, settings) in from.method_settings().into_iter().flatten() {
        let key = settings_key(key);
        let want = want.and_then(|want| want.methods.get(&key));
        let settings = method_settings(settings, want);
        if want.is_some() || settings != MethodSettings::default() {
            methods.insert(key, settings);
        }
    }
    Stage {
        stage_name: text(from.stage_name()),
        description: text(from.description()),
        variables: map(from.variables()),
        tracing: from.tracing_enabled(),
        access_log: log.map(|(destination, format)| AccessLog { destination, format }),
        methods,
        tags: tags(from.tags()),
    }
}

/// Writes the key of an override as the stack does: without escapes, without the first slash of the path.
fn settings_key(key: &str) -> String {
    let plain = key.replace("~1", "/").replace("~0", "~");
    match plain.rsplit_once('/') {
        Some((path, verb)) => format!("{}/{verb}", path.trim_start_matches('/')),
        None => plain,
    }
}

fn method_settings(from: &types::MethodSetting, want: Option<&MethodSettings>) -> MethodSettings {
    let none = MethodSettings::default();
    let want = want.unwrap_or(&none);
    let (rate, burst) = (from.throttling_rate_limit(), from.throttling_burst_limit());
    let logging = from.logging_level().filter(|level| !level.is_empty()).unwrap_or("OFF");
    MethodSettings {
        rate_millis: thousandths(rate)
            .filter(|_| want.rate_millis.is_some() || !ACCOUNT_RATES.contains(&rate)),
        burst: u32::try_from(burst).ok().filter(|_| want.burst.is_some() || !ACCOUNT_BURSTS.contains(&burst)),
        metrics: set_or(from.metrics_enabled(), want.metrics.is_some(), false),
        logging: Some(logging.to_owned()).filter(|level| want.logging.is_some() || level != "OFF"),
        data_trace: set_or(from.data_trace_enabled(), want.data_trace.is_some(), false),
    }
}

fn set_or<T: PartialEq>(value: T, wanted: bool, default: T) -> Option<T> {
    Some(value).filter(|value| wanted || *value != default)
}

/// Reads a usage plan except for its keys: its stages of one API.
pub(super) fn usage_plan(from: &types::UsagePlan, api: &str) -> UsagePlan {
    let of_api = from.api_stages().iter().filter(|stage| stage.api_id() == Some(api));
    let throttle = from.throttle().and_then(|throttle| {
        Some((thousandths(throttle.rate_limit())?, u32::try_from(throttle.burst_limit()).ok()?))
    });
    let quota = from.quota().and_then(|quota| {
        let period = quota.period()?.as_str().to_owned();
        Some((quota.limit().try_into().ok()?, quota.offset().try_into().ok()?, period))
    });
    UsagePlan {
        plan_name: text(from.name()),
        description: text(from.description()),
        throttle,
        quota,
        keys: BTreeSet::new(),
        stages: of_api.filter_map(|stage| stage.stage()).map(str::to_owned).collect(),
        tags: tags(from.tags()),
    }
}

pub(super) fn api_key(from: &types::ApiKey) -> ApiKey {
    ApiKey {
        key_name: text(from.name()),
        description: text(from.description()),
        enabled: from.enabled(),
        tags: tags(from.tags()),
    }
}

/// Converts a rate into thousandths; `-1` means that there is no limit of its own.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "limits are far below 2^53")]
fn thousandths(rate: f64) -> Option<u64> {
    (rate >= 0.0).then(|| (rate * 1000.0).round() as u64)
}

/// Converts thousandths into the number that API Gateway expects as a rate.
#[expect(clippy::cast_precision_loss, reason = "limits are far below 2^53")]
pub(super) fn rate(thousandths: u64) -> f64 {
    thousandths as f64 / 1000.0
}

pub(super) fn tags(from: Option<&HashMap<String, String>>) -> Tags {
    map(from)
}

fn map(from: Option<&HashMap<String, String>>) -> BTreeMap<String, String> {
    from.map(sorted).unwrap_or_default()
}

fn sorted<T: Clone>(from: &HashMap<String, T>) -> BTreeMap<String, T> {
    from.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn set(from: &[String]) -> BTreeSet<String> {
    from.iter().cloned().collect()
}

fn text(from: Option<&str>) -> String {
    from.unwrap_or_default().to_owned()
}

/// Treats an empty text as not set: some cleared fields come back as an empty text.
fn some(from: Option<&str>) -> Option<String> {
    from.filter(|text| !text.is_empty()).map(str::to_owned)
}

fn number(from: Option<i32>, default: u32) -> u32 {
    from.and_then(|number| number.try_into().ok()).unwrap_or(default)
}
