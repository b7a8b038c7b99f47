use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;

use super::*;

/// Returns an error of AWS in the form in which the SDK passes it on.
pub(in crate::aws) fn refused(
    code: &str,
    message: &str,
    status: u16,
    retry_after: &'static str,
) -> SdkError<ErrorMetadata, HttpResponse> {
    let meta = ErrorMetadata::builder().code(code).message(message).custom("aws_request_id", "r-1").build();
    let mut response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
    response.headers_mut().insert("retry-after", retry_after);
    SdkError::service_error(meta, response)
}

pub(in crate::aws) fn answer(operation: &str, code: &str, message: &str, status: u16) -> AwsError {
    AwsError::from_sdk(operation, refused(code, message, status, "7"))
}

#[test]
fn an_error_shows_operation_code_and_request() {
    let error = answer("kms:PutKeyPolicy", "MalformedPolicyDocumentException", "No.", 400);
    assert_eq!(error.to_string(), "kms:PutKeyPolicy: MalformedPolicyDocumentException: No (request r-1)");
    assert_eq!((error.kind(), error.status()), (ErrorKind::Invalid, Some(400)));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
}

#[test]
fn a_message_cannot_drive_a_terminal() {
    let error = answer("iam:GetRole", "Odd\u{1b}", "a\u{1b}[2Jb\nc\u{9b}d", 400);
    assert_eq!(error.to_string(), "iam:GetRole: Odd : a [2Jb c d (request r-1)");
}

#[test]
fn only_no_such_entity_means_absent() {
    let kind = |code, status| answer("iam:GetRole", code, "", status).kind();
    assert_eq!(kind("NoSuchEntity", 404), ErrorKind::NotFound);
    assert_eq!(kind("AccessDenied", 403), ErrorKind::Denied);
    assert_eq!(kind("Whatever", 404), ErrorKind::Invalid);
    assert_eq!(kind("Whatever", 503), ErrorKind::Transient);
    assert_eq!(kind("ExpiredToken", 403), ErrorKind::Credentials);
}

#[test]
fn a_limit_is_a_rate_or_a_quota() {
    let kind = |operation, message| answer(operation, "LimitExceededException", message, 429).kind();
    assert_eq!(kind("kms:PutKeyPolicy", "Policy is too long"), ErrorKind::Invalid);
    assert_eq!(kind("apigateway:CreateResource", "Too many requests"), ErrorKind::Throttled);
    assert_eq!(kind("apigateway:CreateResource", "Maximum number of resources"), ErrorKind::Invalid);
}

#[test]
fn a_lost_answer_is_not_a_refusal() {
    let lost: SdkError<ErrorMetadata, HttpResponse> = SdkError::timeout_error("late");
    assert_eq!(AwsError::from_sdk("kms:CreateKey", lost).kind(), ErrorKind::Unknown);
    let none: SdkError<ErrorMetadata, HttpResponse> =
        SdkError::construction_failure("the credentials provider gave none");
    assert_eq!(AwsError::from_sdk("kms:CreateKey", none).kind(), ErrorKind::Credentials);
}

#[test]
fn a_reason_stays_the_same() {
    let denied = answer("apigateway:GetRestApis", "AccessDeniedException", "User: x/session-1", 403);
    assert_eq!(denied.reason(), "`apigateway:GET` is not allowed");
}

#[test]
fn a_locked_out_caller_is_told_where_to_stand() {
    let message = "The new key policy will not allow you to update the key policy in the future.";
    let error = answer("kms:PutKeyPolicy", "MalformedPolicyDocumentException", message, 400);
    assert!(error.hint().unwrap().contains("administrators"));
    let message =
        "User: u is not authorized because no resource-based policy allows the kms:GetKeyPolicy action";
    let error = answer("kms:GetKeyPolicy", "AccessDeniedException", message, 400);
    assert!(error.hint().unwrap().contains("key policy"));
}

#[test]
fn a_secret_is_hidden_in_every_form_in_which_it_is_repeated() {
    let secret = "a\"b\nc\\d".to_owned();
    let json = serde_json::to_string(&secret).unwrap();
    for repeated in [secret.clone(), json.clone(), serde_json::to_string(&json).unwrap()] {
        let error = answer("lambda:UpdateFunctionConfiguration", "X", &format!("measured: {repeated}."), 400);
        let shown =
            error.without(&[secret.clone(), json.trim_matches('"').to_owned()], "(hidden)").to_string();
        assert!(shown.contains("(hidden)") && !shown.contains("a\\\"b") && !shown.contains("c\\"), "{shown}");
    }
}
