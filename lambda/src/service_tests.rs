use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::kms_error::KmsErrorKind;

/// A key in memory: a ciphertext is the length of the context, the context, and the plaintext.
#[derive(Default)]
struct Memory {
    failing: Option<KmsErrorKind>,
}

impl Memory {
    fn fail(&self, operation: &'static str) -> Result<(), KmsError> {
        match &self.failing {
            None => Ok(()),
            Some(kind) => Err(error(operation, kind.clone())),
        }
    }
}

fn error(operation: &'static str, kind: KmsErrorKind) -> KmsError {
    KmsError { operation, kind, code: None, request_id: None }
}

fn wrap(plaintext: &[u8], context: &EncryptionContext) -> Vec<u8> {
    let context = context.canonical_bytes();
    [&[1], (context.len() as u32).to_be_bytes().as_slice(), &context, plaintext].concat()
}

impl Keys for Memory {
    async fn encrypt(&self, text: &[u8], context: &EncryptionContext) -> Result<(Vec<u8>, String), KmsError> {
        self.fail("Encrypt")?;
        assert!((1..=4096).contains(&text.len()));
        Ok((wrap(text, context), "arn:key".to_owned()))
    }

    async fn decrypt(
        &self,
        ciphertext: &[u8],
        context: &EncryptionContext,
    ) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        self.fail("Decrypt")?;
        ciphertext
            .strip_prefix(wrap(b"", context).as_slice())
            .map(|plaintext| Zeroizing::new(plaintext.to_vec()))
            .ok_or(error("Decrypt", KmsErrorKind::BadCiphertext))
    }

    async fn generate_data_key(&self, context: &EncryptionContext) -> Result<DataKey, KmsError> {
        self.fail("GenerateDataKey")?;
        let plaintext = Zeroizing::new(b"0123456789abcdef0123456789abcdef".to_vec());
        Ok(DataKey { wrapped: wrap(&plaintext, context), plaintext, key_id: "arn:key".to_owned() })
    }
}

async fn post(keys: &Memory, path: &str, body: &Value) -> Result<Value, ApiError> {
    let body = body.to_string();
    let answer = answer(keys, Call { method: "POST", path, body: body.as_bytes() }).await?;
    Ok(serde_json::to_value(answer).unwrap())
}

async fn encrypted(body: &Value) -> String {
    let answer = post(&Memory::default(), "/encrypt", body).await.unwrap();
    assert_eq!(answer["key_id"], "arn:key");
    answer["ciphertext"].as_str().unwrap().to_owned()
}

async fn refusal(ciphertext: &str, context: Value) -> &'static str {
    let body = json!({ "ciphertext": ciphertext, "context": context });
    post(&Memory::default(), "/decrypt", &body).await.unwrap_err().code()
}

#[tokio::test]
async fn texts_of_every_size_come_back() {
    for length in [0, 1, MAX_DIRECT, MAX_DIRECT + 1, 100_000] {
        let text = "a".repeat(length);
        let ciphertext = encrypted(&json!({ "text": text, "context": { "tenant": "a" } })).await;
        let direct = !is_envelope(&STANDARD.decode(&ciphertext).unwrap());
        assert_eq!(direct, (1..=MAX_DIRECT).contains(&length), "{length}");
        let body = json!({ "ciphertext": ciphertext, "context": { "tenant": "a" } });
        assert_eq!(post(&Memory::default(), "/decrypt", &body).await.unwrap(), json!({ "text": text }));
    }
}

#[tokio::test]
async fn the_limit_counts_bytes_and_not_characters() {
    let ciphertext = encrypted(&json!({ "text": "あ".repeat(1366) })).await;
    assert!(is_envelope(&STANDARD.decode(&ciphertext).unwrap()));
}

#[tokio::test]
async fn a_wrong_context_is_refused_on_both_ways() {
    for length in [10, 10_000] {
        let ciphertext = encrypted(&json!({ "text": "a".repeat(length), "context": { "t": "a" } })).await;
        for wrong in [json!({}), json!({ "t": "b" }), json!({ "t": "a", "u": "b" })] {
            assert_eq!(refusal(&ciphertext, wrong).await, "bad_ciphertext");
        }
    }
}

#[tokio::test]
async fn a_wrapped_data_key_is_no_ciphertext() {
    let ciphertext = encrypted(&json!({ "text": "a".repeat(10_000) })).await;
    let bytes = STANDARD.decode(ciphertext).unwrap();
    let wrapped = Envelope::parse(&bytes).unwrap().wrapped_key().to_vec();
    assert_eq!(refusal(&STANDARD.encode(&wrapped), json!({})).await, "bad_ciphertext");
}

#[tokio::test]
async fn foreign_and_damaged_ciphertexts_are_refused() {
    let mut bytes = STANDARD.decode(encrypted(&json!({ "text": "a".repeat(10_000) })).await).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let foreign: [&[u8]; 5] = [&bytes, b"TXE", b"TXE\x02rest", b"not a ciphertext", &[0; 100]];
    for bytes in foreign {
        assert_eq!(refusal(&STANDARD.encode(bytes), json!({})).await, "bad_ciphertext");
    }
    let binary = wrap(&[0xff, 0xfe], &EncryptionContext::default());
    assert_eq!(refusal(&STANDARD.encode(binary), json!({})).await, "bad_ciphertext");
}

#[tokio::test]
async fn a_failure_of_kms_keeps_its_kind() {
    for (length, operation) in [(10, "Encrypt"), (10_000, "GenerateDataKey")] {
        let keys = Memory { failing: Some(KmsErrorKind::Throttled) };
        let failed = post(&keys, "/encrypt", &json!({ "text": "a".repeat(length) })).await.unwrap_err();
        assert_eq!(failed, ApiError::Kms(error(operation, KmsErrorKind::Throttled)));
    }
}
