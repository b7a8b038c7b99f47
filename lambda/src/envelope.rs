//! The envelope for a text that is too long for `kms:Encrypt`.
//!
//! ```text
//! "TXE"        3 bytes   marks an envelope; a KMS ciphertext starts otherwise
//! version      1 byte    1
//! key length   2 bytes   big-endian, 1 to 6144
//! wrapped key  that many the data key as kms:GenerateDataKey returned it
//! nonce        12 bytes
//! sealed       the rest  AES-256-GCM of the text, its 16-byte tag at the end
//! ```
//!
//! Everything before the nonce, and then the encryption context, is the additional authenticated data.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::context::EncryptionContext;

/// The maximum size in bytes of a wrapped data key, and of any ciphertext that KMS accepts.
pub const MAX_KMS_CIPHERTEXT: usize = 6144;
/// The maximum number of bytes that an envelope adds to its text.
pub const MAX_OVERHEAD: usize = MARK.len() + 3 + MAX_KMS_CIPHERTEXT + NONCE_LEN + 16;

const MARK: &[u8] = b"TXE";
const VERSION: u8 = 1;

/// A fresh data key: its bytes, wiped when dropped, and the same key wrapped by KMS.
pub struct DataKey {
    pub plaintext: Zeroizing<Vec<u8>>,
    pub wrapped: Vec<u8>,
    /// The ARN of the KMS key that wrapped the data key.
    pub key_id: String,
}

/// The reason why an envelope cannot be made or opened; it is kept vague, because an attacker may read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("the data key cannot be used")]
    Key,
    #[error("the ciphertext is cut or changed, or the context is another one")]
    Damaged,
    #[error("the ciphertext is an envelope of version {0}, this function reads version {VERSION}")]
    Version(u8),
}

/// The parts of an envelope; none is verified until [`Envelope::open`].
#[derive(Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    header: &'a [u8],
    wrapped_key: &'a [u8],
    nonce: [u8; NONCE_LEN],
    sealed: &'a [u8],
}

/// Returns whether bytes are an envelope and not a ciphertext of `kms:Encrypt`.
#[must_use]
pub fn is_envelope(bytes: &[u8]) -> bool {
    bytes.starts_with(MARK)
}

/// Seals a text with a data key that is used for nothing else.
///
/// # Errors
/// Fails if the data key is not an AES-256 key or the system cannot provide random bytes.
pub fn seal(key: &DataKey, context: &EncryptionContext, text: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
    let length = u16::try_from(key.wrapped.len()).map_err(|_| EnvelopeError::Key)?;
    if !(1..=MAX_KMS_CIPHERTEXT).contains(&key.wrapped.len()) {
        return Err(EnvelopeError::Key);
    }
    let cipher = cipher(&key.plaintext)?;
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).map_err(|_| EnvelopeError::Key)?;

    let mut out = Vec::with_capacity(MAX_OVERHEAD + text.len());
    out.extend_from_slice(MARK);
    out.push(VERSION);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&key.wrapped);
    let aad = aad(&out, context);
    out.extend_from_slice(&nonce);
    let start = out.len();
    out.extend_from_slice(text);
    // Sealed in place, so that no second copy of the text is left behind.
    let body = out.get_mut(start..).ok_or(EnvelopeError::Key)?;
    let tag = cipher
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, body)
        .map_err(|_| EnvelopeError::Key)?;
    out.extend_from_slice(tag.as_ref());
    Ok(out)
}

impl<'a> Envelope<'a> {
    /// Splits an envelope into its parts.
    ///
    /// # Errors
    /// Fails if the bytes are truncated, or have another version.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, EnvelopeError> {
        let rest = bytes.strip_prefix(MARK).ok_or(EnvelopeError::Damaged)?;
        let (&version, rest) = rest.split_first().ok_or(EnvelopeError::Damaged)?;
        if version != VERSION {
            return Err(EnvelopeError::Version(version));
        }
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(EnvelopeError::Damaged)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if !(1..=MAX_KMS_CIPHERTEXT).contains(&length) {
            return Err(EnvelopeError::Damaged);
        }
        let (wrapped_key, rest) = rest.split_at_checked(length).ok_or(EnvelopeError::Damaged)?;
        let header = bytes.get(..bytes.len() - rest.len()).ok_or(EnvelopeError::Damaged)?;
        let (nonce, sealed) = rest.split_first_chunk().ok_or(EnvelopeError::Damaged)?;
        Ok(Self { header, wrapped_key, nonce: *nonce, sealed })
    }

    /// Returns the wrapped data key, which KMS unwraps under [`EncryptionContext::for_data_key`].
    #[must_use]
    pub fn wrapped_key(&self) -> &'a [u8] {
        self.wrapped_key
    }

    /// Verifies the envelope and returns its text.
    ///
    /// # Errors
    /// Fails if any bit of the envelope or the context has changed since it was sealed.
    pub fn open(&self, key: &[u8], context: &EncryptionContext) -> Result<Vec<u8>, EnvelopeError> {
        let nonce = Nonce::assume_unique_for_key(self.nonce);
        let mut text = self.sealed.to_vec();
        let length = cipher(key)?
            .open_in_place(nonce, aad(self.header, context), &mut text)
            .map_err(|_| EnvelopeError::Damaged)?
            .len();
        text.truncate(length);
        Ok(text)
    }
}

