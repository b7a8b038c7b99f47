use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::types::PatchOperation;

use super::patch::{self, MethodRefs};
use crate::kinds::api::{
    AccessLog, ApiKey, Authorizer, Integration, Method, MethodSettings, Settings, Stage, UsagePlan,
};

/// Writes patches as `op path value`.
fn written(patches: &[PatchOperation]) -> Vec<String> {
    let write = |patch: &PatchOperation| {
        let op = patch.op.as_ref().unwrap().as_str();
        let value = patch.value.as_ref().map(|value| format!(" {value}")).unwrap_or_default();
        format!("{op} {}{value}", patch.path.as_ref().unwrap())
    };
    patches.iter().map(write).collect()
}

fn set(members: &[&str]) -> BTreeSet<String> {
    members.iter().map(|member| (*member).to_owned()).collect()
}

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn settings() -> Settings {
    Settings {
        api_name: "a".into(),
        description: String::new(),
        endpoint_type: "REGIONAL".into(),
        vpc_endpoints: BTreeSet::new(),
        binary_types: set(&["image/png"]),
        policy: None,
        min_compression: Some(1024),
        api_key_source: "HEADER".into(),
        disable_execute_api: false,
        tags: BTreeMap::new(),
    }
}

#[test]
fn equal_settings_need_no_patch() {
    assert_eq!(written(&patch::settings(&settings(), &settings())), [""; 0]);
}

#[test]
fn settings_escape_media_types_and_switch_compression_off_without_a_value() {
    let to = Settings {
        description: "d".into(),
        binary_types: set(&["application/vnd.x~y"]),
        min_compression: None,
        disable_execute_api: true,
        ..settings()
    };
    assert_eq!(
        written(&patch::settings(&settings(), &to)),
        [
            "replace /description d",
            "replace /minimumCompressionSize",
            "replace /disableExecuteApiEndpoint true",
            "remove /binaryMediaTypes/image~1png",
            "add /binaryMediaTypes/application~1vnd.x~0y",
        ]
    );
}

#[test]
fn vpc_endpoints_stay_within_the_time_in_which_the_api_is_private() {
    let private = Settings { endpoint_type: "PRIVATE".into(), vpc_endpoints: set(&["vpce-1"]), ..settings() };
    assert_eq!(
        written(&patch::settings(&settings(), &private)),
        [
            "replace /endpointConfiguration/types/REGIONAL PRIVATE",
            "add /endpointConfiguration/vpcEndpointIds vpce-1",
        ]
    );
    assert_eq!(
        written(&patch::settings(&private, &settings())),
        [
            "remove /endpointConfiguration/vpcEndpointIds vpce-1",
            "replace /endpointConfiguration/types/PRIVATE REGIONAL",
        ]
    );
}

