//! A running local AWS, as its users see it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::record::Operator;
use super::server::{ACCOUNT, endpoint};

/// A string that `Debug` does not show.
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

/// A local AWS that answers, and the access key of the IAM user to use with it.
#[derive(Debug, Clone)]
pub struct Running {
    /// The endpoint of every service: `http://127.0.0.1:PORT`.
    pub endpoint: String,
    pub port: u16,
    pub pid: u32,
    pub access_key_id: String,
    pub secret_access_key: Secret,
    pub region: String,
    /// The account id: twelve digits.
    pub account: String,
    /// `true` if this call started the local AWS.
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

    /// Returns the lines that configure a POSIX shell, the `aws` command and every SDK for this local AWS.
    ///
    /// The lines contain the secret.
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
        // If left over from a real account, either would be used together with the key above.
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
