//! The API: the format of requests and answers, and every way in which a request can be refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::context::{ContextError, EncryptionContext, RawContext};
use crate::envelope::{EnvelopeError, MAX_KMS_CIPHERTEXT, MAX_OVERHEAD, is_envelope};
use crate::json;
use crate::kms_error::{KmsError, KmsErrorKind};

/// The maximum size in bytes of a text that `kms:Encrypt` accepts.
pub const MAX_DIRECT: usize = 4096;
/// The maximum size in bytes of a text: 4 MiB.
///
/// Its ciphertext in base64 (5.6 MB) stays under Lambda's limit of 6 MiB for an event or an answer, and request
/// and answer together stay under the gateway's 10 MB.
pub const MAX_TEXT: usize = 4 * 1024 * 1024;
/// The maximum size in bytes of a Lambda event or answer.
const MAX_LAMBDA_PAYLOAD: usize = 6 * 1024 * 1024;
/// The bytes reserved for status, headers and field names around a body.
const ANSWER_FRAME: usize = 4096;

/// The parts of a request that the API uses.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    pub method: &'a str,
    /// The path without the stage.
    pub path: &'a str,
    pub body: &'a [u8],
}

/// The action that a request asks for.
pub enum Action {
    Encrypt { text: String, context: EncryptionContext },
    Decrypt { ciphertext: Vec<u8>, context: EncryptionContext },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EncryptBody {
    text: String,
    #[serde(default, deserialize_with = "json::present")]
    context: Option<RawContext>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecryptBody {
    ciphertext: String,
    #[serde(default, deserialize_with = "json::present")]
    context: Option<RawContext>,
}

/// The answer of a route.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Answer {
    Encrypted { ciphertext: String, key_id: String },
    Decrypted { text: String },
}

/// A refusal of a request; [`ApiError::code`] is stable, the message is for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    #[error("there is no such route, use POST /encrypt or POST /decrypt")]
    NotFound,
    #[error("this route takes POST only")]
    MethodNotAllowed,
    /// The body has the wrong shape. Only the position is kept, because serde's message may quote the text.
    #[error("the body is not the object that this route takes, look at line {line} column {column}")]
    BadJson { line: usize, column: usize },
    #[error(transparent)]
    BadContext(#[from] ContextError),
    #[error("`ciphertext` is not base64 of the standard alphabet with padding")]
    BadBase64,
    #[error("`ciphertext` cannot be decrypted by this key with this context, send both as they were made")]
    BadCiphertext,
    #[error("`text` has {bytes} bytes, the most is {MAX_TEXT}, split it")]
    TextTooLarge { bytes: usize },
    #[error("`text` would not fit into the answer of /decrypt for its escaped characters, split it")]
    AnswerTooLarge,
    #[error("`ciphertext` is longer than any that /encrypt returns")]
    CiphertextTooLarge,
    #[error("{}", kms_message(&.0.kind))]
    Kms(KmsError),
    #[error("the function failed, its log says why under this request id")]
    Internal,
}

impl ApiError {
    /// Returns the HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::BadJson { .. } | Self::BadContext(_) | Self::BadBase64 | Self::BadCiphertext => 400,
            Self::TextTooLarge { .. } | Self::AnswerTooLarge | Self::CiphertextTooLarge => 413,
            Self::Internal => 500,
            Self::Kms(error) => match error.kind {
                KmsErrorKind::BadCiphertext => 400,
                KmsErrorKind::Failed => 502,
                KmsErrorKind::AccessDenied(_)
                | KmsErrorKind::Throttled
                | KmsErrorKind::KeyUnavailable
                | KmsErrorKind::Unreachable => 503,
            },
        }
    }

    /// Returns the code that programs can rely on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::BadJson { .. } => "bad_json",
            Self::BadContext(_) => "bad_context",
            Self::BadBase64 => "bad_base64",
            Self::BadCiphertext => "bad_ciphertext",
            Self::TextTooLarge { .. } | Self::AnswerTooLarge => "text_too_large",
            Self::CiphertextTooLarge => "ciphertext_too_large",
            Self::Internal => "internal",
            Self::Kms(error) => match error.kind {
                KmsErrorKind::AccessDenied(_) => "key_access_denied",
                KmsErrorKind::Throttled => "throttled",
                KmsErrorKind::KeyUnavailable => "key_unavailable",
                KmsErrorKind::BadCiphertext => "bad_ciphertext",
                KmsErrorKind::Unreachable => "kms_unreachable",
                KmsErrorKind::Failed => "kms_failed",
            },
        }
    }

    /// Returns the header that this refusal adds, if any.
    #[must_use]
    pub fn header(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::MethodNotAllowed => Some(("allow", "POST")),
            Self::Kms(KmsError { kind: KmsErrorKind::Throttled | KmsErrorKind::Unreachable, .. }) => {
                Some(("retry-after", "1"))
            }
            _ => None,
        }
    }

    /// Returns the body.
    #[must_use]
    pub fn body(&self, request_id: &str) -> String {
        let message = self.to_string();
        serde_json::json!({
            "error": { "code": self.code(), "message": message, "request_id": request_id }
        })
        .to_string()
    }
}

