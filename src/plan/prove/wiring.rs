//! Proof that AWS services can do their part: Lambda can assume the role of every function, and API Gateway can call
//! every function that a route or an authorizer names.

use std::collections::BTreeSet;

use super::AccessContext;
use crate::access::{Outcome, arn_like, may_assume};
use crate::kinds::api::{Part, PartId};
use crate::kinds::{Kind, Name, ResourceId, function, ids};
use crate::plan::checks::Blocked;
use crate::stack::desired::{Desired, Place};

const LAMBDA: &str = "lambda.amazonaws.com";
const API_GATEWAY: &str = "apigateway.amazonaws.com";

/// Lists the calls that a service may not make, or for which this is unknown.
pub(super) fn broken(scene: AccessContext<'_>) -> Vec<Blocked> {
    roles(scene).into_iter().chain(calls(scene)).collect()
}

/// Checks that Lambda may assume every role: it refuses a function otherwise, and an edited trust policy stops a
/// running one.
fn roles(AccessContext { desired, world, evidence: _ }: AccessContext<'_>) -> Vec<Blocked> {
    let mut found = Vec::new();
    for name in desired.functions.keys() {
        let Some(seen) = world.functions.get(name) else { continue };
        for arn in seen.live_roles() {
            let Some((role, has)) = world.roles.iter().find(|(_, role)| role.spec.arn == arn) else {
                continue;
            };
            let outcome = may_assume(&has.spec.trust, LAMBDA, &seen.arn, &desired.place.account);
            if outcome == Outcome::Allow {
                continue;
            }
            found.push(Blocked {
                resource: ResourceId::new(Kind::Role, role),
                problem: format!(
                    "functions.{name} runs under it, and whether Lambda may assume it comes out as {}",
                    outcome.as_str().replace('_', " ")
                ),
                remedy: format!(
                    "let the trust policy of roles.{role} allow {LAMBDA} sts:AssumeRole, or take `trust` out"
                ),
                line: desired.line_of(&format!("roles.{role}.trust")).cloned(),
            });
        }
    }
    found
}

/// One call that API Gateway makes.
struct Call<'a> {
    /// Invocation URI.
    uri: &'a str,
    /// Verb and path, with wildcards for the parts that any request may fill; for an authorizer, its ID.
    source: String,
    /// The place in the stack file.
    field: String,
}

fn calls(AccessContext { desired, world, evidence: _ }: AccessContext<'_>) -> Vec<Blocked> {
    let mut found = Vec::new();
    for (name, api) in &desired.apis {
        let Some(seen) = world.apis.get(name) else { continue };
        let mut told = BTreeSet::new();
        for (id, part) in &api.parts {
            let Some(call) = call(name, id, part, &api.stage.stage_name) else { continue };
            let Some((function, alias)) = called(desired, call.uri) else { continue };
            let Some(has) = world.functions.get(function) else { continue };
            let source = format!("{}/{}", source_of(desired, &seen.id, name), call.source);
            if permits(has, alias, &source) || !told.insert((function, alias)) {
                continue;
            }
            let alias = alias.map(|alias| format!(", alias {alias}")).unwrap_or_default();
            found.push(Blocked {
                resource: ResourceId::new(Kind::Api, name),
                problem: format!(
                    "API Gateway may not invoke functions.{function}{alias}: no statement of its policy allows it"
                ),
                remedy: "take what was changed by hand out of the function's policy, and run it again".to_owned(),
                line: desired.line_of(&call.field).cloned(),
            });
        }
    }
    found
}

/// Returns the call behind a part of an API, unless it is made under a role of its own.
fn call<'a>(api: &Name, id: &PartId, part: &'a Part, stage: &str) -> Option<Call<'a>> {
    match (id, part) {
        (PartId::Authorizer(name), Part::Authorizer(authorizer)) if authorizer.credentials.is_none() => {
            Some(Call {
                uri: authorizer.uri.as_deref()?,
                source: format!("authorizers/{name}"),
                field: format!("apis.{api}.authorizers.{name}"),
            })
        }
        (PartId::Method(path, verb), Part::Method(method)) if method.integration.credentials.is_none() => {
            let verb_sent = if verb == "ANY" { "*" } else { verb };
            Some(Call {
                uri: method.integration.uri.as_deref()?,
                source: format!("{stage}/{verb_sent}{path}"),
                field: format!("apis.{api}.routes.{verb} {path}"),
            })
        }
        _ => None,
    }
}

/// Returns the function of the stack, and its alias, behind an invocation URI.
fn called<'a>(desired: &'a Desired, uri: &'a str) -> Option<(&'a Name, Option<&'a str>)> {
    let arn = uri.split_once("/functions/")?.1.strip_suffix("/invocations")?;
    let called = arn.split_once(":function:")?.1;
    let (function, alias) = match called.split_once(':') {
        Some((function, alias)) => (function, Some(alias)),
        None => (called, None),
    };
    let named = desired.functions.iter().find(|(_, want)| want.spec.function_name == function);
    named.map(|(name, _)| (name, alias))
}

/// Returns the common prefix of the ARNs of requests to an API.
fn source_of(desired: &Desired, id: &str, name: &Name) -> String {
    let Place { partition, account, region, .. } = &desired.place;
    // An API that has not been created yet has no ID, and the permission refers to it by the same reference.
    let id = if id.is_empty() { ids::to(&format!("apis.{name}.id")) } else { id.to_owned() };
    format!("arn:{partition}:execute-api:{region}:{account}:{id}")
}

/// Returns whether a statement allows API Gateway to invoke a function, or one of its aliases, from a source.
fn permits(seen: &function::Seen, alias: Option<&str>, source: &str) -> bool {
    seen.permissions.values().any(|permission| {
        permission.principal == API_GATEWAY
            && permission.alias.as_deref() == alias
            && arn_like(&permission.source_arn, source)
    })
}
