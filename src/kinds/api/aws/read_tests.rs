use std::collections::{BTreeMap, HashMap};

use aws_sdk_apigateway::types;

use super::read::{self, Names};
use crate::kinds::api::{GatewayResponse, MethodSettings, Part, Stage};

fn map(key: &str, value: &str) -> HashMap<String, String> {
    HashMap::from([(key.to_owned(), value.to_owned())])
}

#[test]
fn a_policy_is_unescaped() {
    let escaped = r#"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"execute-api:Invoke\",\"Resource\":\"execute-api:\/*\"}]}"#;
    let policy = read::policy(escaped, "aws").unwrap();
    assert!(policy.to_json().contains(r#""Resource":"execute-api:/*""#), "{}", policy.to_json());
    assert!(read::policy("{", "aws").is_err());
}

#[test]
fn identity_sources_keep_their_order() {
    let from = types::Authorizer::builder()
        .r#type(types::AuthorizerType::Request)
        .identity_source("method.request.header.B, context.a")
        .identity_validation_expression("")
        .build();
    let read = read::authorizer(&from);
    assert_eq!(read.identity, ["method.request.header.B", "context.a"]);
    assert_eq!((read.validation, read.ttl, read.kind.as_str()), (None, 300, "REQUEST"));
}

fn gateway_response() -> types::GatewayResponse {
    types::GatewayResponse::builder()
        .response_type(types::GatewayResponseType::Unauthorized)
        .status_code("401")
        .set_response_templates(Some(map("application/json", r#"{"message":$context.error.messageString}"#)))
        .build()
}

#[test]
fn what_aws_fills_into_a_gateway_response_reads_as_left_open() {
    let read = read::gateway_response(&gateway_response(), None);
    assert_eq!((read.status, read.templates), (None, BTreeMap::new()));
}

#[test]
fn what_the_stack_says_in_a_gateway_response_stays() {
    let want = GatewayResponse {
        status: Some("401".into()),
        parameters: BTreeMap::new(),
        templates: map("application/json", r#"{"message":$context.error.messageString}"#)
            .into_iter()
            .collect(),
    };
    assert_eq!(read::gateway_response(&gateway_response(), Some(&want)), want);
}

fn seen_stage(settings: types::MethodSetting) -> types::Stage {
    types::Stage::builder().stage_name("v1").method_settings("~1pets~1{id}/GET", settings).build()
}

fn wanted(settings: MethodSettings) -> Stage {
    let methods = BTreeMap::from([("pets/{id}/GET".to_owned(), settings)]);
    Stage { methods, ..read::stage(&types::Stage::builder().build(), None) }
}

#[test]
fn an_override_reads_with_the_settings_that_the_stack_names() {
    let from = types::MethodSetting::builder()
        .throttling_rate_limit(12.5)
        .throttling_burst_limit(5000)
        .logging_level("OFF")
        .build();
    let want = MethodSettings { rate_millis: Some(1), logging: Some("INFO".into()), ..Default::default() };
    let read = read::stage(&seen_stage(from), Some(&wanted(want)));
    let expected =
        MethodSettings { rate_millis: Some(12_500), logging: Some("OFF".into()), ..Default::default() };
    assert_eq!(read.methods, BTreeMap::from([("pets/{id}/GET".to_owned(), expected)]));
}

#[test]
fn an_override_that_others_made_shows_what_it_changes() {
    let from = types::MethodSetting::builder()
        .throttling_rate_limit(-1.0)
        .throttling_burst_limit(-1)
        .metrics_enabled(true)
        .build();
    let read = read::stage(&seen_stage(from), None);
    let expected = MethodSettings { metrics: Some(true), ..Default::default() };
    assert_eq!(read.methods.get("pets/{id}/GET"), Some(&expected));
    let idle =
        types::MethodSetting::builder().throttling_rate_limit(10_000.0).throttling_burst_limit(5000).build();
    assert_eq!(read::stage(&seen_stage(idle), None).methods, BTreeMap::new());
}

#[test]
fn the_root_has_an_empty_path_in_overrides() {
    for key in ["~1/GET", "/GET", "//GET"] {
        let settings = types::MethodSetting::builder().metrics_enabled(true).build();
        let from = types::Stage::builder().method_settings(key, settings).build();
        assert!(read::stage(&from, None).methods.contains_key("/GET"), "{key}");
    }
}

#[test]
fn a_mock_joins_both_kinds_of_responses_and_has_no_backend() {
    let integration = types::Integration::builder()
        .r#type(types::IntegrationType::Mock)
        .http_method("POST")
        .integration_responses(
            "200",
            types::IntegrationResponse::builder()
                .selection_pattern("")
                .response_parameters("method.response.header.A", "'a'")
                .build(),
        )
        .build();
    let from = types::Method::builder()
        .authorizer_id("a1")
        .method_integration(integration)
        .method_responses(
            "200",
            types::MethodResponse::builder()
                .response_parameters("method.response.header.A", false)
                .response_parameters("method.response.header.B", true)
                .build(),
        )
        .build();
    let names = Names { authorizers: BTreeMap::from([("a1".into(), "bearer".into())]), ..Default::default() };
    let read = read::method(&from, &names);
    assert_eq!(read.authorizer.as_deref(), Some("bearer"));
    assert_eq!((read.integration.http_method, read.integration.timeout_ms), (None, 29_000));
    let headers: Vec<(&str, &str)> =
        read.responses["200"].headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(headers, [("method.response.header.A", "'a'"), ("method.response.header.B", "")]);
    assert_eq!(read.responses["200"].selection, None);
}

#[test]
fn a_method_without_an_integration_differs_from_every_wanted_one() {
    let read = read::method(&types::Method::builder().build(), &Names::default());
    assert_eq!(read.integration.kind, "");
}

#[test]
fn a_schema_that_is_no_json_reads_as_text() {
    let from = types::Model::builder().schema("not json").content_type("application/json").build();
    let Part::Model { schema, .. } = read::model(&from) else { panic!("{from:?}") };
    assert_eq!(schema, serde_json::json!("not json"));
}

#[test]
fn a_usage_plan_has_the_stages_of_one_api() {
    let stage = |api, stage| types::ApiStage::builder().api_id(api).stage(stage).build();
    let from = types::UsagePlan::builder()
        .api_stages(stage("a1", "v1"))
        .api_stages(stage("a2", "v1"))
        .throttle(types::ThrottleSettings::builder().rate_limit(0.5).burst_limit(2).build())
        .build();
    let read = read::usage_plan(&from, "a1");
    assert_eq!(read.stages, ["v1".to_owned()].into());
    assert_eq!((read.throttle, read.quota), (Some((500, 2)), None));
}