impl From<EnvelopeError> for ApiError {
    fn from(error: EnvelopeError) -> Self {
        match error {
            EnvelopeError::Damaged | EnvelopeError::Version(_) => Self::BadCiphertext,
            EnvelopeError::Key => Self::Internal,
        }
    }
}

impl From<KmsError> for ApiError {
    fn from(error: KmsError) -> Self {
        Self::Kms(error)
    }
}

fn kms_message(kind: &KmsErrorKind) -> &'static str {
    match kind {
        KmsErrorKind::AccessDenied(_) => "the function may not use its key, tell its operator the request id",
        KmsErrorKind::Throttled => "too many requests to the key at the moment, try again in a second",
        KmsErrorKind::KeyUnavailable => "the key cannot be used, tell the operator the request id",
        KmsErrorKind::BadCiphertext => {
            "`ciphertext` cannot be decrypted by this key with this context, send both as they were made"
        }
        KmsErrorKind::Unreachable => "the key service did not answer in time, try again in a second",
        KmsErrorKind::Failed => "the key service failed, try again and then tell the operator the request id",
    }
}

impl Action {
    /// Parses a request.
    ///
    /// # Errors
    /// Returns the refusal of an unknown route, a wrong method, a body of another shape, or a body that is too large.
    pub fn parse(call: Call<'_>) -> Result<Self, ApiError> {
        let read = match call.path {
            "/encrypt" => Self::encrypt,
            "/decrypt" => Self::decrypt,
            _ => return Err(ApiError::NotFound),
        };
        if call.method != "POST" {
            return Err(ApiError::MethodNotAllowed);
        }
        read(call.body)
    }

    fn encrypt(body: &[u8]) -> Result<Self, ApiError> {
        let EncryptBody { text, context } = read(body)?;
        if text.len() > MAX_TEXT {
            return Err(ApiError::TextTooLarge { bytes: text.len() });
        }
        // Refused at encryption, because a text that can be encrypted but never returned by decryption would be lost.
        if decrypted_bytes(&text) + ANSWER_FRAME > MAX_LAMBDA_PAYLOAD {
            return Err(ApiError::AnswerTooLarge);
        }
        Ok(Self::Encrypt { text, context: EncryptionContext::new(context)? })
    }

    fn decrypt(body: &[u8]) -> Result<Self, ApiError> {
        let DecryptBody { ciphertext, context } = read(body)?;
        let context = EncryptionContext::new(context)?;
        let ciphertext = STANDARD.decode(ciphertext).map_err(|_| ApiError::BadBase64)?;
        let most = if is_envelope(&ciphertext) { MAX_TEXT + MAX_OVERHEAD } else { MAX_KMS_CIPHERTEXT };
        match ciphertext.len() {
            0 => Err(ApiError::BadCiphertext),
            length if length > most => Err(ApiError::CiphertextTooLarge),
            _ => Ok(Self::Decrypt { ciphertext, context }),
        }
    }
}

impl Answer {
    /// Makes the answer of `/encrypt`.
    #[must_use]
    pub fn encrypted(ciphertext: &[u8], key_id: String) -> Self {
        Self::Encrypted { ciphertext: STANDARD.encode(ciphertext), key_id }
    }

    /// Makes the answer of `/decrypt`.
    ///
    /// # Errors
    /// Refuses bytes that are not text: they were not encrypted by this API.
    pub fn decrypted(plaintext: Vec<u8>) -> Result<Self, ApiError> {
        String::from_utf8(plaintext).map(|text| Self::Decrypted { text }).map_err(|_| ApiError::BadCiphertext)
    }
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    // An error about the whole body has no position, which serde reports as 0.
    let place = |error: serde_json::Error| (error.line().max(1), error.column().max(1));
    json::object(body).map_err(place).map_err(|(line, column)| ApiError::BadJson { line, column })
}

/// Counts the bytes of a text in Lambda's answer, in which it is escaped twice: as JSON in a JSON string.
fn decrypted_bytes(text: &str) -> usize {
    text.bytes()
        .map(|byte| match byte {
            b'"' | b'\\' => 4,
            b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 3,
            0x00..=0x1f => 7,
            _ => 1,
        })
        .sum()
}

#[cfg(test)]
#[path = "api_tests.rs"]
mod tests;
