use std::cell::Cell;

use aws_smithy_types::error::ErrorMetadata;

use super::*;
use crate::aws::Settings;
use crate::aws::error::tests::{answer, refused};

fn awaited(operation: &str, code: &str, message: &str, status: u16) -> Option<Awaited> {
    verdict(operation, &answer(operation, code, message, status)).map(|(awaited, _)| awaited)
}

#[test]
fn one_code_is_told_apart_by_its_message() {
    let policy = |message| awaited("kms:PutKeyPolicy", "MalformedPolicyDocumentException", message, 400);
    let invalid = "Policy contains a statement with one or more invalid principals.";
    assert_eq!(policy(invalid), Some(Awaited::PrincipalVisible));
    assert_eq!(policy("The new key policy will not allow you to update the key policy in the future."), None);
    assert_eq!(policy("Syntax errors in policy."), None);
    let update = |message| {
        awaited("lambda:UpdateFunctionConfiguration", "InvalidParameterValueException", message, 400)
    };
    let role = "The role defined for the function cannot be assumed by Lambda.";
    assert_eq!(update(role), Some(Awaited::RoleAssumable));
    assert_eq!(update("Unsupported handler"), None);
}

#[test]
fn a_missing_managed_policy_is_not_a_missing_role() {
    let attach = |message| awaited("iam:AttachRolePolicy", "NoSuchEntity", message, 404);
    assert_eq!(attach("The role with name x cannot be found."), Some(Awaited::RoleVisible));
    assert_eq!(attach("Policy arn:aws:iam::aws:policy/X does not exist or is not attachable."), None);
}

#[test]
fn a_create_that_cannot_be_told_from_a_second_one_is_made_once() {
    for operation in ONCE {
        assert_eq!(awaited(operation, "ServiceUnavailableException", "", 503), None, "{operation}");
        let rejected = awaited(operation, "TooManyRequestsException", "", 429);
        assert_eq!(rejected, Some(Awaited::Rate), "{operation}");
    }
    assert_eq!(awaited("iam:CreateRole", "ServiceFailure", "", 500), Some(Awaited::Recovery));
}

#[test]
fn quotas_refusals_and_absence_stay() {
    assert_eq!(awaited("kms:PutKeyPolicy", "LimitExceededException", "", 400), None);
    assert_eq!(awaited("kms:PutKeyPolicy", "AccessDeniedException", "", 400), None);
    assert_eq!(awaited("kms:DescribeKey", "NotFoundException", "", 400), None);
    assert_eq!(awaited("kms:EnableKey", "KMSInvalidStateException", "k is pending deletion.", 400), None);
    assert_eq!(awaited("lambda:CreateFunction", "ResourceConflictException", "Function exist", 409), None);
}

#[test]
fn reads_are_left_to_the_sdk_unless_the_rate_is_limited() {
    assert_eq!(awaited("iam:GetRole", "ServiceFailure", "", 500), None);
    assert_eq!(awaited("iam:GetRole", "Throttling", "", 400), Some(Awaited::Rate));
}

async fn aws() -> Aws {
    let keys = Some(("AKIAEXAMPLE".to_owned(), "secret".to_owned()));
    let settings =
        Settings { region: "eu-west-1".to_owned(), static_credentials: keys, ..Settings::default() };
    Aws::connect(&settings).await.unwrap()
}

/// Makes a call that AWS always answers with the same error; returns the error and the number of calls.
async fn call_in_vain(code: &str, message: &str, hope: Result<(), AwsError>) -> (AwsError, u32) {
    let (sent, hope) = (Cell::new(0), Cell::new(Some(hope)));
    let send = || {
        sent.set(sent.get() + 1);
        let answer = refused(code, message, 400, "1000");
        async { Err::<(), SdkError<ErrorMetadata, HttpResponse>>(answer) }
    };
    let ask = || async { hope.take().unwrap_or(Ok(())) };
    let error = aws().await.call_while("kms:PutKeyPolicy", send, ask).await.unwrap_err();
    (error, sent.get())
}

const INVALID_PRINCIPALS: &str = "Policy contains a statement with one or more invalid principals.";

#[tokio::test]
async fn an_error_that_stays_is_returned_at_once() {
    let (error, sent) =
        call_in_vain("MalformedPolicyDocumentException", "Syntax errors in policy.", Ok(())).await;
    assert_eq!((error.code(), sent), (Some("MalformedPolicyDocumentException"), 1));
}

#[tokio::test]
async fn without_hope_nothing_is_waited_for() {
    let gone = AwsError::new("checking principals", ErrorKind::Invalid, "it does not exist");
    let (error, sent) = call_in_vain("MalformedPolicyDocumentException", INVALID_PRINCIPALS, Err(gone)).await;
    assert_eq!((error.message(), sent), ("it does not exist", 1));
}

#[tokio::test]
async fn a_pause_beyond_the_deadline_is_not_begun() {
    let (error, sent) = call_in_vain("MalformedPolicyDocumentException", INVALID_PRINCIPALS, Ok(())).await;
    assert_eq!(sent, 1);
    assert!(error.to_string().contains("of waiting for the principal to be known"), "{error}");
}
