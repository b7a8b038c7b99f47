//! The operations on an API.

use serde::{Deserialize, Serialize};

use super::{ApiKey, Part, PartId, Settings, Stage, UsagePlan};

/// One mutating call (or, for a method, the few calls that make one) on an API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all_fields = "snake_case")]
pub enum Op {
    /// `CreateRestApi`.
    Create {
        /// Everything the create call takes.
        settings: Box<Settings>,
    },
    /// `UpdateRestApi` with the patches from one state to the other.
    Update {
        /// What AWS has.
        from: Box<Settings>,
        /// What the stack wants.
        to: Box<Settings>,
    },
    /// Creates one part: `CreateAuthorizer`, `CreateResource`, or for a method `PutMethod`,
    /// `PutIntegration` and their responses.
    AddPart {
        /// Which part.
        part: PartId,
        /// What it is.
        spec: Part,
    },
    /// Changes one part in place.
    UpdatePart {
        /// Which part.
        part: PartId,
        /// What AWS has.
        from: Part,
        /// What the stack wants.
        to: Part,
    },
    /// Deletes one part.
    RemovePart {
        /// Which part.
        part: PartId,
    },
    /// `CreateDeployment` without a stage.
    Deploy {
        /// Fingerprint for its description.
        fingerprint: String,
    },
    /// `CreateStage` on the deployment with this fingerprint, then its settings.
    CreateStage {
        /// The stage.
        stage: Box<Stage>,
        /// Fingerprint of the deployment it serves.
        fingerprint: String,
    },
    /// `UpdateStage`: serves the deployment with this fingerprint. Flushes cached authorizer answers.
    MoveStage {
        /// Stage name.
        stage: String,
        /// Fingerprint of the deployment it serves from now on.
        fingerprint: String,
    },
    /// `UpdateStage` with the patches from one state to the other, and its tags.
    UpdateStage {
        /// What AWS has.
        from: Box<Stage>,
        /// What the stack wants.
        to: Box<Stage>,
    },
    /// `DeleteStage`.
    DeleteStage {
        /// Stage name.
        stage: String,
    },
    /// `DeleteDeployment`.
    DeleteDeployment {
        /// Deployment id.
        id: String,
    },
    /// `CreateUsagePlan` and its keys.
    AddUsagePlan {
        /// Name in the stack file.
        plan: String,
        /// The plan.
        spec: UsagePlan,
    },
    /// `UpdateUsagePlan` and its keys.
    UpdateUsagePlan {
        /// Name in the stack file.
        plan: String,
        /// What AWS has.
        from: UsagePlan,
        /// What the stack wants.
        to: UsagePlan,
    },
    /// Detaches stages and keys, then `DeleteUsagePlan`.
    RemoveUsagePlan {
        /// Name in the stack file.
        plan: String,
        /// What AWS has.
        from: UsagePlan,
    },
    /// `CreateApiKey`.
    AddApiKey {
        /// Name in the stack file.
        key: String,
        /// The key.
        spec: ApiKey,
    },
    /// `UpdateApiKey` and its tags.
    UpdateApiKey {
        /// Name in the stack file.
        key: String,
        /// What AWS has.
        from: ApiKey,
        /// What the stack wants.
        to: ApiKey,
    },
    /// `DeleteApiKey`.
    RemoveApiKey {
        /// Name in the stack file.
        key: String,
    },
    /// `DeleteRestApi`, with everything in it.
    Delete,
}
