//! The claims that a token needs for access to a route.
//!
//! The authorizer function of the example reads its settings from four environment variables; a function that
//! has them is assumed to follow the same contract.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{CallError, Route};
use crate::kinds::api::{Authorizer, Method, Part, PartId};
use crate::kinds::{Text, ids};
use crate::stack::desired::{Desired, FunctionWant};

/// The variable with the key id, ARN or alias of the key that signs tokens.
const KEY_ID: &str = "TOKEN_KEY_ID";
/// The variable with the issuer that the authorizer expects.
const ISSUER: &str = "TOKEN_ISSUER";
/// The variable with the audience that the authorizer expects.
const AUDIENCE: &str = "TOKEN_AUDIENCE";
/// The variable with a JSON object that maps a route, such as `POST /encrypt`, to the scope that it requires.
const SCOPES: &str = "ROUTE_SCOPES";

/// The key, claims and header of a token that gives access to a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPlan {
    /// The key id, ARN or alias of the key that signs.
    pub key_id: Text,
    /// The claim `iss`.
    pub issuer: Text,
    /// The claim `aud`.
    pub audience: Text,
    /// The scopes: that of the route, if it requires one.
    pub scopes: BTreeSet<String>,
    /// The header that carries the token.
    pub header: String,
}

/// Determines the token that gives access to a route; `None` if the route is open to everyone.
///
/// # Errors
///
/// Fails if the stack has no such route, or the route's authorizer accepts tokens of another kind.
pub fn token_plan(desired: &Desired, route: &Route) -> Result<Option<TokenPlan>, CallError> {
    let other = |reason: String| CallError::OtherToken { route: route.clone(), reason };
    let (template, method) = method(desired, route)?;
    let authorizer = match (method.authorization.as_str(), &method.authorizer) {
        ("NONE", _) => return Ok(None),
        ("CUSTOM", Some(name)) => name,
        (kind, _) => return Err(other(format!("it is authorized by {kind}"))),
    };
    let part =
        desired.apis.get(&route.api).and_then(|api| api.parts.get(&PartId::Authorizer(authorizer.clone())));
    let Some(Part::Authorizer(spec)) = part else {
        return Err(other(format!("the authorizer `{authorizer}` is not part of the stack")));
    };
    let header =
        header(spec).ok_or_else(|| other(format!("`{authorizer}` does not take one header alone")))?;
    let function = function(desired, spec)
        .ok_or_else(|| other(format!("the function of `{authorizer}` is not part of the stack")))?;
    let env = |name: &str| {
        let missing = || other(format!("the function of `{authorizer}` has no `{name}` in its environment"));
        function.spec.config.env.get(name).cloned().ok_or_else(missing)
    };
    let scopes: BTreeMap<String, String> = serde_json::from_str(&env(SCOPES)?)
        .map_err(|_| other(format!("`{SCOPES}` of `{authorizer}` is no JSON object from route to scope")))?;
    Ok(Some(TokenPlan {
        key_id: env(KEY_ID)?,
        issuer: env(ISSUER)?,
        audience: env(AUDIENCE)?,
        scopes: scopes.get(&template).cloned().into_iter().collect(),
        header,
    }))
}

/// Finds the method with which API Gateway serves a route: the most literal path, and the exact HTTP method
/// before `ANY`.
fn method<'a>(desired: &'a Desired, route: &Route) -> Result<(String, &'a Method), CallError> {
    let api = desired.apis.get(&route.api).ok_or_else(|| CallError::NoApi {
        api: route.api.clone(),
        known: desired.apis.keys().cloned().collect(),
    })?;
    let methods = || {
        api.parts.iter().filter_map(|(id, part)| match (id, part) {
            (PartId::Method(path, verb), Part::Method(method)) => Some((path, verb, method)),
            _ => None,
        })
    };
    methods()
        .filter(|(_, verb, _)| **verb == route.method || *verb == "ANY")
        .filter_map(|(path, verb, method)| {
            Some((literals(path, &route.path)?, verb != "ANY", path, verb, method))
        })
        .max_by_key(|(literals, own, ..)| (*literals, *own))
        .map(|(_, _, path, verb, method)| (format!("{verb} {path}"), method.as_ref()))
        .ok_or_else(|| CallError::NoRoute {
            route: route.clone(),
            known: methods().map(|(path, verb, _)| format!("{verb} {path}")).collect(),
        })
}

/// Counts the literal parts of a path template such as `/items/{id}` or `/{proxy+}`; `None` if it does not match
/// the path.
fn literals(template: &str, path: &str) -> Option<usize> {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let mut parts = path.trim_matches('/').split('/');
    let mut count = 0;
    for wanted in template.trim_matches('/').split('/') {
        let part = parts.next()?;
        if wanted.starts_with('{') && wanted.ends_with("+}") {
            return Some(count);
        }
        if !wanted.starts_with('{') {
            if wanted != part {
                return None;
            }
            count += 1;
        }
    }
    parts.next().is_none().then_some(count)
}

/// Returns the header that an authorizer uses as its identity source, or `None` if it uses anything else.
fn header(authorizer: &Authorizer) -> Option<String> {
    match authorizer.identity.as_slice() {
        [source] if authorizer.kind != "COGNITO_USER_POOLS" => {
            source.strip_prefix("method.request.header.").map(str::to_owned)
        }
        _ => None,
    }
}

/// Finds the function of the stack that an authorizer calls.
fn function<'a>(desired: &'a Desired, authorizer: &Authorizer) -> Option<&'a FunctionWant> {
    let uri = authorizer.uri.as_deref()?;
    let reference =
        |name: &str| ids::open_in(uri).iter().any(|open| open.starts_with(&format!("functions.{name}.")));
    let named = uri.split_once(":function:").and_then(|(_, rest)| rest.split([':', '/']).next());
    desired
        .functions
        .iter()
        .find(|(name, want)| reference(name.as_str()) || named == Some(&want.spec.function_name))
        .map(|(_, want)| want)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_matched_as_api_gateway_does() {
        for (template, path, expected) in [
            ("/encrypt", "/encrypt", Some(1)),
            ("/encrypt", "/encrypt?x=/y", Some(1)),
            ("/encrypt", "/decrypt", None),
            ("/encrypt", "/encrypt/x", None),
            ("/items/{id}", "/items/4", Some(1)),
            ("/items/{id}/parts", "/items/4", None),
            ("/items/{proxy+}", "/items/4/parts", Some(1)),
            ("/{proxy+}", "/items/4", Some(0)),
            ("/", "/", Some(1)),
        ] {
            assert_eq!(literals(template, path), expected, "{template} {path}");
        }
    }
}
