//! The policy that the authorizer returns.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::json::{self, UniqueMap};
use crate::jwt::Claims;

/// The scope that each route requires; a route that is not listed is open to nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteScopes(BTreeMap<Route, String>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Route {
    method: String,
    path: String,
}

/// The problem with `ROUTE_SCOPES`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteScopesError {
    #[error("`ROUTE_SCOPES` is not an object like {{\"POST /encrypt\":\"encrypt\"}}, each route once")]
    Json,
    /// The route is not literal; a wildcard or a parameter would match more than the intended route.
    #[error("`{0}` is not a method and a path of letters, digits and `-._~/`, write it out")]
    Route(String),
    #[error("the scope `{0}` is empty or has a space, name one scope for each route")]
    Scope(String),
}

/// The gateway sent an ARN that is not the ARN of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the method ARN of the event is not one of execute-api")]
pub struct NotAMethodArn;

impl RouteScopes {
    /// Parses the value of `ROUTE_SCOPES`.
    ///
    /// # Errors
    /// Returns the route or the scope that cannot be used in a policy.
    pub fn parse(text: &str) -> Result<Self, RouteScopesError> {
        let UniqueMap(map) =
            json::object::<UniqueMap<String>>(text.as_bytes()).map_err(|_| RouteScopesError::Json)?;
        let mut routes = BTreeMap::new();
        for (route, scope) in map {
            if scope.is_empty() || scope.contains(' ') {
                return Err(RouteScopesError::Scope(scope));
            }
            let parsed = Route::parse(&route).ok_or(RouteScopesError::Route(route))?;
            routes.insert(parsed, scope);
        }
        Ok(Self(routes))
    }

    /// Returns the authorizer's answer for the API and the stage of `method_arn`.
    ///
    /// It covers every route, not just the one that was called, because the gateway caches it for all of them.
    ///
    /// # Errors
    /// Fails if `method_arn` is not `arn:P:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH`.
    pub fn answer(&self, claims: &Claims, method_arn: &str) -> Result<Value, NotAMethodArn> {
        let stage = stage_of(method_arn).ok_or(NotAMethodArn)?;
        let held: BTreeSet<&str> = claims.scope.split(' ').collect();
        let open: Vec<String> = self
            .0
            .iter()
            .filter(|(_, scope)| held.contains(scope.as_str()))
            .map(|(Route { method, path }, _)| format!("{stage}/{method}{path}"))
            .collect();
        // A policy needs a statement, so a policy that allows nothing is written as a deny of everything.
        let (effect, resources) =
            if open.is_empty() { ("Deny", vec![format!("{stage}/*")]) } else { ("Allow", open) };
        let mut context = json!({ "scope": claims.scope });
        if let (Some(id), Some(context)) = (&claims.token_id, context.as_object_mut()) {
            context.insert("jti".to_owned(), Value::from(id.as_str()));
        }
        Ok(json!({
            "principalId": claims.subject,
            "policyDocument": {
                "Version": "2012-10-17",
                "Statement": [{ "Action": "execute-api:Invoke", "Effect": effect, "Resource": resources }],
            },
            "context": context,
        }))
    }
}

impl Route {
    fn parse(text: &str) -> Option<Self> {
        let (method, path) = text.split_once(' ')?;
        let known = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"].contains(&method);
        let plain = path.starts_with('/')
            && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte));
        (known && plain).then(|| Self { method: method.to_owned(), path: path.to_owned() })
    }
}

/// Returns a method's ARN up to and including its stage.
fn stage_of(method_arn: &str) -> Option<&str> {
    let (second_slash, _) = method_arn.match_indices('/').nth(1)?;
    let stage = method_arn.get(..second_slash)?;
    let service = stage.split(':').nth(2)?;
    (service == "execute-api" && !stage.contains(['*', '?', '$'])).then_some(stage)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGE: &str = "arn:aws:execute-api:ap-northeast-1:111122223333:a1b2c3/v1";
    const ROUTES: &str = r#"{"POST /encrypt":"encrypt","POST /decrypt":"decrypt","GET /":"read"}"#;

    fn answer(scope: &str, called: &str) -> Value {
        let claims = Claims {
            subject: "alice".to_owned(),
            scope: scope.to_owned(),
            token_id: (!scope.is_empty()).then(|| "j1".to_owned()),
        };
        RouteScopes::parse(ROUTES).unwrap().answer(&claims, &format!("{STAGE}/{called}")).unwrap()
    }

    fn statement(scope: &str) -> (Value, Value) {
        let answer = answer(scope, "POST/encrypt");
        let statements = answer["policyDocument"]["Statement"].as_array().unwrap().clone();
        assert_eq!(statements.len(), 1);
        (statements[0]["Effect"].clone(), statements[0]["Resource"].clone())
    }

    #[test]
    fn allows_exactly_the_routes_of_the_scopes() {
        let allow = |paths: &[&str]| {
            (json!("Allow"), paths.iter().map(|path| format!("{STAGE}/{path}")).collect::<Value>())
        };
        assert_eq!(statement("encrypt"), allow(&["POST/encrypt"]));
        assert_eq!(statement("decrypt encrypt"), allow(&["POST/decrypt", "POST/encrypt"]));
        assert_eq!(statement("read other"), allow(&["GET/"]));
    }

    #[test]
    fn allows_nothing_without_a_scope_that_counts() {
        for scope in ["", " ", "other", "encryp", "encrypt,decrypt", "ENCRYPT"] {
            assert_eq!(statement(scope), (json!("Deny"), json!([format!("{STAGE}/*")])), "{scope}");
        }
    }

    #[test]
    fn one_answer_serves_every_route_so_it_may_be_kept() {
        assert_eq!(answer("encrypt", "POST/encrypt"), answer("encrypt", "GET/some/where/else"));
    }

    #[test]
    fn names_the_caller() {
        let named = answer("encrypt", "POST/encrypt");
        assert_eq!(named["principalId"], "alice");
        assert_eq!(named["context"], json!({ "scope": "encrypt", "jti": "j1" }));
        assert_eq!(answer("", "POST/encrypt")["context"], json!({ "scope": "" }));
    }

    #[test]
    fn refuses_routes_that_reach_further_than_they_say() {
        for route in ["POST /*", "* /encrypt", "POST /{proxy+}", "POST encrypt", "/encrypt", "POST /a${b}"] {
            let text = json!({ route: "encrypt" }).to_string();
            assert_eq!(RouteScopes::parse(&text), Err(RouteScopesError::Route(route.to_owned())));
        }
        for scope in ["", "a b"] {
            let text = json!({ "POST /encrypt": scope }).to_string();
            assert_eq!(RouteScopes::parse(&text), Err(RouteScopesError::Scope(scope.to_owned())));
        }
        for text in ["", "[]", r#"{"GET /":"a","GET /":"b"}"#, r#"{"GET /":["a"]}"#] {
            assert_eq!(RouteScopes::parse(text), Err(RouteScopesError::Json), "{text}");
        }
    }

    #[test]
    fn refuses_an_arn_of_something_else() {
        let routes = RouteScopes::parse(ROUTES).unwrap();
        let claims = Claims { subject: "a".to_owned(), scope: String::new(), token_id: None };
        for arn in
            ["", "arn:aws:execute-api:r:1:api", "arn:aws:lambda:r:1:a/b/c", "arn:aws:execute-api:r:1:*/*/*"]
        {
            assert_eq!(routes.answer(&claims, arn), Err(NotAMethodArn), "{arn}");
        }
    }
}
