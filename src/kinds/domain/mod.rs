//! API Gateway custom domain names of REST APIs, with their base path mappings.

pub(crate) mod aws;
mod predict;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::kinds::step::Aspect;
use crate::kinds::{Change, Draft, Expected, Name, Resource, Tags, Text, Without, World};

pub use predict::predict;
pub use steps::steps;

/// The base path of a mapping that serves the root of the domain, as API Gateway writes it.
pub const ROOT: &str = "(none)";

/// API Gateway custom domain names.
#[derive(Clone, Copy, Debug)]
pub struct Domain;

impl Resource for Domain {
    type Want = Spec;
    type Seen = Seen;
    type Op = Op;

    const AT_ONCE: usize = 4;
    // API Gateway answers with a conflict.
    const ONE_BY_ONE: bool = true;
    const WITHOUT: Without = Without::NoRequestsToIt;
    const IS_GLOBAL: bool = false;

    fn steps(name: &Name, want: Option<&Spec>, seen: Option<&Seen>) -> Vec<Draft> {
        steps(name, want, seen)
    }

    fn predict(seen: Option<Seen>, op: &Op) -> Result<Option<Seen>, String> {
        predict(seen, op)
    }

    fn check(world: &World, _name: &Name, op: &Op) -> Result<(), String> {
        match op {
            Op::Map { mapping, .. } | Op::Remap { mapping, .. } => {
                world.check_stage(&mapping.api, &mapping.stage)
            }
            _ => Ok(()),
        }
    }

    fn settle(_world: &mut World, _name: &Name, _op: &Op, _before: Option<Seen>) {}

    fn expected(_seen: &Seen, _op: &Op) -> Option<Expected> {
        None
    }

    fn arguments(op: &Op) -> serde_json::Result<String> {
        match op {
            // Mappings are made by calls of their own.
            Op::Create { spec } => serde_json::to_string(&(&spec.certificate, &spec.truststore, &spec.tags)),
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
        let spec = seen.map(|seen| &seen.spec).or(want);
        spec.map(|spec| spec.domain_name.clone()).into_iter().collect()
    }
}

/// A custom domain name as declared in the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The domain name, such as `api.example.com`. Immutable.
    pub domain_name: String,
    /// `REGIONAL` or `EDGE`. Immutable.
    pub endpoint: String,
    /// ARN of the certificate: in the region of the stack, or in us-east-1 for `EDGE`.
    pub certificate: Text,
    /// `TLS_1_2` or `TLS_1_0`.
    pub security_policy: String,
    /// Truststore of mutual TLS; `None` if clients need no certificate.
    pub truststore: Option<Truststore>,
    /// Mappings by base path; [`ROOT`] for the root of the domain.
    pub mappings: BTreeMap<String, Mapping>,
    /// All tags, including those of lockstep.
    pub tags: Tags,
}

/// The truststore of mutual TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truststore {
    /// `s3://BUCKET/KEY` of the certificates that clients are checked against.
    pub uri: String,
    /// Version of that object; `None` for the latest at the time of the call.
    pub version: Option<String>,
}

/// The stage that a base path leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// ID of the API.
    pub api: Text,
    /// Name of the stage.
    pub stage: String,
}

/// A custom domain name as it is in AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The name that DNS must point to.
    pub target: String,
    /// The settings that are compared with the spec.
    pub spec: Spec,
    /// Fields that could not be read, with the reason.
    pub unread: BTreeMap<String, String>,
}

/// One mutating call on a custom domain name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all_fields = "snake_case")]
pub enum Op {
    /// `CreateDomainName` with certificate, endpoint, security policy, truststore and tags.
    Create {
        /// All arguments of the create call; mappings are made by calls of their own.
        spec: Box<Spec>,
    },
    /// `UpdateDomainName` with the fields that differ, and then waiting until it is available.
    Update {
        /// The settings so far.
        from: Box<Spec>,
        /// The settings to set.
        to: Box<Spec>,
    },
    /// `CreateBasePathMapping`.
    Map {
        /// Base path, or [`ROOT`].
        path: String,
        /// The stage.
        mapping: Mapping,
    },
    /// `UpdateBasePathMapping`.
    Remap {
        /// Base path, or [`ROOT`].
        path: String,
        /// The stage.
        mapping: Mapping,
    },
    /// `DeleteBasePathMapping`.
    Unmap {
        /// Base path, or [`ROOT`].
        path: String,
    },
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
    /// `DeleteDomainName`.
    Delete,
}

/// Lists the settings of a domain that differ but that are never changed in place: the name is the identity, and a
/// change of the endpoint type moves the name that DNS must point to.
pub fn immutable(want: &Spec, seen: &Seen) -> Vec<Change> {
    let changes = [
        Change::of("name", &seen.spec.domain_name, &want.domain_name),
        Change::of("endpoint", &seen.spec.endpoint, &want.endpoint),
    ];
    changes.into_iter().flatten().collect()
}
