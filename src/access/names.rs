//! Case-insensitive names, and the parts of an ARN.

use std::cmp::Ordering;
use std::fmt;

/// A name that AWS compares case-insensitively: an action, or a condition key.
///
/// It keeps its original spelling for display; equality and ordering ignore ASCII case.
#[derive(Clone, Debug)]
pub struct Caseless(String);

impl Caseless {
    /// Wraps a name as written.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Returns the name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name in lower case, which is the form that is compared.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl AsRef<str> for Caseless {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Caseless {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Caseless {}

impl PartialOrd for Caseless {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Caseless {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.bytes().map(fold).cmp(other.0.bytes().map(fold))
    }
}

fn fold(byte: u8) -> u8 {
    byte.to_ascii_lowercase()
}

impl fmt::Display for Caseless {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The six parts of an ARN: `arn:partition:service:region:account:resource`; the last may hold colons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    pub partition: &'a str,
    pub service: &'a str,
    pub region: &'a str,
    pub account: &'a str,
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Splits the text of an ARN; `None` if it is not one.
    pub fn split(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let "arn" = parts.next()? else { return None };
        Some(Self {
            partition: parts.next()?,
            service: parts.next()?,
            region: parts.next()?,
            account: parts.next()?,
            resource: parts.next()?,
        })
    }
}

/// Returns whether the text is an account id: twelve digits.
pub fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letter_case_does_not_count() {
        assert_eq!(Caseless::new("KMS:decrypt"), Caseless::new("kms:Decrypt"));
        assert_eq!(Caseless::new("KMS:decrypt").cmp(&Caseless::new("kms:Decrypt")), Ordering::Equal);
    }

    #[test]
    fn the_resource_of_an_arn_keeps_its_colons() {
        let arn = Arn::split("arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/f").unwrap();
        assert_eq!(arn.resource, "log-group:/aws/lambda/f");
        assert_eq!(Arn::split("111122223333"), None);
    }
}
