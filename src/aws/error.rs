//! One error type for every call to AWS.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::hint;
use super::retry::Awaited;

/// The meaning of an error for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorKind {
    /// AWS has no such entity. Only this kind means that the entity is absent.
    NotFound,
    /// The caller may not do this, or may not read this.
    Denied,
    /// AWS limits the rate.
    Throttled,
    /// The entity exists already, is being changed, or is in a state that does not allow the call.
    Conflict,
    /// AWS refuses the request as it is, for example because of a quota.
    Invalid,
    /// AWS reports a failure on its side.
    Transient,
    /// Credentials are missing or expired, or the clock is wrong.
    Credentials,
    /// No answer: the call may or may not have been carried out.
    Unknown,
    /// A condition was not met in time.
    Timeout,
    /// Someone asked to stop before the end of the call, or before its effect was seen.
    Halted,
}

/// A failed call to AWS.
#[derive(Debug)]
pub struct AwsError {
    // Boxed, because a `Result` is as large as its larger variant.
    detail: Box<Detail>,
}

#[derive(Debug)]
struct Detail {
    operation: String,
    kind: ErrorKind,
    code: Option<String>,
    message: String,
    request_id: Option<String>,
    status: Option<u16>,
    retry_after: Option<Duration>,
    waited: Option<(Awaited, Duration)>,
    hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl AwsError {
    /// Translates an error of the SDK.
    pub fn from_sdk<E>(operation: &str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let response = error.raw_response();
        let status = response.map(|response| response.status().as_u16());
        let retry_after = response.and_then(|response| retry_after(response.headers().get("retry-after")?));
        let code = error.code().map(printable);
        let request_id = error.meta().extra("aws_request_id").map(printable);
        let message_text = error.message().map(printable);
        let answered = matches!(error, SdkError::ServiceError(_));
        let garbled = matches!(error, SdkError::ResponseError(_));
        let unbuilt = matches!(error, SdkError::ConstructionFailure(_));
        let source = error.into_source().ok();
        let kind = match (&code, status) {
            _ if !answered => unanswered(unbuilt, source.as_deref()),
            (code, status) => classify(operation, code.as_deref(), message_text.as_deref(), status),
        };
        let message = match (message_text, kind) {
            (Some(message_text), _) => message_text,
            (None, ErrorKind::Credentials) => "no credentials are found".to_owned(),
            (None, _) if garbled => "the answer of AWS cannot be read".to_owned(),
            (None, ErrorKind::Unknown) => "no answer from AWS".to_owned(),
            (None, _) => "AWS gives no reason".to_owned(),
        };
        // The message already contains what AWS said.
        let source = if answered { None } else { source };
        let hint = hint::of(operation, kind, code.as_deref(), &message);
        let detail = Detail {
            operation: operation.to_owned(),
            kind,
            code,
            message,
            request_id,
            status,
            retry_after,
            waited: None,
            hint,
            source,
        };
        Self { detail: Box::new(detail) }
    }

    /// Creates an error that is not the answer to a call: `operation` names what was being done.
    pub fn new(operation: impl Into<String>, kind: ErrorKind, message: impl Into<String>) -> Self {
        let detail = Detail {
            operation: operation.into(),
            kind,
            code: None,
            message: message.into(),
            request_id: None,
            status: None,
            retry_after: None,
            waited: None,
            hint: None,
            source: None,
        };
        Self { detail: Box::new(detail) }
    }

    /// Creates the error of an operation whose end was not waited for.
    pub fn halted(operation: impl Into<String>) -> Self {
        Self::new(operation, ErrorKind::Halted, "not waited for any longer")
            .with_hint("run the command again: it goes on from here")
    }

    /// Replaces the hint.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.detail.hint = Some(hint.into());
        self
    }

    /// Removes secrets from the message: AWS repeats values that it refuses.
    pub fn without(mut self, secrets: &[String], in_place: &str) -> Self {
        let message = &mut self.detail.message;
        for secret in secrets {
            // The secret as it is, as part of JSON, and both with control characters removed.
            let json = serde_json::to_string(secret).unwrap_or_default();
            let escaped = json.trim_matches('"').to_owned();
            for form in [printable(secret), printable(&escaped), secret.clone(), escaped] {
                *message = message.replace(form.as_str(), in_place);
            }
        }
        self
    }

    /// Records what was waited for without success, and for how long.
    pub(crate) fn after_waiting(mut self, awaited: Awaited, waited: Duration) -> Self {
        self.detail.waited = Some((awaited, waited));
        self
    }

