//! CloudWatch Logs log groups of functions and of API access logs.

pub(crate) mod aws;
mod predict;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::kinds::step::Aspect;
use crate::kinds::{Change, Tags, Text, key};
use crate::kinds::{Draft, Expected, Name, Resource, Without, World};

pub use predict::predict;
pub use steps::steps;

/// CloudWatch Logs log groups.
#[derive(Clone, Copy, Debug)]
pub struct LogGroup;

impl Resource for LogGroup {
    type Want = Spec;
    type Seen = Seen;
    type Op = Op;

    const AT_ONCE: usize = 5;
    const ONE_BY_ONE: bool = true;
    const WITHOUT: Without = Without::NoDependents;
    const IS_GLOBAL: bool = false;

    fn steps(name: &Name, want: Option<&Spec>, seen: Option<&Seen>) -> Vec<Draft> {
        steps(name, want, seen)
    }

    fn predict(seen: Option<Seen>, op: &Op) -> Result<Option<Seen>, String> {
        predict(seen, op)
    }

    fn check(world: &World, _name: &Name, op: &Op) -> Result<(), String> {
        match op {
            Op::Create { spec: Spec { kms_key: Some(key), .. } } | Op::AssociateKey { arn: key } => {
                world.check_key(key, |key| key::policy::allows_service(&key.spec.policy, "logs."))
            }
            _ => Ok(()),
        }
    }

    fn settle(_world: &mut World, _name: &Name, _op: &Op, _before: Option<Seen>) {}

    fn expected(_seen: &Seen, _op: &Op) -> Option<Expected> {
        None
    }

    fn arguments(op: &Op) -> serde_json::Result<String> {
        serde_json::to_string(op)
    }

    fn knows(_seen: &Seen, _aspect: &Aspect) -> bool {
        true
    }

    fn unread(seen: &Seen) -> &BTreeMap<String, String> {
        &seen.unread
    }

    fn trail_names(_want: Option<&Spec>, seen: Option<&Seen>) -> Vec<String> {
        seen.map(|group| group.spec.group_name.clone()).into_iter().collect()
    }
}

/// A log group as declared in the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Name in the account and region. Immutable.
    pub group_name: String,
    /// Retention in days; `None` to keep events forever.
    pub retention: Option<u32>,
    /// ARN of the key that encrypts the events.
    pub kms_key: Option<Text>,
    /// All tags, including those of lockstep.
    pub tags: Tags,
}

/// A log group as it is in AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// ARN without the trailing `:*`.
    pub arn: String,
    /// The settings that are compared with the spec.
    pub spec: Spec,
    /// Fields that could not be read, with the reason.
    pub unread: BTreeMap<String, String>,
}

/// One mutating call on a log group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all_fields = "snake_case")]
pub enum Op {
    /// `CreateLogGroup` with key and tags.
    Create {
        /// All arguments of the create call; retention is set by a separate call.
        spec: Spec,
    },
    /// `PutRetentionPolicy`.
    PutRetention {
        /// Days.
        days: u32,
    },
    /// `DeleteRetentionPolicy`.
    DeleteRetention,
    /// `AssociateKmsKey`.
    AssociateKey {
        /// Key ARN.
        arn: Text,
    },
    /// `DisassociateKmsKey`.
    DisassociateKey,
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
    /// `DeleteLogGroup`.
    Delete,
}

/// Lists the settings of a log group that differ but that CloudWatch Logs can never change.
pub fn immutable(want: &Spec, seen: &Seen) -> Vec<Change> {
    Change::of("name", &seen.spec.group_name, &want.group_name).into_iter().collect()
}
