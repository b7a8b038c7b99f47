//! The result of compiling a stack file: the desired state of one environment, in AWS's terms.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::kinds::{Name, ResourceId, api, domain, function, key, log_group, role};

/// The account and region that the stack is deployed to, which compiling needs besides the file itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Partition, such as `aws`.
    pub partition: String,
    /// Account ID, 12 digits.
    pub account: String,
    /// Region.
    pub region: String,
    /// Extra environment variables for every function, used by the local AWS only.
    pub function_env: BTreeMap<String, String>,
    /// Maximum seconds of a function's init phase, which do not count towards its timeout.
    pub longest_init: u32,
}

/// A stack in one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// Name of the stack.
    pub stack: String,
    /// Name of the environment.
    pub env: String,
    /// Its account and region.
    pub place: Place,
    /// `true` if deletions need a flag that names them.
    pub protect: bool,
    /// Keys.
    pub keys: BTreeMap<Name, KeyWant>,
    /// Roles.
    pub roles: BTreeMap<Name, role::Spec>,
    /// Pairs of roles (role, twin) that must have the same permissions.
    pub twins: Vec<(Name, Name)>,
    /// Log groups, including those of functions.
    pub log_groups: BTreeMap<Name, log_group::Spec>,
    /// Functions.
    pub functions: BTreeMap<Name, FunctionWant>,
    /// APIs.
    pub apis: BTreeMap<Name, api::Spec>,
    /// Custom domain names of APIs.
    pub domains: BTreeMap<Name, domain::Spec>,
    /// Statements about access that must hold.
    pub assertions: Vec<Assertion>,
    /// Place of each resource and field in the file, by path such as `functions.encrypt.role`.
    pub lines: BTreeMap<String, Line>,
}

/// A place in a stack file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Line {
    /// File as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A key before its policy is derived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyWant {
    /// The key; its policy contains delegation, administrators and extra statements, but no use by functions.
    pub spec: key::Spec,
    /// ARNs of the principals named as administrators. The statements for services that the stack itself makes use the
    /// key (logs, environment variables) are part of the policy already.
    pub administrators: BTreeSet<String>,
}

/// A function, with settings that are not part of its own configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionWant {
    /// The function; `code.source` is empty until the sources are hashed.
    pub spec: function::Spec,
    /// The source of its code.
    pub source: CodeSource,
    /// The keys that it uses, and the KMS actions (`kms:Encrypt`) on each.
    pub uses: BTreeMap<Name, BTreeSet<String>>,
    /// The request that shows whether it works.
    pub probe: Option<Probe>,
}

/// The source of a function's code. Paths are relative to the folder of the stack file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeSource {
    /// A binary of the cargo workspace around the stack file.
    Cargo {
        /// Name of the binary target.
        bin: String,
        /// Folder of the workspace; `.` by default.
        workspace: PathBuf,
    },
    /// A folder that is zipped unchanged.
    Directory(PathBuf),
    /// A zip archive that is uploaded unchanged.
    Zip(PathBuf),
    /// A command that produces a folder or a zip archive.
    Command {
        /// Program and arguments.
        run: Vec<String>,
        /// The folder or archive that it produces.
        output: PathBuf,
        /// Files and folders that it reads; their hash identifies the code.
        inputs: Vec<PathBuf>,
    },
}

/// A request that shows whether a function works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The target of the request.
    pub target: ProbeTarget,
    /// JSON body, or event of the invocation.
    pub body: serde_json::Value,
    /// Requests that are sent after the first, with values taken from its response.
    pub then: Vec<ProbeStep>,
    /// Expected HTTP status of a route.
    pub expect: u16,
    /// Number of consecutive successes that are required.
    pub successes: u32,
    /// Seconds after which it counts as failed.
    pub timeout: u32,
    /// Scopes of the token that is created for it.
    pub scopes: BTreeSet<String>,
}

