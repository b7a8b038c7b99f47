//! Steps of a plan before they are ordered: one operation, what it changes, what it waits for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ResourceId, api, function, key, log_group, names::Name, role};

/// One mutating operation on one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Op {
    /// On a key.
    Key {
        /// The key.
        name: Name,
        /// The call.
        op: key::Op,
    },
    /// On a role.
    Role {
        /// The role.
        name: Name,
        /// The call.
        op: role::Op,
    },
    /// On a log group.
    LogGroup {
        /// The log group.
        name: Name,
        /// The call.
        op: log_group::Op,
    },
    /// On a function.
    Function {
        /// The function.
        name: Name,
        /// The call.
        op: function::Op,
    },
    /// On an API.
    Api {
        /// The API.
        name: Name,
        /// The call.
        op: api::Op,
    },
}

/// What a plan does to a resource; the glyph is what people see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Made anew.
    Create,
    /// Changed in place.
    Update,
    /// Made and deleted, as what stands in for something else is.
    Replace,
    /// Deleted, or for a key scheduled for deletion.
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
    /// What AWS has.
    pub before: Option<Value>,
    /// What the stack wants; it may hold references that are known after apply.
    pub after: Option<Value>,
}

impl Change {
    /// Compares one field, and describes it where it differs.
    pub fn of<T: Serialize + PartialEq>(field: impl Into<String>, before: &T, after: &T) -> Option<Self> {
        (before != after).then(|| Self { field: field.into(), before: shown(before), after: shown(after) })
    }
}

/// Empty values count as not set, so that clearing a field reads as such.
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

/// What holds once the steps that give it are done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fact {
    /// The resource.
    pub resource: ResourceId,
    /// What about it.
    pub aspect: Aspect,
}

impl Fact {
    /// Names a fact.
    pub const fn new(resource: ResourceId, aspect: Aspect) -> Self {
        Self { resource, aspect }
    }
}

/// The aspects of a resource that steps wait for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// It exists and can be named by others.
    Exists,
    /// It is usable: a key that was pending deletion or disabled is enabled again.
    Usable,
    /// Its permissions, trust and boundary are in place.
    Permissions,
    /// The key policy is in place.
    KeyPolicy,
    /// An alias of a key points to it.
    KeyAlias,
    /// The configuration is in place and `Successful`.
    Configuration,
    /// The code is in place and `Successful`.
    Code,
    /// A version of the present code and configuration is published.
    PublishedVersion,
    /// Every alias routes to where it shall.
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
    /// An API key is in no usage plan that shall not have it.
    ApiKeyFree(String),
    /// A usage plan no longer holds the stage.
    PlanReleased,
    /// Its API keys are gone.
    KeysGone,
    /// It was taken out of use by what referred to it.
    Detached,
    /// It is gone.
    Gone,
}

