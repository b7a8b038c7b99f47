//! Decides requests according to AWS's authorization rules for KMS.

use std::collections::BTreeSet;

use super::actions::key_actions;
use super::caller::{Caller, Readable};
use super::document::Effect;
use super::explain::{NearMiss, near_misses};
use super::key::{KeyFacts, Request};
use super::naming::{Naming, naming};
use super::reason::Reason;
use super::route::{Route, routes};
use super::source::{Layer, Question, Source};
use super::statement;
use super::tri::Tri;

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Allow,
    /// Nothing allows it.
    ImplicitDeny,
    /// A statement denies it.
    ExplicitDeny,
    /// The outcome depends on something that is not known.
    Unknown,
}

impl Outcome {
    /// Returns the name of the outcome, such as `implicit_deny`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::ImplicitDeny => "implicit_deny",
            Self::ExplicitDeny => "explicit_deny",
            Self::Unknown => "unknown",
        }
    }
}

/// A decision with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub outcome: Outcome,
    /// The main reason; for an unknown outcome, the reason why the request might be allowed.
    pub reason: Reason,
    /// The deciding statements, as `layer:[policy/]Sid`; for an allow, those of every route that suffices.
    pub statements: BTreeSet<String>,
    /// For an implicit deny, the statements and grants that would have allowed it but for one thing.
    pub near_misses: Vec<NearMiss>,
    /// For an unknown outcome, the things that are not known.
    pub unknowns: BTreeSet<String>,
}

/// Decides whether the caller may make the request on the key.
///
/// The state and the usage of the key are ignored: a call that is allowed can still fail because of them.
pub fn decide(caller: &Caller, request: &Request, key: &KeyFacts) -> Decision {
    let question = Question::new(caller, request, key);
    let evidence = Evidence::gather(&question);
    if let Some(decision) = evidence.explicit_deny() {
        return decision;
    }
    let possible = routes(&evidence, Reading::Lenient);
    if !possible.iter().any(Route::is_open) {
        let reason = closest(&possible);
        let near_misses = near_misses(&question, reason);
        return Decision { outcome: Outcome::ImplicitDeny, reason, near_misses, ..Decision::empty() };
    }
    let certain = routes(&evidence, Reading::Strict);
    if certain.iter().any(Route::is_open) && !evidence.may_be_denied() {
        return allowed(Outcome::Allow, certain);
    }
    Decision { unknowns: evidence.unknowns(), ..allowed(Outcome::Unknown, possible) }
}

/// Lists the actions, without `kms:`, that the caller may perform on the key in direct calls.
///
/// The lists for the key before and after a change show what a principal gains and loses.
pub fn actions_of(caller: &Caller, key: &KeyFacts) -> BTreeSet<&'static str> {
    let may = |name: &&str| decide(caller, &Request::new(format!("kms:{name}"), caller, key), key).is_allow();
    key_actions().filter(may).collect()
}

impl Decision {
    fn empty() -> Self {
        Self {
            outcome: Outcome::ImplicitDeny,
            reason: Reason::NoKeyPolicyPath,
            statements: BTreeSet::new(),
            near_misses: Vec::new(),
            unknowns: BTreeSet::new(),
        }
    }

    /// Returns whether the request is allowed for certain.
    pub fn is_allow(&self) -> bool {
        self.outcome == Outcome::Allow
    }
}

fn allowed(outcome: Outcome, routes: Vec<Route>) -> Decision {
    let open: Vec<Route> = routes.into_iter().filter(Route::is_open).collect();
    let reason = open.iter().map(|route| route.reason).min().unwrap_or(Reason::NoKeyPolicyPath);
    let statements = open.into_iter().flat_map(|route| route.statements).collect();
    Decision { outcome, reason, statements, ..Decision::empty() }
}

