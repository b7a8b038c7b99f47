//! A hash over fields with unambiguous boundaries.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::BuildError;
use super::tree::{self, File};

/// SHA-256 over fields, each preceded by its length.
pub(super) struct Digest(Sha256);

impl Digest {
    /// Starts a hash; the label distinguishes its layout from later layouts.
    pub(super) fn new(label: &str) -> Self {
        let mut digest = Self(Sha256::new());
        digest.text(label);
        digest
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub(super) fn list(&mut self, items: &[String]) -> &mut Self {
        self.0.update((items.len() as u64).to_le_bytes());
        items.iter().fold(self, |digest, item| digest.text(item))
    }

    /// Adds names, executable bits and contents.
    pub(super) fn files(&mut self, files: &[File]) -> Result<&mut Self, BuildError> {
        self.0.update((files.len() as u64).to_le_bytes());
        for file in files {
            self.text(&file.name).bytes(&[u8::from(file.executable)]).bytes(&tree::read(&file.path)?);
        }
        Ok(self)
    }

    pub(super) fn hex(self) -> String {
        self.0.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}
