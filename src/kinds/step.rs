//! Steps of a plan before they are ordered: one operation, the fields it changes, and the facts it waits for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Op, ResourceId, api};

/// The effect of a plan on a resource, displayed as a glyph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Created.
    Create,
    /// Changed in place.
    Update,
    /// Created and deleted, as a temporary role is.
    Replace,
    /// Deleted or, for a key, scheduled for deletion.
    Delete,
}

impl Action {
    /// Returns the glyph: `+`, `~`, `-/+` or `-`.
    pub const fn glyph(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Update => "~",
            Self::Replace => "-/+",
            Self::Delete => "-",
        }
    }
}

/// One field that differs. `None` stands for a field that is not set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Path of the field in the stack file's terms, such as `rotation` or `env.KEY_ID`.
    pub field: String,
    /// The value in AWS.
    pub before: Option<Value>,
    /// The value in the stack, which may contain references that are known only after apply.
    pub after: Option<Value>,
}

impl Change {
    /// Compares one field, and returns the change if it differs.
    pub fn of<T: Serialize + PartialEq>(field: impl Into<String>, before: &T, after: &T) -> Option<Self> {
        (before != after).then(|| Self { field: field.into(), before: shown(before), after: shown(after) })
    }
}

/// Converts a value to JSON; an empty value counts as not set, so that clearing a field is displayed as such.
fn shown<T: Serialize>(value: &T) -> Option<Value> {
    let value = serde_json::to_value(value).ok()?;
    match &value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::Array(items) if items.is_empty() => None,
        Value::Object(fields) if fields.is_empty() => None,
        _ => Some(value),
    }
}

/// A condition that holds once the steps that provide it are done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fact {
    /// The resource.
    pub resource: ResourceId,
    /// The aspect of the resource.
    pub aspect: Aspect,
}

impl Fact {
    /// Returns a fact.
    pub const fn new(resource: ResourceId, aspect: Aspect) -> Self {
        Self { resource, aspect }
    }
}

/// The aspects of a resource that steps wait for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// It exists, and other resources can refer to it.
    Exists,
    /// It is usable: a key that was disabled or pending deletion is enabled again.
    Usable,
    /// Its permissions, trust policy and boundary are in place.
    Permissions,
    /// The key policy is in place.
    KeyPolicy,
    /// An alias of a key points to it.
    KeyAlias,
    /// The configuration is in place, and its update is `Successful`.
    Configuration,
    /// The code is in place, and its update is `Successful`.
    Code,
    /// A version of the current code and configuration is published.
    PublishedVersion,
    /// Every alias routes to its wanted version.
    Routing,
    /// API Gateway may invoke it.
    InvokePermission,
    /// A part of an API's editable tree is in place.
    Part(api::PartId),
    /// Nothing refers to a part of an API's editable tree any more.
    Released(api::PartId),
    /// Every part of an API's editable tree is in place.
    Tree,
    /// A deployment of the tree exists.
    Deployment,
    /// The stage serves the newest deployment.
    Served,
    /// An API key exists.
    ApiKey(String),
    /// An API key is no longer in a usage plan that should not contain it.
    ApiKeyFree(String),
    /// A usage plan no longer contains the stage.
    PlanReleased,
    /// Its API keys are gone.
    KeysGone,
    /// The resources that referred to it no longer use it.
    Detached,
    /// It is gone.
    Gone,
}

