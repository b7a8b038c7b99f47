//! KMS keys in a stack file.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Tags;

/// A KMS key with its aliases.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// What kind of key; symmetric unless given. Cannot be changed later.
    #[serde(default)]
    #[schemars(example = &"ECC_NIST_P256")]
    pub spec: KeySpec,
    /// What it is for. Needed where the spec leaves a choice. Cannot be changed later.
    #[schemars(example = &"SIGN_VERIFY")]
    pub usage: Option<KeyUsage>,
    /// Automatic rotation: a period of 90 to 2560 days, `true` for 365 days, `false` for none. None unless given.
    #[schemars(example = &"365d")]
    pub rotation: Option<Rotation>,
    /// Whether it is a multi-Region primary key. Cannot be changed later.
    #[serde(default)]
    pub multi_region: bool,
    /// Description.
    #[serde(default)]
    pub description: String,
    /// Whether it can be used.
    #[serde(default = "super::function::yes")]
    pub enabled: bool,
    /// How long a deletion waits, 7 to 30 days; 30 days unless given.
    #[schemars(example = &"30d")]
    pub deletion_window: Option<String>,
    /// Alias without `alias/`; `{stack}-{env}-{name}` unless given.
    #[schemars(example = &"text-encryption-${env}")]
    pub alias: Option<String>,
    /// Several aliases without `alias/`, or `[]` for none.
    #[schemars(example = json!(["text-encryption"]))]
    pub aliases: Option<Vec<String>>,
    /// Who may change the key and its policy, but not use it: `roles.NAME` for a role of the stack, `role/NAME`
    /// or `user/NAME` in this account, or an ARN.
    #[serde(default)]
    #[schemars(example = json!(["role/platform-admin"]))]
    pub administrators: Vec<String>,
    /// What IAM policies of the account can give: `administer` the key, `full` use of it as well, or nothing
    /// (`none`).
    #[serde(default)]
    pub iam_delegation: Delegation,
    /// More statements of the key policy, as AWS takes them.
    #[serde(default)]
    pub statements: Vec<Value>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// Rotation of a key: a period, or on and off.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Rotation {
    /// `true` for a rotation every 365 days.
    Switch(bool),
    /// The period in days, such as `365d`.
    Period(String),
}

/// What IAM policies of the account can give on a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delegation {
    /// Administration, not use.
    #[default]
    Administer,
    /// Administration and use: whoever an IAM policy allows may use the key.
    Full,
    /// Nothing: the key policy alone decides.
    None,
}

/// `KeySpec` of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[expect(non_camel_case_types, reason = "AWS's own names")]
pub enum KeySpec {
    #[default]
    #[serde(rename = "symmetric")]
    Symmetric,
    SYMMETRIC_DEFAULT,
    RSA_2048,
    RSA_3072,
    RSA_4096,
    ECC_NIST_P256,
    ECC_NIST_P384,
    ECC_NIST_P521,
    ECC_NIST_EDWARDS25519,
    ECC_SECG_P256K1,
    ML_DSA_44,
    ML_DSA_65,
    ML_DSA_87,
    HMAC_224,
    HMAC_256,
    HMAC_384,
    HMAC_512,
    SM2,
}

/// `KeyUsage` of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[expect(non_camel_case_types, reason = "AWS's own names")]
pub enum KeyUsage {
    ENCRYPT_DECRYPT,
    SIGN_VERIFY,
    GENERATE_VERIFY_MAC,
    KEY_AGREEMENT,
}

impl KeySpec {
    /// Returns the name by which AWS knows it.
    pub fn aws_name(self) -> String {
        match self {
            Self::Symmetric => Self::SYMMETRIC_DEFAULT.aws_name(),
            named => format!("{named:?}"),
        }
    }

    /// Returns whether it is symmetric, the one kind that rotates and that other services can use.
    pub fn is_symmetric(self) -> bool {
        matches!(self, Self::Symmetric | Self::SYMMETRIC_DEFAULT)
    }

    /// Returns what a key of this kind can be for; the first one alone needs no choice.
    pub fn usages(self) -> &'static [KeyUsage] {
        use KeyUsage::{ENCRYPT_DECRYPT, GENERATE_VERIFY_MAC, KEY_AGREEMENT, SIGN_VERIFY};
        match self {
            Self::Symmetric | Self::SYMMETRIC_DEFAULT => &[ENCRYPT_DECRYPT],
            Self::RSA_2048 | Self::RSA_3072 | Self::RSA_4096 => &[ENCRYPT_DECRYPT, SIGN_VERIFY],
            Self::ECC_NIST_P256 | Self::ECC_NIST_P384 | Self::ECC_NIST_P521 => &[SIGN_VERIFY, KEY_AGREEMENT],
            Self::ECC_NIST_EDWARDS25519
            | Self::ECC_SECG_P256K1
            | Self::ML_DSA_44
            | Self::ML_DSA_65
            | Self::ML_DSA_87 => &[SIGN_VERIFY],
            Self::HMAC_224 | Self::HMAC_256 | Self::HMAC_384 | Self::HMAC_512 => &[GENERATE_VERIFY_MAC],
            Self::SM2 => &[ENCRYPT_DECRYPT, SIGN_VERIFY, KEY_AGREEMENT],
        }
    }
}

impl KeyUsage {
    /// Returns the name by which AWS knows it.
    pub fn aws_name(self) -> String {
        format!("{self:?}")
    }
}
