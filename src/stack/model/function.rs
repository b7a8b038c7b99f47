//! Lambda functions in a stack file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Tags;

pub(super) fn yes() -> bool {
    true
}

/// A Lambda function, named `{stack}-{env}-{name}`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// Where its code comes from.
    pub code: Code,
    /// The role of the stack that it runs as. Key policies follow a change of it.
    #[schemars(example = &"encrypt-test")]
    pub role: String,
    /// Runtime; `provided.al2023` for cargo binaries.
    #[schemars(example = &"provided.al2023")]
    pub runtime: Option<String>,
    /// Handler; `bootstrap` for `provided` runtimes.
    #[schemars(example = &"app.handler")]
    pub handler: Option<String>,
    /// Instruction set.
    #[serde(default)]
    pub architecture: Architecture,
    /// Memory in MB.
    #[serde(default = "memory")]
    #[schemars(range(min = 128, max = 10240), example = 512)]
    pub memory: u32,
    /// Longest run, 1 s to 15 min; 3 s unless given.
    #[schemars(example = &"10s")]
    pub timeout: Option<String>,
    /// Environment variables.
    #[serde(default)]
    #[schemars(example = json!({"KEY_ID": "${keys.text.alias}"}))]
    pub env: BTreeMap<String, String>,
    /// Key of the stack, or ARN of another one, that encrypts the environment variables.
    #[schemars(example = &"text")]
    pub env_key: Option<String>,
    /// Size of `/tmp` in MB.
    #[serde(default = "storage")]
    #[schemars(range(min = 512, max = 10240), example = 512)]
    pub ephemeral_storage: u32,
    /// ARNs of layer versions, in order, at most 5.
    #[serde(default)]
    #[schemars(example = json!(["arn:aws:lambda:eu-central-1:111122223333:layer:tools:7"]))]
    pub layers: Vec<String>,
    /// Network of the function.
    pub vpc: Option<Vpc>,
    /// Whether requests are traced with X-Ray.
    #[serde(default)]
    pub tracing: bool,
    /// Concurrent executions that are kept for it, and its limit; 0 stops it.
    #[schemars(example = 10)]
    pub reserved_concurrency: Option<u32>,
    /// Its log group.
    #[serde(default)]
    #[schemars(example = json!({"retention": "14d"}))]
    pub log: Log,
    /// Aliases: to `latest`, to a version by number, or split between two.
    #[serde(default)]
    #[schemars(example = json!({"live": "latest"}))]
    pub aliases: BTreeMap<String, Alias>,
    /// The keys of the stack that it uses, and how. Its role gets exactly that.
    #[serde(default)]
    #[schemars(example = json!({"text": ["encrypt", "decrypt"]}))]
    pub keys: BTreeMap<String, Vec<Use>>,
    /// A request that shows whether it works.
    pub probe: Option<Probe>,
    /// Description.
    #[serde(default)]
    pub description: String,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

fn memory() -> u32 {
    128
}

fn storage() -> u32 {
    512
}

/// Where code comes from; exactly one of `cargo`, `dir`, `zip` and `command`. Paths are relative to the folder
/// of the stack file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"cargo": "text-encryption"}))]
pub struct Code {
    /// A binary of a cargo workspace.
    #[schemars(example = &"text-encryption")]
    pub cargo: Option<String>,
    /// Folder of the cargo workspace; that of the stack file unless given.
    pub workspace: Option<String>,
    /// A folder, packed as it is.
    pub dir: Option<String>,
    /// A zip archive, uploaded as it is.
    pub zip: Option<String>,
    /// A command that makes a folder or a zip archive.
    #[schemars(example = json!(["make", "dist"]))]
    pub command: Option<Vec<String>>,
    /// What the command makes.
    #[schemars(example = &"dist")]
    pub output: Option<String>,
    /// Files and folders that the command reads: their hash is the identity of the code.
    #[schemars(example = json!(["src"]))]
    pub inputs: Option<Vec<String>>,
}

