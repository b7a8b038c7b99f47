//! Verifies JSON Web Tokens of one issuer, signed with ES256 by one KMS key.
//!
//! A library would bring every algorithm and its options; a single algorithm on `ring` needs no options.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::json;

/// The number of seconds by which the clocks of issuer and function may differ.
pub const LEEWAY_SECONDS: u64 = 60;

/// The start of every P-256 public key that KMS returns (RFC 5480): the two object ids, before the point.
const P256_SPKI_START: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A point on P-256, uncompressed: 0x04 and two coordinates of 32 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey([u8; 65]);

/// The key is not one on P-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token key is not of the spec ECC_NIST_P256, name such a key in `TOKEN_KEY_ID`")]
pub struct NotP256;

impl PublicKey {
    /// Parses the DER of a SubjectPublicKeyInfo, as `kms:GetPublicKey` returns it.
    ///
    /// # Errors
    /// Fails on any other curve, and on a compressed point.
    pub fn from_der(der: &[u8]) -> Result<Self, NotP256> {
        let point = der.strip_prefix(&P256_SPKI_START).ok_or(NotP256)?;
        let point: [u8; 65] = point.try_into().map_err(|_| NotP256)?;
        if point.first() == Some(&4) { Ok(Self(point)) } else { Err(NotP256) }
    }
}

/// The claims that a token must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub issuer: String,
    pub audience: String,
}

/// The reason for refusing a token, for the log only; the caller only sees "Unauthorized".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("it is not three parts of canonical base64url")]
    Form,
    #[error("its header is not of `alg` ES256 and `typ` JWT without `crit`")]
    Header,
    #[error("its signature is not of the token key")]
    Signature,
    #[error("its claims are not an object with `iss`, `aud`, `sub` and a whole number `exp`")]
    Claims,
    #[error("it is of another issuer")]
    Issuer,
    #[error("it is for another audience")]
    Audience,
    #[error("it has expired")]
    Expired,
    #[error("it is not valid yet")]
    NotYet,
}

/// The claims of a verified token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    pub subject: String,
    /// The scopes, separated by spaces; empty if the token has none.
    pub scope: String,
    pub token_id: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    // No extensions are supported, so a token with any list of critical extensions must be refused (RFC 7515 4.1.11).
    #[serde(default, deserialize_with = "json::present")]
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Payload {
    iss: String,
    aud: Audience,
    sub: String,
    exp: u64,
    #[serde(default, deserialize_with = "json::present")]
    nbf: Option<u64>,
    #[serde(default, deserialize_with = "json::present")]
    scope: Option<String>,
    #[serde(default, deserialize_with = "json::present")]
    jti: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Verifies a token at a time in seconds since 1970.
///
/// # Errors
/// Returns the first rule that the token breaks. No claim is read before the signature is verified.
pub fn verify(token: &str, key: &PublicKey, expected: &Expected, now: u64) -> Result<Claims, TokenError> {
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenError::Form);
    };
    let signed = token.get(..header.len() + 1 + payload.len()).ok_or(TokenError::Form)?;
    let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);

    let Header { alg, typ, crit } = json::object(&header).map_err(|_| TokenError::Header)?;
    if alg != "ES256" || typ != "JWT" || crit.is_some() {
        return Err(TokenError::Header);
    }
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key.0)
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| TokenError::Signature)?;
    let payload = json::object(&payload).map_err(|_| TokenError::Claims)?;
    check(payload, expected, now)
}

fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Form)
}

fn check(payload: Payload, expected: &Expected, now: u64) -> Result<Claims, TokenError> {
    let Payload { iss, aud, sub, exp, nbf, scope, jti } = payload;
    if sub.is_empty() {
        return Err(TokenError::Claims);
    }
    if iss != expected.issuer {
        return Err(TokenError::Issuer);
    }
    let meant = match aud {
        Audience::One(one) => one == expected.audience,
        Audience::Many(many) => many.contains(&expected.audience),
    };
    if !meant {
        return Err(TokenError::Audience);
    }
    if exp.saturating_add(LEEWAY_SECONDS) <= now {
        return Err(TokenError::Expired);
    }
    if nbf.is_some_and(|nbf| nbf > now.saturating_add(LEEWAY_SECONDS)) {
        return Err(TokenError::NotYet);
    }
    Ok(Claims { subject: sub, scope: scope.unwrap_or_default(), token_id: jti })
}

#[cfg(test)]
#[path = "jwt_tests.rs"]
pub(crate) mod tests;
