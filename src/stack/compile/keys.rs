//! Keys, with the part of their policies that does not depend on the functions.

use std::collections::{BTreeMap, BTreeSet};

use super::context::Context;
use super::policies;
use super::values::{DAY, Range, is_word};
use crate::access::{Clause, Effect, MAX_KEY_POLICY_BYTES, Operator, PolicyDocument, Principal, Statement};
use crate::kinds::{Kind, Name, ids, key, log_group};
use crate::stack::desired::{FunctionWant, KeyWant};
use crate::stack::model::{Delegation, Key, KeyUsage, Rotation};

/// All administrative actions on a key. `CreateGrant` is not one of them, because a grant can give use of the key to
/// anyone.
const ADMINISTRATION: [&str; 24] = [
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyLastUsage",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListAliases",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
];

/// The additional administrative actions on a multi-Region key.
const MULTI_REGION: [&str; 2] = ["kms:ReplicateKey", "kms:UpdatePrimaryRegion"];

pub(super) fn compile(cx: &Context<'_>) -> BTreeMap<Name, KeyWant> {
    let keys: BTreeMap<Name, KeyWant> =
        cx.file.keys.iter().map(|(name, key)| (Name::from(name.as_str()), want(cx, name, key))).collect();
    let mut aliases: BTreeMap<&str, &Name> = BTreeMap::new();
    for (name, key) in &keys {
        for alias in &key.spec.aliases {
            if let Some(other) = aliases.insert(alias, name) {
                let problem = format!("`{name}` and `{other}` have the same alias, `{alias}`");
                cx.report(cx.about_key(&["keys", name.as_str(), "alias"], "duplicate", problem));
            }
        }
    }
    keys
}

fn want(cx: &Context<'_>, name: &str, key: &Key) -> KeyWant {
    let at = ["keys", name];
    cx.check_name(&at, usize::MAX);
    cx.at_most(&["keys", name, "description"], &key.description, 8192);
    let administrators = administrators(cx, name, &key.administrators);
    let window = cx.duration(
        &["keys", name, "deletion_window"],
        key.deletion_window.as_deref(),
        Range::new(DAY, 7, 30),
    );
    let spec = key::Spec {
        key_spec: key.spec.aws_name(),
        usage: usage(cx, name, key).aws_name(),
        multi_region: key.multi_region,
        description: key.description.clone(),
        enabled: key.enabled,
        rotation: rotation(cx, name, key),
        aliases: aliases(cx, name, key),
        policy: policy(cx, name, key, &administrators),
        tags: cx.tags(&at, &key.tags, Kind::Key, name),
        deletion_window: window.unwrap_or(30),
    };
    KeyWant { spec, administrators }
}

fn usage(cx: &Context<'_>, name: &str, key: &Key) -> KeyUsage {
    let usages = key.spec.usages();
    let names = || usages.iter().map(|usage| usage.aws_name()).collect::<Vec<_>>().join("` or `");
    let spec = key.spec.aws_name();
    match (key.usage, usages) {
        (Some(usage), all) => {
            if !all.contains(&usage) {
                let problem = format!("a key of spec `{spec}` cannot be for `{}`", usage.aws_name());
                let problem = cx.about(&["keys", name, "usage"], "wrong-usage", problem);
                cx.report(problem.help(format!("it is for `{}`", names())));
            }
            usage
        }
        (None, [only]) => *only,
        (None, all) => {
            let problem = format!("a key of spec `{spec}` needs `usage`");
            let problem = cx.about(&["keys", name, "spec"], "missing-key", problem);
            cx.report(problem.help(format!("it can be for `{}`", names())));
            all.first().copied().unwrap_or(KeyUsage::ENCRYPT_DECRYPT)
        }
    }
}

fn rotation(cx: &Context<'_>, name: &str, key: &Key) -> Option<u32> {
    let at = ["keys", name, "rotation"];
    let days = match key.rotation.as_ref()? {
        Rotation::Switch(false) => return None,
        Rotation::Switch(true) => Some(365),
        Rotation::Period(text) => cx.duration(&at, Some(text), Range::new(DAY, 90, 2560)),
    };
    if !key.spec.is_symmetric() {
        let problem =
            format!("a key of spec `{}` cannot rotate; only symmetric keys can", key.spec.aws_name());
        cx.report(cx.about(&at, "wrong-key", problem).help("take `rotation` out"));
    }
    days
}

fn aliases(cx: &Context<'_>, name: &str, key: &Key) -> BTreeSet<String> {
    let named: Vec<(Vec<&str>, String)> = match (&key.alias, &key.aliases) {
        (None, None) => vec![(vec!["keys", name], cx.names.physical(name))],
        (one, several) => {
            let one = one.iter().map(|alias| (vec!["keys", name, "alias"], alias.clone()));
            let several =
                several.iter().flatten().map(|alias| (vec!["keys", name, "aliases"], alias.clone()));
            one.chain(several).collect()
        }
    };
    let mut all = BTreeSet::new();
    for (path, alias) in named {
        if alias.starts_with("alias/") {
            cx.error(&path, "bad-alias", format!("`{alias}` is written without `alias/`"));
        } else if alias.starts_with("aws/") {
            cx.error(&path, "bad-alias", format!("`{alias}`: aliases under `aws/` belong to AWS"));
        } else if !is_word(&alias, "/_-", 250) {
            let problem = format!("`{alias}` is not a valid alias");
            let help = "letters, digits and `/_-` are taken, 250 characters in all";
            cx.report(cx.about(&path, "bad-alias", problem).help(help));
        }
        all.insert(format!("alias/{alias}"));
    }
    all
}

