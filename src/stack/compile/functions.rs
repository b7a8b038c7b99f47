//! Functions.

use std::collections::{BTreeMap, BTreeSet};

use super::context::Context;
use super::function_parts as parts;
use super::values::{RESERVED_ENV, Range, SECOND, is_arn, is_word};
use crate::kinds::{Kind, Name, function, ids};
use crate::stack::desired::{FunctionWant, use_sid};
use crate::stack::model::{Architecture, Function, KeyUsage, Use};

/// Maximum size of all environment variables together as JSON, in bytes.
const MAX_ENV: usize = 4096;

pub(super) fn compile(cx: &Context<'_>) -> BTreeMap<Name, FunctionWant> {
    let mut sids: BTreeMap<String, &str> = BTreeMap::new();
    let mut all = BTreeMap::new();
    for (name, function) in &cx.file.functions {
        if let Some(other) = sids.insert(use_sid(&Name::from(name.as_str())), name) {
            let problem =
                format!("`{name}` and `{other}` differ only in punctuation; their statements would be one");
            cx.report(cx.about_key(&["functions", name], "duplicate", problem));
        }
        if let Some(want) = want(cx, name, function) {
            all.insert(Name::from(name.as_str()), want);
        }
    }
    all
}

fn want(cx: &Context<'_>, name: &str, function: &Function) -> Option<FunctionWant> {
    let at = ["functions", name];
    cx.check_name(&at, 64);
    let source = parts::source(cx, name, &function.code);
    let config = config(cx, name, function);
    let aliases = function
        .aliases
        .iter()
        .filter_map(|(alias, target)| Some((alias.clone(), parts::alias(cx, name, alias, target)?)))
        .collect();
    let architecture = match function.architecture {
        Architecture::X86 => "x86_64",
        Architecture::Arm => "arm64",
    };
    // Everything is checked before the first return, so that all errors are reported at once.
    let uses = uses(cx, name, function);
    let probe = function.probe.as_ref().and_then(|probe| parts::probe(cx, name, probe));
    let tags = cx.tags(&at, &function.tags, Kind::Function, name);
    Some(FunctionWant {
        spec: function::Spec {
            function_name: cx.names.physical(name),
            config: config?,
            code: function::Code { source: String::new(), architecture: architecture.to_owned() },
            reserved_concurrency: function.reserved_concurrency,
            aliases,
            permissions: BTreeMap::new(),
            tags,
        },
        source: source?,
        uses,
        probe,
    })
}

fn config(cx: &Context<'_>, name: &str, function: &Function) -> Option<function::Config> {
    cx.at_most(&["functions", name, "description"], &function.description, 256);
    let role_at = ["functions", name, "role"];
    let role = cx.declared(&role_at, "roles", &function.role).then(|| cx.role_arn(&function.role));
    let runtime = runtime(cx, name, function);
    let handler = handler(cx, name, function, runtime.as_deref());
    let timeout =
        cx.duration(&["functions", name, "timeout"], function.timeout.as_deref(), Range::new(SECOND, 1, 900));
    for (index, layer) in function.layers.iter().enumerate() {
        let index = index.to_string();
        let right = "a layer is written `arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION`";
        cx.require(is_arn(layer, "lambda", "layer:"), &["functions", name, "layers", &index], right);
    }
    if function.layers.len() > 5 {
        let problem = format!("{} layers; at most 5 are taken", function.layers.len());
        cx.report(cx.about_key(&["functions", name, "layers"], "too-many", problem));
    }
    let env = env(cx, name, function);
    let env_at = ["functions", name, "env_key"];
    let env_key = function.env_key.as_ref().and_then(|key| cx.symmetric_key(&env_at, key));
    let vpc = function.vpc.as_ref().map(|vpc| parts::vpc(cx, name, vpc));
    let log_group = function.log.group.clone().unwrap_or_else(|| cx.names.function_log_group(name));
    Some(function::Config {
        role: role?,
        description: function.description.clone(),
        runtime: runtime?,
        handler: handler?,
        memory: function.memory,
        timeout: timeout.unwrap_or(3),
        env,
        env_key,
        ephemeral_storage: function.ephemeral_storage,
        layers: function.layers.clone(),
        vpc,
        tracing: function.tracing,
        log_group,
    })
}

