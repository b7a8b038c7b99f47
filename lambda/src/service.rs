//! Encrypts and decrypts with any implementation of [`Keys`].

use std::future::Future;

use zeroize::Zeroizing;

use crate::api::{Action, Answer, ApiError, Call, MAX_DIRECT};
use crate::context::EncryptionContext;
use crate::envelope::{self, DataKey, Envelope, is_envelope};
use crate::kms_error::KmsError;

/// The three KMS calls that the API needs, on one key.
pub trait Keys: Sync {
    /// Encrypts 1 to 4096 bytes; returns the ciphertext and the ARN of the key.
    fn encrypt(
        &self,
        plaintext: &[u8],
        context: &EncryptionContext,
    ) -> impl Future<Output = Result<(Vec<u8>, String), KmsError>> + Send;

    /// Decrypts a result of `encrypt` or `generate_data_key` under the same context.
    fn decrypt(
        &self,
        ciphertext: &[u8],
        context: &EncryptionContext,
    ) -> impl Future<Output = Result<Zeroizing<Vec<u8>>, KmsError>> + Send;

    /// Generates an AES-256 data key.
    fn generate_data_key(
        &self,
        context: &EncryptionContext,
    ) -> impl Future<Output = Result<DataKey, KmsError>> + Send;
}

/// Answers one request.
///
/// # Errors
/// Returns the refusal to send instead.
pub async fn answer<K: Keys>(keys: &K, call: Call<'_>) -> Result<Answer, ApiError> {
    match Action::parse(call)? {
        Action::Encrypt { text, context } => encrypt(keys, &Zeroizing::new(text), &context).await,
        Action::Decrypt { ciphertext, context } => decrypt(keys, &ciphertext, &context).await,
    }
}

async fn encrypt<K: Keys>(keys: &K, text: &str, context: &EncryptionContext) -> Result<Answer, ApiError> {
    // `kms:Encrypt` does not accept an empty plaintext, but an envelope does.
    if (1..=MAX_DIRECT).contains(&text.len()) {
        let (ciphertext, key_id) = keys.encrypt(text.as_bytes(), context).await?;
        return Ok(Answer::encrypted(&ciphertext, key_id));
    }
    let data_key = keys.generate_data_key(&context.for_data_key()).await?;
    let sealed = envelope::seal(&data_key, context, text.as_bytes())?;
    Ok(Answer::encrypted(&sealed, data_key.key_id))
}

async fn decrypt<K: Keys>(
    keys: &K,
    ciphertext: &[u8],
    context: &EncryptionContext,
) -> Result<Answer, ApiError> {
    if !is_envelope(ciphertext) {
        let plaintext = keys.decrypt(ciphertext, context).await?;
        return Answer::decrypted(plaintext.to_vec());
    }
    let envelope = Envelope::parse(ciphertext)?;
    let key = keys.decrypt(envelope.wrapped_key(), &context.for_data_key()).await?;
    Answer::decrypted(envelope.open(&key, context)?)
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;
