//! The two binaries from event to answer, and what they leave in the log.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod stub;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use stub::{Answer, Function};

const KEY: &str = "arn:aws:kms:ap-northeast-1:111122223333:key/text";
const SECRET: &str = "hunter2-hunter2";

fn text_function(
    kms: impl Fn(&str, &Value) -> (u16, Value) + Send + Sync + 'static,
    more: &[(&str, &str)],
) -> Function {
    let environment = [&[("KEY_ID", KEY)], more].concat();
    Function::start(env!("CARGO_BIN_EXE_text-encryption"), &environment, Box::new(kms))
}

/// Posts a body as the gateway does, and gives status and body of the answer.
fn post(function: &Function, path: &str, body: &Value) -> (u64, Value) {
    let event = json!({
        "resource": path, "path": path, "httpMethod": "POST", "headers": {}, "multiValueHeaders": {},
        "queryStringParameters": null, "multiValueQueryStringParameters": null, "pathParameters": null,
        "stageVariables": null, "body": body.to_string(), "isBase64Encoded": false,
        "requestContext": {
            "resourcePath": path, "httpMethod": "POST", "path": format!("/v1{path}"), "stage": "v1",
            "requestId": "gateway-request", "identity": {}, "accountId": "111122223333", "apiId": "a1b2c3"
        }
    });
    match function.invoke(event) {
        Answer::Response(answer) => {
            let body = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
            (answer["statusCode"].as_u64().unwrap(), body)
        }
        Answer::Error(error) => panic!("{error}"),
    }
}

/// KMS as it refuses a role, in its own words.
fn denied(action: &str, role: &str) -> (u16, Value) {
    let message = format!(
        "User: arn:aws:sts::111122223333:assumed-role/{role}/session is not authorized to perform: \
         kms:{action} on resource: {KEY} because no resource-based policy allows the kms:{action} action"
    );
    (400, json!({ "__type": "AccessDeniedException", "message": message }))
}

#[test]
fn texts_go_to_kms_with_key_and_context_and_come_back() {
    let function = text_function(
        |action, input| {
            assert_eq!(input["KeyId"], KEY);
            match action {
                "Encrypt" => {
                    assert_eq!(input["EncryptionContext"], json!({ "tenant": "a" }));
                    (200, json!({ "CiphertextBlob": input["Plaintext"], "KeyId": KEY }))
                }
                "GenerateDataKey" => {
                    assert_eq!(input["KeySpec"], "AES_256");
                    assert_eq!(input["EncryptionContext"], json!({ "text-encryption:envelope": "1" }));
                    let key = STANDARD.encode([7; 32]);
                    (200, json!({ "Plaintext": key, "CiphertextBlob": key, "KeyId": KEY }))
                }
                _ => (200, json!({ "Plaintext": input["CiphertextBlob"], "KeyId": KEY })),
            }
        },
        &[],
    );
    for body in [json!({ "text": SECRET, "context": { "tenant": "a" } }), json!({ "text": "x".repeat(9000) })]
    {
        let (status, answer) = post(&function, "/encrypt", &body);
        assert_eq!((status, &answer["key_id"]), (200, &json!(KEY)));
        let mut back = json!({ "ciphertext": answer["ciphertext"] });
        if let Some(context) = body.get("context") {
            back["context"] = context.clone();
        }
        assert_eq!(post(&function, "/decrypt", &back), (200, json!({ "text": body["text"] })));
    }
    assert_eq!(post(&function, "/other", &json!({})).0, 404);
    assert_eq!(post(&function, "/encrypt", &json!({ "text": { SECRET: 1 } })).0, 400);
    let log = function.stop();
    assert!(!log.iter().any(|line| line.to_string().contains(SECRET)), "{log:?}");
}

#[test]
fn a_denial_is_one_line_that_names_role_and_key() {
    let function = text_function(|action, _| denied(action, "encrypt-prod"), &[("ROLE_NAME", "other")]);
    let (status, answer) = post(&function, "/encrypt", &json!({ "text": SECRET }));
    assert_eq!(status, 503);
    assert_eq!(answer["error"]["code"], "key_access_denied");
    assert_eq!(answer["error"]["request_id"], "lambda-request");
    assert!(!answer.to_string().contains("encrypt-prod"));
    let log = function.stop();
    assert_eq!(log.len(), 1, "{log:?}");
    let wanted = json!({
        "level": "ERROR",
        "message": "the key does not let the role in, add the role to the key policy",
        "request_id": "lambda-request",
        "role": "encrypt-prod",
        "principal": "arn:aws:sts::111122223333:assumed-role/encrypt-prod/session",
        "key": KEY,
        "action": "kms:Encrypt",
        "kms_code": "AccessDeniedException",
        "kms_request_id": "kms-request",
    });
    assert_eq!(log[0], wanted);
}