fn runtime(cx: &Context<'_>, name: &str, function: &Function) -> Option<String> {
    match (&function.runtime, &function.code.cargo) {
        (Some(runtime), cargo) => {
            if cargo.is_some() && !runtime.starts_with("provided") {
                let problem = format!("a cargo binary does not run on `{runtime}`");
                let problem = cx.about(&["functions", name, "runtime"], "bad-value", problem);
                cx.report(problem.help("take `runtime` out, or write `provided.al2023`"));
            }
            // AWS adds runtimes often, so a fixed list would reject new ones.
            let right = "a runtime is written `provided.al2023` or `python3.13`";
            cx.require(is_word(runtime, ".", 64), &["functions", name, "runtime"], right)
                .then(|| runtime.clone())
        }
        (None, Some(_)) => Some("provided.al2023".to_owned()),
        (None, None) => {
            let problem = format!("`functions.{name}` has no `runtime`");
            let problem = cx.about_key(&["functions", name], "missing-key", problem);
            cx.report(problem.help("write it as in `runtime: python3.13`"));
            None
        }
    }
}

fn handler(cx: &Context<'_>, name: &str, function: &Function, runtime: Option<&str>) -> Option<String> {
    match (&function.handler, runtime) {
        (Some(handler), _) => {
            let fits = (1..=128).contains(&handler.len()) && !handler.contains(char::is_whitespace);
            let right = "1 to 128 characters without spaces are taken";
            cx.require(fits, &["functions", name, "handler"], right).then(|| handler.clone())
        }
        (None, None) => None,
        // A cargo binary on another runtime is a separate error.
        (None, Some(runtime)) if runtime.starts_with("provided") || function.code.cargo.is_some() => {
            Some("bootstrap".to_owned())
        }
        (None, Some(runtime)) => {
            let problem = format!("`functions.{name}` has no `handler`");
            let problem = cx.about_key(&["functions", name], "missing-key", problem);
            cx.report(problem.help(format!("`{runtime}` needs one; write it as in `handler: app.handler`")));
            None
        }
    }
}

fn env(cx: &Context<'_>, name: &str, function: &Function) -> BTreeMap<String, String> {
    for key in function.env.keys() {
        let at = ["functions", name, "env", key];
        let letters = key.chars().count() >= 2
            && key.starts_with(|c: char| c.is_ascii_alphabetic())
            && is_word(key, "_", MAX_ENV);
        if RESERVED_ENV.contains(&key.as_str()) || key.starts_with("_X_AMZN") {
            cx.report(cx.about_key(&at, "reserved", format!("`{key}` is set by Lambda itself")));
        } else if !letters {
            let problem = format!("`{key}` is not a valid environment variable name");
            let help =
                "start with a letter; letters, digits and `_` may follow, at least 2 characters in all";
            cx.report(cx.about_key(&at, "bad-name", problem).help(help));
        }
    }
    let mut env = function.env.clone();
    let size = serde_json::to_string(&env).map_or(0, |json| json.len());
    if size > MAX_ENV {
        let problem = format!("the environment variables have {size} bytes; Lambda takes {MAX_ENV}");
        cx.report(cx.about_key(&["functions", name, "env"], "too-long", problem));
    }
    env.extend(cx.names.place.function_env.clone());
    env
}

