//! Patch operations from one state of an API part to another.
//!
//! Every value of a patch is text. Inside one token of a path `~` is written `~0` and `/` is written `~1`.
//! A field that is cleared gets an empty value where API Gateway has no `remove` for it.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::types::{Op, PatchOperation};

use crate::kinds::api::{AccessLog, ApiKey, Authorizer, Method, MethodSettings, Settings, Stage, UsagePlan};

/// Ids of the authorizer and validator that a method refers to by name.
pub(super) struct MethodRefs<'a> {
    /// Id of the authorizer that the method uses after the change.
    pub authorizer: Option<&'a str>,
    /// Id of the request validator that the method uses after the change.
    pub validator: Option<&'a str>,
}

/// Patches for `UpdateRestApi`; tags are a call of their own.
pub(super) fn settings(from: &Settings, to: &Settings) -> Vec<PatchOperation> {
    let Settings {
        api_name,
        description,
        endpoint_type,
        vpc_endpoints,
        binary_types,
        policy,
        min_compression,
        api_key_source,
        disable_execute_api,
        tags: _,
    } = to;
    let mut patches = Patches::default();
    patches.text("/name", &from.api_name, api_name);
    patches.text("/description", &from.description, description);
    patches.text("/apiKeySource", &from.api_key_source, api_key_source);
    if from.policy != *policy {
        let text = policy.as_ref().map(|policy| policy.to_json()).unwrap_or_default();
        patches.0.push(self::policy(&text));
    }
    if from.min_compression != *min_compression {
        // Without a value the compression is turned off.
        patches.0.push(operation(Op::Replace, "/minimumCompressionSize", min_compression.map(text)));
    }
    patches.shown("/disableExecuteApiEndpoint", &from.disable_execute_api, disable_execute_api);
    for media_type in from.binary_types.difference(binary_types) {
        patches.remove(format!("/binaryMediaTypes/{}", escape(media_type)));
    }
    for media_type in binary_types.difference(&from.binary_types) {
        patches.0.push(operation(Op::Add, format!("/binaryMediaTypes/{}", escape(media_type)), None));
    }
    // Only a private API may have VPC endpoints: remove them before it stops being private, and add them once it is.
    let (gone, new) = members("/endpointConfiguration/vpcEndpointIds", &from.vpc_endpoints, vpc_endpoints);
    patches.0.extend(gone);
    if from.endpoint_type != *endpoint_type {
        let path = format!("/endpointConfiguration/types/{}", from.endpoint_type);
        patches.replace(path, endpoint_type.clone());
    }
    patches.0.extend(new);
    patches.0
}

/// Patches for `UpdateAuthorizer`.
pub(super) fn authorizer(from: &Authorizer, to: &Authorizer) -> Vec<PatchOperation> {
    let Authorizer { kind, uri, providers, identity, validation, ttl, credentials } = to;
    let mut patches = Patches::default();
    patches.text("/type", &from.kind, kind);
    patches.optional("/authorizerUri", from.uri.as_ref(), uri.as_ref());
    patches.optional("/authorizerCredentials", from.credentials.as_ref(), credentials.as_ref());
    patches.text("/identitySource", &from.identity.join(","), &identity.join(","));
    patches.optional("/identityValidationExpression", from.validation.as_ref(), validation.as_ref());
    patches.shown("/authorizerResultTtlInSeconds", &from.ttl, ttl);
    let (gone, new) = members("/providerARNs", &from.providers, providers);
    // Added first: an authorizer without any user pool is refused.
    patches.0.extend(new);
    patches.0.extend(gone);
    patches.0
}

/// Patches for `UpdateRequestValidator`, as (body, parameters).
pub(super) fn validator(from: (bool, bool), to: (bool, bool)) -> Vec<PatchOperation> {
    let mut patches = Patches::default();
    patches.shown("/validateRequestBody", &from.0, &to.0);
    patches.shown("/validateRequestParameters", &from.1, &to.1);
    patches.0
}

/// Patches for `UpdateModel`, as (schema, description).
pub(super) fn model(from: (&serde_json::Value, &str), to: (&serde_json::Value, &str)) -> Vec<PatchOperation> {
    let mut patches = Patches::default();
    patches.shown("/schema", from.0, to.0);
    patches.shown("/description", &from.1, &to.1);
    patches.0
}

