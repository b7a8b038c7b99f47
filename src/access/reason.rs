//! The reasons why a request is allowed or denied.

use std::fmt;

use super::source::Layer;

/// The main reason for a decision. If several apply, the first one in this order is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The caller is the root user of an account that the key policy allows.
    RootUserAccountPrincipal,
    /// The key policy allows the caller itself.
    KeyPolicyDirect,
    /// The key policy delegates to the account, and an identity policy allows.
    IamViaDelegation,
    /// The key policy allows a principal of another account, and an identity policy there allows too.
    CrossAccountKeyPolicyAndIam,
    /// A grant names the caller as its retiring principal.
    RetiringPrincipal,
    /// A grant allows the operation.
    Grant,
    /// The operation names no key, and an identity policy allows it.
    IamOnlyNoKeyResource,
    /// The operation does not work on keys of other accounts.
    CrossAccountOperation,
    /// Neither key policy nor grant allows the caller or its account.
    NoKeyPolicyPath,
    /// The grant gives the caller no right to retire it.
    RetireGrantNotAuthorized,
    /// No identity policy allows.
    NoIdentityAllow,
    /// The permissions boundary does not allow.
    BoundaryNoAllow,
    /// No session policy allows.
    SessionNoAllow,
    /// At least one level of service control policies does not allow.
    ScpNoAllow,
    /// A statement denies.
    ExplicitDeny(Layer),
}

impl Reason {
    /// Returns the code of the reason, such as `key_policy_direct`.
    pub fn code(self) -> &'static str {
        match self {
            Self::RootUserAccountPrincipal => "root_user_account_principal",
            Self::KeyPolicyDirect => "key_policy_direct",
            Self::IamViaDelegation => "iam_via_delegation",
            Self::CrossAccountKeyPolicyAndIam => "cross_account_key_policy_and_iam",
            Self::RetiringPrincipal => "retiring_principal",
            Self::Grant => "grant",
            Self::IamOnlyNoKeyResource => "iam_only_no_key_resource",
            Self::CrossAccountOperation => "cross_account_operation",
            Self::NoKeyPolicyPath => "no_key_policy_path",
            Self::RetireGrantNotAuthorized => "retire_grant_not_authorized",
            Self::NoIdentityAllow => "no_identity_allow",
            Self::BoundaryNoAllow => "boundary_no_allow",
            Self::SessionNoAllow => "session_no_allow",
            Self::ScpNoAllow => "scp_no_allow",
            Self::ExplicitDeny(Layer::KeyPolicy) => "explicit_deny_key_policy",
            Self::ExplicitDeny(Layer::Identity) => "explicit_deny_identity",
            Self::ExplicitDeny(Layer::Boundary) => "explicit_deny_boundary",
            Self::ExplicitDeny(Layer::Session) => "explicit_deny_session",
            Self::ExplicitDeny(Layer::Scp) => "explicit_deny_scp",
            Self::ExplicitDeny(Layer::Rcp) => "explicit_deny_rcp",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}
