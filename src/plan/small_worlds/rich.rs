//! A stack with some of everything.

use std::collections::{BTreeMap, BTreeSet};

use super::fixtures::{self, alias, empty, function, key, log_group, permission, role, uri};
use crate::access::{PolicyDocument, Statement};
use crate::kinds::api::{AccessLog, ApiKey, Authorizer, Method, Part, PartId, UsagePlan};
use crate::kinds::function::Version;
use crate::kinds::{Name, api, ids};
use crate::stack::desired::{Desired, FunctionWant, KeyWant};

/// Returns a stack with two keys, one of them for logs; two functions under separate roles, one with an alias of its
/// own and a key with an alias, the other an authorizer; and an API with every possible part.
pub fn rich() -> Desired {
    let mut stack = empty();
    stack.keys = ["text", "token"].map(|name| (name.into(), key_with_alias(name))).into();
    key_of(&mut stack, "text").spec.rotation = Some(365);
    stack.roles = ["a", "b"].map(|name| (name.into(), role(name))).into();
    let own = Statement::allow("Own").actions(["kms:Decrypt"]).resource(ids::to("keys.text.arn"));
    stack.roles.get_mut(&n("a")).unwrap().inline.insert("own".to_owned(), PolicyDocument::new([own]));
    stack.log_groups = ["first", "second", "access"].map(|name| (name.into(), log_group(name))).into();
    let text = ids::to("keys.text.arn");
    stack.log_groups.get_mut(&n("first")).unwrap().kms_key = Some(text.clone());
    logs_may_use(key_of(&mut stack, "text"));
    let mut first = function("first", "a", &["text"]);
    first.spec.config.env.insert("KEY".to_owned(), text);
    first.spec.aliases.insert("live".to_owned(), alias(Version::Latest));
    first.spec.permissions.insert("api-live".to_owned(), permission("api", Some("live")));
    let mut second = function("second", "b", &["token"]);
    second.spec.permissions.insert("api".to_owned(), permission("api", None));
    stack.functions = BTreeMap::from([("first".into(), first), ("second".into(), second)]);
    stack.apis.insert("api".into(), rich_api());
    stack
}

/// Returns an API with nested routes, an authorizer, a validator, a model, an access log and a usage plan.
pub fn rich_api() -> api::Spec {
    let mut spec = fixtures::api("first:live");
    let method = Method {
        authorization: "CUSTOM".to_owned(),
        authorizer: Some("bearer".to_owned()),
        validator: Some("body".to_owned()),
        request_models: BTreeMap::from([("application/json".to_owned(), "Text".to_owned())]),
        ..method("first:live")
    };
    let bearer = Authorizer {
        kind: "TOKEN".to_owned(),
        uri: Some(uri("second")),
        providers: BTreeSet::new(),
        identity: vec!["method.request.header.Authorization".to_owned()],
        validation: None,
        ttl: 300,
        credentials: None,
    };
    let model = Part::Model {
        content_type: "application/json".to_owned(),
        schema: serde_json::json!({"type": "object"}),
        description: String::new(),
    };
    spec.parts.extend([
        (PartId::Authorizer("bearer".to_owned()), Part::Authorizer(bearer)),
        (PartId::Validator("body".to_owned()), Part::Validator { body: true, parameters: false }),
        (PartId::Model("Text".to_owned()), model),
        (PartId::Resource("/encrypt/text".to_owned()), Part::Resource),
        (PartId::Method("/encrypt/text".to_owned(), "POST".to_owned()), Part::Method(Box::new(method))),
    ]);
    let destination =
        format!("arn:aws:logs:eu-west-1:{}:log-group:/aws/lambda/s-e-access", fixtures::ACCOUNT);
    spec.stage.access_log = Some(AccessLog { destination, format: "$context.requestId".to_owned() });
    let customer = ApiKey {
        key_name: "customer".to_owned(),
        description: String::new(),
        enabled: true,
        tags: BTreeMap::new(),
    };
    spec.api_keys.insert("customer".to_owned(), customer);
    let gold = UsagePlan {
        plan_name: "gold".to_owned(),
        description: String::new(),
        throttle: None,
        quota: None,
        keys: BTreeSet::from(["customer".to_owned()]),
        stages: BTreeSet::from(["v1".to_owned()]),
        tags: BTreeMap::new(),
    };
    spec.usage_plans.insert("gold".to_owned(), gold);
    spec
}

fn method(function: &str) -> Method {
    let Part::Method(method) = fixtures::method(function) else { panic!("the fixture is a method") };
    *method
}

pub fn key_with_alias(name: &str) -> KeyWant {
    let mut want = key();
    want.spec.aliases.insert(format!("alias/s-e-{name}"));
    want
}

pub fn logs_may_use(key: &mut KeyWant) {
    let service = Statement::allow("LogsService")
        .principal_service(["logs.eu-west-1.amazonaws.com"])
        .actions(["kms:Encrypt*", "kms:Decrypt*"])
        .resource("*");
    let policy = &mut key.spec.policy;
    *policy = PolicyDocument::new(policy.statements().iter().cloned().chain([service]).collect::<Vec<_>>());
}

pub fn n(name: &str) -> Name {
    Name::from(name)
}

pub fn key_of<'a>(stack: &'a mut Desired, name: &str) -> &'a mut KeyWant {
    stack.keys.get_mut(&n(name)).unwrap()
}

pub fn function_of<'a>(stack: &'a mut Desired, name: &str) -> &'a mut FunctionWant {
    stack.functions.get_mut(&n(name)).unwrap()
}

pub fn api_of(stack: &mut Desired) -> &mut api::Spec {
    stack.apis.get_mut(&n("api")).unwrap()
}
