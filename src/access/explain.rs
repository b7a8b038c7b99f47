//! Names what would have allowed a request but for one thing.

use std::fmt;

use super::condition::holds;
use super::context::Lookup;
use super::document::{Clause, Effect, Principal, Statement};
use super::naming::naming;
use super::source::{Layer, Question, Source};
use super::statement::{Target, action_matches, resource_matches};
use super::tri::Tri;

/// A statement or grant that would have matched but for one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// The statement, as `layer:[policy/]Sid`.
    pub statement: String,
    pub because: Miss,
}

/// The one thing that does not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// Others are named.
    Principal { named: Vec<String> },
    /// Other actions are listed.
    Action { listed: Vec<String> },
    /// Other resources are listed.
    Resource { listed: Vec<String> },
    /// A condition does not hold.
    Condition { operator: String, key: String, wanted: Vec<String>, have: Vec<String> },
    /// A grant names the caller, but does not list the operation.
    GrantOperation { listed: Vec<String> },
    /// A grant lists the operation for the caller, but its constraints do not hold.
    GrantConstraints,
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

/// Lists the statements and grants that miss in one thing only.
pub(super) fn near_misses(question: &Question<'_>) -> Vec<NearMiss> {
    let statements = question.sources.iter().flat_map(|source| {
        let of_statement = move |(index, statement): (usize, &Statement)| {
            let because = only_miss(statement, source, question)?;
            Some(NearMiss { statement: source.cite(index, statement), because })
        };
        source.document.statements().iter().enumerate().filter_map(of_statement)
    });
    let grants = question.key.grants.known().into_iter().flatten().filter_map(|grant| {
        let because = match grant.grantee(question.caller, question.key).any() {
            false => return None,
            true if grant.lists(&question.request.action) => Miss::GrantConstraints,
            true => Miss::GrantOperation { listed: grant.operations.clone() },
        };
        (!grant.allows(question.request))
            .then(|| NearMiss { statement: format!("grant:{}", grant.grant_id), because })
    });
    statements.chain(grants).collect()
}

fn only_miss(statement: &Statement, source: &Source<'_>, question: &Question<'_>) -> Option<Miss> {
    if statement.effect == Effect::Deny {
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
