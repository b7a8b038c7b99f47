//! KMS keys.

use aws_sdk_kms::Client;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::operation::RequestId;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use zeroize::Zeroizing;

use crate::context::EncryptionContext;
use crate::envelope::DataKey;
use crate::kms_error::{KmsError, KmsErrorKind};
use crate::service::Keys;

/// A KMS key.
#[derive(Debug, Clone)]
pub struct KmsKey {
    client: Client,
    key_id: String,
}

impl KmsKey {
    /// Makes a key from an id, an ARN or an alias.
    #[must_use]
    pub fn new(client: Client, key_id: String) -> Self {
        Self { client, key_id }
    }

    /// Returns the id, ARN or alias that the function was configured with.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Fetches the public half of a key pair as the DER of a SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// Fails if the call to KMS fails.
    pub async fn public_key(&self) -> Result<Vec<u8>, KmsError> {
        let output = self.client.get_public_key().key_id(&self.key_id).send().await;
        let output = output.map_err(|error| failure("GetPublicKey", &error))?;
        bytes("GetPublicKey", output.public_key)
    }
}

impl Keys for KmsKey {
    async fn encrypt(
        &self,
        plaintext: &[u8],
        context: &EncryptionContext,
    ) -> Result<(Vec<u8>, String), KmsError> {
        let output = self
            .client
            .encrypt()
            .key_id(&self.key_id)
            .plaintext(Blob::new(plaintext))
            .set_encryption_context(pairs(context))
            .send()
            .await
            .map_err(|error| failure("Encrypt", &error))?;
        Ok((bytes("Encrypt", output.ciphertext_blob)?, output.key_id.unwrap_or_default()))
    }

    async fn decrypt(
        &self,
        ciphertext: &[u8],
        context: &EncryptionContext,
    ) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        // The request names the key, although KMS could find it by itself, so that KMS refuses a ciphertext of
        // any other key that the role may use.
        let output = self
            .client
            .decrypt()
            .key_id(&self.key_id)
            .ciphertext_blob(Blob::new(ciphertext))
            .set_encryption_context(pairs(context))
            .send()
            .await
            .map_err(|error| failure("Decrypt", &error))?;
        bytes("Decrypt", output.plaintext).map(Zeroizing::new)
    }

    async fn generate_data_key(&self, context: &EncryptionContext) -> Result<DataKey, KmsError> {
        let output = self
            .client
            .generate_data_key()
            .key_id(&self.key_id)
            .key_spec(DataKeySpec::Aes256)
            .set_encryption_context(pairs(context))
            .send()
            .await
            .map_err(|error| failure("GenerateDataKey", &error))?;
        Ok(DataKey {
            plaintext: bytes("GenerateDataKey", output.plaintext).map(Zeroizing::new)?,
            wrapped: bytes("GenerateDataKey", output.ciphertext_blob)?,
            key_id: output.key_id.unwrap_or_default(),
        })
    }
}

/// Returns the pairs to send to KMS, or `None` instead of an empty context: KMS would treat an empty context as a
/// context, and a key policy may require that there is none.
fn pairs(context: &EncryptionContext) -> Option<std::collections::HashMap<String, String>> {
    let pairs = context.pairs();
    (!pairs.is_empty()).then(|| pairs.clone().into_iter().collect())
}

fn bytes(operation: &'static str, blob: Option<Blob>) -> Result<Vec<u8>, KmsError> {
    let missing = || KmsError { operation, kind: KmsErrorKind::Failed, code: None, request_id: None };
    blob.map(Blob::into_inner).ok_or_else(missing)
}

fn failure<E, R>(operation: &'static str, error: &SdkError<E, R>) -> KmsError
where
    E: ProvideErrorMetadata,
    SdkError<E, R>: RequestId,
{
    let kind = match error {
        SdkError::ServiceError(service) => {
            let meta = service.err().meta();
            KmsErrorKind::new(meta.code().unwrap_or_default(), meta.message().unwrap_or_default())
        }
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            KmsErrorKind::Unreachable
        }
        _ => KmsErrorKind::Failed,
    };
    KmsError {
        operation,
        kind,
        code: error.as_service_error().and_then(|service| service.meta().code()).map(str::to_owned),
        request_id: error.request_id().map(str::to_owned),
    }
}