fn administrators(cx: &Context<'_>, name: &str, principals: &[String]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (index, text) in principals.iter().enumerate() {
        let index = index.to_string();
        let at = ["keys", name, "administrators", &index];
        if text.contains(":assumed-role/") {
            cx.warn(
                &at,
                "session",
                "a permissions boundary of the role does not bind a session that is named",
            );
        }
        all.extend(cx.principal(&at, text));
    }
    all
}

fn policy(cx: &Context<'_>, name: &str, key: &Key, administrators: &BTreeSet<String>) -> PolicyDocument {
    let account = cx.names.iam("root");
    let administration =
        ADMINISTRATION.into_iter().chain(MULTI_REGION.into_iter().filter(|_| key.multi_region));
    let mut statements = Vec::new();
    match key.iam_delegation {
        Delegation::Administer => {
            let statement = Statement::allow("AdministerByAccount").principal_aws([&account]);
            statements.push(statement.actions(administration.clone()).resource("*"));
        }
        Delegation::Full => {
            let statement = Statement::allow("EverythingByAccount").principal_aws([&account]);
            statements.push(statement.actions(["kms:*"]).resource("*"));
        }
        Delegation::None => {}
    }
    if !administrators.is_empty() {
        let statement = Statement::allow("AdministerByAdministrators").principal_aws(administrators);
        statements.push(statement.actions(administration).resource("*"));
    }
    statements.extend(policies::key_statements(cx, name, &key.statements));
    if !statements.iter().any(lets_put_policy) {
        let problem = format!("nobody could change the policy of `{name}`, or delete it, ever again");
        let problem = cx.about(&["keys", name, "iam_delegation"], "no-administrator", problem);
        cx.report(problem.help("name `administrators`, or take `iam_delegation: none` out"));
    }
    PolicyDocument::new(statements)
}

fn lets_put_policy(statement: &Statement) -> bool {
    const PATTERNS: [&str; 4] = ["*", "kms:*", "kms:put*", "kms:putkeypolicy"];
    let Clause::Is(actions) = &statement.actions else { return false };
    let people = match &statement.principals {
        Clause::Is(principals) => principals
            .iter()
            .any(|principal| !matches!(principal, Principal::Service(_) | Principal::UniqueId(_))),
        Clause::IsNot(_) | Clause::Absent => false,
    };
    statement.effect == Effect::Allow
        && people
        && actions.iter().any(|action| PATTERNS.contains(&action.folded().as_str()))
}

/// Allows the services that the stack needs to use a key: logs and environment variables.
pub(super) fn serve(
    cx: &Context<'_>,
    keys: &mut BTreeMap<Name, KeyWant>,
    log_groups: &BTreeMap<Name, log_group::Spec>,
    functions: &BTreeMap<Name, FunctionWant>,
) {
    let region = &cx.names.place.region;
    for (name, want) in keys {
        let arn = Some(ids::to(&format!("keys.{name}.arn")));
        let mut served = Vec::new();
        let groups: Vec<String> = log_groups
            .values()
            .filter(|group| group.kms_key == arn)
            .map(|group| cx.names.log_group_arn(&group.group_name))
            .collect();
        if !groups.is_empty() {
            let condition = (Operator::parse("ArnLike"), "kms:EncryptionContext:aws:logs:arn");
            let statement = Statement::allow("LogsService")
                .principal_service([format!("logs.{region}.amazonaws.com")])
                .actions([
                    "kms:Encrypt*",
                    "kms:Decrypt*",
                    "kms:ReEncrypt*",
                    "kms:GenerateDataKey*",
                    "kms:Describe*",
                ])
                .resource("*");
            served.extend(condition.0.map(|operator| statement.condition(operator, condition.1, groups)));
        }
        if functions.values().any(|function| function.spec.config.env_key == arn) {
            // A principal that configures the function allows Lambda to grant the function's role the key, but only
            // through Lambda.
            let statement = Statement::allow("LambdaEnvironment")
                .principal_aws([cx.names.iam("root")])
                .actions(["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"])
                .resource("*");
            served.extend(Operator::parse("StringEquals").map(|operator| {
                statement.condition(operator, "kms:ViaService", [format!("lambda.{region}.amazonaws.com")])
            }));
        }
        let policy = &mut want.spec.policy;
        if !served.is_empty() {
            *policy = PolicyDocument::new(policy.statements().iter().cloned().chain(served));
        }
        if policy.size() > MAX_KEY_POLICY_BYTES {
            let problem = format!("the policy of `{name}` has {} bytes", policy.size());
            let problem = cx.about_key(&["keys", name.as_str()], "too-long", problem);
            cx.report(problem.help(format!("KMS takes {MAX_KEY_POLICY_BYTES}; shorten `statements`")));
        }
    }
}
