//! Ways from one rich stack to another, each of which needs some order of its steps.

use std::collections::{BTreeMap, BTreeSet};

use super::fixtures::{self, alias, empty, function, key, log_group, permission, role, role_arn, uri};
use super::made;
use crate::access::{PolicyDocument, Statement};
use crate::kinds::api::{AccessLog, ApiKey, Authorizer, Method, Part, PartId, UsagePlan};
use crate::kinds::function::Version;
use crate::kinds::key::State;
use crate::kinds::{Name, World, api, ids, log_group};
use crate::stack::desired::{Desired, FunctionWant, KeyWant};

/// A way from one stack to another.
pub struct Scenario {
    pub name: &'static str,
    pub from: Desired,
    pub to: Desired,
    /// What happened to the world of the first stack in the meantime.
    pub drift: fn(&mut World),
}

impl Scenario {
    /// Makes the world that the way begins in.
    pub fn start(&self) -> World {
        let mut world = made(&self.from);
        (self.drift)(&mut world);
        world
    }
}

/// A way from the rich stack to what `change` makes of it.
fn changed(name: &'static str, change: impl FnOnce(&mut Desired)) -> Scenario {
    between(name, |_| (), change)
}

/// A way between two variants of the rich stack.
fn between(name: &'static str, before: impl FnOnce(&mut Desired), after: impl FnOnce(&mut Desired)) -> Scenario {
    let (mut from, mut to) = (rich(), rich());
    before(&mut from);
    after(&mut to);
    Scenario { name, from, to, drift: |_| () }
}

/// A way back to the rich stack after something happened to its world.
fn drifted(name: &'static str, drift: fn(&mut World)) -> Scenario {
    Scenario { drift, ..changed(name, |_| ()) }
}

/// Two keys, one of them for logs; two functions under roles of their own, one behind an alias of its key and
/// an alias of its own, one an authorizer; an API with everything that an API can have.
pub fn rich() -> Desired {
    let mut stack = empty();
    stack.keys = BTreeMap::from([("text".into(), key_with_alias("text")), ("token".into(), key_with_alias("token"))]);
    stack.roles = ["a", "b"].map(|name| (name.into(), role(name))).into();
    let own = Statement::allow("Own").actions(["kms:Decrypt"]).resource(ids::to("keys.text.arn"));
    stack.roles.get_mut(&n("a")).unwrap().inline.insert("own".to_owned(), PolicyDocument::new([own]));
    stack.log_groups = ["first", "second", "access"].map(|name| (name.into(), log_group(name))).into();
    let text = ids::to("keys.text.arn");
    stack.log_groups.get_mut(&n("first")).unwrap().kms_key = Some(text.clone());
    logs_may_use(stack.keys.get_mut(&n("text")).unwrap());
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

/// Routes below each other, with an authorizer, a validator and a model; an access log; a usage plan.
fn rich_api() -> api::Spec {
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
    let destination = format!("arn:aws:logs:eu-west-1:{}:log-group:/aws/lambda/s-e-access", fixtures::ACCOUNT);
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

fn key_with_alias(name: &str) -> KeyWant {
    let mut want = key();
    want.spec.aliases.insert(format!("alias/s-e-{name}"));
    want
}

fn logs_may_use(key: &mut KeyWant) {
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

fn key_of<'a>(stack: &'a mut Desired, name: &str) -> &'a mut KeyWant {
    stack.keys.get_mut(&n(name)).unwrap()
}

fn function_of<'a>(stack: &'a mut Desired, name: &str) -> &'a mut FunctionWant {
    stack.functions.get_mut(&n(name)).unwrap()
}

fn api_of(stack: &mut Desired) -> &mut api::Spec {
    stack.apis.get_mut(&n("api")).unwrap()
}

/// Moves a function to another role of the stack.
fn swap(stack: &mut Desired, function: &str, to: &str) {
    stack.roles.entry(to.into()).or_insert_with(|| role(to));
    function_of(stack, function).spec.config.role = role_arn(to);
}

fn redeploy(api: &mut api::Spec, fingerprint: &str) {
    api.fingerprint = fingerprint.to_owned();
}

pub fn creation() -> Scenario {
    Scenario { name: "everything is made", from: empty(), to: rich(), drift: |_| () }
}

pub fn destruction() -> Scenario {
    Scenario { name: "everything goes", from: rich(), to: empty(), drift: |_| () }
}

/// The old role leaves the stack with the swap.
pub fn role_swap() -> Scenario {
    changed("a function gets another role, and the old one goes", |to| {
        swap(to, "first", "c");
        to.roles.remove(&n("a"));
    })
}
