//! The caller of a request, and the policies that apply to it.

use std::collections::BTreeMap;

use super::document::PolicyDocument;
use super::names::Arn;

/// A value that was read from AWS, or the reason why it could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readable<T> {
    Known(T),
    /// The value could not be read; a decision that depends on it is unknown, never an allow.
    Unknown {
        why: String,
    },
}

impl<T> Readable<T> {
    /// Marks a value that could not be read, with a reason that a person can read.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown { why: why.into() }
    }

    /// Returns the value, or `None` if it could not be read.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown { .. } => None,
        }
    }
}

/// A policy with the name by which its statements are cited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPolicy {
    pub name: String,
    pub document: PolicyDocument,
}

/// The policies of one level of an organization: the root, a unit, or the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    pub target: String,
    pub policies: Vec<PolicyDocument>,
}

/// The kind of principal that makes the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallerKind {
    /// Any session of a role.
    Role { arn: String },
    /// One session of a role. `arn` is that of the session, `role_arn` has the path of the role.
    Session { arn: String, role_arn: String },
    /// An IAM user.
    User { arn: String },
    /// The root user of the account.
    Root { arn: String },
    /// An AWS service that calls for itself, not on behalf of someone else.
    Service { name: String },
}

/// A principal, with every policy that applies to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub kind: CallerKind,
    /// Twelve digits; empty for a service.
    pub account: String,
    /// `AROA...` of the role or `AIDA...` of the user, if known.
    pub unique_id: Option<String>,
    pub tags: BTreeMap<String, String>,
    /// Inline and managed policies, including those of the user's groups.
    pub identity: Readable<Vec<NamedPolicy>>,
    pub boundary: Readable<Option<PolicyDocument>>,
    /// The policies that were passed when the session was created; empty if there were none.
    pub session: Readable<Vec<PolicyDocument>>,
    /// Service control policies from the root of the organization down to the account; `None` if none
    /// are in force.
    pub scps: Readable<Option<Vec<Level>>>,
    pub management_account: Option<String>,
}

impl Caller {
    /// Makes a caller without a permissions boundary, session policies or service control policies.
    pub fn new(kind: CallerKind, account: impl Into<String>) -> Self {
        Self {
            kind,
            account: account.into(),
            unique_id: None,
            tags: BTreeMap::new(),
            identity: Readable::Known(Vec::new()),
            boundary: Readable::Known(None),
            session: Readable::Known(Vec::new()),
            scps: Readable::Known(None),
            management_account: None,
        }
    }

    /// Makes a caller that stands for any session of a role; the account is taken from the ARN.
    pub fn role(arn: impl Into<String>, identity: impl IntoIterator<Item = NamedPolicy>) -> Self {
        let arn = arn.into();
        let account = Arn::split(&arn).map(|arn| arn.account.to_owned()).unwrap_or_default();
        let identity = Readable::Known(identity.into_iter().collect());
        Self { identity, ..Self::new(CallerKind::Role { arn }, account) }
    }

    /// Returns the value of `aws:PrincipalArn`: the ARN of the role for a session, and the name for a service.
    pub fn arn(&self) -> &str {
        match &self.kind {
            CallerKind::Role { arn } | CallerKind::User { arn } | CallerKind::Root { arn } => arn,
            CallerKind::Session { role_arn, .. } => role_arn,
            CallerKind::Service { name } => name,
        }
    }

    pub(super) fn is_root(&self) -> bool {
        matches!(self.kind, CallerKind::Root { .. })
    }

    pub(super) fn is_service(&self) -> bool {
        matches!(self.kind, CallerKind::Service { .. })
    }

    /// Returns whether the caller is a service-linked role, to which organization policies never apply.
    pub(super) fn is_service_linked(&self) -> bool {
        Arn::split(self.arn()).is_some_and(|arn| arn.resource.starts_with("role/aws-service-role/"))
    }
}
