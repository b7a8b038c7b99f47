//! Stages, usage plans and API keys.

use std::collections::BTreeMap;

use super::apis::part_name;
use super::context::Context;
use super::function_parts::scaled;
use super::values::{is_arn, is_word};
use crate::kinds::{Kind, api};
use crate::stack::model::{AccessLog, Api, Logging, Period, Throttle};

/// The default access log format: caller, request, result and duration; no secrets.
const LOG_FORMAT: &str = "{\"requestId\":\"$context.requestId\",\"time\":\"$context.requestTime\",\
    \"ip\":\"$context.identity.sourceIp\",\"principal\":\"$context.authorizer.principalId\",\
    \"method\":\"$context.httpMethod\",\"path\":\"$context.path\",\"status\":\"$context.status\",\
    \"length\":\"$context.responseLength\",\"latency\":\"$context.responseLatency\",\
    \"error\":\"$context.error.message\"}";

/// The default name of a stage.
const NAME: &str = "v1";

/// Returns the name of the stage of an API.
fn name_of(api: &Api) -> String {
    api.stage.name.clone().unwrap_or_else(|| NAME.to_owned())
}

pub(super) fn stage(cx: &Context<'_>, name: &str, api: &Api) -> api::Stage {
    let stage = &api.stage;
    let field = |field: &'static str| ["apis", name, "stage", field];
    let stage_name = name_of(api);
    let right = "letters, digits, `-` and `_` are taken, 128 characters in all";
    cx.require(is_word(&stage_name, "-_", 128), &field("name"), right);
    cx.at_most(&field("description"), &stage.description, 1024);
    for (variable, value) in &stage.variables {
        let at = ["apis", name, "stage", "variables", variable];
        part_name(cx, &at, "_", 64);
        let fits = value.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:/?#&=,${}".contains(c));
        let right = "letters, digits and `-._~:/?#&=,` are taken, 512 characters in all";
        cx.require(fits && value.chars().count() <= 512, &at, right);
    }
    if stage.data_trace == Some(true) {
        cx.warn(&field("data_trace"), "data-trace", "whole bodies go to the execution log, secrets included");
    }
    let mut methods = BTreeMap::new();
    let all = api::MethodSettings {
        metrics: stage.metrics,
        logging: stage.logging.map(|level| {
            match level {
                Logging::Off => "OFF",
                Logging::Error => "ERROR",
                Logging::Info => "INFO",
            }
            .to_owned()
        }),
        data_trace: stage.data_trace,
        ..limits(stage.throttle.as_ref())
    };
    if all != api::MethodSettings::default() {
        methods.insert("*/*".to_owned(), all);
    }
    for (text, route) in &api.routes {
        let Some((verb, path)) = text.split_once(' ') else { continue };
        if route.throttle.is_some() {
            let path = path.strip_prefix('/').unwrap_or(path);
            methods.insert(format!("{path}/{verb}"), limits(route.throttle.as_ref()));
        }
    }
    api::Stage {
        stage_name,
        description: stage.description.clone(),
        variables: stage.variables.clone(),
        tracing: stage.tracing,
        access_log: stage.access_log.as_ref().and_then(|log| access_log(cx, name, log)),
        methods,
        tags: {
            let mut tags = cx.tags(&["apis", name, "stage"], &stage.tags, Kind::Api, name);
            // The tags of an API also apply to its stage, unless the stage overrides them.
            for (key, value) in &api.tags {
                if !stage.tags.contains_key(key) {
                    tags.insert(key.clone(), value.clone());
                }
            }
            tags
        },
    }
}

fn limits(throttle: Option<&Throttle>) -> api::MethodSettings {
    api::MethodSettings {
        rate_millis: throttle.map(|throttle| scaled(throttle.rate, 1000.0)),
        burst: throttle.map(|throttle| throttle.burst),
        ..api::MethodSettings::default()
    }
}

