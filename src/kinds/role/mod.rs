//! IAM roles: trust policy, permissions and permissions boundary.

pub(crate) mod aws;
mod predict;
mod stand_in;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::access::PolicyDocument;
use crate::kinds::step::Aspect;
use crate::kinds::{Change, Ids, Tags};
use crate::kinds::{Draft, Expected, Name, Resource, Without, World};

pub use predict::{predict, predicted_id};
pub use stand_in::{STAND_IN, stand_in_name};
pub use steps::steps;

/// IAM roles.
#[derive(Clone, Copy, Debug)]
pub struct Role;

impl Resource for Role {
    type Want = Spec;
    type Seen = Seen;
    type Op = Op;

    const AT_ONCE: usize = 5;
    // IAM answers with a concurrent modification.
    const ONE_BY_ONE: bool = true;
    const WITHOUT: Without = Without::NoDependents;
    const IS_GLOBAL: bool = true;

    fn steps(name: &Name, want: Option<&Spec>, seen: Option<&Seen>) -> Vec<Draft> {
        steps(name, want, seen)
    }

    fn predict(seen: Option<Seen>, op: &Op) -> Result<Option<Seen>, String> {
        predict(seen, op)
    }

    fn check(_world: &World, _name: &Name, _op: &Op) -> Result<(), String> {
        Ok(())
    }

    fn settle(world: &mut World, name: &Name, op: &Op, before: Option<Seen>) {
        match (op, before) {
            (Op::Create { .. }, _) => world.identify(name),
            (Op::Delete, Some(deleted)) => world.replace_arn_with_unique_id(deleted),
            _ => {}
        }
    }

    fn expected(seen: &Seen, op: &Op) -> Option<Expected> {
        match op {
            Op::PutTrust { .. } => Some(Expected::Policy(Box::new(seen.spec.trust.clone()))),
            Op::PutInline { policy, .. } | Op::DeleteInline { policy } => {
                let read = !seen.unread.contains_key("inline_policies");
                read.then(|| Expected::Inline(seen.spec.inline.get(policy).cloned().map(Box::new)))
            }
            _ => None,
        }
    }

    fn arguments(op: &Op) -> serde_json::Result<String> {
        match op {
            Op::Create { spec } => {
                serde_json::to_string(&(&spec.trust, &spec.description, &spec.boundary, &spec.tags))
            }
            op => serde_json::to_string(op),
        }
    }

    fn knows(_seen: &Seen, _aspect: &Aspect) -> bool {
        true
    }

    fn unread(seen: &Seen) -> &BTreeMap<String, String> {
        &seen.unread
    }

    fn trail_names(want: Option<&Spec>, seen: Option<&Seen>) -> Vec<String> {
        let arn = seen.map(|role| &role.spec.arn).or_else(|| want.map(|role| &role.arn));
        arn.map(|arn| name_in(arn).to_owned()).into_iter().collect()
    }
}

/// A role as declared in the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// `RoleName` in the account. Immutable.
    pub role_name: String,
    /// Path, `/` or `/…/`. Immutable.
    pub path: String,
    /// ARN, derived from account, path and name.
    pub arn: String,
    /// Description, empty for none.
    pub description: String,
    /// `MaxSessionDuration` in seconds (3600 to 43200).
    pub max_session: u32,
    /// Trust policy.
    pub trust: PolicyDocument,
    /// ARNs of the attached managed policies.
    pub managed: BTreeSet<String>,
    /// Inline policies by name.
    pub inline: BTreeMap<String, PolicyDocument>,
    /// ARN of the permissions boundary.
    pub boundary: Option<String>,
    /// All tags, including those of lockstep.
    pub tags: Tags,
}

/// A role as it is in AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// `RoleId` (`AROA…`), different for every role, even for one that is re-created under the same name.
    pub role_id: String,
    /// The settings that are compared with the spec.
    pub spec: Spec,
    /// Fields that could not be read, with the reason.
    pub unread: BTreeMap<String, String>,
}

impl Seen {
    /// Returns whether the role has a stack tag of lockstep.
    pub fn is_tagged(&self) -> bool {
        self.spec.tags.keys().any(|key| key.starts_with("lockstep:")) || self.unread.contains_key("tags")
    }

    /// Returns the identifiers by which other resources refer to the role.
    pub fn ids(&self, name: &Name) -> Ids {
        let mut ids = Ids::default();
        ids.set(format!("roles.{name}.arn"), &self.spec.arn);
        ids.set(format!("roles.{name}.name"), &self.spec.role_name);
        ids.set(format!("roles.{name}.id"), &self.role_id);
        ids
    }
}

/// One mutating call on a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all_fields = "snake_case")]
pub enum Op {
    /// `CreateRole` with path, trust policy, description, session duration, boundary and tags.
    Create {
        /// All arguments of the create call; policies are attached by separate calls.
        spec: Spec,
    },
    /// `UpdateAssumeRolePolicy`.
    PutTrust {
        /// The trust policy to put.
        trust: PolicyDocument,
    },
    /// `UpdateRole`.
    Update {
        /// Description, empty for none.
        description: String,
        /// Maximum session duration in seconds.
        max_session: u32,
    },
    /// `PutRolePermissionsBoundary`.
    PutBoundary {
        /// Policy ARN.
        arn: String,
    },
    /// `DeleteRolePermissionsBoundary`.
    DeleteBoundary,
    /// `AttachRolePolicy`.
    Attach {
        /// Policy ARN.
        arn: String,
    },
    /// `DetachRolePolicy`.
    Detach {
        /// Policy ARN.
        arn: String,
    },
    /// `PutRolePolicy`.
    PutInline {
        /// Policy name.
        policy: String,
        /// The document.
        document: PolicyDocument,
    },
    /// `DeleteRolePolicy`.
    DeleteInline {
        /// Policy name.
        policy: String,
    },
    /// `TagRole`.
    Tag {
        /// Tags to set.
        tags: Tags,
    },
    /// `UntagRole`.
    Untag {
        /// Tag keys to remove.
        keys: BTreeSet<String>,
    },
    /// `DeleteRole`.
    Delete,
}

/// Returns the name of a role, the last part of its ARN.
pub fn name_in(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// Lists the settings of a role that differ but that IAM can never change.
pub fn immutable(want: &Spec, seen: &Seen) -> Vec<Change> {
    Change::of("path", &seen.spec.path, &want.path).into_iter().collect()
}
