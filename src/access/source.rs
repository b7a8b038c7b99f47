//! The policies that apply to a request, and where each of them comes from.

use std::fmt;

use super::actions::{names_key, operation};
use super::caller::{Caller, Level, Readable};
use super::condition::Scope;
use super::document::{PolicyDocument, Statement};
use super::key::{KeyFacts, Request};
use super::statement::Target;

/// A type of policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    KeyPolicy,
    Identity,
    Boundary,
    Session,
    Scp,
    Rcp,
}

impl fmt::Display for Layer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::KeyPolicy => "key_policy",
            Self::Identity => "identity",
            Self::Boundary => "boundary",
            Self::Session => "session",
            Self::Scp => "scp",
            Self::Rcp => "rcp",
        })
    }
}

/// A policy document and where it comes from.
pub(super) struct Source<'a> {
    pub layer: Layer,
    /// The name of the policy, or the target of an organization policy.
    pub name: Option<&'a str>,
    /// The level of the organization at which the policy is attached.
    pub level: usize,
    pub document: &'a PolicyDocument,
}

impl Source<'_> {
    /// Returns the citation of a statement, `layer:[policy/]Sid`, with `#n` instead of a missing Sid.
    pub fn cite(&self, index: usize, statement: &Statement) -> String {
        let sid = match statement.sid.as_deref() {
            Some(sid) if !sid.is_empty() => sid.to_owned(),
            _ => format!("#{index}"),
        };
        match self.name {
            Some(name) => format!("{}:{name}/{sid}", self.layer),
            None => format!("{}:{sid}", self.layer),
        }
    }
}

/// A request, with every policy that applies to it.
pub(super) struct Question<'a> {
    pub caller: &'a Caller,
    pub request: &'a Request,
    pub key: &'a KeyFacts,
    pub sources: Vec<Source<'a>>,
    /// Policies that apply to the request and could not be read.
    pub unreadable: Vec<(Layer, &'a str)>,
    pub scp_levels: usize,
}

impl<'a> Question<'a> {
    /// Collects the policies. Policies that never apply to such a call are left out here, and nowhere else.
    pub fn new(caller: &'a Caller, request: &'a Request, key: &'a KeyFacts) -> Self {
        let mut question =
            Self { caller, request, key, sources: Vec::new(), unreadable: Vec::new(), scp_levels: 0 };
        // A key policy does not apply to operations without a key, and kms:RetireGrant has no effect in it.
        if question.has_key() && !question.is_retire_grant() {
            if let Some(document) = question.read(Layer::KeyPolicy, &key.policy) {
                question.push(Layer::KeyPolicy, None, 0, document);
            }
            if !key.aws_managed && !caller.is_service_linked() && !question.is_managed_by(&key.account) {
                let levels = question.read(Layer::Rcp, &key.rcps);
                question.push_levels(Layer::Rcp, levels.map_or(&[], Vec::as_slice));
            }
        }
        if caller.is_service() {
            return question;
        }
        question.gather_identity();
        if !caller.is_service_linked() && !question.is_managed_by(&caller.account) {
            let levels = question.read(Layer::Scp, &caller.scps).and_then(Option::as_ref);
            question.push_levels(Layer::Scp, levels.map_or(&[], Vec::as_slice));
            if caller.account == key.account {
                question.push_levels(Layer::Scp, &key.account_scps);
            }
        }
        question
    }

    fn gather_identity(&mut self) {
        for policy in self.read(Layer::Identity, &self.caller.identity).into_iter().flatten() {
            self.push(Layer::Identity, Some(&policy.name), 0, &policy.document);
        }
        // The root user has neither boundary nor session policies.
        if self.caller.is_root() {
            return;
        }
        for document in self.read(Layer::Boundary, &self.caller.boundary).into_iter().flatten() {
            self.push(Layer::Boundary, None, 0, document);
        }
        for document in self.read(Layer::Session, &self.caller.session).into_iter().flatten() {
            self.push(Layer::Session, None, 0, document);
        }
    }

    fn read<T>(&mut self, layer: Layer, what: &'a Readable<T>) -> Option<&'a T> {
        if let Readable::Unknown { why } = what {
            self.unreadable.push((layer, why));
        }
        what.known()
    }

    fn push(&mut self, layer: Layer, name: Option<&'a str>, level: usize, document: &'a PolicyDocument) {
        self.sources.push(Source { layer, name, level, document });
    }

    fn push_levels(&mut self, layer: Layer, levels: &'a [Level]) {
        for Level { target, policies } in levels {
            for document in policies {
                self.push(layer, Some(target), self.scp_levels, document);
            }
            if layer == Layer::Scp {
                self.scp_levels += 1;
            }
        }
    }

    /// Returns whether the account is the management account of its organization, to which organization policies
    /// never apply.
    fn is_managed_by(&self, account: &str) -> bool {
        self.caller.management_account.as_deref() == Some(account)
    }

    /// Returns whether the layer, a boundary or session policies, has any policy, readable or not.
    pub fn is_limited_by(&self, layer: Layer) -> bool {
        self.sources.iter().any(|source| source.layer == layer)
            || self.unreadable.iter().any(|(unread, _)| *unread == layer)
    }

    pub fn has_key(&self) -> bool {
        names_key(&self.request.action)
    }

    pub fn is_retire_grant(&self) -> bool {
        operation(&self.request.action).is_some_and(|name| name.eq_ignore_ascii_case("RetireGrant"))
    }

    /// Returns whether caller and key belong to different accounts; a service belongs to no account.
    pub fn is_cross_account(&self) -> bool {
        self.has_key() && !self.caller.is_service() && self.caller.account != self.key.account
    }

    /// Returns the target with which the statements of a policy are matched.
    pub fn target(&self, source: &Source<'_>) -> Target<'_> {
        let hidden_key = (source.layer == Layer::KeyPolicy).then_some("kms:ResourceAliases");
        Target {
            action: &self.request.action,
            resource: if self.has_key() { &self.key.arn } else { "*" },
            scope: Scope { context: &self.request.context, version: source.document.language(), hidden_key },
        }
    }
}