/// Instruction set of a function.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    #[default]
    #[serde(rename = "x86_64")]
    X86,
    #[serde(rename = "arm64")]
    Arm,
}

/// Network of a function.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vpc {
    /// Subnet ids, at most 16.
    #[schemars(example = json!(["subnet-0123456789abcdef0"]))]
    pub subnets: Vec<String>,
    /// Security group ids, at most 5.
    #[schemars(example = json!(["sg-0123456789abcdef0"]))]
    pub security_groups: Vec<String>,
}

/// Log group of a function.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Name in AWS; `/aws/lambda/{function}` unless given.
    #[schemars(example = &"/aws/lambda/encrypt")]
    pub group: Option<String>,
    /// How long events are kept, in days as AWS offers them, or `never` to keep them for ever. 30 days unless
    /// given.
    #[schemars(example = &"14d")]
    pub retention: Option<String>,
    /// Key of the stack, or ARN of another one, that encrypts the events.
    #[schemars(example = &"text")]
    pub key: Option<String>,
}

/// An alias of a function.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Alias {
    /// `latest`: the newest version, published after every change.
    Latest(Latest),
    /// A version by number.
    Number(u32),
    /// A version, and a share of the traffic for a second one.
    Split(AliasTarget),
}

/// The word `latest`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Latest {
    Latest,
}

/// An alias that splits traffic.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AliasTarget {
    /// `latest`, or a version by number.
    #[schemars(example = &"latest")]
    pub version: VersionWord,
    /// One more version, and its share of the traffic from 0 to 1.
    #[serde(default)]
    #[schemars(example = json!({"3": 0.1}))]
    pub weights: BTreeMap<String, f64>,
}

/// `latest`, or a version by number.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum VersionWord {
    /// The newest version.
    Latest(Latest),
    /// A version by number.
    Number(u32),
}

/// A way of using a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    Encrypt,
    Decrypt,
    GenerateDataKey,
    GenerateDataKeyWithoutPlaintext,
    GenerateDataKeyPair,
    GenerateDataKeyPairWithoutPlaintext,
    ReEncrypt,
    Sign,
    Verify,
    GetPublicKey,
    GenerateMac,
    VerifyMac,
    DeriveSharedSecret,
    Describe,
}

/// A request that shows whether a function works.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The route that is called; this or `invoke`.
    #[schemars(example = &"POST /encrypt")]
    pub route: Option<String>,
    /// The API of the route; needed if several have it.
    pub api: Option<String>,
    /// Whether the function itself is invoked, with `body` as its event.
    #[serde(default)]
    pub invoke: bool,
    /// JSON body of the request, or event of the invocation.
    #[schemars(example = json!({"text": "probe"}))]
    pub body: Option<Value>,
    /// Expected HTTP status; 200 unless given.
    #[schemars(range(min = 100, max = 599), example = 200)]
    pub expect: Option<u16>,
    /// Requests after the first; `${answer.FIELD}` in their bodies takes a field of the answer before.
    #[serde(default)]
    pub then: Vec<ProbeStep>,
    /// How many times in a row it must succeed; 3 unless given.
    #[schemars(range(min = 1, max = 100), example = 3)]
    pub successes: Option<u32>,
    /// When it counts as failed; 60 s unless given.
    #[schemars(example = &"60s")]
    pub timeout: Option<String>,
    /// Scopes of the token that is made for it.
    #[serde(default)]
    #[schemars(example = json!(["encrypt"]))]
    pub scopes: Vec<String>,
}

/// One more request of a probe.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeStep {
    /// The route that is called.
    #[schemars(example = &"POST /decrypt")]
    pub route: String,
    /// JSON body.
    pub body: Option<Value>,
    /// Expected HTTP status; 200 unless given.
    #[schemars(range(min = 100, max = 599), example = 200)]
    pub expect: Option<u16>,
    /// Fields that the JSON answer must have, with their values; others are not looked at.
    #[schemars(example = json!({"text": "probe"}))]
    pub expect_body: Option<Value>,
}