#[test]
fn a_denial_that_names_nobody_takes_the_role_of_the_environment() {
    let vague = |_: &str, _: &Value| (400, json!({ "__type": "AccessDeniedException", "message": "no" }));
    let function = text_function(vague, &[("ROLE_NAME", "encrypt-prod")]);
    assert_eq!(post(&function, "/encrypt", &json!({ "text": "a" })).0, 503);
    let log = function.stop();
    assert_eq!((&log[0]["role"], &log[0]["key"]), (&json!("encrypt-prod"), &json!(KEY)));
}

#[test]
fn a_throttled_call_is_tried_three_times() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let throttled = move |_: &str, _: &Value| {
        counted.fetch_add(1, Ordering::SeqCst);
        (400, json!({ "__type": "ThrottlingException", "message": "slow down" }))
    };
    let function = text_function(throttled, &[]);
    let (status, answer) = post(&function, "/encrypt", &json!({ "text": "a" }));
    assert_eq!((status, &answer["error"]["code"]), (503, &json!("throttled")));
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[test]
fn a_kms_that_is_not_there_is_unreachable() {
    let function = text_function(|_, _| (500, json!({})), &[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")]);
    let (status, answer) = post(&function, "/encrypt", &json!({ "text": "a" }));
    assert_eq!((status, &answer["error"]["code"]), (503, &json!("kms_unreachable")));
}

#[test]
fn the_authorizer_tries_again_after_a_denial_and_then_keeps_the_key() {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
    let start = STANDARD.decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgA=").unwrap();
    let der = STANDARD.encode([&start, pair.public_key().as_ref()].concat());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let kms = move |action: &str, input: &Value| {
        assert_eq!((action, &input["KeyId"]), ("GetPublicKey", &json!("alias/token")));
        match counted.fetch_add(1, Ordering::SeqCst) {
            0 => denied(action, "authorizer"),
            _ => (200, json!({ "PublicKey": der, "KeySpec": "ECC_NIST_P256" })),
        }
    };
    let environment = [
        ("TOKEN_KEY_ID", "alias/token"),
        ("TOKEN_ISSUER", "issuer"),
        ("TOKEN_AUDIENCE", "text"),
        ("ROUTE_SCOPES", r#"{"POST /encrypt":"encrypt","POST /decrypt":"decrypt"}"#),
    ];
    let function = Function::start(env!("CARGO_BIN_EXE_authorizer"), &environment, Box::new(kms));
    let claims =
        json!({ "iss": "issuer", "aud": "text", "sub": "alice", "exp": u64::MAX, "scope": "encrypt" });
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","typ":"JWT"}"#),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(&random, signed.as_bytes()).unwrap());
    let stage = "arn:aws:execute-api:ap-northeast-1:111122223333:a1b2c3/v1";
    let event = |token: &str| {
        let arn = format!("{stage}/POST/decrypt");
        json!({ "type": "TOKEN", "methodArn": arn, "authorizationToken": format!("Bearer {token}") })
    };
    let error = |name: &str| json!({ "errorType": name, "errorMessage": name });
    let good = format!("{signed}.{signature}");

    let answers = [good.as_str(), &good, &good, "a.b.c"].map(|token| function.invoke(event(token)));
    let [Answer::Error(denied), Answer::Response(first), Answer::Response(second), Answer::Error(refused)] =
        answers
    else {
        panic!("{answers:?}")
    };
    assert_eq!(denied, error("TokenKeyUnavailable"));
    assert_eq!(refused, error("Unauthorized"));
    assert_eq!(first, second);
    let statement = &first["policyDocument"]["Statement"][0];
    assert_eq!((&statement["Effect"], &first["principalId"]), (&json!("Allow"), &json!("alice")));
    assert_eq!(statement["Resource"], json!([format!("{stage}/POST/encrypt")]));
    assert_eq!(calls.load(Ordering::SeqCst), 2);

    let log = function.stop();
    assert_eq!(log.len(), 2, "{log:?}");
    assert_eq!((&log[0]["role"], &log[0]["action"]), (&json!("authorizer"), &json!("kms:GetPublicKey")));
    assert_eq!(log[1]["level"], "INFO");
}
