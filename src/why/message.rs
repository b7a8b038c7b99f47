//! Finds in the text of an error, from a log or a pipe, who was denied what.

use crate::access::Arn;

/// The contents of a denial. Anything that the text does not contain is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Denial {
    /// ARN of the principal.
    pub principal: Option<String>,
    /// The action, such as `kms:Decrypt`.
    pub action: Option<String>,
    /// ARN of the resource; a key may also be given by its alias.
    pub resource: Option<String>,
}

/// Operations whose names show that KMS was called, for texts that name only the operation.
const OPERATIONS: [&str; 15] = [
    "Decrypt",
    "Encrypt",
    "ReEncrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "Sign",
    "Verify",
    "GenerateMac",
    "VerifyMac",
    "DescribeKey",
    "GetPublicKey",
    "CreateGrant",
    "DeriveSharedSecret",
];

/// Messages of KMS and Lambda that deny decrypting without naming a principal.
const DECRYPTING: [&str; 3] = [
    "The ciphertext refers to a customer master key that does not exist",
    "The ciphertext refers to a KMS key that does not exist",
    "Lambda was unable to decrypt",
];

/// Reads from a text who was denied what. If there are several denials, the last one counts, which is the newest in a
/// log.
///
/// AWS writes `User: ARN is not authorized to perform: ACTION on resource: ARN because …`; the SDKs put the
/// operation before it, and logs wrap all of it in JSON.
pub fn denial(text: &str) -> Denial {
    let text = text.replace("\\\"", "\"").replace("\\n", " ").replace("\\/", "/");
    let words: Vec<&str> = words(&text).collect();
    let sentence = text.rfind("is not authorized to perform").map(|at| {
        let before = text.get(..at).unwrap_or_default();
        (before, text.get(at..).unwrap_or_default())
    });
    let (mut principal, mut action, mut resource) = (None, None, None);
    if let Some((before, after)) = sentence {
        principal = self::words(before).last().filter(|word| is_principal(word));
        let mut rest = self::words(after);
        action = rest.clone().find(|word| is_action(word));
        resource = rest.find(|word| word.starts_with("arn:") && !is_principal(word));
    }
    let named = |found: Option<&str>, fits: fn(&str) -> bool| {
        found.or_else(|| words.iter().copied().rfind(|word| fits(word))).map(str::to_owned)
    };
    Denial {
        principal: named(principal, is_principal),
        action: action.map(str::to_owned).or_else(|| operation(&text, &words)),
        resource: named(resource, is_key),
    }
}

/// Finds the operation if no action is named.
fn operation(text: &str, words: &[&str]) -> Option<String> {
    let named = words.iter().rev().find(|word| is_action(word)).map(|word| (*word).to_owned());
    // `when calling the Decrypt operation`, `operation error KMS: Decrypt,`
    let called = || {
        let around = words.windows(2).rev();
        let found = around.filter_map(|pair| match pair {
            [before, name] if ["the", "KMS"].contains(before) => Some(*name),
            _ => None,
        });
        found.filter_map(|name| OPERATIONS.iter().find(|known| **known == name)).next()
    };
    let decrypting = || DECRYPTING.iter().any(|said| text.contains(said)).then_some(&"Decrypt");
    named.or_else(|| called().or_else(decrypting).map(|name| format!("kms:{name}")))
}

/// Splits a text into words, including those of JSON without spaces.
fn words(text: &str) -> impl Iterator<Item = &str> + Clone {
    let words = text.split(|c: char| c.is_whitespace() || ['"', '\'', '`', '<', '>'].contains(&c));
    let bare = words.map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '*'));
    bare.filter(|word| !word.is_empty())
}

fn is_action(word: &str) -> bool {
    let Some((service, name)) = word.split_once(':') else { return false };
    let lower = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    !service.is_empty()
        && lower(service)
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_principal(word: &str) -> bool {
    Arn::split(word)
        .is_some_and(|arn| ["iam", "sts"].contains(&arn.service) && !arn.resource.starts_with("policy/"))
}

fn is_key(word: &str) -> bool {
    let named = |text: &str| text.starts_with("key/") || text.starts_with("alias/");
    word.starts_with("alias/")
        || Arn::split(word).is_some_and(|arn| arn.service == "kms" && named(arn.resource))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: &str = "arn:aws:sts::111122223333:assumed-role/s-test-encrypt-prod/s-test-encrypt";
    const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn found(text: &str) -> (Option<String>, Option<String>, Option<String>) {
        let Denial { principal, action, resource } = denial(text);
        (principal, action, resource)
    }

    fn all(action: &str) -> (Option<String>, Option<String>, Option<String>) {
        (Some(WHO.to_owned()), Some(action.to_owned()), Some(KEY.to_owned()))
    }

    #[test]
    fn the_sentence_of_aws_is_read_in_every_wrapping() {
        let sentence = format!(
            "User: {WHO} is not authorized to perform: kms:Encrypt on resource: {KEY} because no resource-based policy allows the kms:Encrypt action"
        );
        assert_eq!(found(&sentence), all("kms:Encrypt"));
        let boto = format!(
            "botocore.exceptions.ClientError: An error occurred (AccessDeniedException) when calling the Encrypt operation: {sentence}"
        );
        assert_eq!(found(&boto), all("kms:Encrypt"));
        let json = format!(
            r#"{{"level":"ERROR","message":"{sentence}","requestId":"c6af9ac6-7b61-11e6-9a41-93e8deadbeef"}}"#
        );
        assert_eq!(found(&json), all("kms:Encrypt"));
        let escaped = serde_json::to_string(&json).unwrap();
        assert_eq!(found(&escaped), all("kms:Encrypt"));
        let wrapped = sentence.replace(" on resource", "\n    on resource");
        assert_eq!(found(&wrapped), all("kms:Encrypt"));
        let denied = format!(
            "User: {WHO} is not authorized to perform: kms:Decrypt on resource: {KEY} with an explicit deny in a service control policy"
        );
        assert_eq!(found(&format!("{sentence}\n{denied}")), all("kms:Decrypt"));
    }

    #[test]
    fn fields_of_a_log_line_are_enough() {
        let line = format!(
            r#"{{"error":"key_access_denied","operation":"kms:Encrypt","principal":"{WHO}","key":"{KEY}"}}"#
        );
        assert_eq!(found(&line), all("kms:Encrypt"));
        let by_alias = line.replace(KEY, "alias/s-test-text");
        assert_eq!(denial(&by_alias).resource.as_deref(), Some("alias/s-test-text"));
    }

    #[test]
    fn sentences_that_name_nobody_still_tell_the_action() {
        let decrypt = (None, Some("kms:Decrypt".to_owned()), None);
        for text in [
            "An error occurred (AccessDeniedException) when calling the Decrypt operation: The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.",
            "operation error KMS: Decrypt, https response error StatusCode: 400, RequestID: x, api error AccessDeniedException",
            "KMSAccessDeniedException: Lambda was unable to decrypt the environment variables because KMS access was denied.",
        ] {
            assert_eq!(found(text), decrypt, "{text}");
        }
        assert_eq!(found("all is well"), (None, None, None));
        assert_eq!(found(""), (None, None, None));
    }

    #[test]
    fn a_resource_that_is_no_arn_is_not_one() {
        let text = format!("User: {WHO} is not authorized to perform: kms:CreateKey on resource: * because");
        assert_eq!(found(&text), (Some(WHO.to_owned()), Some("kms:CreateKey".to_owned()), None));
    }
}
