//! Matches the Principal element of a statement with a caller.

use std::collections::BTreeSet;

use super::caller::{Caller, CallerKind};
use super::document::{Clause, Effect, Principal};
use super::names::Arn;

/// The ways in which a statement names a caller; the effect of an Allow depends on them.
///
/// Source: IAM user guide, policy evaluation logic: an Allow to a user, a session or everyone is enough by
/// itself; an Allow to a role is limited by the permissions boundary and session policies; an Allow to the
/// account only lets the policies of its identities decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Naming {
    pub directly: bool,
    pub as_role: bool,
    pub as_account: bool,
}

impl Naming {
    const DIRECT: Self = Self { directly: true, as_role: false, as_account: false };

    pub fn any(self) -> bool {
        self.directly || self.as_role || self.as_account
    }

    fn with(self, other: Self) -> Self {
        Self {
            directly: self.directly || other.directly,
            as_role: self.as_role || other.as_role,
            as_account: self.as_account || other.as_account,
        }
    }
}

/// Returns the ways in which a Principal or NotPrincipal element names the caller.
pub(super) fn naming(clause: &Clause<Principal>, effect: Effect, caller: &Caller) -> Naming {
    match clause {
        Clause::Absent => Naming::default(),
        Clause::Is(principals) => named_by_any(principals, caller),
        Clause::IsNot(principals) if spared(principals, effect, caller) => Naming::default(),
        Clause::IsNot(_) => Naming::DIRECT,
    }
}

/// Returns the way in which a single value of a policy or grant names the caller.
pub(super) fn named_by(principal: &Principal, caller: &Caller) -> Naming {
    match principal {
        Principal::Everyone => Naming::DIRECT,
        Principal::Account { partition, account } => {
            let is_same = *account == caller.account
                && Arn::split(caller.arn()).is_none_or(|arn| arn.partition == partition);
            Naming { as_account: is_same && !caller.is_service(), ..Naming::default() }
        }
        Principal::Arn(text) => named_by_arn(text, caller),
        Principal::UniqueId(id) => match caller.kind {
            CallerKind::User { .. } => Naming { directly: has_id(caller, id), ..Naming::default() },
            CallerKind::Role { .. } | CallerKind::Session { .. } => {
                Naming { as_role: has_id(caller, id), ..Naming::default() }
            }
            CallerKind::Root { .. } | CallerKind::Service { .. } => Naming::default(),
        },
        Principal::Service(wanted) => match &caller.kind {
            CallerKind::Service { name } => {
                Naming { directly: wanted == "*" || wanted == name, ..Naming::default() }
            }
            _ => Naming::default(),
        },
        Principal::Federated(_) | Principal::CanonicalUser(_) => Naming::default(),
    }
}

fn named_by_any(principals: &BTreeSet<Principal>, caller: &Caller) -> Naming {
    principals.iter().map(|one| named_by(one, caller)).fold(Naming::default(), Naming::with)
}

fn named_by_arn(text: &str, caller: &Caller) -> Naming {
    match &caller.kind {
        CallerKind::Role { arn } => Naming { as_role: arn == text, ..Naming::default() },
        CallerKind::Session { arn, role_arn } => {
            Naming { directly: arn == text, as_role: role_arn == text, as_account: false }
        }
        CallerKind::User { arn } => Naming { directly: arn == text, ..Naming::default() },
        CallerKind::Root { .. } | CallerKind::Service { .. } => Naming::default(),
    }
}

fn has_id(caller: &Caller, id: &str) -> bool {
    caller.unique_id.as_deref() == Some(id)
}

/// Returns whether NotPrincipal exempts the caller.
///
/// With Allow, a caller is exempt if it is listed in any way. With Deny, AWS checks account, role and session one
/// after the other, so all of them must be listed, and a caller with a permissions boundary is never exempt.
fn spared(principals: &BTreeSet<Principal>, effect: Effect, caller: &Caller) -> bool {
    let named = named_by_any(principals, caller);
    match (effect, &caller.kind) {
        (Effect::Allow, _) => named.any(),
        (Effect::Deny, _) if caller.boundary.known().is_some_and(Option::is_some) => false,
        (Effect::Deny, CallerKind::Service { .. }) => named.directly,
        (Effect::Deny, CallerKind::Root { .. }) => named.as_account,
        (Effect::Deny, CallerKind::User { .. }) => named.as_account && named.directly,
        (Effect::Deny, CallerKind::Role { .. }) => named.as_account && named.as_role,
        (Effect::Deny, CallerKind::Session { .. }) => named.as_account && named.as_role && named.directly,
    }
}
