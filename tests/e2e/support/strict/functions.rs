//! Functions: which roles they may have, how long an update takes, and whose session a call belongs to.

use std::collections::BTreeMap;
use std::time::Instant;

use aws_sdk_lambda::types::FunctionVersion;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Answer, Operation, Request, State, Strict};

/// Operations that take time.
pub const UPDATES: &[&str] =
    &["lambda:CreateFunction", "lambda:UpdateFunctionConfiguration", "lambda:UpdateFunctionCode"];
/// Operations that are refused while an update is running.
const EXCLUSIVE: &[&str] =
    &["lambda:UpdateFunctionConfiguration", "lambda:UpdateFunctionCode", "lambda:PublishVersion"];

#[derive(Default)]
pub struct Functions {
    /// When the last update of each began.
    updated: BTreeMap<String, Instant>,
    /// Roles by the access key of the session that the emulator gives a function.
    roles: BTreeMap<String, String>,
}

impl Functions {
    /// Records the session of a function. The emulator derives its access key from function and role.
    fn note(&mut self, arn: &str, role: &str) {
        let digest = Sha256::digest(format!("{arn}:{role}"));
        let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02X}")).collect();
        self.roles.insert(format!("ASIA{hex}"), role.to_owned());
    }
}

impl Strict {
    pub(super) fn lambda_refusal(
        &self,
        request: &Request,
        operation: &Operation,
    ) -> Option<(&'static str, Answer)> {
        let state = self.state.lock().unwrap();
        let updated = state.functions.updated.get(operation.arg(0));
        let busy = updated.is_some_and(|at| at.elapsed() < self.rules.updates);
        if busy && EXCLUSIVE.contains(&operation.name.as_str()) {
            let code = "ResourceConflictException";
            let message =
                "The operation cannot be performed at this time. An update is in progress for resource";
            return Some((code, Answer::refusal(409, code, message)));
        }
        let body = request.json();
        let role = body["Role"].as_str().filter(|_| UPDATES.contains(&operation.name.as_str()))?;
        if state.roles.is_known(role, self.rules.principals) {
            return None;
        }
        let code = "InvalidParameterValueException";
        let message = "The role defined for the function cannot be assumed by Lambda.";
        Some((code, Answer::refusal(400, code, message)))
    }

    /// Returns the role whose session has this access key.
    pub(super) async fn role_behind(&self, access_key: &str) -> Option<String> {
        let known = |functions: &Functions| functions.roles.get(access_key).cloned();
        if let Some(role) = known(&self.state.lock().unwrap().functions) {
            return Some(role);
        }
        // A function may run before the call that changed it is answered.
        let list = self.sdk.lambda.list_functions().function_version(FunctionVersion::All).send().await;
        let functions = &mut self.state.lock().unwrap().functions;
        for function in list.unwrap().functions() {
            let (arn, role) = (function.function_arn().unwrap(), function.role().unwrap());
            functions.note(arn, role);
        }
        known(functions)
    }

    pub(super) fn learn_lambda(&self, (operation, done): (&Operation, Instant), answer: &mut Answer) {
        let State { functions, grants, roles, .. } = &mut *self.state.lock().unwrap();
        let mut body = answer.read_json();
        grants.follow(operation, &body, roles);
        let whole = body.get("Configuration").is_some();
        let function = if whole { &mut body["Configuration"] } else { &mut body };
        if let (Some(arn), Some(role)) = (function["FunctionArn"].as_str(), function["Role"].as_str()) {
            functions.note(arn, role);
        }
        let Some(name) = function["FunctionName"].as_str().map(str::to_owned) else { return };
        if UPDATES.contains(&operation.name.as_str()) {
            functions.updated.insert(name.clone(), done);
        }
        let latest = function["Version"].as_str() == Some("$LATEST");
        let busy = functions.updated.get(&name).is_some_and(|at| at.elapsed() < self.rules.updates);
        if latest && busy {
            function["LastUpdateStatus"] = json!("InProgress");
            answer.write_json(&body);
        }
    }
}