fn cipher(key: &[u8]) -> Result<LessSafeKey, EnvelopeError> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| EnvelopeError::Key)
}

/// Joins header and context; the header holds its own length, so the boundary is unambiguous.
fn aad(header: &[u8], context: &EncryptionContext) -> Aad<Vec<u8>> {
    let mut bytes = header.to_vec();
    bytes.extend(context.canonical_bytes());
    Aad::from(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn data_key() -> DataKey {
        DataKey {
            plaintext: Zeroizing::new(KEY.to_vec()),
            wrapped: b"wrapped".to_vec(),
            key_id: "key".to_owned(),
        }
    }

    fn context(json: &str) -> EncryptionContext {
        EncryptionContext::new(Some(serde_json::from_str(json).unwrap())).unwrap()
    }

    fn open(bytes: &[u8], key: &[u8], context: &EncryptionContext) -> Result<Vec<u8>, EnvelopeError> {
        Envelope::parse(bytes)?.open(key, context)
    }

    #[test]
    fn a_text_comes_back() {
        let context = context(r#"{"tenant":"a"}"#);
        for text in ["", "x", &"long ".repeat(10_000)] {
            let sealed = seal(&data_key(), &context, text.as_bytes()).unwrap();
            assert!(is_envelope(&sealed));
            assert!(sealed.len() <= text.len() + MAX_OVERHEAD);
            assert_eq!(Envelope::parse(&sealed).unwrap().wrapped_key(), b"wrapped");
            assert_eq!(open(&sealed, &KEY, &context).unwrap(), text.as_bytes());
        }
    }

    #[test]
    fn two_seals_of_one_text_differ() {
        let sealed = |_| seal(&data_key(), &EncryptionContext::default(), b"text").unwrap();
        assert_ne!(sealed(1), sealed(2));
    }

    #[test]
    fn every_truncation_is_refused() {
        let context = EncryptionContext::default();
        let sealed = seal(&data_key(), &context, b"some text").unwrap();
        for length in 0..sealed.len() {
            assert!(open(&sealed[..length], &KEY, &context).is_err(), "{length}");
        }
        let longer = [sealed.as_slice(), b"\0"].concat();
        assert_eq!(open(&longer, &KEY, &context), Err(EnvelopeError::Damaged));
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let context = context(r#"{"tenant":"a"}"#);
        let sealed = seal(&data_key(), &context, b"some text").unwrap();
        for at in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[at / 8] ^= 1 << (at % 8);
            assert!(open(&changed, &KEY, &context).is_err(), "bit {at}");
        }
    }

    #[test]
    fn another_context_or_key_is_refused() {
        let sealed = seal(&data_key(), &context(r#"{"tenant":"a"}"#), b"text").unwrap();
        for other in ["{}", r#"{"tenant":"b"}"#, r#"{"Tenant":"a"}"#, r#"{"tenant":"a","x":"y"}"#] {
            assert_eq!(open(&sealed, &KEY, &context(other)), Err(EnvelopeError::Damaged), "{other}");
        }
        let right = context(r#"{"tenant":"a"}"#);
        assert_eq!(open(&sealed, &[8; 32], &right), Err(EnvelopeError::Damaged));
        assert_eq!(open(&sealed, &KEY[..31], &right), Err(EnvelopeError::Key));
    }

    #[test]
    fn an_envelope_that_another_program_wrote_is_read() {
        let hex = "545845010003616263000102030405060708090a0b6ce491043bdd7d4a4b2c350fb102118cf15ac4ea";
        let bytes: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        assert_eq!(open(&bytes, &KEY, &context(r#"{"tenant":"a"}"#)).unwrap(), b"text");
    }

    #[test]
    fn another_version_says_so() {
        let mut sealed = seal(&data_key(), &EncryptionContext::default(), b"text").unwrap();
        sealed[3] = 2;
        assert_eq!(Envelope::parse(&sealed), Err(EnvelopeError::Version(2)));
    }

    #[test]
    fn a_wrapped_key_of_no_bytes_or_too_many_is_refused() {
        for length in [0, MAX_KMS_CIPHERTEXT + 1, usize::from(u16::MAX) + 1] {
            let key = DataKey { wrapped: vec![1; length], ..data_key() };
            assert_eq!(seal(&key, &EncryptionContext::default(), b""), Err(EnvelopeError::Key), "{length}");
        }
        let mut bytes = b"TXE\x01\x00\x00".to_vec();
        bytes.extend([0; 40]);
        assert_eq!(Envelope::parse(&bytes), Err(EnvelopeError::Damaged));
    }
}
