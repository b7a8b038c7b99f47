//! Decides whether a statement matches a request.

use super::condition::{self, Scope};
use super::context::Context;
use super::document::{Clause, Statement, Version};
use super::names::Caseless;
use super::pattern::{includes, literal, wild};
use super::tri::Tri;
use super::variable::{Expanded, expand_resource};

/// The parts of a request with which a statement, apart from its principals, is matched.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub action: &'a str,
    /// The ARN of a key, or `*` for operations that name no key.
    pub resource: &'a str,
    pub scope: Scope<'a>,
}

/// Returns whether action, resource and conditions of a statement match.
pub(super) fn matches(statement: &Statement, target: Target<'_>) -> Tri {
    Tri::all([
        Tri::from(action_matches(&statement.actions, target.action)),
        resource_matches(&statement.resources, target),
        condition::all_hold(&statement.conditions, target.scope),
    ])
}

pub(super) fn action_matches(clause: &Clause<Caseless>, action: &str) -> bool {
    let action = literal(&action.to_ascii_lowercase());
    let listed = |wanted: &Caseless| includes(&wild(&wanted.folded()), &action);
    match clause {
        // Such statements exist in old key policies, and have no effect.
        Clause::Absent => false,
        Clause::Is(actions) => actions.iter().any(listed),
        Clause::IsNot(actions) => !actions.iter().any(listed),
    }
}

pub(super) fn resource_matches(clause: &Clause<String>, target: Target<'_>) -> Tri {
    let resource = literal(target.resource);
    let listed = |wanted: &String| match expanded(wanted, target.scope.version, target.scope.context) {
        Expanded::Pattern(tokens) => Some(Tri::from(includes(&tokens, &resource))),
        Expanded::Unknown => Some(Tri::Maybe),
        Expanded::Unresolved => None,
    };
    match clause {
        Clause::Absent => Tri::No,
        Clause::Is(wanted) => Tri::any(wanted.iter().filter_map(listed)),
        // A variable without a value makes the whole statement invalid.
        Clause::IsNot(wanted) => {
            wanted.iter().map(|one| listed(one).map_or(Tri::No, |listed| !listed)).min().unwrap_or(Tri::Yes)
        }
    }
}

fn expanded(resource: &str, version: Version, context: &Context) -> Expanded {
    match version {
        Version::V2008 => Expanded::Pattern(wild(resource)),
        Version::V2012 => expand_resource(resource, context),
    }
}
