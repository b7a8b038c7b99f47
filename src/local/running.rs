//! A running local AWS, as seen by whoever works with it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::record::Operator;
use super::server::{ACCOUNT, endpoint};

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A local AWS that answers, and the access key of the IAM user to work as.
#[derive(Debug, Clone)]
pub struct Running {
    /// `http://127.0.0.1:PORT`, for every service.
    pub endpoint: String,
    pub port: u16,
    pub pid: u32,
    pub access_key_id: String,
    pub secret_access_key: Secret,
    pub region: String,
    /// Twelve digits.
    pub account: String,
    /// Whether this call started it.
    pub fresh: bool,
}

impl Running {
    pub(super) fn new(pid: u32, port: u16, operator: Operator, region: &str) -> Self {
        Self {
            endpoint: endpoint(port),
            port,
            pid,
            access_key_id: operator.access_key_id,
            secret_access_key: operator.secret_access_key,
            region: region.to_owned(),
            account: ACCOUNT.to_owned(),
            fresh: false,
        }
    }

    /// Writes the lines that point a POSIX shell, the `aws` command and every SDK at this local AWS.
    ///
    /// The secret is in them.
    #[must_use]
    pub fn exports(&self) -> String {
        let set = [
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", &self.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", self.secret_access_key.expose()),
            ("AWS_REGION", &self.region),
            ("AWS_DEFAULT_REGION", &self.region),
        ];
        let mut lines: String =
            set.iter().map(|(name, value)| format!("export {name}={}\n", shell_quoted(value))).collect();
        // Left over from a real account, either would be used beside the key above.
        lines.push_str("unset AWS_PROFILE AWS_SESSION_TOKEN\n");
        lines
    }
}

/// Quotes a text for a POSIX shell.
fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_are_safe_to_evaluate() {
        let operator =
            Operator { access_key_id: "AKIAEXAMPLE".to_owned(), secret_access_key: Secret::new("a'b/$c") };
        let running = Running::new(42, 4566, operator, "ap-northeast-1");
        let exports = running.exports();
        assert!(exports.contains("export AWS_ENDPOINT_URL='http://127.0.0.1:4566'\n"));
        assert!(exports.contains(r"export AWS_SECRET_ACCESS_KEY='a'\''b/$c'"));
        assert!(exports.ends_with("unset AWS_PROFILE AWS_SESSION_TOKEN\n"));
        assert!(!format!("{running:?}").contains("a'b"));
    }
}
