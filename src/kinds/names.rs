//! Names and addresses of resources.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Kind;

/// Name of a resource in the stack file, unique within its kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// Wraps a name that was already checked when the stack file was read.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

/// Address of a resource in the stack file, written `keys.text`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceId {
    /// The kind.
    pub kind: Kind,
    /// The name within the kind.
    pub name: Name,
}

impl ResourceId {
    /// Makes an address.
    pub fn new(kind: Kind, name: &Name) -> Self {
        Self { kind, name: name.clone() }
    }

    /// Returns whether this address stands for all resources of the kind: `keys.*`.
    pub fn is_listing(&self) -> bool {
        self.name.as_str() == "*"
    }

    /// Reads `keys.text` as written in the tag `lockstep:id`.
    pub fn parse(text: &str) -> Option<Self> {
        let (section, name) = text.split_once('.')?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.section() == section)?;
        (!name.is_empty()).then(|| Self { kind, name: Name::new(name) })
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind.section(), self.name)
    }
}
