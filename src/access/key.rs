//! The facts about a KMS key, and about a call on it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::actions::names_key;
use super::caller::{Caller, Level, Readable};
use super::context::Context;
use super::document::PolicyDocument;
use super::names::Arn;

/// A KMS key, with everything about it that decides who may use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    pub arn: String,
    pub account: String,
    /// `true` for an AWS managed key, which belongs to a service (`aws/...`).
    pub aws_managed: bool,
    pub policy: Readable<PolicyDocument>,
    pub grants: Readable<Vec<Grant>>,
    /// Resource control policies from the root of the organization down to the account of the key.
    pub rcps: Readable<Vec<Level>>,
    /// Service control policies of the key's account; they apply to callers of that account only.
    pub account_scps: Vec<Level>,
    pub spec: String,
    pub usage: String,
    pub origin: String,
    pub multi_region: bool,
    /// The aliases of the key, with the prefix `alias/`.
    pub aliases: Vec<String>,
    pub tags: BTreeMap<String, String>,
}

impl KeyFacts {
    /// Makes a symmetric customer managed key without grants; the account is taken from the ARN.
    pub fn new(arn: impl Into<String>, policy: PolicyDocument) -> Self {
        let arn = arn.into();
        Self {
            account: Arn::split(&arn).map(|arn| arn.account.to_owned()).unwrap_or_default(),
            arn,
            aws_managed: false,
            policy: Readable::Known(policy),
            grants: Readable::Known(Vec::new()),
            rcps: Readable::Known(Vec::new()),
            account_scps: Vec::new(),
            spec: "SYMMETRIC_DEFAULT".to_owned(),
            usage: "ENCRYPT_DECRYPT".to_owned(),
            origin: "AWS_KMS".to_owned(),
            multi_region: false,
            aliases: Vec::new(),
            tags: BTreeMap::new(),
        }
    }
}

/// A grant, as ListGrants returns it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Grant {
    pub grant_id: String,
    #[serde(default)]
    pub grantee_principal: Option<String>,
    #[serde(default)]
    pub grantee_service_principal: Option<String>,
    #[serde(default)]
    pub retiring_principal: Option<String>,
    #[serde(default)]
    pub retiring_service_principal: Option<String>,
    /// An account id, or the ARN of the account's root.
    #[serde(default)]
    pub issuing_account: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub operations: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub constraints: Constraints,
}

/// Reads `null` as if the field were absent.
pub(super) fn or_default<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// The constraints of a grant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Constraints {
    pub encryption_context_equals: Option<BTreeMap<String, String>>,
    pub encryption_context_subset: Option<BTreeMap<String, String>>,
    pub source_arn: Option<String>,
}

/// The parameters of CreateGrant that decide whether a grant allows the call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NewGrant {
    #[serde(alias = "operations", deserialize_with = "or_default")]
    pub operations: Vec<String>,
    #[serde(alias = "constraints", deserialize_with = "or_default")]
    pub constraints: Constraints,
}

/// A call of a KMS operation on a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The action, such as `kms:Decrypt`.
    pub action: String,
    pub context: Context,
    pub encryption_context: BTreeMap<String, String>,
    /// The grant that RetireGrant names.
    pub grant_id: Option<String>,
    /// The parameters of CreateGrant.
    pub create_grant: NewGrant,
}

impl Request {
    /// Makes a direct call, with only the context that follows from caller and key.
    pub fn new(action: impl Into<String>, caller: &Caller, key: &KeyFacts) -> Self {
        let action = action.into();
        let mut context = Context::of(caller, key, names_key(&action));
        context.set("aws:ViaAWSService", "false");
        Self {
            action,
            context,
            encryption_context: BTreeMap::new(),
            grant_id: None,
            create_grant: NewGrant::default(),
        }
    }

    /// Turns the call into one that a service, such as `lambda.eu-west-1.amazonaws.com`, makes for the caller.
    #[must_use]
    pub fn via_service(mut self, service: &str) -> Self {
        self.context.set("kms:ViaService", service);
        self.context.set("aws:ViaAWSService", "true");
        self
    }

    /// Gives the call an encryption context.
    #[must_use]
    pub fn encryption_context(mut self, pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        self.encryption_context.extend(pairs);
        for (key, value) in &self.encryption_context {
            self.context.add(&format!("kms:EncryptionContext:{key}"), [value]);
        }
        self.context.add("kms:EncryptionContextKeys", self.encryption_context.keys());
        self
    }
}