    /// Returns the operation, such as `kms:CreateKey`.
    pub fn operation(&self) -> &str {
        &self.detail.operation
    }

    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.detail.kind
    }

    /// Returns AWS's error code.
    pub fn code(&self) -> Option<&str> {
        self.detail.code.as_deref()
    }

    /// Returns AWS's message.
    pub fn message(&self) -> &str {
        &self.detail.message
    }

    /// Returns the id by which AWS Support finds the request.
    pub fn request_id(&self) -> Option<&str> {
        self.detail.request_id.as_deref()
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> Option<u16> {
        self.detail.status
    }

    /// Returns what to do next.
    pub fn hint(&self) -> Option<&str> {
        self.detail.hint.as_deref()
    }

    /// Returns why something could not be read, in words that are the same every time, because plans are compared.
    pub fn reason(&self) -> String {
        match self.kind() {
            ErrorKind::Denied => format!("`{}` is not allowed", hint::action(self.operation())),
            _ => format!("{}: {}", self.operation(), self.code().unwrap_or("no answer")),
        }
    }

    /// Returns the time after which AWS asks to retry.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.detail.retry_after
    }

    /// Returns whether AWS has no such entity.
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// Returns whether the caller may not do this.
    pub fn is_denied(&self) -> bool {
        self.kind() == ErrorKind::Denied
    }

    /// Returns whether the error has this code.
    pub fn has_code(&self, code: &str) -> bool {
        self.code() == Some(code)
    }

    /// Returns whether the message of AWS contains this text, ignoring letter case.
    pub fn says(&self, text: &str) -> bool {
        self.message().to_ascii_lowercase().contains(&text.to_ascii_lowercase())
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Detail { operation, code, message, request_id, waited, .. } = self.detail.as_ref();
        write!(f, "{operation}: ")?;
        if let Some(code) = code {
            write!(f, "{code}: ")?;
        }
        f.write_str(message.trim_end().trim_end_matches('.'))?;
        if let Some((awaited, waited)) = waited {
            write!(f, ", after {} s of waiting for {awaited}", waited.as_secs())?;
        }
        match request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}

impl Error for AwsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.detail.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// Removes control characters, so that an answer cannot control a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Reads `Retry-After` in seconds. The SDK heeds only `x-amz-retry-after`, which Lambda and API Gateway do not send.
fn retry_after(header: &str) -> Option<Duration> {
    header.trim().parse().ok().map(Duration::from_secs)
}

fn unanswered(unbuilt: bool, source: Option<&(dyn Error + Send + Sync + 'static)>) -> ErrorKind {
    let mut next: Option<&(dyn Error + 'static)> = source.map(|source| source as &(dyn Error + 'static));
    while let Some(error) = next {
        // The SDK wraps its credentials error in types that it does not export, so the text has to be searched.
        let text = error.to_string().to_ascii_lowercase();
        if text.contains("credential") || text.contains("identity") || text.contains("sso") {
            return ErrorKind::Credentials;
        }
        next = error.source();
    }
    if unbuilt { ErrorKind::Invalid } else { ErrorKind::Unknown }
}

fn classify(operation: &str, code: Option<&str>, message: Option<&str>, status: Option<u16>) -> ErrorKind {
    let by_code = match code.unwrap_or_default() {
        "NotFoundException"
        | "NoSuchEntity"
        | "NoSuchEntityException"
        | "ResourceNotFoundException"
        | "ParameterNotFound"
        | "ParameterVersionNotFound" => Some(ErrorKind::NotFound),
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedException"
        | "UnauthorizedOperation"
        | "AuthorizationError"
        | "ForbiddenException" => Some(ErrorKind::Denied),
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "InvalidAccessKeyId" => Some(ErrorKind::Credentials),
        // Comes with the status 501, and a retry never helps.
        "NotImplemented" => Some(ErrorKind::Invalid),
        // One code with two meanings: a rate for API Gateway (HTTP 429, unless the message mentions a maximum), a quota
        // or the size of a policy for KMS and Logs.
        "LimitExceededException" => {
            let quota = message.unwrap_or_default().to_ascii_lowercase().contains("maximum");
            let rate = operation.starts_with("apigateway:") && !quota;
            Some(if rate { ErrorKind::Throttled } else { ErrorKind::Invalid })
        }
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "BandwidthLimitExceeded"
        | "SlowDown" => Some(ErrorKind::Throttled),
        "AlreadyExistsException"
        | "EntityAlreadyExists"
        | "ResourceAlreadyExistsException"
        | "ResourceConflictException"
        | "ConflictException"
        | "ConcurrentModification"
        | "EntityTemporarilyUnmodifiable"
        | "DeleteConflict"
        | "PreconditionFailedException"
        | "ParameterAlreadyExists"
        | "TooManyUpdates"
        | "OperationAbortedException"
        | "DisabledException"
        | "KMSInvalidStateException" => Some(ErrorKind::Conflict),
        "RequestTimeout" | "RequestTimeoutException" | "PriorRequestNotComplete" => {
            Some(ErrorKind::Transient)
        }
        _ => None,
    };
    by_code.unwrap_or(match status {
        Some(401 | 403) => ErrorKind::Denied,
        Some(429) => ErrorKind::Throttled,
        Some(500..) => ErrorKind::Transient,
        _ => ErrorKind::Invalid,
    })
}

#[cfg(test)]
#[path = "error_tests.rs"]
pub(crate) mod tests;