/// Patches for `UpdateMethod`; the integration and the responses are calls of their own.
pub(super) fn method(from: &Method, to: &Method, refs: &MethodRefs<'_>) -> Vec<PatchOperation> {
    let Method {
        authorization,
        authorizer,
        scopes,
        api_key_required,
        validator,
        request_models,
        request_parameters,
        integration: _,
        responses: _,
    } = to;
    let mut patches = Patches::default();
    let (gone, new) = members("/authorizationScopes", &from.scopes, scopes);
    // Scopes need an authorizer: remove them before it is removed, and add them after it was added.
    patches.0.extend(gone);
    patches.text("/authorizationType", &from.authorization, authorization);
    if from.authorizer != *authorizer {
        patches.replace("/authorizerId", refs.authorizer.unwrap_or_default());
    }
    patches.0.extend(new);
    patches.shown("/apiKeyRequired", &from.api_key_required, api_key_required);
    if from.validator != *validator {
        patches.replace("/requestValidatorId", refs.validator.unwrap_or_default());
    }
    patches.map("/requestModels", &from.request_models, request_models);
    patches.map("/requestParameters", &from.request_parameters, request_parameters);
    patches.0
}

/// Patches for `UpdateStage`; its deployment moves on its own, tags are a call of their own.
pub(super) fn stage(from: &Stage, to: &Stage) -> Vec<PatchOperation> {
    let Stage { stage_name: _, description, variables, tracing, access_log, methods, tags: _ } = to;
    let mut patches = Patches::default();
    patches.text("/description", &from.description, description);
    patches.shown("/tracingEnabled", &from.tracing, tracing);
    patches.map("/variables", &from.variables, variables);
    match (&from.access_log, access_log) {
        (Some(_), None) => patches.remove("/accessLogSettings"),
        (before, Some(AccessLog { destination, format })) => {
            let before = before.as_ref();
            let path = "/accessLogSettings/destinationArn";
            patches.optional(path, before.map(|log| &log.destination), Some(destination));
            patches.optional("/accessLogSettings/format", before.map(|log| &log.format), Some(format));
        }
        (None, None) => {}
    }
    method_settings(&from.methods, methods, &mut patches);
    patches.0
}

/// Patches for `UpdateUsagePlan`; its keys and tags are calls of their own.
pub(super) fn usage_plan(from: &UsagePlan, to: &UsagePlan, api: &str) -> Vec<PatchOperation> {
    let UsagePlan { plan_name, description, throttle, quota, keys: _, stages, tags: _ } = to;
    let mut patches = Patches::default();
    patches.text("/name", &from.plan_name, plan_name);
    patches.text("/description", &from.description, description);
    match (from.throttle, throttle) {
        (Some(_), None) => patches.remove("/throttle"),
        (before, Some((rate, burst))) => {
            let rate_before = before.map(|(rate, _)| decimal(rate));
            patches.optional("/throttle/rateLimit", rate_before.as_ref(), Some(&decimal(*rate)));
            patches.optional("/throttle/burstLimit", before.map(|(_, burst)| burst).as_ref(), Some(burst));
        }
        (None, None) => {}
    }
    match (&from.quota, quota) {
        (Some(_), None) => patches.remove("/quota"),
        (before, Some((limit, offset, period))) => {
            let before = before.as_ref();
            patches.optional("/quota/limit", before.map(|quota| &quota.0), Some(limit));
            patches.optional("/quota/offset", before.map(|quota| &quota.1), Some(offset));
            patches.optional("/quota/period", before.map(|quota| &quota.2), Some(period));
        }
        (None, None) => {}
    }
    let named = |stages: &BTreeSet<String>| stages.iter().map(|stage| format!("{api}:{stage}")).collect();
    let (gone, new) = members("/apiStages", &named(&from.stages), &named(stages));
    patches.0.extend(gone);
    patches.0.extend(new);
    patches.0
}

/// Patches for `UpdateApiKey`; tags are a call of their own.
pub(super) fn api_key(from: &ApiKey, to: &ApiKey) -> Vec<PatchOperation> {
    let ApiKey { key_name, description, enabled, tags: _ } = to;
    let mut patches = Patches::default();
    patches.text("/name", &from.key_name, key_name);
    patches.text("/description", &from.description, description);
    patches.shown("/enabled", &from.enabled, enabled);
    patches.0
}

/// The patch that sets the resource policy of an API; an empty text removes it.
pub(super) fn policy(text: &str) -> PatchOperation {
    operation(Op::Replace, "/policy", Some(text.to_owned()))
}

/// The patch that moves a stage to a deployment.
pub(super) fn deployment(id: &str) -> PatchOperation {
    operation(Op::Replace, "/deploymentId", Some(id.to_owned()))
}

