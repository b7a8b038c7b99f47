//! Short-lived tokens for the stack's own authorizer, signed by a key in KMS.

use std::fmt;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::{CallError, TokenPlan, der};
use crate::aws::AwsError;

/// The lifetime of a token in seconds.
pub const LIFETIME: u64 = 300;

/// A bearer token. Its value never appears in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    header: String,
    value: String,
    scopes: String,
}

impl Token {
    /// Returns the token itself: a JSON Web Token.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns the scopes of the token, separated by spaces.
    pub fn scopes(&self) -> &str {
        &self.scopes
    }

    /// Returns the name and the value of the header that carries the token.
    pub fn header(&self) -> (String, String) {
        (self.header.clone(), format!("Bearer {}", self.value))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("header", &self.header)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// Mints a token (RFC 7519) for `subject`, valid from `now` in seconds since 1970.
///
/// # Errors
///
/// Fails if KMS does not sign, or signs with a key on another curve.
pub(super) async fn mint(
    kms: &aws_sdk_kms::Client,
    plan: &TokenPlan,
    subject: &str,
    now: u64,
) -> Result<Token, CallError> {
    let TokenPlan { key_id, issuer, audience, scopes, header } = plan;
    let scopes = scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    // Callers of an API do not need to know the account in a key's ARN.
    let kid = key_id.rsplit('/').next().unwrap_or(key_id);
    let head = json!({ "alg": "ES256", "typ": "JWT", "kid": kid });
    let claims = json!({
        "iss": issuer, "aud": audience, "sub": subject,
        "iat": now, "nbf": now, "exp": now.saturating_add(LIFETIME), "scope": scopes,
    });
    let signed = format!("{}.{}", encode(head.to_string()), encode(claims.to_string()));
    let answer = kms
        .sign()
        .key_id(key_id)
        .message(Blob::new(signed.as_bytes()))
        .message_type(MessageType::Raw)
        .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
        .send()
        .await
        .map_err(|error| AwsError::from_sdk("kms:Sign", error))?;
    let signature = answer.signature.map(Blob::into_inner).unwrap_or_default();
    let signature = der::to_fixed(&signature)?;
    Ok(Token { header: header.clone(), value: format!("{signed}.{}", encode(signature)), scopes })
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
