//! The resource kinds. Each one has the state that the stack wants, the state that AWS has, the operations between the
//! two, and a model of how AWS applies or refuses an operation.
//!
//! Everything here is pure but for the modules named `aws`, which read from and write to AWS.

pub mod api;
pub mod aws;
pub mod domain;
mod expected;
pub mod function;
mod identity;
pub mod ids;
pub mod key;
pub mod log_group;
pub mod names;
pub mod outsider;
mod references;
mod resource;
pub mod role;
pub mod secret;
pub mod step;
pub mod tags;
pub mod world;

pub use expected::Expected;
pub use ids::Ids;
pub use names::{Name, ResourceId};
pub use outsider::Outsider;
pub use resource::{Kind, Op, Resource, Target, Visitor, Without, World};
pub use step::{Action, Change, Draft, Edge, Fact};
pub use world::Refused;

use std::collections::BTreeMap;

/// Tags of one resource: key to value.
pub type Tags = BTreeMap<String, String>;

/// A string that may contain references such as `${lockstep:keys.text.arn}`, filled in once the ID is known.
pub type Text = String;

/// The tag keys that tie a resource to its stack.
pub mod tag {
    /// Name of the stack.
    pub const STACK: &str = "lockstep:stack";
    /// Name of the environment.
    pub const ENV: &str = "lockstep:env";
    /// Address in the stack file, such as `keys.text`.
    pub const ID: &str = "lockstep:id";
    /// Hash of the sources that a function's code was built from.
    pub const SOURCE: &str = "lockstep:source";
    /// `CodeSha256` of the archive that was uploaded for that source.
    pub const CODE: &str = "lockstep:code";
    /// `RoleId` and `RoleName` of the role that a function was last configured with.
    pub const ROLE_ID: &str = "lockstep:role-id";
}
