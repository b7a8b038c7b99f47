//! The encryption context: pairs that are not secret and must be the same for decryption.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::json::UniqueMap;

/// The maximum total size in bytes of all keys and values of a context.
pub const MAX_CONTEXT_BYTES: usize = 2048;

/// The prefix of keys that are reserved for the envelope.
const RESERVED_PREFIX: &str = "text-encryption:";

/// The reason why a context cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    #[error("the keys and values of `context` have {bytes} bytes, the most is {MAX_CONTEXT_BYTES}")]
    TooLarge { bytes: usize },
    #[error("a key of `context` is empty, name every value")]
    EmptyKey,
    #[error("keys of `context` that start with `{RESERVED_PREFIX}` are reserved, choose another name")]
    Reserved,
}

/// The pairs that KMS and an envelope bind to a ciphertext.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EncryptionContext(BTreeMap<String, String>);

/// A context as it appears in a request body, before [`EncryptionContext::new`] has checked it.
#[derive(Debug, Deserialize)]
pub struct RawContext(UniqueMap<String>);

impl EncryptionContext {
    /// Checks the pairs of a request.
    ///
    /// # Errors
    /// Returns the rule that a key, or the size, breaks.
    pub fn new(raw: Option<RawContext>) -> Result<Self, ContextError> {
        let pairs = raw.map(|RawContext(UniqueMap(pairs))| pairs).unwrap_or_default();
        let bytes = pairs.iter().map(|(key, value)| key.len() + value.len()).sum();
        if bytes > MAX_CONTEXT_BYTES {
            return Err(ContextError::TooLarge { bytes });
        }
        if pairs.contains_key("") {
            return Err(ContextError::EmptyKey);
        }
        if pairs.keys().any(|key| key.starts_with(RESERVED_PREFIX)) {
            return Err(ContextError::Reserved);
        }
        Ok(Self(pairs))
    }

    /// Returns the pairs for KMS.
    #[must_use]
    pub fn pairs(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Adds the pair under which the data key of an envelope is wrapped.
    ///
    /// Without this pair, the wrapped key of an envelope, sent to `/decrypt` by itself, would be a valid
    /// ciphertext, and the answer would contain the data key.
    #[must_use]
    pub fn for_data_key(&self) -> Self {
        let mut pairs = self.0.clone();
        pairs.insert(format!("{RESERVED_PREFIX}envelope"), "1".to_owned());
        Self(pairs)
    }

    /// Serializes the pairs so that no two contexts give the same bytes: sorted, with each part after its length.
    #[must_use]
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for part in self.0.iter().flat_map(|(key, value)| [key, value]) {
            out.extend_from_slice(&(part.len() as u64).to_be_bytes());
            out.extend_from_slice(part.as_bytes());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(json: &str) -> Result<EncryptionContext, ContextError> {
        EncryptionContext::new(Some(serde_json::from_str(json).unwrap()))
    }

    #[test]
    fn keeps_pairs_and_their_order_does_not_matter() {
        assert_eq!(context(r#"{"a":"1","b":"2"}"#), context(r#"{"b":"2","a":"1"}"#));
        assert_eq!(EncryptionContext::new(None), context("{}"));
    }

    #[test]
    fn refuses_what_kms_or_the_envelope_could_not_keep() {
        assert_eq!(context(r#"{"":"1"}"#), Err(ContextError::EmptyKey));
        assert_eq!(context(r#"{"text-encryption:envelope":"1"}"#), Err(ContextError::Reserved));
        let most = "v".repeat(MAX_CONTEXT_BYTES - 1);
        assert!(context(&format!(r#"{{"k":"{most}"}}"#)).is_ok());
        let bytes = MAX_CONTEXT_BYTES + 1;
        assert_eq!(context(&format!(r#"{{"k":"{most}+"}}"#)), Err(ContextError::TooLarge { bytes }));
    }

    #[test]
    fn no_two_contexts_share_their_bytes() {
        let texts = ["{}", r#"{"a":"bc"}"#, r#"{"ab":"c"}"#, r#"{"a":"b","c":""}"#, r#"{"a":"","b":"c"}"#];
        let bytes: std::collections::BTreeSet<_> =
            texts.iter().map(|text| context(text).unwrap().canonical_bytes()).collect();
        assert_eq!(bytes.len(), texts.len());
    }
}
