use std::collections::BTreeSet;

use proptest::prelude::*;

use super::desired::{CodeSource, ProbeTarget};
use super::*;
use crate::access::{PolicyDocument, PolicyKind};
use crate::kinds::api::{Method, MethodSettings, Part, PartId};
use crate::kinds::function::Version;
use crate::kinds::{Name, api, ids, key};

const EVERYTHING: &str = include_str!("../../tests/cases/stack/everything/stack.yaml");

fn place() -> Place {
    Place {
        partition: "aws".to_owned(),
        account: "111122223333".to_owned(),
        region: "eu-central-1".to_owned(),
        function_env: BTreeMap::from([("AWS_ENDPOINT_URL".to_owned(), "http://127.0.0.1:4566".to_owned())]),
        longest_init: 0,
    }
}

fn read(text: &str) -> StackFile {
    let source = Source { file: "stack.yaml", text };
    parse(source).unwrap_or_else(|problems| panic!("{}", problems.render(source, false)))
}

fn compile(text: &str, env: &str) -> Desired {
    let inputs = Inputs { env: Some(env.to_owned()), ..Inputs::default() };
    let compiled = read(text).compile(&inputs, &place());
    compiled
        .unwrap_or_else(|problems| panic!("{}", problems.render(Source { file: "stack.yaml", text }, false)))
}

fn name(name: &str) -> Name {
    Name::from(name)
}

/// Returns a complete stack file with one given section.
fn stack(section: &str) -> String {
    format!("lockstep: 1\nstack: demo\nenvironments: {{ test: {{}} }}\n{section}")
}

