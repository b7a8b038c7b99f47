//! The routes by which a request can be allowed, and what each of them lacks.

use std::collections::BTreeSet;

use super::actions::{Reach, reach};
use super::caller::Readable;
use super::decide::{Evidence, Reading};
use super::key::Grant;
use super::naming::Naming;
use super::reason::Reason;
use super::source::Layer;

/// A route by which a request can be allowed.
pub(super) struct Route {
    pub reason: Reason,
    pub statements: BTreeSet<String>,
    pub missing: BTreeSet<Reason>,
}

impl Route {
    pub fn is_open(&self) -> bool {
        self.missing.is_empty()
    }
}

/// Lists the routes by which the request may be allowed; the list has at least one.
pub(super) fn routes(evidence: &Evidence<'_>, reading: Reading) -> Vec<Route> {
    let question = evidence.question;
    let ways = Ways { evidence, reading };
    if !question.has_key() {
        return vec![ways.route(Reason::IamOnlyNoKeyResource, [], &ALL)];
    }
    if question.is_cross_account() && reach(&question.request.action) == Some(Reach::OwnAccount) {
        return vec![ways.closed(Reason::CrossAccountOperation)];
    }
    let mut found = if question.is_retire_grant() { ways.by_retiring() } else { ways.by_key_policy() };
    found.extend(ways.by_grants());
    if found.is_empty() {
        found.push(ways.closed(match question.is_retire_grant() {
            true => Reason::RetireGrantNotAuthorized,
            false => Reason::NoKeyPolicyPath,
        }));
    }
    found
}

/// The layers on the caller's side that have to allow, besides service control policies.
const ALL: [Layer; 3] = [Layer::Identity, Layer::Boundary, Layer::Session];
/// The layers that limit an Allow that names the role instead of its session.
const ROLE: [Layer; 2] = [Layer::Boundary, Layer::Session];

struct Ways<'a> {
    evidence: &'a Evidence<'a>,
    reading: Reading,
}

