mod setting;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, KeyPair as _, UnparsedPublicKey};
use serde_json::json;

use super::*;
use crate::stack::desired::{Probe, ProbeStep, ProbeTarget};
use setting::{NOW, Setting, desired};

fn route(method: &str, path: &str) -> Route {
    Route { api: Name::from("text"), method: method.to_owned(), path: path.to_owned() }
}

fn probe(target: ProbeTarget, body: Value) -> Probe {
    Probe { target, body, then: Vec::new(), expect: 200, successes: 1, timeout: 30, scopes: BTreeSet::new() }
}

fn of_route(method: &str, path: &str) -> ProbeTarget {
    ProbeTarget::Route { api: Name::from("text"), method: method.to_owned(), path: path.to_owned() }
}

#[tokio::test]
async fn a_token_is_one_that_the_authorizer_accepts() {
    let setting = Setting::new(Vec::new()).await;
    let more = BTreeSet::from(["decrypt".to_owned()]);
    let token = setting.caller().token(&route("POST", "/encrypt"), &more).await.unwrap().unwrap();
    assert_eq!(token.header(), ("Authorization".to_owned(), format!("Bearer {}", token.value())));
    assert!(!format!("{token:?}").contains(token.value()));

    let (signed, signature) = token.value().rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, setting.server.key.public_key().as_ref())
        .verify(signed.as_bytes(), &signature)
        .unwrap();
    let parts: Vec<Value> = signed
        .split('.')
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    assert_eq!(parts[0], json!({ "alg": "ES256", "typ": "JWT", "kid": "1234abcd" }));
    assert_eq!(
        parts[1],
        json!({
            "iss": "stack-test", "aud": "text", "sub": "arn:aws:iam::111122223333:user/dev",
            "iat": NOW, "nbf": NOW, "exp": NOW + 300, "scope": "decrypt encrypt",
        })
    );
}

#[tokio::test]
async fn a_token_needs_its_key() {
    let mut setting = Setting::new(Vec::new()).await;
    setting.ids = Ids::default();
    let error = setting.caller().token(&route("POST", "/encrypt"), &BTreeSet::new()).await.unwrap_err();
    assert!(matches!(error, CallError::NoTokenKey));
    assert!(matches!(setting.caller().url(&route("GET", "/")), Err(CallError::NotDeployed { .. })));
}

#[test]
fn the_authorizer_of_the_route_says_what_a_token_needs() {
    let desired = desired();
    let plan = |method: &str, path: &str| token_plan(&desired, &route(method, path));
    let encrypt = plan("POST", "/encrypt").unwrap().unwrap();
    assert_eq!(encrypt.key_id, "${lockstep:keys.token.arn}");
    assert_eq!(encrypt.scopes, BTreeSet::from(["encrypt".to_owned()]));
    assert_eq!(plan("POST", "/decrypt").unwrap().unwrap().scopes, BTreeSet::from(["decrypt".to_owned()]));
    assert_eq!(plan("GET", "/open/to/all").unwrap(), None);
    for (path, message) in [
        ("/plain", "the function of `plain` has no `ROUTE_SCOPES` in its environment"),
        ("/foreign", "the function of `foreign` is not part of the stack"),
        ("/signed", "it is authorized by AWS_IAM"),
    ] {
        let error = plan("GET", path).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.hint().unwrap().contains("--token"));
    }
    let error = plan("GET", "/encrypt").unwrap_err();
    assert_eq!(error.to_string(), "the API `text` has no route `GET /encrypt`");
    assert!(error.hint().unwrap().contains("`POST /encrypt`"));
}

#[tokio::test]
async fn a_request_goes_to_the_stage_and_any_status_is_an_answer() {
    let setting = Setting::new(vec![(418, "X-Amzn-RequestId: r1\r\n", json!({ "a": 1 }))]).await;
    let headers = [("X-Own".to_owned(), "1".to_owned())];
    let answer =
        setting.caller().send(&route("PUT", "/open/x?y=1"), &headers, &json!({ "b": 2 })).await.unwrap();
    assert_eq!((answer.status, answer.header("x-amzn-requestid")), (418, Some("r1")));
    assert_eq!(answer.json(), Some(json!({ "a": 1 })));
    let seen = &setting.server.requests()[0];
    assert_eq!((seen.line.as_str(), &seen.body), ("PUT /v1/open/x?y=1 HTTP/1.1", &json!({ "b": 2 })));
}