macro_rules! edges {
    ($($(#[$doc:meta])* $edge:ident,)*) => {
        /// Why one step waits for another. Every edge of a plan carries one of these.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Edge {
            $($(#[$doc])* $edge,)*
        }

        impl Edge {
            /// Every reason there is.
            pub const ALL: &[Self] = &[$(Self::$edge),*];
        }
    };
}

edges! {
    /// A key policy may name only roles that exist.
    RoleBeforeKeyPolicy,
    /// A function runs only under a role that exists with its permissions.
    RoleBeforeFunction,
    /// A function moves only to a role that its keys already know.
    KeyPolicyBeforeFunction,
    /// A key policy is in effect some time after it was put.
    PutBeforeAwait,
    /// A function finds its key by an alias.
    KeyAliasBeforeFunction,
    /// An alias leads only to a key that lets those use it who find it by the alias.
    KeyPolicyBeforeKeyAlias,
    /// A function would create its log group itself, without retention.
    LogGroupBeforeFunction,
    /// A log group takes only a key that lets the service use it.
    KeyPolicyBeforeLogGroup,
    /// Calls on a resource come after its creation.
    CreateBeforeUse,
    /// A disabled key refuses changes of its rotation.
    EnableBeforeRotation,
    /// A key whose deletion was cancelled is disabled.
    CancelBeforeEnable,
    /// New code reads what the new configuration sets.
    ConfigurationBeforeCode,
    /// A version freezes code and configuration.
    UpdateBeforePublish,
    /// An alias routes only to a version that exists.
    PublishBeforeAlias,
    /// A statement on an alias needs the alias.
    AliasBeforePermission,
    /// The id of a resource is known once it exists.
    CreateBeforeReference,
    /// A method is put on a resource that exists.
    ResourceBeforeMethod,
    /// A resource is created below a parent that exists.
    ParentBeforeChild,
    /// A method refers to authorizers, validators and models that exist.
    PartBeforeMethod,
    /// A deployment snapshots the whole tree.
    TreeBeforeDeployment,
    /// A stage serves a deployment that exists.
    DeploymentBeforeStage,
    /// Routes are served only when their functions are ready and may be invoked.
    FunctionBeforeStage,
    /// A stage logs to a group that exists.
    LogGroupBeforeStage,
    /// A usage plan holds a stage that exists.
    StageBeforeUsagePlan,
    /// A usage plan holds API keys that exist.
    ApiKeyBeforeUsagePlan,
    /// An API key is in one usage plan of a stage at a time.
    UsagePlanBeforeUsagePlan,
    /// A method that is deleted or changed lets go of what it refers to.
    MethodBeforePartRemoval,
    /// A stage lets go of its deployment before that is deleted.
    StageBeforeDeploymentRemoval,
    /// A usage plan lets go of a stage before that is deleted.
    UsagePlanBeforeStageRemoval,
    /// API keys and usage plans are found by way of their API, so it goes last.
    ApiKeyBeforeApiRemoval,
    /// A function is deleted only when no route calls it.
    ApiBeforeFunctionRemoval,
    /// A role loses its access only when no function runs under it.
    FunctionBeforeKeyNarrowing,
    /// A role is deleted only when no function runs under it.
    FunctionBeforeRoleRemoval,
    /// A role is deleted only when no key policy names it; else its dead id stays behind.
    KeyPolicyBeforeRoleRemoval,
    /// A function writes its last lines before the group goes; else it makes the group anew.
    FunctionBeforeLogGroupRemoval,
    /// IAM refuses to delete a role with policies.
    DetachBeforeRoleRemoval,
    /// A function is deleted before a key it uses.
    FunctionBeforeKeyRemoval,
    /// The marks tell what is in place, so they are written last.
    UpdateBeforeMark,
}

/// A step that is not ordered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The resource.
    pub resource: ResourceId,
    /// The operation.
    pub op: Op,
    /// What people see.
    pub action: Action,
    /// The fields that it changes.
    pub changes: Vec<Change>,
    /// What it waits for, and why.
    pub needs: BTreeSet<(Edge, Fact)>,
    /// What holds when it is done.
    pub gives: BTreeSet<Fact>,
    /// Whether it takes something away. Such steps run only after the replacement was seen working.
    pub narrows: bool,
}

impl Draft {
    /// Starts a step without changes, needs and facts.
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

    /// Marks a step that takes something away.
    pub const fn narrowing(mut self) -> Self {
        self.narrows = true;
        self
    }

    /// Adds the fields that the step changes.
    pub fn changing(mut self, changes: impl IntoIterator<Item = Change>) -> Self {
        self.changes.extend(changes);
        self
    }

    /// Waits for a fact about the same resource.
    pub fn needs(mut self, edge: Edge, aspect: Aspect) -> Self {
        let fact = Fact::new(self.resource.clone(), aspect);
        self.needs.insert((edge, fact));
        self
    }

    /// Makes a fact about the same resource hold.
    pub fn gives(mut self, aspect: Aspect) -> Self {
        self.gives.insert(Fact::new(self.resource.clone(), aspect));
        self
    }
}
