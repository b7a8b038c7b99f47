//! Decides which requests the grants on a key allow.

use std::collections::BTreeMap;

use super::actions::operation;
use super::caller::Caller;
use super::context::Lookup;
use super::document::Principal;
use super::key::{Constraints, Grant, KeyFacts, NewGrant, Request};
use super::names::Arn;
use super::naming::{Naming, named_by};

impl Grant {
    /// Returns the citation of the grant: `grant:` and its id.
    pub(super) fn cite(&self) -> String {
        format!("grant:{}", self.grant_id)
    }

    /// Returns the way in which the grant names the caller as its grantee principal.
    pub(super) fn grantee(&self, caller: &Caller, key: &KeyFacts) -> Naming {
        party(self.grantee_principal.as_deref(), self.grantee_service_principal.as_deref(), caller, key)
    }

    /// Returns the way in which the grant names the caller as its retiring principal.
    pub(super) fn retiring(&self, caller: &Caller, key: &KeyFacts) -> Naming {
        party(self.retiring_principal.as_deref(), self.retiring_service_principal.as_deref(), caller, key)
    }

    /// Returns whether the account issued the grant.
    pub(super) fn issued_by(&self, account: &str) -> bool {
        let issuer = self.issuing_account.as_deref().unwrap_or_default();
        issuer == account || Arn::split(issuer).is_some_and(|arn| arn.account == account)
    }

    /// Returns whether the caller is a service-linked role and the grant was issued by its own account. KMS then
    /// requires no allow from an identity policy, because nobody can attach one to such a role.
    pub(super) fn is_for_own_linked_role(&self, caller: &Caller) -> bool {
        !caller.account.is_empty() && self.issued_by(&caller.account) && is_linked_role(caller)
    }

    /// Returns whether the grant lists the operation of an action.
    pub(super) fn lists(&self, action: &str) -> bool {
        operation(action).is_some_and(|name| self.operations.iter().any(|own| own.eq_ignore_ascii_case(name)))
    }

    /// Returns whether the grant lists the operation and its constraints hold.
    pub(super) fn allows(&self, request: &Request) -> bool {
        let name = operation(&request.action).unwrap_or_default();
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if !self.lists(&request.action) {
            return false;
        }
        if is("CreateGrant") {
            return self.may_pass_on(&request.create_grant);
        }
        // Constraints apply to the encryption context, which these two operations do not have.
        is("DescribeKey") || is("RetireGrant") || self.constraints.hold(request)
    }

    /// Returns whether a CreateGrant that this grant allows may create the new grant: it may add no operation,
    /// and its constraints must be at least as strict.
    fn may_pass_on(&self, new: &NewGrant) -> bool {
        new.operations.iter().all(|name| self.operations.iter().any(|own| own.eq_ignore_ascii_case(name)))
            && self.constraints.no_stricter_than(&new.constraints)
    }
}

impl Constraints {
    fn hold(&self, request: &Request) -> bool {
        let Self { encryption_context_equals: equals, encryption_context_subset: subset, source_arn } = self;
        equals.as_ref().is_none_or(|pairs| *pairs == request.encryption_context)
            && subset.as_ref().is_none_or(|pairs| has_pairs(&request.encryption_context, pairs))
            && source_arn.as_ref().is_none_or(|arn| {
                matches!(request.context.lookup("aws:SourceArn"), Lookup::Values(values) if values.contains(arn))
            })
    }

    fn no_stricter_than(&self, new: &Self) -> bool {
        let Self { encryption_context_equals: equals, encryption_context_subset: subset, source_arn } = self;
        let within = |pairs: &BTreeMap<String, String>| {
            let holds = |new: &Option<BTreeMap<_, _>>| new.as_ref().is_some_and(|new| has_pairs(new, pairs));
            holds(&new.encryption_context_equals) || holds(&new.encryption_context_subset)
        };
        equals.as_ref().is_none_or(|pairs| new.encryption_context_equals.as_ref() == Some(pairs))
            && subset.as_ref().is_none_or(within)
            && source_arn.as_ref().is_none_or(|arn| new.source_arn.as_ref() == Some(arn))
    }
}

/// Returns whether the caller has the path and the name that IAM reserves for service-linked roles.
fn is_linked_role(caller: &Caller) -> bool {
    let Some(arn) = Arn::split(caller.arn()) else { return false };
    let path = arn.resource.strip_prefix("role/aws-service-role/").and_then(|rest| rest.split_once('/'));
    arn.service == "iam"
        && arn.account == caller.account
        && path.is_some_and(|(service, name)| !service.is_empty() && name.starts_with("AWSServiceRoleFor"))
}

fn has_pairs(all: &BTreeMap<String, String>, pairs: &BTreeMap<String, String>) -> bool {
    pairs.iter().all(|(key, value)| all.get(key) == Some(value))
}

fn party(principal: Option<&str>, service: Option<&str>, caller: &Caller, key: &KeyFacts) -> Naming {
    let partition = Arn::split(&key.arn).map_or("aws", |arn| arn.partition);
    let named = match (principal, service) {
        // ListGrants shows a service in either field.
        (_, Some(service)) => Principal::Service(service.to_owned()),
        (Some(text), None) if text.contains('.') && !text.contains(':') => {
            Principal::Service(text.to_owned())
        }
        (Some(text), None) => Principal::aws(text, partition),
        (None, None) => return Naming::default(),
    };
    named_by(&named, caller)
}
