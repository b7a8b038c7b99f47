//! Policy documents in their normal form.
//!
//! A document is normalised once, when it is read: a single statement becomes a list, a scalar becomes a set,
//! an account id becomes the ARN of its root, and a quoted or bare boolean or number becomes its text. After
//! that, two values are equal exactly when AWS may return one for the other.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::names::{Caseless, is_account_id};
use super::operator::Operator;

/// The largest key policy that KMS accepts, in bytes of the submitted text; the quota is not adjustable.
pub const MAX_KEY_POLICY_BYTES: usize = 32_768;

/// The type of a policy, which decides the elements that its statements may have.
///
/// `partition` (`aws`, `aws-cn`, ...) completes bare account ids to the ARN of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind<'a> {
    /// The policy of a KMS key. It may hold statements without `Action` or `Resource`, which have no effect.
    Key { partition: &'a str },
    /// The trust policy of a role, which has no `Resource`.
    Trust { partition: &'a str },
    /// Any other policy attached to a resource, and resource control policies.
    Resource { partition: &'a str },
    /// A policy attached to a user or role, a permissions boundary, or a session policy.
    Identity,
    /// A service control policy.
    Scp,
}

impl<'a> PolicyKind<'a> {
    /// Returns the partition for bare account ids; `None` for types whose statements have no principals.
    pub(super) fn partition(self) -> Option<&'a str> {
        match self {
            Self::Key { partition } | Self::Trust { partition } | Self::Resource { partition } => {
                Some(partition)
            }
            Self::Identity | Self::Scp => None,
        }
    }
}

/// An error in the text of a policy document.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The text is not JSON, or an object in it holds a key twice.
    #[error("the policy is not valid JSON: {0}")]
    Json(String),
    /// An element has the wrong shape, is missing, or does not exist.
    #[error("{place}: {problem}")]
    Shape { place: String, problem: String },
}

/// The version of the policy language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// `2008-10-17`, which has no policy variables.
    V2008,
    /// `2012-10-17`.
    V2012,
}

impl Version {
    /// Returns the text of the `Version` element.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2008 => "2008-10-17",
            Self::V2012 => "2012-10-17",
        }
    }
}

/// The effect of a statement on the requests that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    Allow,
    Deny,
}

impl Effect {
    /// Returns the text of the `Effect` element.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        }
    }
}

/// One of the pairs `Action`/`NotAction`, `Resource`/`NotResource`, `Principal`/`NotPrincipal`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clause<T: Ord> {
    /// The statement has neither element of the pair.
    Absent,
    /// The plain element: the listed items match.
    Is(BTreeSet<T>),
    /// The `Not` element: everything but the listed items matches.
    IsNot(BTreeSet<T>),
}

impl<T: Ord> Clause<T> {
    /// Returns whether the plain element lists nothing, so that nothing matches.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Is(set) if set.is_empty())
    }
}

/// A principal named in a `Principal` element.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// `"*"` or `{"AWS": "*"}`.
    Everyone,
    /// A whole account: its id, or the ARN of its root.
    Account { partition: String, account: String },
    /// The ARN of a user, role, role session or federated user.
    Arn(String),
    /// The unique id (`AROA...`, `AIDA...`) that remains in a policy after its principal was deleted.
    UniqueId(String),
    /// An AWS service, such as `logs.eu-west-1.amazonaws.com`, or `*`.
    Service(String),
    /// An identity provider.
    Federated(String),
    /// A canonical user id of S3.
    CanonicalUser(String),
}

impl Principal {
    /// Reads a value of the principal type `AWS`.
    pub fn aws(text: &str, partition: &str) -> Self {
        if text == "*" {
            return Self::Everyone;
        }
        if is_account_id(text) {
            return Self::Account { partition: partition.to_owned(), account: text.to_owned() };
        }
        match super::names::Arn::split(text) {
            Some(arn) if arn.service == "iam" && arn.resource == "root" && is_account_id(arn.account) => {
                Self::Account { partition: arn.partition.to_owned(), account: arn.account.to_owned() }
            }
            Some(_) => Self::Arn(text.to_owned()),
            None => Self::UniqueId(text.to_owned()),
        }
    }

    /// Returns the type and the value that denote the principal in a policy.
    pub fn parts(&self) -> (&'static str, String) {
        match self {
            Self::Everyone => ("AWS", "*".to_owned()),
            Self::Account { partition, account } => ("AWS", format!("arn:{partition}:iam::{account}:root")),
            Self::Arn(text) | Self::UniqueId(text) => ("AWS", text.clone()),
            Self::Service(text) => ("Service", text.clone()),
            Self::Federated(text) => ("Federated", text.clone()),
            Self::CanonicalUser(text) => ("CanonicalUser", text.clone()),
        }
    }
}

/// The `Condition` element: operator, key, values. All pairs of operator and key must hold; for each pair, any of
/// its values suffices.
pub type Conditions = BTreeMap<Operator, BTreeMap<Caseless, BTreeSet<String>>>;

/// One statement of a policy document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    pub sid: Option<String>,
    pub effect: Effect,
    pub principals: Clause<Principal>,
    pub actions: Clause<Caseless>,
    pub resources: Clause<String>,
    pub conditions: Conditions,
}

/// A policy document in its normal form.
///
/// Equality and ordering ignore the order of statements, because AWS may return them in a different order, and
/// the order never affects a decision.
#[derive(Clone, Debug)]
pub struct PolicyDocument {
    /// The `Version` element as written; a document without one is read as [`Version::V2008`].
    pub version: Option<Version>,
    pub id: Option<String>,
    pub(super) statements: Vec<Statement>,
}

impl PolicyDocument {
    /// Makes a document of the current version without an `Id`.
    pub fn new(statements: impl IntoIterator<Item = Statement>) -> Self {
        Self { version: Some(Version::V2012), id: None, statements: statements.into_iter().collect() }
    }

    /// Returns the statements in the order in which they were written.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Returns the version of the policy language that applies to the document.
    pub fn language(&self) -> Version {
        self.version.unwrap_or(Version::V2008)
    }

    /// Returns the size of [`to_json`](Self::to_json) in bytes, to be compared with
    /// [`MAX_KEY_POLICY_BYTES`].
    pub fn size(&self) -> usize {
        self.to_json().len()
    }

    fn sorted(&self) -> Vec<&Statement> {
        let mut statements: Vec<&Statement> = self.statements.iter().collect();
        statements.sort_unstable();
        statements
    }
}

impl PartialEq for PolicyDocument {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for PolicyDocument {}

impl PartialOrd for PolicyDocument {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PolicyDocument {
    fn cmp(&self, other: &Self) -> Ordering {
        let Self { version, id, statements: _ } = self;
        (version, id).cmp(&(&other.version, &other.id)).then_with(|| self.sorted().cmp(&other.sorted()))
    }
}
