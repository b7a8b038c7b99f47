//! Finds the statements and grants that would have allowed a request but for one thing.

use std::fmt;

use super::condition::holds;
use super::context::Lookup;
use super::document::{Clause, Effect, Principal, Statement};
use super::names::Caseless;
use super::naming::naming;
use super::reason::Reason;
use super::source::{Layer, Question, Source};
use super::statement::{Target, action_matches, resource_matches};
use super::tri::Tri;

/// A statement or grant that would have matched but for one thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NearMiss {
    pub because: Miss,
    /// The statement, as `layer:[policy/]Sid`.
    pub statement: String,
}

/// The one thing that does not match; the most informative variant comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Miss {
    /// A condition does not hold.
    Condition { operator: String, key: String, wanted: Vec<String>, have: Vec<String> },
    /// A grant lists the operation for the caller, but its constraints do not hold.
    GrantConstraints,
    /// The statement lists other actions of KMS.
    Action { listed: Vec<String> },
    /// A grant names the caller, but does not list the operation.
    GrantOperation { listed: Vec<String> },
    /// The statement lists other resources.
    Resource { listed: Vec<String> },
    /// The statement names other principals.
    Principal { named: Vec<String> },
}

impl fmt::Display for Miss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |items: &[String]| items.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ");
        match self {
            Self::Principal { named } => write!(formatter, "it names {}", list(named)),
            Self::Action { listed } => write!(formatter, "it is about {}", list(listed)),
            Self::Resource { listed } => write!(formatter, "it is about {}", list(listed)),
            Self::Condition { operator, key, wanted, have } if have.is_empty() => {
                write!(formatter, "the request has no `{key}`; `{operator}` wants {}", list(wanted))
            }
            Self::Condition { operator, key, wanted, have } => {
                write!(formatter, "`{key}` is {}; `{operator}` wants {}", list(have), list(wanted))
            }
            Self::GrantOperation { listed } => write!(formatter, "it allows {}", list(listed)),
            Self::GrantConstraints => {
                formatter.write_str("the encryption context does not meet its constraints")
            }
        }
    }
}

/// Lists the statements and grants that fail to match in one thing only: those on the key, and those of the
/// layer that the reason names.
pub(super) fn near_misses(question: &Question<'_>, reason: Reason) -> Vec<NearMiss> {
    let blamed = match reason {
        Reason::NoIdentityAllow => Some(Layer::Identity),
        Reason::BoundaryNoAllow => Some(Layer::Boundary),
        Reason::SessionNoAllow => Some(Layer::Session),
        Reason::ScpNoAllow => Some(Layer::Scp),
        _ => None,
    };
    let layers = std::iter::once(Layer::KeyPolicy).chain(blamed);
    let mut found: Vec<NearMiss> = layers.flat_map(|layer| misses_of(question, layer)).collect();
    found.extend(misses_of_grants(question));
    found.sort();
    found
}

/// Lists the statements of a layer that fail to match in one thing only, the most informative first.
pub(super) fn misses_of(question: &Question<'_>, layer: Layer) -> Vec<NearMiss> {
    let mut found = Vec::new();
    for source in question.sources.iter().filter(|source| source.layer == layer) {
        for (index, statement) in source.document.statements().iter().enumerate() {
            let because = only_miss(statement, source, question);
            found.extend(
                because.map(|because| NearMiss { because, statement: source.cite(index, statement) }),
            );
        }
    }
    found.sort();
    found
}

/// Lists the grants to the caller that do not allow the request.
pub(super) fn misses_of_grants(question: &Question<'_>) -> Vec<NearMiss> {
    let mut found = Vec::new();
    for grant in question.key.grants.known().into_iter().flatten() {
        let names_caller = grant.grantee(question.caller, question.key).any();
        if !names_caller || grant.allows(question.request) {
            continue;
        }
        let because = match grant.lists(&question.request.action) {
            true => Miss::GrantConstraints,
            false => Miss::GrantOperation { listed: grant.operations.clone() },
        };
        found.push(NearMiss { because, statement: grant.cite() });
    }
    found.sort();
    found
}

fn only_miss(statement: &Statement, source: &Source<'_>, question: &Question<'_>) -> Option<Miss> {
    if statement.effect == Effect::Deny || !is_about_kms(&statement.actions) {
        return None;
    }
    let target = question.target(source);
    let names_nobody = source.layer == Layer::KeyPolicy
        && !naming(&statement.principals, statement.effect, question.caller).any();
    let misses = [
        names_nobody.then(|| Miss::Principal { named: principals(&statement.principals) }),
        (!action_matches(&statement.actions, target.action))
            .then(|| Miss::Action { listed: texts(&statement.actions) }),
        (resource_matches(&statement.resources, target) == Tri::No)
            .then(|| Miss::Resource { listed: texts(&statement.resources) }),
    ];
    let mut misses = misses.into_iter().flatten().chain(failed_conditions(statement, target));
    let first = misses.next();
    first.filter(|_| misses.next().is_none())
}

/// Returns whether a statement names actions of KMS; a statement about another service is never a near miss.
fn is_about_kms(actions: &Clause<Caseless>) -> bool {
    match actions {
        Clause::Absent => false,
        Clause::Is(listed) => listed.iter().any(|action| {
            let action = action.folded();
            action.starts_with("kms:") || action.starts_with('*')
        }),
        Clause::IsNot(_) => true,
    }
}

fn failed_conditions<'a>(statement: &'a Statement, target: Target<'a>) -> impl Iterator<Item = Miss> + 'a {
    let pairs = statement
        .conditions
        .iter()
        .flat_map(|(operator, keys)| keys.iter().map(move |(key, wanted)| (*operator, key, wanted)));
    pairs.filter_map(move |(operator, key, wanted)| {
        let failed = holds(operator, key.as_str(), wanted, target.scope) == Tri::No;
        failed.then(|| Miss::Condition {
            operator: operator.to_string(),
            key: key.to_string(),
            wanted: wanted.iter().cloned().collect(),
            have: match target.scope.context.lookup(key.as_str()) {
                Lookup::Values(values) => values.to_vec(),
                Lookup::Absent | Lookup::Unknown => Vec::new(),
            },
        })
    })
}

fn principals(clause: &Clause<Principal>) -> Vec<String> {
    match clause {
        Clause::Absent => Vec::new(),
        Clause::Is(all) => all.iter().map(|principal| principal.parts().1).collect(),
        Clause::IsNot(all) => all.iter().map(|principal| format!("not {}", principal.parts().1)).collect(),
    }
}

fn texts<T: Ord + ToString>(clause: &Clause<T>) -> Vec<String> {
    match clause {
        Clause::Absent => Vec::new(),
        Clause::Is(all) => all.iter().map(ToString::to_string).collect(),
        Clause::IsNot(all) => all.iter().map(|item| format!("not {}", item.to_string())).collect(),
    }
}
