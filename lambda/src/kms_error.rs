//! Failures of KMS: their meaning for the caller, and the details that may be logged.

/// A failed call to KMS, without any of its input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("kms:{operation} failed: {}", code.as_deref().unwrap_or("no answer"))]
pub struct KmsError {
    /// The action without its prefix, such as `Encrypt`.
    pub operation: &'static str,
    pub kind: KmsErrorKind,
    /// The error code from KMS; `None` if KMS did not answer.
    pub code: Option<String>,
    /// The request id from KMS.
    pub request_id: Option<String>,
}

/// The kinds of failure that callers can distinguish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KmsErrorKind {
    /// The key policy does not allow the role, its own policies do not, or a statement denies the call.
    AccessDenied(Box<Denial>),
    /// Too many calls, after the SDK's own retries.
    Throttled,
    /// The key is disabled, pending deletion, deleted, or cannot be used for this operation.
    KeyUnavailable,
    /// The ciphertext does not belong to this key and this encryption context.
    BadCiphertext,
    /// No answer within the time limits.
    Unreachable,
    /// Anything else.
    Failed,
}

/// The principal, role and key of a denial, as far as KMS names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Denial {
    /// The ARN of the caller.
    pub principal: Option<String>,
    /// The name of the caller's role, if it has one.
    pub role: Option<String>,
    /// The ARN of the key.
    pub key: Option<String>,
}

impl KmsErrorKind {
    /// Classifies a failure by its KMS error code, and for a denial also parses the message.
    #[must_use]
    pub fn new(code: &str, message: &str) -> Self {
        match code {
            "AccessDeniedException" | "AccessDenied" => Self::AccessDenied(Box::new(Denial::parse(message))),
            "ThrottlingException" | "Throttling" | "TooManyRequestsException" => Self::Throttled,
            "DisabledException"
            | "KMSInvalidStateException"
            | "KeyUnavailableException"
            | "NotFoundException"
            | "InvalidKeyUsageException"
            | "UnsupportedOperationException" => Self::KeyUnavailable,
            "InvalidCiphertextException" | "IncorrectKeyException" => Self::BadCiphertext,
            _ => Self::Failed,
        }
    }
}

impl Denial {
    /// Parses the KMS message "User: P is not authorized to perform: A on resource: R because ...".
    ///
    /// No field of the error contains the principal, so it is taken from the text; missing parts stay empty.
    #[must_use]
    pub fn parse(message: &str) -> Self {
        let principal = between(message, "User: ", " is not authorized to perform: ");
        let key = message.split_once(" on resource: ").map(|(_, rest)| first_word(rest));
        Self {
            role: principal.and_then(role_of),
            principal: principal.map(str::to_owned),
            key: key.filter(|key| key.starts_with("arn:")).map(str::to_owned),
        }
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    let (inner, _) = rest.split_once(end)?;
    (!inner.is_empty()).then_some(inner)
}

fn first_word(text: &str) -> &str {
    text.split([' ', ',']).next().unwrap_or_default()
}

/// Extracts ROLE from `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
fn role_of(principal: &str) -> Option<String> {
    let resource = principal.splitn(6, ':').nth(5)?;
    let (role, _session) = resource.strip_prefix("assumed-role/")?.split_once('/')?;
    Some(role.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINCIPAL: &str = "arn:aws:sts::111122223333:assumed-role/encrypt-prod/text-encryption";
    const KEY: &str = "arn:aws:kms:ap-northeast-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn a_denial_names_principal_role_and_key() {
        let reason = "because no resource-based policy allows the kms:Encrypt action";
        let message = format!(
            "User: {PRINCIPAL} is not authorized to perform: kms:Encrypt on resource: {KEY} {reason}"
        );
        let denial = Denial::parse(&message);
        assert_eq!(denial.principal.as_deref(), Some(PRINCIPAL));
        assert_eq!(denial.role.as_deref(), Some("encrypt-prod"));
        assert_eq!(denial.key.as_deref(), Some(KEY));
    }

    #[test]
    fn what_a_message_lacks_stays_empty() {
        let message = format!("User: {PRINCIPAL} is not authorized to perform: kms:Encrypt because of it");
        assert_eq!(Denial::parse(&message).key, None);
        let message =
            format!("User: {PRINCIPAL} is not authorized to perform: kms:Encrypt on resource: * for it");
        assert_eq!(Denial::parse(&message).key, None);
        let vague = "The ciphertext refers to a customer master key that you are not allowed to access.";
        for message in ["", "User: ", "User:  is not authorized to perform: ", vague] {
            assert_eq!(Denial::parse(message), Denial::default(), "{message}");
        }
        let user = "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: kms:Encrypt";
        assert_eq!(Denial::parse(user).role, None);
        assert!(Denial::parse(user).principal.is_some());
    }

    #[test]
    fn codes_have_their_kinds() {
        use KmsErrorKind::{BadCiphertext, Failed, KeyUnavailable, Throttled};
        for (code, kind) in [
            ("ThrottlingException", Throttled),
            ("DisabledException", KeyUnavailable),
            ("KMSInvalidStateException", KeyUnavailable),
            ("NotFoundException", KeyUnavailable),
            ("InvalidCiphertextException", BadCiphertext),
            ("IncorrectKeyException", BadCiphertext),
            ("KMSInternalException", Failed),
            ("ExpiredTokenException", Failed),
            ("", Failed),
        ] {
            assert_eq!(KmsErrorKind::new(code, ""), kind, "{code}");
        }
    }
}