fn method<'a>(api: &'a api::Spec, path: &str, verb: &str) -> &'a Method {
    match &api.parts[&PartId::Method(path.to_owned(), verb.to_owned())] {
        Part::Method(method) => method,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_example_compiles_in_every_environment() {
    for env in ["test", "prod"] {
        let desired = compile(EXAMPLE, env);
        assert_eq!(desired.protect, env == "prod");
        let encrypt = &desired.functions[&name("encrypt")];
        assert_eq!(encrypt.spec.config.env["KEY_ID"], format!("alias/text-encryption-{env}-text"));
        assert_eq!(
            encrypt.uses[&name("text")],
            ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"].map(str::to_owned).into()
        );
        assert_eq!(
            encrypt.source,
            CodeSource::Cargo { bin: "text-encryption".to_owned(), workspace: ".".into() }
        );
        let probe = encrypt.probe.as_ref().unwrap();
        let target =
            ProbeTarget::Route { api: name("text"), method: "POST".to_owned(), path: "/encrypt".to_owned() };
        assert_eq!((&probe.target, probe.successes, probe.expect), (&target, 3, 200));
        assert_eq!(probe.then[0].body, serde_json::json!({"ciphertext": "${answer.ciphertext}"}));
        assert_eq!(desired.twins, [(name("encrypt-prod"), name("encrypt-test"))]);
        assert_eq!(
            desired.roles[&name("encrypt-prod")].managed,
            desired.roles[&name("encrypt-test")].managed
        );
        assert_eq!(desired.assertions.len(), 1);
        assert!(desired.assertions[0].principal.ends_with(&format!("/text-encryption-{env}-authorizer")));
    }
    assert!(EXAMPLE.lines().count() <= 80);
}

/// The file with every field compiles, so the reader accepts every field of the schema.
#[test]
fn the_file_of_everything_has_every_field_of_the_schema() {
    fn fields(schema: &Json, all: &mut BTreeSet<String>) {
        match schema {
            Json::Object(map) => {
                all.extend(
                    map.get("properties").and_then(Json::as_object).into_iter().flat_map(Map::keys).cloned(),
                );
                map.iter().filter(|(key, _)| *key != "examples").for_each(|(_, value)| fields(value, all));
            }
            Json::Array(items) => items.iter().for_each(|item| fields(item, all)),
            _ => {}
        }
    }
    fn keys(node: &Node, all: &mut BTreeSet<String>) {
        for entry in node.entries() {
            all.insert(entry.key.clone());
            keys(&entry.value, all);
        }
        if let tree::Value::List(items) = &node.value {
            items.iter().for_each(|item| keys(item, all));
        }
    }
    use serde_json::Map;
    let (mut in_schema, mut in_file) = (BTreeSet::new(), BTreeSet::new());
    fields(&schema(), &mut in_schema);
    keys(&read(EVERYTHING).tree, &mut in_file);
    assert!(in_schema.len() > 100);
    assert_eq!(in_schema.difference(&in_file).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn every_resource_carries_the_tags_that_mark_it() {
    let desired = compile(EVERYTHING, "test");
    let id = |tags: &crate::kinds::Tags| {
        assert_eq!((tags["lockstep:stack"].as_str(), tags["lockstep:env"].as_str()), ("all", "test"));
        assert_eq!(tags["team"], "payments");
        tags["lockstep:id"].clone()
    };
    let api = &desired.apis[&name("text")];
    assert_eq!(id(&desired.keys[&name("text")].spec.tags), "keys.text");
    assert_eq!(id(&desired.roles[&name("run")].tags), "roles.run");
    assert_eq!(id(&desired.log_groups[&name("encrypt")].tags), "log_groups.encrypt");
    assert_eq!(id(&desired.functions[&name("encrypt")].spec.tags), "functions.encrypt");
    assert_eq!(id(&api.settings.tags), "apis.text");
    assert_eq!(id(&api.stage.tags), "apis.text");
    assert_eq!(api.stage.tags["data"], "none");
    assert_eq!(id(&api.usage_plans["basic"].tags), "apis.text.usage_plans.basic");
    assert_eq!(id(&api.api_keys["partner"].tags), "apis.text.api_keys.partner");
}

#[test]
fn a_key_says_who_may_administer_it_and_nothing_of_its_users() {
    let desired = compile(EVERYTHING, "test");
    let text = &desired.keys[&name("text")];
    let key::Spec { rotation, aliases, deletion_window, enabled, multi_region, policy, .. } = &text.spec;
    assert_eq!((*rotation, *deletion_window, *enabled, *multi_region), (Some(180), 7, false, true));
    assert_eq!(*aliases, ["alias/text-test", "alias/text-test-old"].map(str::to_owned).into());
    let role = "arn:aws:iam::111122223333:role";
    let administrators = [
        "arn:aws:iam::444455556666:root".to_owned(),
        "arn:aws:iam::111122223333:user/alice".to_owned(),
        format!("{role}/people/all-test-admin"),
        format!("{role}/platform/admin"),
    ];
    assert_eq!(text.administrators, administrators.into());
    let sids = |policy: &PolicyDocument| -> Vec<String> {
        policy.statements().iter().filter_map(|statement| statement.sid.clone()).collect()
    };
    assert_eq!(sids(policy), ["AdministerByAdministrators", "Backup", "LambdaEnvironment"]);
    assert!(!policy.to_json().contains("kms:CreateGrant\",\"kms:DeleteAlias"), "a grant gives use");
    let logs = &desired.keys[&name("logs")].spec.policy;
    assert_eq!(sids(logs), ["AdministerByAccount", "LogsService"]);
    let groups = ["/access/test", "/own/test"].map(|group| place_arn("logs", &format!("log-group:{group}")));
    assert!(groups.iter().all(|group| logs.to_json().contains(group)), "{}", logs.to_json());
}

fn place_arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:eu-central-1:111122223333:{resource}")
}

#[test]
fn a_function_gets_its_fields_its_log_group_and_its_permissions() {
    let desired = compile(EVERYTHING, "test");
    let want = &desired.functions[&name("encrypt")];
    let config = &want.spec.config;
    assert_eq!((config.memory, config.timeout, config.ephemeral_storage), (256, 10, 1024));
    assert_eq!(config.role, "arn:aws:iam::111122223333:role/lockstep/all/test/all-test-run");
    assert_eq!(config.env_key, Some(ids::to("keys.text.arn")));
    assert_eq!(config.env["API"], ids::to("apis.text.id"));
    assert_eq!(config.env["GROUP"], place_arn("logs", "log-group:/access/test"));
    assert_eq!(config.env["SELF"], place_arn("lambda", "function:all-test-encrypt"));
    assert_eq!(config.env["AWS_ENDPOINT_URL"], "http://127.0.0.1:4566");
    assert_eq!(config.log_group, desired.log_groups[&name("encrypt")].group_name);
    assert_eq!(want.spec.aliases["live"].additional, Some(("3".to_owned(), 100_000)));
    assert_eq!(want.spec.aliases["old"].version, Version::Number("2".to_owned()));
    // The environment is encrypted under a key, so its role may decrypt with that key too.
    let [ours] = want.uses.keys().collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(*ours, name("text"));
    // A route with credentials needs no permission; a route through an alias has its own.
    let permissions: Vec<&str> = want.spec.permissions.keys().map(String::as_str).collect();
    assert_eq!(permissions, ["lockstep-text-live"]);
    let permission = &want.spec.permissions["lockstep-text-live"];
    assert_eq!(permission.alias.as_deref(), Some("live"));
    assert_eq!(permission.source_arn, place_arn("execute-api", "${lockstep:apis.text.id}/*"));
    assert!(desired.functions[&name("authorizer")].spec.permissions.contains_key("lockstep-text"));
    let group = &desired.log_groups[&name("packed")];
    assert_eq!((group.group_name.as_str(), group.retention), ("/aws/lambda/all-test-packed", Some(30)));
    assert_eq!(desired.log_groups[&name("access")].retention, None);
}

#[test]
fn an_environment_overrides_by_path() {
    let desired = compile(EVERYTHING, "prod");
    let encrypt = &desired.functions[&name("encrypt")].spec;
    assert_eq!((encrypt.config.memory, encrypt.config.timeout), (512, 20));
    assert!(!encrypt.tags.contains_key("data"));
    let file = read(EVERYTHING);
    assert_eq!((file.region_for("prod"), file.region_for("test")), (Some("eu-west-1"), Some("eu-central-1")));
    assert_eq!((file.account_for("prod"), file.account_for("test")), (Some("111122223333"), None));
    assert_eq!(file.environment(None).unwrap_err().len(), 1);
    assert_eq!(desired.line_of("functions.encrypt.timeout").unwrap().line, 17);
}

#[test]
fn routes_become_resources_methods_and_integrations() {
    let desired = compile(EVERYTHING, "test");
    let api = &desired.apis[&name("text")];
    let resources: Vec<String> =
        api.parts.keys().filter(|id| matches!(id, PartId::Resource(_))).map(ToString::to_string).collect();
    let paths = ["/decrypt", "/encrypt", "/items", "/items/{id}", "/rest", "/rest/{path+}"];
    assert_eq!(resources, paths.map(|path| format!("resources {path}")));
    let encrypt = method(api, "/encrypt", "POST");
    assert_eq!((encrypt.authorization.as_str(), encrypt.authorizer.as_deref()), ("CUSTOM", Some("bearer")));
    assert_eq!(encrypt.integration.timeout_ms, 500);
    assert_eq!(
        encrypt.integration.uri.as_deref().unwrap(),
        "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/\
         arn:aws:lambda:eu-central-1:111122223333:function:all-test-encrypt:live/invocations"
    );
    assert!(encrypt.request_parameters["method.request.querystring.q"]);
    let items = method(api, "/items/{id}", "GET");
    assert_eq!(
        (items.integration.kind.as_str(), items.authorization.as_str()),
        ("HTTP_PROXY", "COGNITO_USER_POOLS")
    );
    assert_eq!(items.integration.request_parameters["integration.request.path.id"], "method.request.path.id");
    assert!(items.request_parameters["method.request.path.id"]);
    let rest = method(api, "/rest/{path+}", "ANY");
    assert_eq!((rest.integration.kind.as_str(), rest.authorization.as_str()), ("HTTP", "AWS_IAM"));
    assert_eq!(rest.integration.request_parameters["integration.request.header.X-Fixed"], "'one'");
    assert_eq!(rest.responses["400"].headers["method.response.header.X-Kind"], "'client'");
    let tea = method(api, "/", "GET");
    assert_eq!(tea.integration.request_templates["application/json"], "{\"statusCode\": 418}");
    assert_eq!(tea.responses["418"].templates["text/plain"], "short and stout");
}

#[test]
fn cors_answers_preflights_and_marks_errors() {
    let desired = compile(EVERYTHING, "test");
    let api = &desired.apis[&name("text")];
    let preflight = method(api, "/encrypt", "OPTIONS");
    assert_eq!((preflight.authorization.as_str(), preflight.api_key_required), ("NONE", false));
    let answer = &preflight.responses["204"];
    assert_eq!(answer.headers["method.response.header.Access-Control-Allow-Methods"], "'OPTIONS,POST'");
    assert_eq!(answer.headers["method.response.header.Access-Control-Max-Age"], "'3600'");
    assert!(answer.templates["application/json"].contains("https://b.example.com"));
    // A path that accepts every method answers preflight requests itself.
    assert!(!api.parts.contains_key(&PartId::Method("/rest/{path+}".to_owned(), "OPTIONS".to_owned())));
    let Part::GatewayResponse(errors) = &api.parts[&PartId::GatewayResponse("DEFAULT_4XX".to_owned())] else {
        panic!();
    };
    assert_eq!(
        errors.parameters,
        BTreeMap::from([(
            "gatewayresponse.header.Access-Control-Allow-Origin".to_owned(),
            "method.request.header.Origin".to_owned()
        )])
    );
    let inner = &desired.apis[&name("inner")];
    assert!(!inner.parts.contains_key(&PartId::Method("/".to_owned(), "OPTIONS".to_owned())));
}

#[test]
fn a_stage_keys_its_settings_as_aws_does() {
    let desired = compile(EVERYTHING, "test");
    let stage = &desired.apis[&name("text")].stage;
    let limits = MethodSettings { rate_millis: Some(500), burst: Some(1), ..MethodSettings::default() };
    assert_eq!(stage.methods["encrypt/POST"], limits);
    assert_eq!(
        (stage.methods["*/*"].rate_millis, stage.methods["*/*"].logging.as_deref()),
        (Some(50_000), Some("ERROR"))
    );
    let log = stage.access_log.as_ref().unwrap();
    assert_eq!(log.destination, place_arn("logs", "log-group:/access/test"));
    let plain = compile(EXAMPLE, "test");
    assert_eq!(plain.apis[&name("text")].stage.access_log, None);
    let plan = &desired.apis[&name("text")].usage_plans["basic"];
    assert_eq!((plan.throttle, plan.quota.clone()), (Some((5000, 10)), Some((1000, 2, "MONTH".to_owned()))));
    assert_eq!(plan.stages, ["live".to_owned()].into());
}

#[test]
fn the_fingerprint_follows_what_a_deployment_freezes_and_nothing_else() {
    let print = |text: &str| compile(text, "test").apis[&name("text")].fingerprint.clone();
    let base = print(EXAMPLE);
    assert_eq!(base.len(), 64);
    for (from, to, changes) in [
        ("ttl: 300s", "ttl: 60s", true),
        ("POST /decrypt: {", "PUT /decrypt: {", true),
        ("rate: 50", "rate: 60", false),
        ("lockstep: 1", "lockstep: 1\ntags: { team: x }", false),
    ] {
        let text = EXAMPLE.replace(from, to).replace("- route: POST /decrypt", "- route: PUT /decrypt");
        let text = if to.starts_with("PUT") { text } else { EXAMPLE.replace(from, to) };
        assert_ne!(text, EXAMPLE);
        assert_eq!(print(&text) != base, changes, "{to}");
    }
}

#[test]
fn interpolation_fills_what_is_known_and_passes_what_is_not_its_own() {
    let text = stack(
        "variables: { size: 1, word: \"${env}-${var.size}\" }\nkeys: { k: {} }\nroles:\n  run:\n    description: >-\n      \
         ${stack} ${var.word} ${region} ${partition} $${env} ${roles.run.name} ${keys.k.alias}\n    \
         inline_policies:\n      p: { Version: 2012-10-17, Statement: [{ Effect: Allow, Action: kms:Decrypt, \
         Resource: \"${keys.k.arn}/${aws:username}\" }] }\n",
    );
    let desired = compile(&text, "test");
    let role = &desired.roles[&name("run")];
    assert_eq!(role.description, "demo test-1 eu-central-1 aws ${env} demo-test-run alias/demo-test-k");
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Decrypt","Resource":"${lockstep:keys.k.arn}/${aws:username}"}}"#;
    assert_eq!(role.inline["p"], PolicyDocument::parse(policy, PolicyKind::Identity).unwrap());
}

#[test]
fn a_variable_without_a_value_is_asked_for_when_it_is_needed() {
    let text = stack(
        "variables: { size: { description: MB } }\nroles: { run: {} }\nfunctions: { f: { code: { cargo: f }, role: run, memory: \"${var.size}\" } }\n",
    );
    let file = read(&text);
    let problems = file.compile(&Inputs::default(), &place()).unwrap_err();
    assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["missing-variable"]);
    let given = |value: &str| {
        let vars = BTreeMap::from([("size".to_owned(), value.to_owned())]);
        file.compile(&Inputs { vars, ..Inputs::default() }, &place())
    };
    assert_eq!(given("300").unwrap().functions[&name("f")].spec.config.memory, 300);
    assert_eq!(given("64").unwrap_err().iter().next().unwrap().code, "out-of-range");
    assert_eq!(given("much").unwrap_err().iter().next().unwrap().code, "wrong-type");
}

#[test]
fn quotas_are_held() {
    let first = |section: String| {
        let text = stack(&section);
        let problems = parse(Source { file: "stack.yaml", text: &text }).unwrap_err();
        problems.iter().map(|problem| problem.message.clone()).next().unwrap()
    };
    let function = "roles: { run: {} }\nfunctions:\n  f:\n    code: { cargo: f }\n    role: run\n";
    assert!(
        first(format!("{function}    env: {{ BIG: {} }}\n", "x".repeat(5000))).contains("Lambda takes 4096")
    );
    let tags: Vec<String> = (0..50).map(|number| format!("t{number}: x")).collect();
    assert!(first(format!("keys: {{ k: {{ tags: {{ {} }} }} }}", tags.join(", "))).starts_with("53 tags"));
    let long = "x".repeat(300);
    assert!(first(format!("keys: {{ k: {{ tags: {{ a: {long} }} }} }}")).contains("at most 256"));
    let statement = format!(
        "{{ Sid: a, Effect: Allow, Principal: '*', Action: 'kms:Sign', Resource: '*', Condition: {{ StringEquals: {{ 'aws:x': {} }} }} }}",
        "y".repeat(33_000)
    );
    assert!(
        first(format!("keys: {{ k: {{ statements: [{statement}] }} }}")).starts_with("the policy of `k` has")
    );
}

#[test]
fn errors_come_in_the_order_of_the_file_and_each_once() {
    let text = EVERYTHING.replace("timeout: 10s", "timeout: 10").replace("role: twin", "role: tiwn");
    let problems = parse(Source { file: "stack.yaml", text: &text }).unwrap_err();
    let lines: Vec<u32> = problems.iter().map(|problem| problem.line).collect();
    assert!(lines.is_sorted() && lines.len() == 4, "{problems}");
    assert!(problems.to_string().contains("the stack has no role `tiwn`"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// No text may make the reader panic, however it was edited.
    #[test]
    fn damaged_files_are_refused_or_compiled(at in 0usize..EVERYTHING.len(), cut in 0usize..40, put in "[-a-z0-9{}\\[\\]:,&*!|>'\"#%$ \n\t.]{0,6}") {
        let floor = |at: usize| (0..=at.min(EVERYTHING.len())).rev().find(|at| EVERYTHING.is_char_boundary(*at)).unwrap();
        let text = format!("{}{put}{}", &EVERYTHING[..floor(at)], &EVERYTHING[floor(at + cut)..]);
        let source = Source { file: "stack.yaml", text: &text };
        if let Err(problems) = parse(source) {
            prop_assert!(problems.has_errors());
            prop_assert!(problems.render(source, true).contains("stack.yaml"));
        }
    }
}
