//! Calls to a stack: tokens for its authorizer, requests to its APIs, and probes.

mod der;
mod error;
mod fill;
mod plan;
mod probe;
mod request;
mod token;

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use crate::kinds::{Ids, Name, ids};
use crate::stack::desired::Desired;
pub use error::CallError;
pub use plan::{TokenPlan, token_plan};
pub use probe::{ProbeFailure, ProbeOutcome, run};
pub use request::{Answer, Http, Request};
pub use token::{LIFETIME, Token};

/// A route of an API of the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The API.
    pub api: Name,
    /// The HTTP method.
    pub method: String,
    /// The path without the stage.
    pub path: String,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// Everything that is needed to call a stack.
#[derive(Clone, Debug)]
pub struct Caller<'a> {
    /// The client that signs tokens.
    pub kms: &'a aws_sdk_kms::Client,
    /// The client that invokes functions.
    pub lambda: &'a aws_sdk_lambda::Client,
    /// The client that sends requests.
    pub http: &'a Http,
    /// The stack.
    pub desired: &'a Desired,
    /// The ids known so far; `apis.NAME.url` is the URL of a stage.
    pub ids: &'a Ids,
    /// The subject of a token: the ARN of the caller.
    pub subject: &'a str,
    /// The clock, in seconds since 1970.
    pub now: fn() -> u64,
}

impl Caller<'_> {
    /// Returns the URL of a route.
    ///
    /// # Errors
    ///
    /// Fails if the stack has no such API, or its stage does not exist yet.
    pub fn url(&self, route: &Route) -> Result<String, CallError> {
        let Route { api, path, .. } = route;
        if !self.desired.apis.contains_key(api) {
            return Err(CallError::NoApi {
                api: api.clone(),
                known: self.desired.apis.keys().cloned().collect(),
            });
        }
        let stage = self
            .ids
            .get(&format!("apis.{api}.url"))
            .ok_or_else(|| CallError::NotDeployed { api: api.clone() })?;
        Ok(format!("{}/{}", stage.trim_end_matches('/'), path.trim_start_matches('/')))
    }

    /// Mints a token that gives the caller access to a route; `None` if the route is open to everyone.
    ///
    /// The token carries the scope of the route and all of `scopes`.
    ///
    /// # Errors
    ///
    /// Fails if the authorizer of the route accepts other tokens, or KMS does not sign.
    pub async fn token(&self, route: &Route, scopes: &BTreeSet<String>) -> Result<Option<Token>, CallError> {
        match token_plan(self.desired, route)? {
            Some(plan) => self.mint(plan, scopes).await.map(Some),
            None => Ok(None),
        }
    }

    /// Sends one request to a route with exactly these headers.
    ///
    /// # Errors
    ///
    /// Fails if there is no URL or no answer. A response with any HTTP status is an answer.
    pub async fn send(
        &self,
        route: &Route,
        headers: &[(String, String)],
        body: &Value,
    ) -> Result<Answer, CallError> {
        let request = Request {
            method: route.method.clone(),
            url: self.url(route)?,
            headers: headers.to_vec(),
            body: (!body.is_null()).then(|| body.to_string()),
        };
        self.http.send(&request).await
    }

    async fn mint(&self, plan: TokenPlan, scopes: &BTreeSet<String>) -> Result<Token, CallError> {
        let mut plan: TokenPlan = self.ids.resolve(&plan).map_err(|_| CallError::NoTokenKey)?;
        if ids::is_open(&plan.key_id) {
            return Err(CallError::NoTokenKey);
        }
        plan.scopes.extend(scopes.iter().cloned());
        token::mint(self.kms, &plan, self.subject, (self.now)()).await
    }
}

#[cfg(test)]
mod tests;
