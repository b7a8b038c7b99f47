//! KMS keys: settings, key policy, rotation and aliases.

pub(crate) mod aws;
pub mod policy;
mod predict;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::access::PolicyDocument;
use crate::kinds::step::Aspect;
use crate::kinds::{Change, Tags};
use crate::kinds::{Draft, Expected, Name, Resource, Without, World};

pub use predict::predict;
pub use steps::{move_aliases, steps};

/// KMS keys.
#[derive(Clone, Copy, Debug)]
pub struct Key;

impl Resource for Key {
    type Want = Spec;
    type Seen = Seen;
    type Op = Op;

    const AT_ONCE: usize = 4;
    const ONE_BY_ONE: bool = false;
    const WITHOUT: Without = Without::NoDependents;
    const IS_GLOBAL: bool = false;

    fn steps(name: &Name, want: Option<&Spec>, seen: Option<&Seen>) -> Vec<Draft> {
        steps(name, want, seen)
    }

    fn predict(seen: Option<Seen>, op: &Op) -> Result<Option<Seen>, String> {
        predict(seen, op)
    }

    fn check(world: &World, name: &Name, op: &Op) -> Result<(), String> {
        match op {
            Op::Create { spec: Spec { policy, .. } } | Op::PutPolicy { policy } => {
                world.check_principals(policy)
            }
            Op::CreateAlias { alias } => match world.holder(alias) {
                Some((holder, _)) => {
                    Err(format!("`{alias}` exists already, on keys.{holder} and not on {name}"))
                }
                None => Ok(()),
            },
            Op::MoveAlias { alias } => world.check_move(name, alias),
            _ => Ok(()),
        }
    }

    fn settle(world: &mut World, name: &Name, op: &Op, _before: Option<Seen>) {
        if let Op::MoveAlias { alias } = op {
            world.leave_alias_to(name, alias);
        }
    }

    fn expected(seen: &Seen, op: &Op) -> Option<Expected> {
        let Op::PutPolicy { .. } = op else { return None };
        let read = !seen.unread.contains_key("policy");
        read.then(|| Expected::Policy(Box::new(seen.spec.policy.clone())))
    }

    fn arguments(op: &Op) -> serde_json::Result<String> {
        match op {
            Op::Create { spec } => serde_json::to_string(&(&spec.policy, &spec.description, &spec.tags)),
            op => serde_json::to_string(op),
        }
    }

    fn knows(_seen: &Seen, _aspect: &Aspect) -> bool {
        true
    }

    fn unread(seen: &Seen) -> &BTreeMap<String, String> {
        &seen.unread
    }

    fn trail_names(_want: Option<&Spec>, seen: Option<&Seen>) -> Vec<String> {
        seen.map(|key| vec![key.arn.clone(), key.id.clone()]).unwrap_or_default()
    }
}

/// A key as declared in the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// `KeySpec`, such as `SYMMETRIC_DEFAULT`. Immutable.
    pub key_spec: String,
    /// `KeyUsage`, such as `ENCRYPT_DECRYPT`. Immutable.
    pub usage: String,
    /// `true` for a multi-Region primary key. Immutable.
    pub multi_region: bool,
    /// Description, empty for none.
    pub description: String,
    /// `true` if the key is enabled.
    pub enabled: bool,
    /// Period of automatic rotation in days (90 to 2560); `None` turns it off.
    pub rotation: Option<u32>,
    /// Alias names with the prefix `alias/`.
    pub aliases: BTreeSet<String>,
    /// The key policy.
    pub policy: PolicyDocument,
    /// All tags, including those of lockstep.
    pub tags: Tags,
    /// Days between scheduling the deletion and the deletion (7 to 30). Not part of the key.
    pub deletion_window: u32,
}

/// A key as it is in AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Key ID: a UUID, or `mrk-` and 32 hexadecimal digits.
    pub id: String,
    /// Key ARN.
    pub arn: String,
    /// `KeyState`.
    pub state: State,
    /// The settings that are compared with the spec. `enabled` is true in the state `Enabled` only.
    pub spec: Spec,
    /// `Origin`, such as `AWS_KMS`.
    pub origin: String,
    /// Fields that could not be read, with the reason.
    pub unread: BTreeMap<String, String>,
}

/// The states of a key that lockstep distinguishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Usable.
    Enabled,
    /// Not usable; every setting except rotation can be changed.
    Disabled,
    /// Scheduled for deletion, with the deletion date as AWS returns it (RFC 3339).
    PendingDeletion(Option<String>),
    /// Any other state, by AWS's name (`Creating`, `PendingImport`, `Unavailable`, …).
    Other(String),
}

/// One mutating call on a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all_fields = "snake_case")]
pub enum Op {
    /// `CreateKey` with policy, description and tags.
    Create {
        /// All arguments of the create call.
        spec: Spec,
    },
    /// `PutKeyPolicy`.
    PutPolicy {
        /// The policy to put.
        policy: PolicyDocument,
    },
    /// Changes nothing; waits until the policy is in effect everywhere.
    AwaitPolicy {
        /// The policy that the key has.
        policy: PolicyDocument,
    },
    /// `UpdateKeyDescription`.
    Describe {
        /// The new description.
        description: String,
    },
    /// `EnableKey`.
    Enable,
    /// `DisableKey`.
    Disable,
    /// `EnableKeyRotation`, also to change the period.
    Rotate {
        /// Period in days.
        days: u32,
    },
    /// `DisableKeyRotation`.
    StopRotation,
    /// `TagResource`.
    Tag {
        /// Tags to set.
        tags: Tags,
    },
    /// `UntagResource`.
    Untag {
        /// Tag keys to remove.
        keys: BTreeSet<String>,
    },
    /// `CreateAlias`.
    CreateAlias {
        /// Name with prefix.
        alias: String,
    },
    /// `UpdateAlias`: points an alias of another key in this account to this key.
    MoveAlias {
        /// Name with prefix.
        alias: String,
    },
    /// `DeleteAlias`.
    DeleteAlias {
        /// Name with prefix.
        alias: String,
    },
    /// `ScheduleKeyDeletion`.
    ScheduleDeletion {
        /// Waiting period in days.
        days: u32,
    },
    /// `CancelKeyDeletion`; AWS leaves the key disabled.
    CancelDeletion,
}

/// Lists the settings of a key that differ but that KMS can never change.
pub fn immutable(want: &Spec, seen: &Seen) -> Vec<Change> {
    let has = &seen.spec;
    [
        Change::of("spec", &has.key_spec, &want.key_spec),
        Change::of("usage", &has.usage, &want.usage),
        Change::of("multi_region", &has.multi_region, &want.multi_region),
    ]
    .into_iter()
    .flatten()
    .collect()
}