/// Removes an override and sets it again where one of its fields has to return to the default: fields cannot be removed
/// one by one.
fn method_settings(
    from: &BTreeMap<String, MethodSettings>,
    to: &BTreeMap<String, MethodSettings>,
    patches: &mut Patches,
) {
    let none = MethodSettings::default();
    for (key, before) in from {
        let falls_back = to.get(key).is_none_or(|after| {
            settings_fields(before)
                .iter()
                .zip(settings_fields(after))
                .any(|((_, before), (_, after))| before.is_some() && after.is_none())
        });
        if falls_back {
            patches.remove(settings_path(key));
        }
        if let Some(after) = to.get(key) {
            patches.settings(key, if falls_back { &none } else { before }, after);
        }
    }
    for (key, after) in to.iter().filter(|(key, _)| !from.contains_key(*key)) {
        patches.settings(key, &none, after);
    }
}

fn settings_fields(settings: &MethodSettings) -> [(&'static str, Option<String>); 5] {
    let MethodSettings { rate_millis, burst, metrics, logging, data_trace } = settings;
    [
        ("throttling/rateLimit", rate_millis.map(decimal)),
        ("throttling/burstLimit", burst.map(text)),
        ("metrics/enabled", metrics.map(text)),
        ("logging/loglevel", logging.clone()),
        ("logging/dataTrace", data_trace.map(text)),
    ]
}

/// Writes `*/*` as `/*/*` and `pets/{id}/GET` as `/~1pets~1{id}/GET`.
fn settings_path(key: &str) -> String {
    match key.rsplit_once('/') {
        Some(("*", verb)) => format!("/*/{verb}"),
        Some((path, verb)) => format!("/{}/{verb}", escape(&format!("/{path}"))),
        None => format!("/{key}"),
    }
}

/// Returns the operations that remove and add the members of a list, whose patches carry the member as the value.
fn members(
    path: &str,
    from: &BTreeSet<String>,
    to: &BTreeSet<String>,
) -> (Vec<PatchOperation>, Vec<PatchOperation>) {
    let change = |op: Op, members: Vec<&String>| {
        members.into_iter().map(|member| operation(op.clone(), path, Some(member.clone()))).collect()
    };
    (change(Op::Remove, from.difference(to).collect()), change(Op::Add, to.difference(from).collect()))
}

#[derive(Default)]
struct Patches(Vec<PatchOperation>);

impl Patches {
    fn replace(&mut self, path: impl Into<String>, value: impl Into<String>) {
        self.0.push(operation(Op::Replace, path, Some(value.into())));
    }

    fn remove(&mut self, path: impl Into<String>) {
        self.0.push(operation(Op::Remove, path, None));
    }

    fn text(&mut self, path: &str, from: &str, to: &str) {
        if from != to {
            self.replace(path, to);
        }
    }

    fn shown<T: PartialEq + ToString>(&mut self, path: &str, from: &T, to: &T) {
        if from != to {
            self.replace(path, to.to_string());
        }
    }

    fn optional<T: PartialEq + ToString>(&mut self, path: &str, from: Option<&T>, to: Option<&T>) {
        if from != to {
            self.replace(path, to.map(ToString::to_string).unwrap_or_default());
        }
    }

    fn map<T: PartialEq + ToString>(
        &mut self,
        path: &str,
        from: &BTreeMap<String, T>,
        to: &BTreeMap<String, T>,
    ) {
        for key in from.keys().filter(|key| !to.contains_key(*key)) {
            self.remove(format!("{path}/{}", escape(key)));
        }
        for (key, after) in to {
            let op = match from.get(key) {
                Some(before) if before == after => continue,
                Some(_) => Op::Replace,
                None => Op::Add,
            };
            self.0.push(operation(op, format!("{path}/{}", escape(key)), Some(after.to_string())));
        }
    }

    fn settings(&mut self, key: &str, from: &MethodSettings, to: &MethodSettings) {
        for ((field, before), (_, after)) in settings_fields(from).into_iter().zip(settings_fields(to)) {
            if let Some(after) = after.filter(|after| before.as_ref() != Some(after)) {
                self.replace(format!("{}/{field}", settings_path(key)), after);
            }
        }
    }
}

fn operation(op: Op, path: impl Into<String>, value: Option<String>) -> PatchOperation {
    PatchOperation::builder().op(op).path(path).set_value(value).build()
}

fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

fn text(value: impl ToString) -> String {
    value.to_string()
}

/// Writes thousandths as a decimal number without trailing zeros.
fn decimal(thousandths: u64) -> String {
    let (whole, rest) = (thousandths / 1000, thousandths % 1000);
    match rest {
        0 => whole.to_string(),
        _ => format!("{whole}.{rest:03}").trim_end_matches('0').to_owned(),
    }
}