macro_rules! edges {
    ($($(#[$doc:meta])* $edge:ident,)*) => {
        /// The reason that one step waits for another. Every edge of a plan carries one of these.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Edge {
            $($(#[$doc])* $edge,)*
        }

        impl Edge {
            /// Every reason, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$edge),*];
        }
    };
}

edges! {
    /// A key policy may name only roles that exist.
    RoleBeforeKeyPolicy,
    /// A function runs only under a role that exists with its permissions.
    RoleBeforeFunction,
    /// A function changes to a role only after its keys already allow that role.
    KeyPolicyBeforeFunction,
    /// A key policy takes effect some time after it was put.
    PutBeforeAwait,
    /// A function finds its key by an alias.
    KeyAliasBeforeFunction,
    /// An alias may point only to a key that the principals using the alias are allowed to use.
    KeyPolicyBeforeKeyAlias,
    /// A function would create its log group itself, without retention.
    LogGroupBeforeFunction,
    /// A log group accepts only a key that the CloudWatch Logs service may use.
    KeyPolicyBeforeLogGroup,
    /// Calls on a resource come after its creation.
    CreateBeforeUse,
    /// KMS refuses to change the rotation of a disabled key.
    EnableBeforeRotation,
    /// A key whose deletion was cancelled is disabled.
    CancelBeforeEnable,
    /// New code reads what the new configuration sets.
    ConfigurationBeforeCode,
    /// A version freezes code and configuration.
    UpdateBeforePublish,
    /// An alias routes only to a version that exists.
    PublishBeforeAlias,
    /// A permission statement on an alias needs the alias.
    AliasBeforePermission,
    /// The ID of a resource is known only once it exists.
    CreateBeforeReference,
    /// A method is put on a resource that exists.
    ResourceBeforeMethod,
    /// A resource is created below a parent that exists.
    ParentBeforeChild,
    /// A method refers to authorizers, validators and models that exist.
    PartBeforeMethod,
    /// A deployment snapshots the whole tree.
    TreeBeforeDeployment,
    /// A stage can serve only a deployment that exists.
    DeploymentBeforeStage,
    /// Routes are served only when their functions are ready and may be invoked.
    FunctionBeforeStage,
    /// A stage can log only to a log group that exists.
    LogGroupBeforeStage,
    /// A usage plan can contain only a stage that exists.
    StageBeforeUsagePlan,
    /// A usage plan can contain only API keys that exist.
    ApiKeyBeforeUsagePlan,
    /// An API key can be in only one usage plan of a stage at a time.
    UsagePlanBeforeUsagePlan,
    /// A method that is deleted or changed releases the parts that it refers to.
    MethodBeforePartRemoval,
    /// A stage stops serving a deployment before the deployment is deleted.
    StageBeforeDeploymentRemoval,
    /// A usage plan releases a stage before the stage is deleted.
    UsagePlanBeforeStageRemoval,
    /// A domain serves a stage that exists.
    StageBeforeDomain,
    /// API Gateway refuses to delete an API that a domain serves.
    DomainBeforeApiRemoval,
    /// A domain is deleted once nothing is served under it.
    DomainUnmappedBeforeRemoval,
    /// API keys and usage plans are found through their API, so the API is deleted last.
    ApiKeyBeforeApiRemoval,
    /// A function is deleted only when no route calls it.
    ApiBeforeFunctionRemoval,
    /// A role loses its access only when no function runs under it.
    FunctionBeforeKeyNarrowing,
    /// A role is deleted only when no function runs under it.
    FunctionBeforeRoleRemoval,
    /// A role is deleted only when no key policy names it; otherwise its bare ID stays in the policy.
    KeyPolicyBeforeRoleRemoval,
    /// A function writes its last lines before its log group is deleted; otherwise it would re-create the group.
    FunctionBeforeLogGroupRemoval,
    /// IAM refuses to delete a role with policies.
    DetachBeforeRoleRemoval,
    /// A function is deleted before a key it uses.
    FunctionBeforeKeyRemoval,
    /// The marks record what is in place, so they are written last.
    UpdateBeforeMark,
}

/// A step that is not ordered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The resource.
    pub resource: ResourceId,
    /// The operation.
    pub op: Op,
    /// The action that is displayed for it.
    pub action: Action,
    /// The fields that it changes.
    pub changes: Vec<Change>,
    /// The facts that it waits for, each with the reason.
    pub needs: BTreeSet<(Edge, Fact)>,
    /// The facts that hold when it is done.
    pub gives: BTreeSet<Fact>,
    /// `true` if the step takes something away. Such steps run only after the replacement was seen working.
    pub narrows: bool,
}

impl Draft {
    /// Creates a step without changes, needs and facts.
    pub const fn new(resource: ResourceId, op: Op, action: Action) -> Self {
        Self {
            resource,
            op,
            action,
            changes: Vec::new(),
            needs: BTreeSet::new(),
            gives: BTreeSet::new(),
            narrows: false,
        }
    }

    /// Marks the step as one that takes something away.
    pub const fn narrowing(mut self) -> Self {
        self.narrows = true;
        self
    }

    /// Adds the fields that the step changes.
    pub fn changing(mut self, changes: impl IntoIterator<Item = Change>) -> Self {
        self.changes.extend(changes);
        self
    }

    /// Makes the step wait for a fact about the same resource.
    pub fn needs(mut self, edge: Edge, aspect: Aspect) -> Self {
        let fact = Fact::new(self.resource.clone(), aspect);
        self.needs.insert((edge, fact));
        self
    }

    /// Records that the step makes a fact about the same resource hold.
    pub fn gives(mut self, aspect: Aspect) -> Self {
        self.gives.insert(Fact::new(self.resource.clone(), aspect));
        self
    }
}
