//! Roles.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::context::Context;
use super::policies;
use super::values::{Range, SECOND, is_word};
use crate::access::{PolicyDocument, PolicyKind, is_account_id};
use crate::kinds::{Kind, Name, role};
use crate::stack::desired::LAMBDA_TRUST;
use crate::stack::diagnostics::Diagnostic;
use crate::stack::model::{Role, Trust};

pub(super) fn compile(cx: &Context<'_>) -> BTreeMap<Name, role::Spec> {
    let mut folded: BTreeMap<String, &str> = BTreeMap::new();
    let mut all = BTreeMap::new();
    for (name, role) in &cx.file.roles {
        if let Some(other) = folded.insert(name.to_ascii_lowercase(), name) {
            let problem = format!("`{name}` and `{other}` are one name to IAM, which ignores letter case");
            cx.report(cx.about_key(&["roles", name], "duplicate", problem));
        }
        all.extend(spec(cx, name, role).map(|spec| (Name::from(name.as_str()), spec)));
    }
    all
}

/// Lists the pairs of roles that must have the same permissions.
pub(super) fn twins(cx: &Context<'_>) -> Vec<(Name, Name)> {
    let twins = cx.file.roles.iter().filter_map(|(name, role)| Some((name, role.twin_of.as_ref()?)));
    twins.map(|(role, twin)| (Name::from(role.as_str()), Name::from(twin.as_str()))).collect()
}

fn spec(cx: &Context<'_>, name: &str, role: &Role) -> Option<role::Spec> {
    let at = ["roles", name];
    cx.check_name(&at, 64);
    let path = role.path.clone().unwrap_or_else(|| cx.names.role_path());
    let slashes = path == "/" || (path.len() > 2 && path.starts_with('/') && path.ends_with('/'));
    let right = "a path starts and ends with `/` and has at most 512 characters without spaces";
    let graphic = path.chars().all(|c| c.is_ascii_graphic());
    if role.path.is_some() {
        cx.require(slashes && graphic && path.len() <= 512, &["roles", name, "path"], right);
    }
    cx.at_most(&["roles", name, "description"], &role.description, 1000);
    let source = source(cx, name)?;
    let from = cx.file.roles.get(source)?;
    let max_session = cx.duration(
        &["roles", name, "max_session"],
        role.max_session.as_deref().or(from.max_session.as_deref()),
        Range::new(SECOND, 3600, 43_200),
    );
    let trust = trust(cx, source, from.trust.as_ref());
    let managed = managed(cx, source, from.managed_policies.as_deref().unwrap_or_default());
    let inline = inline(cx, source, from);
    let boundary_at = ["roles", source, "permissions_boundary"];
    let boundary = from.permissions_boundary.as_ref();
    let boundary = boundary.and_then(|boundary| policies::managed(cx, &boundary_at, boundary));
    let tags = cx.tags(&at, &role.tags, Kind::Role, name);
    Some(role::Spec {
        role_name: cx.names.physical(name),
        arn: cx.names.role_arn(name, &path),
        path,
        description: role.description.clone(),
        max_session: max_session.unwrap_or(3600),
        trust: trust?,
        managed,
        inline,
        boundary,
        tags,
    })
}

/// Returns the role that defines the policies: the role itself, or the one that it is a twin of.
fn source<'a>(cx: &Context<'a>, name: &'a str) -> Option<&'a str> {
    let Some(twin) = cx.file.roles.get(name).and_then(|role| role.twin_of.as_deref()) else {
        return Some(name);
    };
    let at = ["roles", name, "twin_of"];
    only_the_twins(cx, name, twin);
    if !cx.declared(&at, "roles", twin) {
        return None;
    }
    match cx.file.roles.get(twin)?.twin_of.as_deref() {
        Some(_) if twin == name => cx.error(&at, "bad-value", format!("`{name}` is its own twin")),
        Some(of) => {
            let problem = cx.about(&at, "bad-value", format!("`{twin}` is a twin itself"));
            cx.report(problem.help(format!("name the role that has the policies, such as `{of}`")));
        }
        None => return Some(twin),
    }
    None
}

/// Reports policies of a twin that it must not define itself, because they could allow more or less.
fn only_the_twins(cx: &Context<'_>, name: &str, twin: &str) {
    for field in ["trust", "managed_policies", "inline_policies", "permissions_boundary"] {
        let at = ["roles", name, field];
        let has = cx.tree.get("roles").and_then(|roles| roles.get(name)?.get(field)).is_some();
        if has {
            let problem = format!("`{name}` is a twin of `{twin}` and takes its `{field}` from there");
            let problem: Diagnostic = cx.about_key(&at, "twin-differs", problem);
            cx.report(problem.help(format!("move it to `roles.{twin}`, or take `twin_of` out")));
        }
    }
}

fn trust(cx: &Context<'_>, name: &str, trust: Option<&Trust>) -> Option<PolicyDocument> {
    let at = ["roles", name, "trust"];
    let kind = PolicyKind::Trust { partition: &cx.names.place.partition };
    let value = match trust {
        None => serde_json::from_str(LAMBDA_TRUST).unwrap_or_default(),
        Some(Trust::Document(document)) => policies::object(document),
        Some(Trust::Principal(text)) => {
            let service = text.ends_with(".amazonaws.com") || text.ends_with(".amazonaws.com.cn");
            let principal = if service && is_word(text, ".-", 128) {
                json!({ "Service": text })
            } else if !text.contains([':', '/']) && !text.starts_with("roles.") && !is_account_id(text) {
                cx.require(false, &at, "a service is written `lambda.amazonaws.com`");
                return None;
            } else if is_account_id(text) {
                json!({ "AWS": format!("arn:{}:iam::{text}:root", cx.names.place.partition) })
            } else {
                json!({ "AWS": cx.principal(&at, text)? })
            };
            let statement = json!({ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" });
            json!({ "Version": "2012-10-17", "Statement": [statement] })
        }
    };
    policies::document(cx, &at, &value, kind)
}

fn managed(cx: &Context<'_>, name: &str, policies: &[String]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (index, text) in policies.iter().enumerate() {
        let index = index.to_string();
        let at = ["roles", name, "managed_policies", &index];
        if let Some(arn) = policies::managed(cx, &at, text)
            && !all.insert(arn)
        {
            cx.error(&at, "duplicate", format!("the policy `{text}` is given twice"));
        }
    }
    all
}

fn inline(cx: &Context<'_>, name: &str, role: &Role) -> BTreeMap<String, PolicyDocument> {
    let mut all = BTreeMap::new();
    for (policy, value) in role.inline_policies.iter().flatten() {
        let at = ["roles", name, "inline_policies", policy];
        if !is_word(policy, "+=,.@-_", 128) {
            let problem = format!("`{policy}` is not a valid policy name");
            let help = "letters, digits and `+=,.@-_` are taken, 128 characters in all";
            cx.report(cx.about_key(&at, "bad-name", problem).help(help));
        }
        if let Some(document) = policies::document(cx, &at, value, PolicyKind::Identity) {
            all.insert(policy.clone(), document);
        }
    }
    all
}
