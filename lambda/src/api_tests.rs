use super::*;

fn parse(path: &str, body: &str) -> Result<Action, ApiError> {
    Action::parse(Call { method: "POST", path, body: body.as_bytes() })
}

fn refusal(path: &str, body: &str) -> ApiError {
    match parse(path, body) {
        Ok(_) => panic!("taken: {body}"),
        Err(error) => error,
    }
}

fn kms(kind: KmsErrorKind) -> ApiError {
    ApiError::Kms(KmsError { operation: "Encrypt", kind, code: None, request_id: None })
}

#[test]
fn routes_and_methods() {
    let call = |method, path| Action::parse(Call { method, path, body: b"{}" }).err().unwrap();
    assert_eq!(call("POST", "/"), ApiError::NotFound);
    assert_eq!(call("GET", "/encrypted"), ApiError::NotFound);
    assert_eq!(call("GET", "/encrypt"), ApiError::MethodNotAllowed);
    assert_eq!(call("GET", "/encrypt").header(), Some(("allow", "POST")));
    assert!(matches!(call("POST", "/encrypt"), ApiError::BadJson { .. }));
}

#[test]
fn a_body_must_have_exactly_the_shape() {
    assert!(parse("/encrypt", r#"{"text":"hello","context":{"a":"b"}}"#).is_ok());
    assert!(parse("/decrypt", r#"{"ciphertext":"AQID"}"#).is_ok());
    for bad in [
        "",
        "null",
        r#"["hello"]"#,
        r#"{"text":7}"#,
        r#"{"text":"a","contxt":{}}"#,
        r#"{"text":"a","text":"b"}"#,
        r#"{"text":"a","context":null}"#,
        r#"{"text":"a","context":{"a":1}}"#,
        r#"{"text":"a","context":{"a":"1","a":"2"}}"#,
        r#"{"text":"a"} "#.trim_end_matches("} "),
        r#"{"text":"\ud800"}"#,
    ] {
        assert!(matches!(refusal("/encrypt", bad), ApiError::BadJson { .. }), "{bad}");
    }
    let invalid = Action::parse(Call { method: "POST", path: "/encrypt", body: b"{\"text\":\"\xff\"}" });
    assert!(matches!(invalid.err().unwrap(), ApiError::BadJson { .. }));
}

#[test]
fn a_refusal_never_repeats_the_text() {
    for bad in [
        r#"{"text":{"hunter2":1}}"#,
        r#"{"hunter2":"a"}"#,
        r#"{"text":"hunter2" "hunter2"}"#,
        r#"{"text":"hunter2","context":"hunter2"}"#,
        r#"{"text":"hunter2","context":{"":"hunter2"}}"#,
    ] {
        let error = refusal("/encrypt", bad);
        assert!(!error.body("id").contains("hunter2"), "{}", error.body("id"));
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn base64_is_of_the_standard_alphabet_and_canonical() {
    for bad in ["AQI", "AQI-", "AQ I=", "AQJ=", "%%%%", "AQID\n"] {
        let body = serde_json::json!({ "ciphertext": bad }).to_string();
        assert_eq!(refusal("/decrypt", &body), ApiError::BadBase64, "{bad}");
    }
    assert_eq!(refusal("/decrypt", r#"{"ciphertext":""}"#), ApiError::BadCiphertext);
}

#[test]
fn sizes_are_limited() {
    let body = |text: &str| serde_json::json!({ "text": text }).to_string();
    assert!(parse("/encrypt", &body(&"x".repeat(MAX_TEXT))).is_ok());
    let bytes = MAX_TEXT + 1;
    assert_eq!(refusal("/encrypt", &body(&"x".repeat(bytes))), ApiError::TextTooLarge { bytes });
    assert_eq!(refusal("/encrypt", &body(&"\u{1}".repeat(1024 * 1024))), ApiError::AnswerTooLarge);
    assert!(parse("/encrypt", &body(&"\u{1}".repeat(800 * 1024))).is_ok());

    let body = |bytes: &[u8]| serde_json::json!({ "ciphertext": STANDARD.encode(bytes) }).to_string();
    let longest = [b"TXE\x01".as_slice(), &vec![0; MAX_TEXT + MAX_OVERHEAD - 4]].concat();
    assert!(parse("/decrypt", &body(&longest)).is_ok());
    let longer = [longest.as_slice(), b"\0"].concat();
    assert_eq!(refusal("/decrypt", &body(&longer)), ApiError::CiphertextTooLarge);
    assert!(parse("/decrypt", &body(&[1; MAX_KMS_CIPHERTEXT])).is_ok());
    assert_eq!(refusal("/decrypt", &body(&[1; MAX_KMS_CIPHERTEXT + 1])), ApiError::CiphertextTooLarge);
}

#[test]
fn the_longest_answers_fit_lambda_and_the_gateway() {
    let ciphertext = (MAX_TEXT + MAX_OVERHEAD).div_ceil(3) * 4;
    assert!(ciphertext + ANSWER_FRAME <= MAX_LAMBDA_PAYLOAD);
    assert!(ciphertext + MAX_TEXT + 2 * ANSWER_FRAME <= 10_000_000);
}

#[test]
fn the_count_of_escapes_is_what_serde_writes() {
    let every: String = (0..=0x7f_u8).map(char::from).chain("äあ😀\u{7f}\u{2028}".chars()).collect();
    let inner = serde_json::to_string(&every).unwrap();
    let outer = serde_json::to_string(&inner).unwrap();
    // The quotes around the text are escaped in the outer string, which has quotes of its own too.
    assert_eq!(decrypted_bytes(&every) + 2 * 2 + 2, outer.len());
}

#[test]
fn codes_and_statuses_are_stable() {
    let table = [
        (ApiError::NotFound, 404, "not_found"),
        (ApiError::MethodNotAllowed, 405, "method_not_allowed"),
        (ApiError::BadJson { line: 1, column: 2 }, 400, "bad_json"),
        (ContextError::EmptyKey.into(), 400, "bad_context"),
        (ApiError::BadBase64, 400, "bad_base64"),
        (ApiError::BadCiphertext, 400, "bad_ciphertext"),
        (ApiError::TextTooLarge { bytes: 9 }, 413, "text_too_large"),
        (ApiError::AnswerTooLarge, 413, "text_too_large"),
        (ApiError::CiphertextTooLarge, 413, "ciphertext_too_large"),
        (ApiError::Internal, 500, "internal"),
        (kms(KmsErrorKind::AccessDenied(Box::default())), 503, "key_access_denied"),
        (kms(KmsErrorKind::Throttled), 503, "throttled"),
        (kms(KmsErrorKind::KeyUnavailable), 503, "key_unavailable"),
        (kms(KmsErrorKind::BadCiphertext), 400, "bad_ciphertext"),
        (kms(KmsErrorKind::Unreachable), 503, "kms_unreachable"),
        (kms(KmsErrorKind::Failed), 502, "kms_failed"),
    ];
    for (error, status, code) in table {
        assert_eq!((error.status(), error.code()), (status, code));
        let body: serde_json::Value = serde_json::from_str(&error.body("id-1")).unwrap();
        assert_eq!(body["error"]["code"], code);
        assert_eq!(body["error"]["request_id"], "id-1");
        assert!(body["error"]["message"].as_str().is_some_and(|message| !message.ends_with('.')));
    }
    assert_eq!(kms(KmsErrorKind::Throttled).header(), Some(("retry-after", "1")));
    assert_eq!(kms(KmsErrorKind::BadCiphertext).to_string(), ApiError::BadCiphertext.to_string());
}
