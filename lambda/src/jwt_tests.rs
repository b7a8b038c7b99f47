use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::*;

pub(crate) const NOW: u64 = 1_700_000_000;

/// An issuer of tokens, with a key of its own.
pub(crate) struct Issuer(EcdsaKeyPair);

impl Issuer {
    pub(crate) fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random);
        Self(pair.unwrap())
    }

    fn der(&self) -> Vec<u8> {
        [P256_SPKI_START.as_slice(), self.0.public_key().as_ref()].concat()
    }

    pub(crate) fn key(&self) -> PublicKey {
        PublicKey::from_der(&self.der()).unwrap()
    }

    fn sign_raw(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub(crate) fn sign(&self, payload: &Value) -> String {
        self.sign_raw(r#"{"alg":"ES256","typ":"JWT"}"#, &payload.to_string())
    }
}

pub(crate) fn expected() -> Expected {
    Expected { issuer: "https://issuer".to_owned(), audience: "text-encryption".to_owned() }
}

pub(crate) fn payload() -> Value {
    json!({
        "iss": "https://issuer", "aud": "text-encryption", "sub": "alice", "exp": NOW + 300,
        "nbf": NOW, "scope": "encrypt decrypt", "jti": "j1"
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut payload = payload();
    payload[name] = value;
    payload
}

fn without(name: &str) -> Value {
    let mut payload = payload();
    payload.as_object_mut().unwrap().remove(name);
    payload
}

fn check(payload: &Value) -> Result<Claims, TokenError> {
    let issuer = Issuer::new();
    verify(&issuer.sign(payload), &issuer.key(), &expected(), NOW)
}

#[test]
fn a_good_token_gives_its_claims() {
    let claims = check(&payload()).unwrap();
    assert_eq!(claims.subject, "alice");
    assert_eq!(claims.scope, "encrypt decrypt");
    assert_eq!(claims.token_id.as_deref(), Some("j1"));
    assert!(check(&with("aud", json!(["other", "text-encryption"]))).is_ok());
    assert_eq!(check(&without("scope")).unwrap().scope, "");
    assert!(check(&without("nbf")).is_ok());
}

#[test]
fn times_have_a_leeway_of_a_minute() {
    assert!(check(&with("exp", json!(NOW - 59))).is_ok());
    assert_eq!(check(&with("exp", json!(NOW - 60))), Err(TokenError::Expired));
    assert!(check(&with("exp", json!(u64::MAX))).is_ok());
    assert!(check(&with("nbf", json!(NOW + 60))).is_ok());
    assert_eq!(check(&with("nbf", json!(NOW + 61))), Err(TokenError::NotYet));
}

#[test]
fn issuer_and_audience_are_compared_whole() {
    assert_eq!(check(&with("iss", json!("https://issuer/"))), Err(TokenError::Issuer));
    assert_eq!(check(&with("aud", json!("text"))), Err(TokenError::Audience));
    assert_eq!(check(&with("aud", json!([]))), Err(TokenError::Audience));
}

#[test]
fn claims_must_be_there_and_of_their_type() {
    for name in ["iss", "aud", "sub", "exp"] {
        assert_eq!(check(&without(name)), Err(TokenError::Claims), "{name}");
        assert_eq!(check(&with(name, Value::Null)), Err(TokenError::Claims), "{name}");
    }
    for (name, value) in [
        ("exp", json!("1800000000")),
        ("exp", json!(1.8e9)),
        ("exp", json!(-1)),
        ("nbf", Value::Null),
        ("scope", json!(["encrypt"])),
        ("sub", json!("")),
        ("aud", json!({ "text-encryption": true })),
    ] {
        assert_eq!(check(&with(name, value.clone())), Err(TokenError::Claims), "{name} {value}");
    }
    let issuer = Issuer::new();
    let header = r#"{"alg":"ES256","typ":"JWT"}"#;
    let twice = payload().to_string().replacen('{', r#"{"scope":"admin","#, 1);
    for payload in [twice.as_str(), "[]", "null", "", "{}{}"] {
        let token = issuer.sign_raw(header, payload);
        assert_eq!(verify(&token, &issuer.key(), &expected(), NOW), Err(TokenError::Claims), "{payload}");
    }
}

#[test]
fn any_other_header_is_refused_even_if_signed() {
    let issuer = Issuer::new();
    for header in [
        r#"{"alg":"none","typ":"JWT"}"#,
        r#"{"alg":"es256","typ":"JWT"}"#,
        r#"{"alg":"ES384","typ":"JWT"}"#,
        r#"{"alg":"HS256","typ":"JWT"}"#,
        r#"{"alg":["ES256"],"typ":"JWT"}"#,
        r#"{"alg":"ES256"}"#,
        r#"{"alg":"ES256","typ":"at+jwt"}"#,
        r#"{"alg":"ES256","typ":"JWT","crit":["exp"]}"#,
        r#"{"alg":"ES256","typ":"JWT","crit":[]}"#,
        r#"{"alg":"ES256","typ":"JWT","crit":null}"#,
        r#"{"alg":"none","alg":"ES256","typ":"JWT"}"#,
        r#"{"alg":"ES256","\u0061lg":"ES256","typ":"JWT"}"#,
        r#"["ES256","JWT"]"#,
        "{",
    ] {
        let token = issuer.sign_raw(header, &payload().to_string());
        assert_eq!(verify(&token, &issuer.key(), &expected(), NOW), Err(TokenError::Header), "{header}");
    }
}

#[test]
fn forged_signatures_are_refused() {
    let issuer = Issuer::new();
    let good = issuer.sign(&payload());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let refused = |token: &str| verify(token, &issuer.key(), &expected(), NOW).unwrap_err();

    // HS256 keyed with the public key, under a header that claims ES256 as well as one that does not.
    for header in [r#"{"alg":"HS256","typ":"JWT"}"#, r#"{"alg":"ES256","typ":"JWT"}"#] {
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload().to_string()));
        for key in [issuer.der(), issuer.0.public_key().as_ref().to_vec()] {
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
            let error = refused(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag)));
            assert!(matches!(error, TokenError::Header | TokenError::Signature));
        }
    }
    let foreign = Issuer::new().sign(&payload());
    assert_eq!(refused(&foreign), TokenError::Signature);
    assert_eq!(refused(&format!("{signed}.")), TokenError::Signature);
    assert_eq!(refused(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode([0; 64]))), TokenError::Signature);
    assert_eq!(refused(&format!("{signed}.{signature}AA")), TokenError::Signature);
    let header = signed.split_once('.').unwrap().0;
    let other = URL_SAFE_NO_PAD.encode(with("sub", json!("root")).to_string());
    assert_eq!(refused(&format!("{header}.{other}.{signature}")), TokenError::Signature);
}

