//! Lambda functions: configuration, code, versions, aliases and invoke permissions.

pub(crate) mod aws;
mod predict;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::kinds::step::Aspect;
use crate::kinds::{Draft, Expected, Name, Resource, Without, World};
use crate::kinds::{Tags, Text, role};

pub use predict::{predict, uploaded};
pub use steps::{mark, newest_version, steps};

/// Description that identifies the aliases created by lockstep, because aliases have no tags.
pub const ALIAS_MARK: &str = "managed by lockstep";

/// Lambda functions.
#[derive(Clone, Copy, Debug)]
pub struct Function;

impl Resource for Function {
    type Want = Spec;
    type Seen = Seen;
    type Op = Op;

    const AT_ONCE: usize = 8;
    // Lambda refuses a second update and loses statements of a policy.
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
            Op::Create { spec } => world.check_config(&spec.config),
            Op::Configure { config } => world.check_config(config),
            Op::Mark { role: Some(role), .. } if world.lacks_role(role) => {
                Err(format!("the role `{role}` has no id: it does not exist"))
            }
            _ => Ok(()),
        }
    }

    fn settle(world: &mut World, name: &Name, op: &Op, _before: Option<Seen>) {
        if let Op::Mark { role: Some(role), .. } = op {
            world.mark_role(name, role);
        }
    }

    fn expected(seen: &Seen, op: &Op) -> Option<Expected> {
        match op {
            Op::Configure { .. } => {
                let read = !seen.unread.contains_key("env");
                read.then(|| Expected::Config(Box::new(seen.config.clone())))
            }
            Op::UpdateCode { .. } => Some(Expected::Code(seen.code_sha256.clone())),
            Op::MoveAlias { alias, .. } => {
                // A version that this run itself published has a number that only Lambda knows.
                let observed = seen.aliases.get(alias).filter(|alias| !alias.revision.is_empty());
                observed.map(|alias| Expected::Alias(alias.version.clone(), alias.additional.clone()))
            }
            _ => None,
        }
    }

    fn arguments(op: &Op) -> serde_json::Result<String> {
        match op {
            Op::Create { spec } => serde_json::to_string(&(&spec.config, &spec.tags)),
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
        let arn = seen.map(|function| function.arn.clone());
        let named = arn.as_ref().and_then(|arn| arn.rsplit(':').next()).map(str::to_owned);
        let named = named.or_else(|| want.map(|want| want.function_name.clone()));
        arn.into_iter().chain(named).collect()
    }
}

/// A function as declared in the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// `FunctionName` in the account and region. Immutable.
    pub function_name: String,
    /// The fields that one `UpdateFunctionConfiguration` call sets.
    pub config: Config,
    /// Identity of the code.
    pub code: Code,
    /// Reserved concurrency; `None` for unreserved.
    pub reserved_concurrency: Option<u32>,
    /// Aliases by name.
    pub aliases: BTreeMap<String, Alias>,
    /// Statements of the resource policies, by statement id.
    pub permissions: BTreeMap<String, Permission>,
    /// All tags, including those of lockstep except `lockstep:source`, `lockstep:code` and `lockstep:role-id`, which
    /// follow from the other fields.
    pub tags: Tags,
}

/// The part of a function that `UpdateFunctionConfiguration` sets and a version freezes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// ARN of the execution role.
    pub role: String,
    /// Description, empty for none.
    pub description: String,
    /// Runtime, such as `provided.al2023`.
    pub runtime: String,
    /// Handler.
    pub handler: String,
    /// Memory in MB.
    pub memory: u32,
    /// Timeout in seconds.
    pub timeout: u32,
    /// Environment variables.
    pub env: BTreeMap<String, Text>,
    /// ARN of the key that encrypts the environment variables; `None` for `aws/lambda`.
    pub env_key: Option<Text>,
    /// Size of `/tmp` in MB.
    pub ephemeral_storage: u32,
    /// ARNs of layer versions, in order.
    pub layers: Vec<String>,
    /// Subnets and security groups.
    pub vpc: Option<Vpc>,
    /// `Active` when true, `PassThrough` otherwise.
    pub tracing: bool,
    /// Log group of the function.
    pub log_group: String,
}

/// Network configuration of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// Subnet ids.
    pub subnets: BTreeSet<String>,
    /// Security group ids.
    pub security_groups: BTreeSet<String>,
}

/// Identity of a function's code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// Hash of the sources that the code is built from, hexadecimal.
    pub source: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
}

/// An alias of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// The version that it routes to.
    pub version: Version,
    /// A second version and its share of the traffic in millionths.
    pub additional: Option<(String, u32)>,
}

/// The version that an alias should route to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Version {
    /// The newest version, published after every change.
    Latest,
    /// A version by number.
    Number(String),
}

/// One statement of a function's resource policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Permission {
    /// Service principal, such as `apigateway.amazonaws.com`.
    pub principal: String,
    /// ARN pattern of the source.
    pub source_arn: Text,
    /// Alias that the statement applies to; `None` for the function itself.
    pub alias: Option<String>,
}

/// A function as it is in AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Function ARN without qualifier.
    pub arn: String,
    /// Configuration of `$LATEST`.
    pub config: Config,
    /// Architecture of `$LATEST`.
    pub architecture: String,
    /// `CodeSha256` of `$LATEST`, base64.
    pub code_sha256: String,
    /// `RevisionId` of `$LATEST`.
    pub revision: String,
    /// The tags `lockstep:source`, `lockstep:code` and `lockstep:role-id`, as far as they are set.
    pub marks: Marks,
    /// Reserved concurrency.
    pub reserved_concurrency: Option<u32>,
    /// Published versions by number (as text, without leading zeros).
    pub versions: BTreeMap<String, PublishedVersion>,
    /// Aliases by name.
    pub aliases: BTreeMap<String, SeenAlias>,
    /// Statements of the resource policies, by statement id.
    pub permissions: BTreeMap<String, Permission>,
    /// All tags except the three marks.
    pub tags: Tags,
    /// Fields that could not be read, with the reason.
    pub unread: BTreeMap<String, String>,
}