fn access_log(cx: &Context<'_>, api: &str, log: &AccessLog) -> Option<api::AccessLog> {
    let field = |field: &'static str| ["apis", api, "stage", "access_log", field];
    let format = log.format.clone().unwrap_or_else(|| LOG_FORMAT.to_owned());
    let format = format.trim_end().to_owned();
    let id = format.contains("$context.requestId") || format.contains("$context.extendedRequestId");
    if !id || format.contains('\n') {
        let problem = "the format of an access log is one line that holds `$context.requestId`";
        cx.error(&field("format"), "bad-value", problem);
    }
    let destination = match (&log.log_group, &log.destination) {
        (Some(group), None) => {
            if !cx.declared(&field("log_group"), "log_groups", group) {
                return None;
            }
            let named = cx.file.log_groups.get(group).and_then(|group| group.name.clone());
            cx.names.log_group_arn(&named.unwrap_or_else(|| cx.names.log_group(group)))
        }
        (None, Some(arn)) => {
            let fits = is_arn(arn, "logs", "log-group:") && !arn.ends_with(":*")
                || is_arn(arn, "firehose", "deliverystream/amazon-apigateway-");
            let right = "it is the ARN of a log group without `:*`, or of a Firehose stream \
                         `amazon-apigateway-NAME`";
            cx.require(fits, &field("destination"), right);
            arn.clone()
        }
        _ => {
            let at = ["apis", api, "stage", "access_log"];
            let problem = "an access log has either a `log_group` or a `destination`";
            let problem = cx.about_key(&at, "bad-value", problem);
            cx.report(problem.help("write it as in `access_log: { log_group: access }`"));
            return None;
        }
    };
    Some(api::AccessLog { destination, format })
}

pub(super) fn usage_plans(cx: &Context<'_>, name: &str, api: &Api) -> BTreeMap<String, api::UsagePlan> {
    let mut plans = BTreeMap::new();
    let mut holders: BTreeMap<&str, &str> = BTreeMap::new();
    for (plan, model) in &api.usage_plans {
        let at = ["apis", name, "usage_plans", plan];
        part_name(cx, &at, "-_", 64);
        let known: Vec<&str> = cx.names_in(&["apis", name, "api_keys"]).collect();
        for (index, key) in model.keys.iter().enumerate() {
            let at = ["apis", name, "usage_plans", plan, "keys", &index.to_string()];
            cx.one_of(&at, key, "the API has no API key", known.clone());
            if let Some(other) = holders.insert(key, plan) {
                let problem = format!("the API key `{key}` is in the plan `{other}` already");
                cx.report(cx.about(&at, "duplicate", problem).help("a key is in one plan of a stage"));
            }
        }
        let quota = model.quota.as_ref().map(|quota| {
            let period = match quota.period {
                Period::Day => "DAY",
                Period::Week => "WEEK",
                Period::Month => "MONTH",
            };
            if quota.offset >= quota.limit {
                let at = ["apis", name, "usage_plans", plan, "quota", "offset"];
                cx.error(&at, "out-of-range", format!("the offset {} is not below the limit", quota.offset));
            }
            (quota.limit, quota.offset, period.to_owned())
        });
        let spec = api::UsagePlan {
            plan_name: cx.names.physical(&format!("{name}-{plan}")),
            description: model.description.clone(),
            throttle: model.throttle.as_ref().map(|limit| (scaled(limit.rate, 1000.0), limit.burst)),
            quota,
            keys: model.keys.iter().cloned().collect(),
            stages: [name_of(api)].into(),
            tags: cx.tags(&at, &model.tags, Kind::Api, &format!("{name}.usage_plans.{plan}")),
        };
        plans.insert(plan.clone(), spec);
    }
    plans
}

pub(super) fn api_keys(cx: &Context<'_>, name: &str, api: &Api) -> BTreeMap<String, api::ApiKey> {
    let mut keys = BTreeMap::new();
    for (key, model) in &api.api_keys {
        let at = ["apis", name, "api_keys", key];
        part_name(cx, &at, "-_", 64);
        let spec = api::ApiKey {
            key_name: cx.names.physical(&format!("{name}-{key}")),
            description: model.description.clone(),
            enabled: model.enabled,
            tags: cx.tags(&at, &model.tags, Kind::Api, &format!("{name}.api_keys.{key}")),
        };
        keys.insert(key.clone(), spec);
    }
    keys
}
