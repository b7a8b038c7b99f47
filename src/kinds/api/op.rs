//! Operations on an API.

use serde::{Deserialize, Serialize};

use super::{ApiKey, Part, PartId, Settings, Stage, UsagePlan};

/// One mutating call on an API or, for a method, the few calls that create it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all_fields = "snake_case")]
pub enum Op {
    /// `CreateRestApi`.
    Create {
        /// All arguments of the create call.
        settings: Box<Settings>,
    },
    /// `UpdateRestApi` with the patches from `from` to `to`.
    Update {
        /// The settings in AWS.
        from: Box<Settings>,
        /// The settings in the stack.
        to: Box<Settings>,
    },
    /// Creates one part: `CreateAuthorizer`, `CreateResource` and so on; for a method, `PutMethod`, `PutIntegration`
    /// and their responses.
    AddPart {
        /// The part.
        part: PartId,
        /// Its definition.
        spec: Part,
    },
    /// Changes one part in place.
    UpdatePart {
        /// The part.
        part: PartId,
        /// The definition in AWS.
        from: Part,
        /// The definition in the stack.
        to: Part,
    },
    /// Deletes one part.
    RemovePart {
        /// The part.
        part: PartId,
    },
    /// `CreateDeployment` without a stage.
    Deploy {
        /// Fingerprint for the description.
        fingerprint: String,
    },
    /// `CreateStage` on the deployment with this fingerprint, then its settings.
    CreateStage {
        /// The stage.
        stage: Box<Stage>,
        /// Fingerprint of the deployment that it serves.
        fingerprint: String,
    },
    /// `UpdateStage`: serves the deployment with this fingerprint. Flushes the authorizer cache.
    MoveStage {
        /// Stage name.
        stage: String,
        /// Fingerprint of the deployment it serves from now on.
        fingerprint: String,
    },
    /// `UpdateStage` with the patches from `from` to `to`, and the tags.
    UpdateStage {
        /// The stage in AWS.
        from: Box<Stage>,
        /// The stage in the stack.
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
        /// The plan in AWS.
        from: UsagePlan,
        /// The plan in the stack.
        to: UsagePlan,
    },
    /// Detaches stages and keys, then `DeleteUsagePlan`.
    RemoveUsagePlan {
        /// Name in the stack file.
        plan: String,
        /// The plan in AWS.
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
        /// The key in AWS.
        from: ApiKey,
        /// The key in the stack.
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
