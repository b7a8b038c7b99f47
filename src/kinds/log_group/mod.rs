//! CloudWatch Logs log groups of functions and of API access logs.

mod predict;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::kinds::{Change, Tags, Text};

pub use predict::predict;
pub use steps::steps;

/// A log group as the stack wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Name in the account and region. Immutable.
    pub group_name: String,
    /// Days that events are kept; `None` for ever.
    pub retention: Option<u32>,
    /// ARN of the key that encrypts the events.
    pub kms_key: Option<Text>,
    /// All tags, those of lockstep included.
    pub tags: Tags,
}

/// A log group as AWS shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// ARN without the trailing `:*`.
    pub arn: String,
    /// What can be compared with the spec.
    pub spec: Spec,
    /// What could not be read: field to reason.
    pub unread: BTreeMap<String, String>,
}

/// One mutating call on a log group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all_fields = "snake_case")]
pub enum Op {
    /// `CreateLogGroup` with key and tags.
    Create {
        /// Everything the create call takes; retention is a call of its own.
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

/// Names the settings of a log group that differ and that CloudWatch Logs can never change.
pub fn immutable(want: &Spec, seen: &Seen) -> Vec<Change> {
    Change::of("name", &seen.spec.group_name, &want.group_name).into_iter().collect()
}
