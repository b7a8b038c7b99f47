//! Where the lock of an environment is kept.

use schemars::JsonSchema;
use serde::Deserialize;

/// Where the lock of an environment is kept.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Name of a bucket in the region of the environment. The lock is its object
    /// `lockstep/{stack}/{env}/lock.json`. The bucket is not made by lockstep. A local AWS (`--local`) keeps its
    /// lock without it.
    #[schemars(example = &"acme-deployments-${region}")]
    pub bucket: String,
}