/// One more request of a probe; `${answer.FIELD}` in a string is replaced by a field of the previous response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeStep {
    /// Verb.
    pub method: String,
    /// Path of the route.
    pub path: String,
    /// JSON body.
    pub body: serde_json::Value,
    /// Expected HTTP status.
    pub expect: u16,
    /// Fields that the JSON response must have with these values; others are ignored.
    #[serde(default)]
    pub expect_body: Option<serde_json::Value>,
}

/// The target of a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeTarget {
    /// A route of an API of the stack, called through its public URL.
    Route {
        /// The API.
        api: Name,
        /// Verb.
        method: String,
        /// Path.
        path: String,
    },
    /// The function itself.
    Invoke,
}

/// A statement about access that must hold after every apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// ARN of the principal: a role of the stack or any other.
    pub principal: String,
    /// KMS actions.
    pub actions: BTreeSet<String>,
    /// `true` if the actions must be allowed; `false` if they must not be.
    pub allowed: bool,
    /// The key.
    pub key: Name,
    /// Encryption context of the request.
    pub context: BTreeMap<String, String>,
    /// Condition keys of the request, such as `kms:ViaService`.
    pub when: BTreeMap<String, String>,
    /// The place of the statement in the file.
    pub line: Line,
}

impl Desired {
    /// Returns the place of a field in the stack file, or of the nearest thing around it.
    pub fn line_of(&self, path: &str) -> Option<&Line> {
        let mut path = path;
        loop {
            if let Some(line) = self.lines.get(path) {
                return Some(line);
            }
            path = path.rsplit_once('.')?.0;
        }
    }

    /// Returns the same stack without resources, which is the target of a removal.
    pub fn emptied(&self) -> Self {
        // Every field is named, so that a new kind cannot be forgotten.
        let Self {
            stack,
            env,
            place,
            protect,
            keys: _,
            roles: _,
            twins: _,
            log_groups: _,
            functions: _,
            apis: _,
            domains: _,
            assertions: _,
            lines,
        } = self;
        Self {
            stack: stack.clone(),
            env: env.clone(),
            place: place.clone(),
            protect: *protect,
            keys: BTreeMap::new(),
            roles: BTreeMap::new(),
            twins: Vec::new(),
            log_groups: BTreeMap::new(),
            functions: BTreeMap::new(),
            apis: BTreeMap::new(),
            domains: BTreeMap::new(),
            assertions: Vec::new(),
            lines: lines.clone(),
        }
    }

    /// Returns the prefix that the AWS names of all resources of the stack have.
    pub fn prefix(&self) -> String {
        format!("{}-{}-", self.stack, self.env)
    }

    /// Returns the role of the stack with this ARN.
    pub fn role_by_arn(&self, arn: &str) -> Option<&Name> {
        self.roles.iter().find(|(_, role)| role.arn == arn).map(|(name, _)| name)
    }

    /// Returns the tags that mark a resource as part of this stack.
    pub fn identity_tags(&self, resource: &ResourceId) -> BTreeMap<String, String> {
        identity_tags(&self.stack, &self.env, resource)
    }
}

/// Returns the tags that mark a resource as part of a stack in an environment.
pub fn identity_tags(stack: &str, env: &str, resource: &ResourceId) -> BTreeMap<String, String> {
    use crate::kinds::tag;
    BTreeMap::from([
        (tag::STACK.to_owned(), stack.to_owned()),
        (tag::ENV.to_owned(), env.to_owned()),
        (tag::ID.to_owned(), resource.to_string()),
    ])
}

/// Returns the `Sid` of the key policy statement that allows the roles of one function to use a key.
///
/// The `Sid` is `UseBy` and the function's name in camel case.
pub fn use_sid(function: &Name) -> String {
    let mut sid = String::from("UseBy");
    for word in function.as_str().split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut chars = word.chars();
        sid.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        sid.extend(chars);
    }
    sid
}

/// The default trust policy of a role of the stack: Lambda may assume it.
pub const LAMBDA_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