#[test]
fn only_three_parts_of_canonical_base64url() {
    let issuer = Issuer::new();
    let good = issuer.sign(&payload());
    let key = issuer.key();
    for bad in [
        String::new(),
        "..".to_owned(),
        good.rsplit_once('.').unwrap().0.to_owned(),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{good}"),
        format!("{good}="),
        format!("{good} "),
        good.replacen('.', "=.", 1),
        good.replacen('.', "\n.", 1),
    ] {
        let error = verify(&bad, &key, &expected(), NOW).unwrap_err();
        assert!(matches!(error, TokenError::Form | TokenError::Header), "{bad}: {error}");
    }
    // 64 bytes leave four spare bits in the last character; setting one must not pass as another spelling.
    let last = good.chars().last().unwrap();
    let spelled = char::from(last as u8 + 1);
    let respelled = format!("{}{spelled}", &good[..good.len() - 1]);
    assert_eq!(verify(&respelled, &key, &expected(), NOW), Err(TokenError::Form));
    for length in 0..good.len() {
        assert!(verify(&good[..length], &key, &expected(), NOW).is_err(), "{length}");
    }
}

#[test]
fn only_an_uncompressed_point_on_p256_is_a_key() {
    let der = Issuer::new().der();
    assert!(PublicKey::from_der(&der).is_ok());
    for length in 0..der.len() {
        assert_eq!(PublicKey::from_der(&der[..length]), Err(NotP256), "{length}");
    }
    let mut compressed = der.clone();
    compressed[26] = 2;
    assert_eq!(PublicKey::from_der(&compressed), Err(NotP256));
    assert_eq!(PublicKey::from_der(&[der.as_slice(), b"\0"].concat()), Err(NotP256));
}
