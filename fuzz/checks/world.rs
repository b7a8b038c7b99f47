//! A small stack with one resource of every kind, for the checks that need one.

use std::collections::BTreeMap;

use lockstep::stack::desired::{Desired, Place};
use lockstep::stack::{self, Inputs, Source};

/// The stack.
pub const STACK: &str = r#"
lockstep: 1
stack: s
region: eu-west-1
environments: { t: {} }
keys: { text: {} }
roles: { app: { managed_policies: [service-role/AWSLambdaBasicExecutionRole] }, other: { twin_of: app } }
functions:
  f: { code: { dir: f }, runtime: provided.al2023, role: app, keys: { text: [encrypt] }, env: { KEY: "${keys.text.alias}" } }
apis:
  a: { routes: { GET /x: { function: f } }, stage: { name: v1 } }
"#;

/// The place that the stack goes to.
pub fn place() -> Place {
    Place {
        partition: "aws".to_owned(),
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        function_env: BTreeMap::new(),
        longest_init: 0,
    }
}

/// The desired state.
pub fn desired() -> Desired {
    let file = stack::parse(Source { file: "stack.yaml", text: STACK }).expect("the stack is right");
    let mut desired = file.compile(&Inputs::default(), &place()).expect("the stack compiles");
    for want in desired.functions.values_mut() {
        want.spec.code.source = "0f".repeat(32);
    }
    desired
}

/// Returns whether a text could control a terminal.
pub fn drives(text: &str) -> bool {
    text.chars().any(|c| c.is_control() && c != '\n')
}