impl Ways<'_> {
    fn by_key_policy(&self) -> Vec<Route> {
        let cited = |named: fn(Naming) -> bool| -> Vec<String> {
            let allows = self.evidence.allows(Layer::KeyPolicy, self.reading);
            allows.filter(|hit| named(hit.naming)).map(|hit| hit.cited.clone()).collect()
        };
        // A policy that could not be read may name the caller directly, which requires nothing else.
        let presumed = self.evidence.is_presumed(Layer::KeyPolicy, self.reading);
        [
            (Form::Direct, cited(|naming| naming.directly), presumed),
            (Form::Role, cited(|naming| naming.as_role), false),
            (Form::Account, cited(|naming| naming.as_account), false),
        ]
        .into_iter()
        .filter(|(_, cited, presumed)| *presumed || !cited.is_empty())
        .map(|(form, cited, _)| self.named(form, self.key_policy_reason(form), cited))
        .collect()
    }

    fn key_policy_reason(&self, form: Form) -> Reason {
        let caller = self.evidence.question.caller;
        match form {
            Form::Account if caller.is_root() => Reason::RootUserAccountPrincipal,
            _ if self.evidence.question.is_cross_account() => Reason::CrossAccountKeyPolicyAndIam,
            Form::Account => Reason::IamViaDelegation,
            Form::Direct | Form::Role => Reason::KeyPolicyDirect,
        }
    }

    fn by_grants(&self) -> Vec<Route> {
        let question = self.evidence.question;
        let grants = match &question.key.grants {
            Readable::Known(grants) => grants,
            Readable::Unknown { .. } if self.reading == Reading::Lenient => {
                return vec![self.named(Form::Direct, Reason::Grant, Vec::new())];
            }
            Readable::Unknown { .. } => return Vec::new(),
        };
        let in_question =
            grants.iter().filter(|grant| self.is_meant(grant) && grant.allows(question.request));
        in_question
            .flat_map(|grant| self.party(grant, grant.grantee(question.caller, question.key), Reason::Grant))
            .collect()
    }

    /// Lists the routes for RetireGrant: by the grant's retiring principal, or by the root user of the account that
    /// issued the grant.
    fn by_retiring(&self) -> Vec<Route> {
        let (caller, key) = (self.evidence.question.caller, self.evidence.question.key);
        let mut found = Vec::new();
        for grant in key.grants.known().into_iter().flatten().filter(|grant| self.is_meant(grant)) {
            found.extend(self.party(grant, grant.retiring(caller, key), Reason::RetiringPrincipal));
            if caller.is_root() && grant.issued_by(&caller.account) {
                found.push(self.route(Reason::RootUserAccountPrincipal, [grant.cite()], &[]));
            }
        }
        found
    }

    /// Returns whether a grant applies to the call: RetireGrant may name one grant, other calls can use any.
    fn is_meant(&self, grant: &Grant) -> bool {
        let question = self.evidence.question;
        !question.is_retire_grant()
            || question.request.grant_id.as_ref().is_none_or(|id| *id == grant.grant_id)
    }

    fn party(&self, grant: &Grant, naming: Naming, reason: Reason) -> Vec<Route> {
        [(Form::Direct, naming.directly), (Form::Role, naming.as_role), (Form::Account, naming.as_account)]
            .into_iter()
            .filter(|(_, named)| *named)
            .map(|(form, _)| {
                let cited = vec![grant.cite()];
                match form == Form::Role && grant.is_for_own_linked_role(self.evidence.question.caller) {
                    true => self.route(reason, cited, &ROLE),
                    false => self.named(form, reason, cited),
                }
            })
            .collect()
    }

    /// Makes the route of an Allow that names the caller in the given form.
    fn named(&self, form: Form, reason: Reason, cited: Vec<String>) -> Route {
        // A retiring principal of another account needs no policy of its own account.
        let crosses = self.evidence.question.is_cross_account() && !self.evidence.question.is_retire_grant();
        let limits: &[Layer] = match form {
            _ if crosses => &ALL,
            Form::Direct => &[],
            Form::Role => &ROLE,
            Form::Account => &ALL,
        };
        self.route(reason, cited, limits)
    }

    fn route(&self, reason: Reason, cited: impl IntoIterator<Item = String>, limits: &[Layer]) -> Route {
        let mut route =
            Route { reason, statements: cited.into_iter().collect(), missing: self.missing_scp() };
        for layer in limits {
            let gap = match layer {
                Layer::Boundary => {
                    self.evidence.question.is_limited_by(*layer).then_some(Reason::BoundaryNoAllow)
                }
                Layer::Session => {
                    self.evidence.question.is_limited_by(*layer).then_some(Reason::SessionNoAllow)
                }
                // The root user needs no policy of its own account.
                _ if self.evidence.question.caller.is_root() => None,
                _ => Some(Reason::NoIdentityAllow),
            };
            let Some(gap) = gap else { continue };
            let mut allows = self.evidence.allows(*layer, self.reading).peekable();
            if allows.peek().is_none() && !self.evidence.is_presumed(*layer, self.reading) {
                route.missing.insert(gap);
            }
            if *layer == Layer::Identity {
                route.statements.extend(allows.map(|hit| hit.cited.clone()));
            }
        }
        route
    }

    fn missing_scp(&self) -> BTreeSet<Reason> {
        let allowed: BTreeSet<usize> =
            self.evidence.allows(Layer::Scp, self.reading).map(|hit| hit.level).collect();
        let complete = allowed.len() == self.evidence.question.scp_levels;
        if complete { BTreeSet::new() } else { BTreeSet::from([Reason::ScpNoAllow]) }
    }

    fn closed(&self, reason: Reason) -> Route {
        let mut missing = self.missing_scp();
        missing.insert(reason);
        Route { reason, statements: BTreeSet::new(), missing }
    }
}

/// The form in which an Allow names the caller.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Direct,
    Role,
    Account,
}