#[test]
fn a_resource_policy_that_goes_becomes_empty() {
    let policy = serde_json::from_str(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"*"}]}"#,
    );
    let with = Settings { policy: Some(policy.unwrap()), ..settings() };
    assert_eq!(written(&patch::settings(&with, &settings())), ["replace /policy "]);
    let put = written(&patch::settings(&settings(), &with));
    assert!(put[0].starts_with(r#"replace /policy {"Version":"2012-10-17""#), "{put:?}");
}

fn authorizer() -> Authorizer {
    Authorizer {
        kind: "REQUEST".into(),
        uri: Some("u".into()),
        providers: BTreeSet::new(),
        identity: vec!["method.request.header.A".into(), "context.b".into()],
        validation: None,
        ttl: 300,
        credentials: Some("c".into()),
    }
}

#[test]
fn an_authorizer_is_cleared_with_empty_values() {
    let to = Authorizer {
        kind: "COGNITO_USER_POOLS".into(),
        uri: None,
        providers: set(&["arn:pool"]),
        identity: vec!["method.request.header.A".into()],
        validation: Some("^x$".into()),
        ttl: 0,
        credentials: None,
    };
    assert_eq!(
        written(&patch::authorizer(&authorizer(), &to)),
        [
            "replace /type COGNITO_USER_POOLS",
            "replace /authorizerUri ",
            "replace /authorizerCredentials ",
            "replace /identitySource method.request.header.A",
            "replace /identityValidationExpression ^x$",
            "replace /authorizerResultTtlInSeconds 0",
            "add /providerARNs arn:pool",
        ]
    );
}

fn method() -> Method {
    Method {
        authorization: "CUSTOM".into(),
        authorizer: Some("bearer".into()),
        scopes: set(&["read"]),
        api_key_required: false,
        validator: Some("body".into()),
        request_models: map(&[("application/json", "Text")]),
        request_parameters: BTreeMap::from([("method.request.header.X".into(), true)]),
        integration: Integration {
            kind: "MOCK".into(),
            uri: None,
            http_method: None,
            credentials: None,
            timeout_ms: 29_000,
            request_parameters: BTreeMap::new(),
            request_templates: BTreeMap::new(),
            passthrough: "NEVER".into(),
        },
        responses: BTreeMap::new(),
    }
}

#[test]
fn a_method_lets_go_of_everything() {
    let to = Method {
        authorization: "NONE".into(),
        authorizer: None,
        scopes: BTreeSet::new(),
        api_key_required: true,
        validator: None,
        request_models: BTreeMap::new(),
        request_parameters: BTreeMap::new(),
        ..method()
    };
    let refs = MethodRefs { authorizer: None, validator: None };
    assert_eq!(
        written(&patch::method(&method(), &to, &refs)),
        [
            "remove /authorizationScopes read",
            "replace /authorizationType NONE",
            "replace /authorizerId ",
            "replace /apiKeyRequired true",
            "replace /requestValidatorId ",
            "remove /requestModels/application~1json",
            "remove /requestParameters/method.request.header.X",
        ]
    );
}

#[test]
fn a_method_refers_by_id() {
    let to = Method {
        authorizer: Some("other".into()),
        validator: Some("all".into()),
        request_models: map(&[("application/json", "Other"), ("text/plain", "Text")]),
        ..method()
    };
    let refs = MethodRefs { authorizer: Some("a1"), validator: Some("v1") };
    assert_eq!(
        written(&patch::method(&method(), &to, &refs)),
        [
            "replace /authorizerId a1",
            "replace /requestValidatorId v1",
            "replace /requestModels/application~1json Other",
            "add /requestModels/text~1plain Text",
        ]
    );
}

fn stage() -> Stage {
    let throttled = MethodSettings { rate_millis: Some(50_000), burst: Some(100), ..Default::default() };
    Stage {
        stage_name: "v1".into(),
        description: "d".into(),
        variables: map(&[("a", "1"), ("b", "2")]),
        tracing: false,
        access_log: Some(AccessLog { destination: "arn:log".into(), format: "$context.requestId".into() }),
        methods: BTreeMap::from([("*/*".into(), throttled)]),
        tags: BTreeMap::new(),
    }
}

#[test]
fn a_stage_replaces_and_removes_one_by_one() {
    let logged = MethodSettings { logging: Some("INFO".into()), ..Default::default() };
    let to = Stage {
        description: String::new(),
        variables: map(&[("a", "3"), ("c", "4")]),
        tracing: true,
        access_log: None,
        methods: BTreeMap::from([
            ("*/*".into(), MethodSettings { burst: Some(200), ..stage().methods["*/*"].clone() }),
            ("pets/{id}/GET".into(), logged.clone()),
            ("/GET".into(), logged),
        ]),
        ..stage()
    };
    assert_eq!(
        written(&patch::stage(&stage(), &to)),
        [
            "replace /description ",
            "replace /tracingEnabled true",
            "remove /variables/b",
            "replace /variables/a 3",
            "add /variables/c 4",
            "remove /accessLogSettings",
            "replace /*/*/throttling/burstLimit 200",
            "replace /~1/GET/logging/loglevel INFO",
            "replace /~1pets~1{id}/GET/logging/loglevel INFO",
        ]
    );
}

#[test]
fn an_override_that_loses_a_field_is_recreated() {
    let rate = MethodSettings { rate_millis: Some(50_000), ..Default::default() };
    let to = Stage { methods: BTreeMap::from([("*/*".into(), rate)]), ..stage() };
    assert_eq!(
        written(&patch::stage(&stage(), &to)),
        ["remove /*/*", "replace /*/*/throttling/rateLimit 50"]
    );
    let none = Stage { methods: BTreeMap::new(), ..stage() };
    assert_eq!(written(&patch::stage(&stage(), &none)), ["remove /*/*"]);
}

fn plan() -> UsagePlan {
    UsagePlan {
        plan_name: "p".into(),
        description: String::new(),
        throttle: Some((12_500, 20)),
        quota: Some((1000, 0, "DAY".into())),
        keys: BTreeSet::new(),
        stages: set(&["v1"]),
        tags: BTreeMap::new(),
    }
}

#[test]
fn a_usage_plan_swaps_its_stages_and_drops_its_limits() {
    let to = UsagePlan { throttle: None, quota: None, stages: set(&["v2"]), ..plan() };
    assert_eq!(
        written(&patch::usage_plan(&plan(), &to, "api1")),
        ["remove /throttle", "remove /quota", "remove /apiStages api1:v1", "add /apiStages api1:v2"]
    );
    assert_eq!(
        written(&patch::usage_plan(&to, &plan(), "api1")),
        [
            "replace /throttle/rateLimit 12.5",
            "replace /throttle/burstLimit 20",
            "replace /quota/limit 1000",
            "replace /quota/offset 0",
            "replace /quota/period DAY",
            "remove /apiStages api1:v2",
            "add /apiStages api1:v1",
        ]
    );
}

#[test]
fn small_parts_send_what_differs() {
    assert_eq!(
        written(&patch::validator((true, false), (true, true))),
        ["replace /validateRequestParameters true"]
    );
    let (before, after) = (serde_json::json!({"type": "object"}), serde_json::json!({"type": "string"}));
    assert_eq!(
        written(&patch::model((&before, "d"), (&after, ""))),
        [r#"replace /schema {"type":"string"}"#, "replace /description "]
    );
    let key =
        ApiKey { key_name: "k".into(), description: String::new(), enabled: true, tags: BTreeMap::new() };
    let off = ApiKey { enabled: false, ..key.clone() };
    assert_eq!(written(&patch::api_key(&key, &off)), ["replace /enabled false"]);
}
