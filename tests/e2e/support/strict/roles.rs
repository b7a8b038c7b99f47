//! Roles: when they were created, and what remains of deleted ones.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::{Answer, Operation, Request, Strict};
use crate::support::operation::form;

/// The roles that were created through the layer.
#[derive(Default)]
pub struct Roles {
    /// By ARN.
    there: BTreeMap<String, Role>,
    /// Reads of new roles, by name; every other one of them is too early.
    reads: BTreeMap<String, usize>,
    /// Roles whose policies were just detached, because of which their deletion is refused once.
    detached: BTreeMap<String, Instant>,
    refused_once: BTreeSet<String>,
}

struct Role {
    id: String,
    born: Instant,
}

impl Roles {
    /// Returns the unique id of a role that exists.
    pub fn id(&self, arn: &str) -> Option<&str> {
        self.there.get(arn).map(|role| role.id.as_str())
    }

    /// Returns whether a role exists and every service knows it.
    pub fn is_known(&self, arn: &str, after: Duration) -> bool {
        self.there.get(arn).is_some_and(|role| role.born.elapsed() >= after)
    }

    fn is_young(&self, name: &str, until: Duration) -> bool {
        self.there.iter().any(|(arn, role)| last(arn) == name && role.born.elapsed() < until)
    }
}

fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// Returns the content of the first element with this name.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once('<')?.0.to_owned())
}

impl Strict {
    /// Refuses calls on a role that was just created and may not be known yet, and on one whose policies were just
    /// detached and may still seem attached.
    pub(super) fn iam_refusal(
        &self,
        request: &Request,
        operation: &Operation,
    ) -> Option<(&'static str, Answer)> {
        let name = form(request, "RoleName")?;
        let roles = &mut self.state.lock().unwrap().roles;
        let young = roles.is_young(&name, self.rules.reads);
        let unknown = match operation.name.as_str() {
            "iam:GetRole" | "iam:AttachRolePolicy" | "iam:PutRolePolicy" | "iam:TagRole" if young => {
                let reads = roles.reads.entry(format!("{} {name}", operation.name)).or_default();
                *reads += 1;
                *reads % 2 == 1
            }
            _ => false,
        };
        if unknown {
            let message = format!("The role with name {name} cannot be found.");
            return Some(("NoSuchEntity", Answer::iam_refusal(404, "NoSuchEntity", &message)));
        }
        let detached = roles.detached.get(&name).is_some_and(|at| at.elapsed() < self.rules.reads);
        if operation.name == "iam:DeleteRole" && detached && roles.refused_once.insert(name) {
            let message = "Cannot delete entity, must detach all policies first.";
            return Some(("DeleteConflict", Answer::iam_refusal(409, "DeleteConflict", message)));
        }
        None
    }

    pub(super) fn learn_iam(&self, request: &Request, operation: &Operation, answer: &Answer) {
        let Some(name) = form(request, "RoleName") else { return };
        let roles = &mut self.state.lock().unwrap().roles;
        match operation.name.as_str() {
            "iam:CreateRole" => {
                let xml = String::from_utf8_lossy(&answer.body);
                let (Some(arn), Some(id)) = (element(&xml, "Arn"), element(&xml, "RoleId")) else {
                    panic!("{xml}")
                };
                roles.refused_once.remove(&name);
                roles.there.insert(arn, Role { id, born: Instant::now() });
            }
            "iam:DeleteRole" => roles.there.retain(|arn, _| last(arn) != name),
            "iam:DetachRolePolicy" | "iam:DeleteRolePolicy" => {
                roles.detached.insert(name, Instant::now());
            }
            _ => {}
        }
    }
}