/// Collects the KMS actions on each key.
fn uses(cx: &Context<'_>, name: &str, function: &Function) -> BTreeMap<Name, BTreeSet<String>> {
    let mut all: BTreeMap<Name, BTreeSet<String>> = BTreeMap::new();
    for (key, words) in &function.keys {
        let at = ["functions", name, "keys", key];
        if !cx.declared(&at, "keys", key) {
            continue;
        }
        if cx.file.keys.get(key).is_some_and(|key| !key.enabled) {
            cx.warn(&at, "disabled-key", format!("`{name}` uses `{key}`, which is disabled"));
        }
        if words.is_empty() {
            let problem = format!("`{name}` uses `{key}` for nothing");
            let problem = cx.about_key(&at, "bad-value", problem);
            cx.report(problem.help("write it as in `[encrypt, decrypt]`, or take it out"));
        }
        let spec = cx.file.keys.get(key);
        let usage = spec.and_then(|spec| spec.usage.or(spec.spec.usages().first().copied()));
        for (index, word) in words.iter().enumerate() {
            if let (Some(spec), Some(usage)) = (spec, usage)
                && !fits(*word, usage, spec.spec.is_symmetric())
            {
                let index = index.to_string();
                let problem = format!(
                    "`{key}` is a key of spec `{}` for `{}`, which cannot do this",
                    spec.spec.aws_name(),
                    usage.aws_name()
                );
                cx.error(&["functions", name, "keys", key, &index], "wrong-usage", problem);
            }
            all.entry(Name::from(key.as_str()))
                .or_default()
                .extend(actions(*word).iter().map(ToString::to_string));
        }
    }
    // The grant that Lambda creates for its own decryption stops working when the role is re-created, but a statement
    // can be renewed for the new role.
    let env_key = function.env_key.as_deref().filter(|key| cx.file.keys.contains_key(*key));
    let env_key = env_key.or_else(|| {
        let reference = function.env_key.as_deref().map(ids::open_in)?.into_iter().next()?;
        reference.strip_prefix("keys.")?.strip_suffix(".arn")
    });
    if let Some(key) = env_key {
        all.entry(Name::from(key)).or_default().insert("kms:Decrypt".to_owned());
    }
    all
}

fn actions(word: Use) -> &'static [&'static str] {
    match word {
        Use::Encrypt => &["kms:Encrypt"],
        Use::Decrypt => &["kms:Decrypt"],
        Use::GenerateDataKey => &["kms:GenerateDataKey"],
        Use::GenerateDataKeyWithoutPlaintext => &["kms:GenerateDataKeyWithoutPlaintext"],
        Use::GenerateDataKeyPair => &["kms:GenerateDataKeyPair"],
        Use::GenerateDataKeyPairWithoutPlaintext => &["kms:GenerateDataKeyPairWithoutPlaintext"],
        Use::ReEncrypt => &["kms:ReEncryptFrom", "kms:ReEncryptTo"],
        Use::Sign => &["kms:Sign"],
        Use::Verify => &["kms:Verify"],
        Use::GetPublicKey => &["kms:GetPublicKey"],
        Use::GenerateMac => &["kms:GenerateMac"],
        Use::VerifyMac => &["kms:VerifyMac"],
        Use::DeriveSharedSecret => &["kms:DeriveSharedSecret"],
        Use::Describe => &["kms:DescribeKey"],
    }
}

fn fits(word: Use, usage: KeyUsage, symmetric: bool) -> bool {
    match word {
        Use::Encrypt | Use::Decrypt | Use::ReEncrypt => usage == KeyUsage::ENCRYPT_DECRYPT,
        Use::GenerateDataKey
        | Use::GenerateDataKeyWithoutPlaintext
        | Use::GenerateDataKeyPair
        | Use::GenerateDataKeyPairWithoutPlaintext => symmetric,
        Use::Sign | Use::Verify => usage == KeyUsage::SIGN_VERIFY,
        Use::GetPublicKey => !symmetric && usage != KeyUsage::GENERATE_VERIFY_MAC,
        Use::GenerateMac | Use::VerifyMac => usage == KeyUsage::GENERATE_VERIFY_MAC,
        Use::DeriveSharedSecret => usage == KeyUsage::KEY_AGREEMENT,
        Use::Describe => true,
    }
}
