//! CloudWatch Logs log groups of functions and of API access logs.

mod predict;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::kinds::{Change, Tags, Text};

pub use predict::predict;
pub use steps::steps;

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
