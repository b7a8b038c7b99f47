//! Decides whether a caller may access the API.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::jwt::{Expected, PublicKey, TokenError, verify};
use crate::policy::{NotAMethodArn, RouteScopes};

/// The event that the gateway sends to an authorizer of either type; it has no `Debug`, because it holds the token.
#[derive(Deserialize)]
#[serde(tag = "type")]
pub enum Event {
    #[serde(rename = "TOKEN", rename_all = "camelCase")]
    Token { method_arn: String, authorization_token: Option<String> },
    #[serde(rename = "REQUEST", rename_all = "camelCase")]
    Request {
        method_arn: String,
        headers: Option<BTreeMap<String, String>>,
        multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    },
}

/// The reason for refusing access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is not exactly one `Authorization: Bearer` token")]
    NoToken,
    #[error("the token is refused: {0}")]
    Token(TokenError),
    #[error(transparent)]
    Event(#[from] NotAMethodArn),
}

/// Answers one event at the time `now`, in seconds since 1970.
///
/// # Errors
/// Returns the reason, for the log; [`Refusal::Event`] is the gateway's fault, all others are the caller's.
pub fn answer(
    event: &Event,
    key: &PublicKey,
    expected: &Expected,
    routes: &RouteScopes,
    now: u64,
) -> Result<Value, Refusal> {
    let token = event.token().ok_or(Refusal::NoToken)?;
    let claims = verify(token, key, expected, now).map_err(Refusal::Token)?;
    Ok(routes.answer(&claims, event.method_arn())?)
}

impl Event {
    fn method_arn(&self) -> &str {
        match self {
            Self::Token { method_arn, .. } | Self::Request { method_arn, .. } => method_arn,
        }
    }

    /// Finds the bearer token; `None` also for two `Authorization` headers, because it is not clear which one counts.
    fn token(&self) -> Option<&str> {
        let values: Vec<&str> = match self {
            Self::Token { authorization_token, .. } => authorization_token.as_deref().into_iter().collect(),
            Self::Request { multi_value_headers: Some(headers), .. } => {
                headers.iter().filter(is_authorization).flat_map(|(_, all)| all).map(String::as_str).collect()
            }
            Self::Request { headers: Some(headers), .. } => {
                headers.iter().filter(is_authorization).map(|(_, value)| value.as_str()).collect()
            }
            Self::Request { headers: None, .. } => Vec::new(),
        };
        let [value] = values.as_slice() else { return None };
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    }
}

fn is_authorization<T>((name, _): &(&String, &T)) -> bool {
    name.eq_ignore_ascii_case("authorization")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jwt::tests::{Issuer, NOW, expected, payload};

    const ARN: &str = "arn:aws:execute-api:ap-northeast-1:111122223333:a1b2c3/v1/POST/encrypt";

    fn decide(issuer: &Issuer, event: Value) -> Result<Value, Refusal> {
        let routes = RouteScopes::parse(r#"{"POST /encrypt":"encrypt"}"#).unwrap();
        let event: Event = serde_json::from_value(event).unwrap();
        answer(&event, &issuer.key(), &expected(), &routes, NOW)
    }

    #[test]
    fn both_types_of_event_let_a_good_token_in() {
        let issuer = Issuer::new();
        let bearer = format!("Bearer {}", issuer.sign(&payload()));
        for event in [
            json!({ "type": "TOKEN", "methodArn": ARN, "authorizationToken": bearer }),
            json!({ "type": "REQUEST", "methodArn": ARN, "headers": { "authorization": bearer } }),
            json!({
                "type": "REQUEST", "methodArn": ARN, "path": "/encrypt", "headers": { "Authorization": bearer },
                "multiValueHeaders": { "Authorization": [bearer], "Accept": ["*/*"] }
            }),
        ] {
            let answer = decide(&issuer, event).unwrap();
            assert_eq!(answer["policyDocument"]["Statement"][0]["Effect"], "Allow");
        }
    }

    #[test]
    fn anything_but_one_bearer_token_is_refused() {
        let issuer = Issuer::new();
        let token = issuer.sign(&payload());
        let bearer = format!("Bearer {token}");
        for event in [
            json!({ "type": "TOKEN", "methodArn": ARN }),
            json!({ "type": "TOKEN", "methodArn": ARN, "authorizationToken": token }),
            json!({ "type": "TOKEN", "methodArn": ARN, "authorizationToken": format!("Basic {token}") }),
            json!({ "type": "REQUEST", "methodArn": ARN, "headers": null }),
            json!({ "type": "REQUEST", "methodArn": ARN, "headers": { "X-Authorization": bearer } }),
            json!({ "type": "REQUEST", "methodArn": ARN, "headers": {
                "Authorization": bearer, "authorization": bearer } }),
            json!({ "type": "REQUEST", "methodArn": ARN, "headers": { "Authorization": bearer },
                "multiValueHeaders": { "Authorization": ["Bearer x", bearer] } }),
        ] {
            assert_eq!(decide(&issuer, event.clone()), Err(Refusal::NoToken), "{event}");
        }
    }

    #[test]
    fn the_reason_is_kept_for_the_log() {
        let issuer = Issuer::new();
        let bearer = format!("Bearer {}", Issuer::new().sign(&payload()));
        let event = json!({ "type": "TOKEN", "methodArn": ARN, "authorizationToken": bearer });
        assert_eq!(decide(&issuer, event), Err(Refusal::Token(TokenError::Signature)));
        let bearer = format!("Bearer {}", issuer.sign(&payload()));
        let event = json!({ "type": "TOKEN", "methodArn": "arn", "authorizationToken": bearer });
        assert_eq!(decide(&issuer, event), Err(Refusal::Event(NotAMethodArn)));
    }
}