#[tokio::test]
async fn a_probe_goes_on_until_it_succeeds_in_a_row() {
    let denied = || (403, "x-amzn-requestid: r1\r\n", json!({ "message": "no" }));
    let good = || (200, "", json!({ "ciphertext": "YWJj" }));
    let text = || (200, "", json!({ "text": "probe", "more": 1 }));
    let answers = vec![denied(), good(), denied(), good(), text(), good(), text()];
    let setting = Setting::new(answers).await;
    let mut probe = probe(of_route("POST", "/encrypt"), json!({ "text": "probe" }));
    probe.successes = 2;
    probe.then.push(ProbeStep {
        method: "POST".to_owned(),
        path: "/decrypt".to_owned(),
        body: json!({ "ciphertext": "${answer.ciphertext}" }),
        expect: 200,
        expect_body: Some(json!({ "text": "probe" })),
    });
    let outcome = setting.probe(&probe).await.unwrap();
    assert!(outcome.succeeded, "{outcome:?}");
    assert_eq!((outcome.attempts, outcome.successes), (4, 2));

    let requests = setting.server.requests();
    assert_eq!(requests[2].line, "POST /v1/decrypt HTTP/1.1");
    assert_eq!(requests[2].body, json!({ "ciphertext": "YWJj" }));
    assert!(requests.iter().all(|seen| seen.authorization.as_ref().unwrap().starts_with("Bearer ey")));
    assert_eq!(setting.server.signatures(), 2, "one token for each route, however many attempts");
}

#[tokio::test]
async fn a_probe_that_fails_says_why_without_the_token() {
    let setting = Setting::new(vec![(
        403,
        "x-amzn-requestid: r1\r\nx-amzn-errortype: AccessDeniedException\r\n",
        json!({ "Message": "User is not authorized" }),
    )])
    .await;
    let mut probe = probe(of_route("POST", "/encrypt"), json!({ "text": "probe" }));
    probe.timeout = 1;
    let outcome = setting.probe(&probe).await.unwrap();
    assert!(!outcome.succeeded && outcome.attempts > 1 && outcome.successes == 0, "{outcome:?}");
    let failure = outcome.failure.unwrap();
    assert_eq!(
        failure.to_string(),
        "POST /encrypt answered 403 instead of 200: {\"Message\":\"User is not authorized\"} (request r1)"
    );
    assert_eq!(failure.hint.unwrap(), "the authorizer lets the token into other routes only");
}

#[tokio::test]
async fn what_a_good_answer_says_is_kept_out_of_the_failure() {
    let setting = Setting::new(vec![(200, "", json!({ "text": "secret" }))]).await;
    let mut probe = probe(of_route("GET", "/open/x"), Value::Null);
    probe.timeout = 1;
    probe.expect = 204;
    let failure = setting.probe(&probe).await.unwrap().failure.unwrap();
    assert_eq!(failure.to_string(), "GET /open/x answered 200 instead of 204");
    assert_eq!(setting.server.signatures(), 0, "an open route needs no token");
}

#[tokio::test]
async fn a_probe_does_not_wait_for_ever() {
    // The operating system accepts connections, and nothing ever reads from them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut setting = Setting::new(Vec::new()).await;
    setting.ids.set("apis.text.url", format!("http://{}", silent.local_addr().unwrap()));
    let mut probe = probe(of_route("GET", "/open/x"), Value::Null);
    probe.timeout = 1;
    let failure = setting.probe(&probe).await.unwrap().failure.unwrap();
    assert_eq!(failure.to_string(), "GET /open/x gave no answer within 1 s");
}

#[tokio::test]
async fn an_error_of_a_function_fails_a_probe_that_invokes_it() {
    let error = json!({ "errorMessage": "AccessDenied on key", "errorType": "Error" });
    let setting = Setting::new(vec![
        (200, "X-Amz-Function-Error: Unhandled\r\n", error),
        (200, "", json!({ "fine": true })),
    ])
    .await;
    let outcome = setting.probe(&probe(ProbeTarget::Invoke, json!({ "text": "probe" }))).await.unwrap();
    assert!(outcome.succeeded && outcome.attempts == 2, "{outcome:?}");
    let failure = outcome.failure.unwrap().to_string();
    assert!(
        failure.starts_with("invoke stack-test-encrypt ended with the function error Unhandled"),
        "{failure}"
    );
    assert!(failure.contains("AccessDenied on key"));
    let seen = &setting.server.requests()[0];
    assert_eq!(seen.line, "POST /2015-03-31/functions/stack-test-encrypt/invocations HTTP/1.1");
    assert_eq!(seen.body, json!({ "text": "probe" }));
}

#[tokio::test]
async fn nobody_there_is_a_failure_and_no_address_an_error() {
    let mut setting = Setting::new(Vec::new()).await;
    setting.ids.set("apis.text.url", "http://127.0.0.1:1");
    let mut probe = probe(of_route("GET", "/open/x"), Value::Null);
    probe.timeout = 1;
    let failure = setting.probe(&probe).await.unwrap().failure.unwrap().to_string();
    assert!(failure.starts_with("GET /open/x could not be tried: no answer from"), "{failure}");
    probe.target = of_route("GET", "/signed");
    assert!(matches!(setting.probe(&probe).await, Err(CallError::OtherToken { .. })));
    probe.target =
        ProbeTarget::Route { api: Name::from("other"), method: "GET".to_owned(), path: "/".to_owned() };
    assert_eq!(setting.probe(&probe).await.unwrap_err().hint().unwrap(), "the stack has `text`");
}
