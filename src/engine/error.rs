//! The errors of the engine, each with its source.

use std::time::Duration;

use crate::aws::AwsError;
use crate::build::BuildError;
use crate::call::CallError;
use crate::lock::Holder;
use crate::plan::{Blocked, PlanError};

/// The reason that the engine stopped before the first change.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// AWS refused a call or did not answer.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The code of a function could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// There is no HTTP client.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The stack file, or someone, must change something first.
    #[error("the plan is blocked by {} problems", .0.len())]
    Blocked(Vec<Blocked>),
    /// The planner contradicts itself or AWS, which is a fault of lockstep.
    #[error("there is no plan")]
    Plan(#[source] PlanError),
    /// Not everything that the stack says about access is proved.
    #[error("{} claims about access are not proved", .0.len())]
    Unproved(Vec<Blocked>),
    /// Someone else holds the lock of the environment.
    #[error("the lock of {stack}/{env} is held")]
    Locked {
        /// The stack.
        stack: String,
        /// The environment.
        env: String,
        /// The holder.
        holder: Box<Holder>,
        /// The time since the last sign of life of the holder.
        silent: Duration,
    },
    /// The parameter of the lock holds something else.
    #[error("{name} holds no lock of lockstep")]
    ForeignLock {
        /// The name of the parameter.
        name: String,
        /// The command that deletes it.
        removal: String,
    },
    /// The state of the lock could not be determined.
    #[error("the state of {name} could not be determined")]
    UnclearLock {
        /// The name of the parameter.
        name: String,
        /// The command that deletes it.
        removal: String,
    },
    /// The lock was lost before the first change.
    #[error("{0}; nothing was changed")]
    LockLost(String),
    /// The run was asked to stop before the first change.
    #[error("stopped before the first change; nothing was changed")]
    Stopped,
    /// A task of the engine ended unexpectedly.
    #[error("{0} ended unexpectedly")]
    Task(&'static str, #[source] tokio::task::JoinError),
}

impl From<PlanError> for EngineError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Blocked(blocked) => Self::Blocked(blocked),
            error @ (PlanError::Refused(_) | PlanError::Cycle(_)) => Self::Plan(error),
        }
    }
}