/// The tags that lockstep adds to a function besides its address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Hash of the sources of the code that was uploaded.
    pub source: Option<String>,
    /// `CodeSha256` that AWS returned for that upload.
    pub code: Option<String>,
    /// The role that the function was last configured with.
    pub role: Option<RoleMark>,
}

/// A role as it was when a function was configured with it, written `AROA… NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleMark {
    /// `RoleId`.
    pub id: String,
    /// `RoleName`.
    pub name: String,
}

impl RoleMark {
    /// Creates a mark from the ID and the ARN of a role.
    pub fn new(id: &str, arn: &str) -> Self {
        Self { id: id.to_owned(), name: role::name_in(arn).to_owned() }
    }

    /// Parses the format that [`Display`](fmt::Display) writes. An ID alone, as written before the name was added,
    /// matches a role of any name.
    pub fn parse(text: &str) -> Self {
        let (id, name) = text.split_once(' ').unwrap_or((text, ""));
        Self { id: id.to_owned(), name: name.to_owned() }
    }

    /// Returns whether the role with this ARN has the name in the mark.
    pub fn is_of(&self, arn: &str) -> bool {
        self.name.is_empty() || role::name_in(arn) == self.name
    }
}

impl fmt::Display for RoleMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.name)
    }
}

/// A published version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedVersion {
    /// The configuration of the version.
    pub config: Config,
    /// The code of the version, `CodeSha256` in base64.
    pub code_sha256: String,
}

/// An alias as it is in AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenAlias {
    /// The version that it routes to.
    pub version: String,
    /// A second version and its share of the traffic in millionths.
    pub additional: Option<(String, u32)>,
    /// `true` if lockstep created it (its description is [`ALIAS_MARK`]).
    pub managed: bool,
    /// `RevisionId` of the alias.
    pub revision: String,
}

/// One mutating call on a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all_fields = "snake_case")]
pub enum Op {
    /// `CreateFunction` with configuration, code and tags.
    Create {
        /// All arguments of the create call.
        spec: Box<Spec>,
    },
    /// `UpdateFunctionConfiguration` with every field, then waiting until it is `Successful`.
    Configure {
        /// The whole configuration.
        config: Config,
    },
    /// `UpdateFunctionCode`, then waiting until it is `Successful`.
    UpdateCode {
        /// The code to upload.
        code: Code,
    },
    /// `TagResource` with the marks of the code and role that are now in place.
    Mark {
        /// Hash of the sources.
        source: String,
        /// ARN of the role to record; `None` leaves the mark of the role unchanged.
        role: Option<String>,
    },
    /// `PutFunctionConcurrency`.
    Reserve {
        /// Concurrent executions.
        concurrency: u32,
    },
    /// `DeleteFunctionConcurrency`.
    Unreserve,
    /// `PublishVersion`, then waiting until it is active.
    Publish,
    /// `CreateAlias`.
    CreateAlias {
        /// Alias name.
        alias: String,
        /// The target of the alias.
        target: Alias,
    },
    /// `UpdateAlias`.
    MoveAlias {
        /// Alias name.
        alias: String,
        /// The target of the alias.
        target: Alias,
    },
    /// `DeleteAlias`.
    DeleteAlias {
        /// Alias name.
        alias: String,
    },
    /// `AddPermission`.
    AddPermission {
        /// Statement id.
        sid: String,
        /// The statement.
        permission: Permission,
    },
    /// `RemovePermission`.
    RemovePermission {
        /// Statement id.
        sid: String,
        /// Alias that the statement applies to.
        alias: Option<String>,
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
    /// `DeleteFunction`, including all versions and aliases.
    Delete,
}

impl Config {
    /// Returns whether Lambda needs a key to read the configuration.
    pub fn is_encrypted(&self) -> bool {
        !self.env.is_empty() || self.env_key.is_some()
    }
}

impl Seen {
    /// Returns the ARNs of the roles that traffic may run under: the role of `$LATEST` and those of every version that
    /// an alias routes to.
    pub fn live_roles(&self) -> BTreeSet<&str> {
        let routed = self.aliases.values().flat_map(SeenAlias::versions);
        let versions = routed.filter_map(|version| self.versions.get(version));
        std::iter::once(&self.config)
            .chain(versions.map(|version| &version.config))
            .map(|config| config.role.as_str())
            .collect()
    }
}

impl Spec {
    /// Returns the ARNs of the roles that traffic runs under once `self` is in place: its own role, and those of old
    /// versions that its aliases, or aliases created by others, still route to.
    pub fn remaining_roles<'a>(&'a self, seen: Option<&'a Seen>) -> BTreeSet<&'a str> {
        let mut roles = BTreeSet::from([self.config.role.as_str()]);
        let Some(seen) = seen else { return roles };
        let pinned = self.aliases.values().flat_map(|alias| {
            let number = match &alias.version {
                Version::Number(number) => Some(number),
                Version::Latest => None,
            };
            number.into_iter().chain(alias.additional.iter().map(|(version, _)| version))
        });
        let foreign = seen
            .aliases
            .iter()
            .filter(|(name, alias)| !alias.managed && !self.aliases.contains_key(*name))
            .flat_map(|(_, alias)| alias.versions());
        let versions = pinned.chain(foreign).filter_map(|version| seen.versions.get(version));
        roles.extend(versions.map(|version| version.config.role.as_str()));
        roles
    }
}
