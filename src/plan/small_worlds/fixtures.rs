//! Small stacks in code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::access::{PolicyDocument, PolicyKind, Statement};
use crate::kinds::{Ids, Name, World, api, function, ids, key, log_group, role};
use crate::stack::desired::{CodeSource, Desired, FunctionWant, KeyWant, LAMBDA_TRUST, Place};

pub const ACCOUNT: &str = "111122223333";

pub fn empty() -> Desired {
    Desired {
        stack: "s".to_owned(),
        env: "e".to_owned(),
        place: Place {
            partition: "aws".to_owned(),
            account: ACCOUNT.to_owned(),
            region: "eu-west-1".to_owned(),
            function_env: BTreeMap::new(),
            longest_init: 0,
        },
        protect: false,
        keys: BTreeMap::new(),
        roles: BTreeMap::new(),
        twins: Vec::new(),
        log_groups: BTreeMap::new(),
        functions: BTreeMap::new(),
        apis: BTreeMap::new(),
        domains: BTreeMap::new(),
        assertions: Vec::new(),
        lines: BTreeMap::new(),
    }
}

pub fn key() -> KeyWant {
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    let policy = PolicyDocument::new([Statement::allow("Administer")
        .principal_aws([root])
        .actions(["kms:PutKeyPolicy", "kms:Describe*"])
        .resource("*")]);
    KeyWant {
        spec: key::Spec {
            key_spec: "SYMMETRIC_DEFAULT".to_owned(),
            usage: "ENCRYPT_DECRYPT".to_owned(),
            multi_region: false,
            description: String::new(),
            enabled: true,
            rotation: None,
            aliases: BTreeSet::new(),
            policy,
            tags: BTreeMap::new(),
            deletion_window: 30,
        },
        administrators: BTreeSet::new(),
    }
}

pub fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/lockstep/s/e/s-e-{name}")
}

pub fn role(name: &str) -> role::Spec {
    role::Spec {
        role_name: format!("s-e-{name}"),
        path: "/lockstep/s/e/".to_owned(),
        arn: role_arn(name),
        description: String::new(),
        max_session: 3600,
        trust: PolicyDocument::parse(LAMBDA_TRUST, PolicyKind::Trust { partition: "aws" }).unwrap(),
        managed: BTreeSet::from(["arn:aws:iam::aws:policy/service-role/Basic".to_owned()]),
        inline: BTreeMap::new(),
        boundary: None,
        tags: BTreeMap::from([("lockstep:id".to_owned(), format!("roles.{name}"))]),
    }
}

pub fn log_group(name: &str) -> log_group::Spec {
    log_group::Spec {
        group_name: format!("/aws/lambda/s-e-{name}"),
        retention: Some(30),
        kms_key: None,
        tags: BTreeMap::new(),
    }
}

/// Returns a function that uses keys under a role.
pub fn function(name: &str, role: &str, uses: &[&str]) -> FunctionWant {
    let actions = BTreeSet::from(["kms:Decrypt".to_owned(), "kms:Encrypt".to_owned()]);
    FunctionWant {
        spec: function::Spec {
            function_name: format!("s-e-{name}"),
            config: function::Config {
                role: role_arn(role),
                description: String::new(),
                runtime: "provided.al2023".to_owned(),
                handler: "bootstrap".to_owned(),
                memory: 128,
                timeout: 10,
                env: BTreeMap::new(),
                env_key: None,
                ephemeral_storage: 512,
                layers: Vec::new(),
                vpc: None,
                tracing: false,
                log_group: format!("/aws/lambda/s-e-{name}"),
            },
            code: function::Code { source: "1".to_owned(), architecture: "x86_64".to_owned() },
            reserved_concurrency: None,
            aliases: BTreeMap::new(),
            permissions: BTreeMap::new(),
            tags: BTreeMap::new(),
        },
        source: CodeSource::Directory(PathBuf::from("code")),
        uses: uses.iter().map(|key| (Name::from(*key), actions.clone())).collect(),
        probe: None,
    }
}

pub fn alias(version: function::Version) -> function::Alias {
    function::Alias { version, additional: None }
}

pub fn permission(api: &str, alias: Option<&str>) -> function::Permission {
    let id = ids::to(&format!("apis.{api}.id"));
    function::Permission {
        principal: "apigateway.amazonaws.com".to_owned(),
        source_arn: format!("arn:aws:execute-api:eu-west-1:{ACCOUNT}:{id}/*"),
        alias: alias.map(str::to_owned),
    }
}

/// Returns the invocation URI of a function (`first`) or of an alias of it (`first:live`).
pub fn uri(function: &str) -> String {
    format!(
        "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:{ACCOUNT}:function:s-e-{function}/invocations"
    )
}

/// Returns an API with one route, `POST /encrypt`, to a function.
pub fn api(function: &str) -> api::Spec {
    let parts = BTreeMap::from([
        (api::PartId::Resource("/encrypt".to_owned()), api::Part::Resource),
        (api::PartId::Method("/encrypt".to_owned(), "POST".to_owned()), method(function)),
    ]);
    api::Spec {
        settings: api::Settings {
            api_name: "s-e-api".to_owned(),
            description: String::new(),
            endpoint_type: "REGIONAL".to_owned(),
            vpc_endpoints: BTreeSet::new(),
            binary_types: BTreeSet::new(),
            policy: None,
            min_compression: None,
            api_key_source: "HEADER".to_owned(),
            disable_execute_api: false,
            tags: BTreeMap::new(),
        },
        parts,
        fingerprint: format!("fp-{function}"),
        stage: api::Stage {
            stage_name: "v1".to_owned(),
            description: String::new(),
            variables: BTreeMap::new(),
            tracing: false,
            access_log: None,
            methods: BTreeMap::new(),
            tags: BTreeMap::new(),
        },
        usage_plans: BTreeMap::new(),
        api_keys: BTreeMap::new(),
    }
}

pub fn method(function: &str) -> api::Part {
    api::Part::Method(Box::new(api::Method {
        authorization: "NONE".to_owned(),
        authorizer: None,
        scopes: BTreeSet::new(),
        api_key_required: false,
        validator: None,
        request_models: BTreeMap::new(),
        request_parameters: BTreeMap::new(),
        integration: api::Integration {
            kind: "AWS_PROXY".to_owned(),
            uri: Some(uri(function)),
            http_method: Some("POST".to_owned()),
            credentials: None,
            timeout_ms: 29_000,
            request_parameters: BTreeMap::new(),
            request_templates: BTreeMap::new(),
            passthrough: "WHEN_NO_MATCH".to_owned(),
        },
        responses: BTreeMap::new(),
    }))
}

/// Returns a world without any resource of the stack.
pub fn nothing() -> World {
    World { ids: Ids::default(), ..World::default() }
}