/// Returns the first thing that the route with the fewest gaps lacks.
fn closest(routes: &[Route]) -> Reason {
    let nearest = routes.iter().min_by_key(|route| (route.missing.len(), route.missing.clone()));
    nearest.and_then(|route| route.missing.first().copied()).unwrap_or(Reason::NoKeyPolicyPath)
}

/// The reading of statements and policies that are not fully known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// They count as allowing.
    Lenient,
    /// They count as not allowing.
    Strict,
}

/// A statement that matches the request, or may match it.
pub(super) struct Hit {
    pub layer: Layer,
    pub level: usize,
    pub effect: Effect,
    pub cited: String,
    pub naming: Naming,
    pub certain: bool,
}

/// A question with the statements that match it, or may match it.
pub(super) struct Evidence<'a> {
    pub question: &'a Question<'a>,
    hits: Vec<Hit>,
}

impl<'a> Evidence<'a> {
    pub fn gather(question: &'a Question<'a>) -> Self {
        let hits = question.sources.iter().flat_map(|source| hits(question, source)).collect();
        Self { question, hits }
    }

    /// Returns the Allow statements of a layer, including those that only may match if the reading is lenient.
    pub fn allows(&self, layer: Layer, reading: Reading) -> impl Iterator<Item = &Hit> {
        self.hits.iter().filter(move |hit| {
            hit.layer == layer && hit.effect == Effect::Allow && (hit.certain || reading == Reading::Lenient)
        })
    }

    /// Returns the Deny statements of a layer that match for certain.
    pub fn denies(&self, layer: Layer) -> impl Iterator<Item = &Hit> {
        self.hits.iter().filter(move |hit| hit.layer == layer && hit.effect == Effect::Deny && hit.certain)
    }

    /// Returns whether a layer could not be read and counts as allowing.
    pub fn is_presumed(&self, layer: Layer, reading: Reading) -> bool {
        reading == Reading::Lenient && self.question.unreadable.iter().any(|(unread, _)| *unread == layer)
    }

    fn explicit_deny(&self) -> Option<Decision> {
        let denies = || self.hits.iter().filter(|hit| hit.effect == Effect::Deny && hit.certain);
        let layer = denies().map(|hit| hit.layer).min()?;
        Some(Decision {
            outcome: Outcome::ExplicitDeny,
            reason: Reason::ExplicitDeny(layer),
            statements: denies().map(|hit| hit.cited.clone()).collect(),
            ..Decision::empty()
        })
    }

    /// Returns whether an unreadable policy, or a statement that depends on unknown condition keys, may deny.
    fn may_be_denied(&self) -> bool {
        !self.question.unreadable.is_empty()
            || self.hits.iter().any(|hit| hit.effect == Effect::Deny && !hit.certain)
    }

    fn unknowns(&self) -> BTreeSet<String> {
        let unread = self.question.unreadable.iter().map(|(layer, why)| format!("{layer}: {why}"));
        let vague = self.hits.iter().filter(|hit| !hit.certain).map(|hit| hit.cited.clone());
        let grants = match &self.question.key.grants {
            Readable::Unknown { why } => Some(format!("grants: {why}")),
            Readable::Known(_) => None,
        };
        unread.chain(vague).chain(grants).collect()
    }
}

fn hits<'a>(question: &'a Question<'_>, source: &'a Source<'_>) -> impl Iterator<Item = Hit> {
    let target = question.target(source);
    source.document.statements().iter().enumerate().filter_map(move |(index, statement)| {
        let naming = match source.layer {
            Layer::KeyPolicy | Layer::Rcp => naming(&statement.principals, statement.effect, question.caller),
            // These have no Principal element: they apply to whatever they are attached to.
            _ => Naming { directly: true, ..Naming::default() },
        };
        let matched = if naming.any() { statement::matches(statement, target) } else { Tri::No };
        (matched != Tri::No).then(|| Hit {
            layer: source.layer,
            level: source.level,
            effect: statement.effect,
            cited: source.cite(index, statement),
            naming,
            certain: matched == Tri::Yes,
        })
    })
}
