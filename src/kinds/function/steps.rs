//! The steps from the function in AWS to the function in the stack.

use super::{ALIAS_MARK, Alias, Code, Config, Op, Permission, Seen, SeenAlias, Spec, Version};
use crate::kinds::step::Aspect;
use crate::kinds::tags::{Retag, retag};
use crate::kinds::{Action, Change, Draft, Edge, Kind, Name, ResourceId};

/// Lists the steps between two states of one function. `None` stands for a function that does not exist.
pub fn steps(name: &Name, want: Option<&Spec>, seen: Option<&Seen>) -> Vec<Draft> {
    match (want, seen) {
        (Some(want), None) => create(name, want),
        (Some(want), Some(seen)) => update(name, want, seen),
        (None, Some(_)) => vec![draft(name, Op::Delete, Action::Delete).narrowing().gives(Aspect::Gone)],
        (None, None) => Vec::new(),
    }
}

fn draft(name: &Name, op: Op, action: Action) -> Draft {
    let resource = ResourceId::new(Kind::Function, name);
    Draft::new(resource, crate::kinds::Op::Function { name: name.clone(), op }, action)
}

fn create(name: &Name, want: &Spec) -> Vec<Draft> {
    let Config { runtime, role, memory, timeout, .. } = &want.config;
    let changes = [
        Change::of("role", &None, &Some(role)),
        Change::of("runtime", &None, &Some(runtime)),
        Change::of("memory", &None, &Some(memory)),
        Change::of("timeout", &None, &Some(timeout)),
        Change::of("code", &None, &Some(&want.code.source)),
    ];
    let mut drafts = vec![
        draft(name, Op::Create { spec: Box::new(want.clone()) }, Action::Create)
            .gives(Aspect::Exists)
            .gives(Aspect::Configuration)
            .gives(Aspect::Code)
            .changing(changes.into_iter().flatten()),
        mark(name, want, Action::Create),
    ];
    if let Some(concurrency) = want.reserved_concurrency {
        drafts.push(
            draft(name, Op::Reserve { concurrency }, Action::Create)
                .needs(Edge::CreateBeforeUse, Aspect::Exists)
                .changing(Change::of("reserved_concurrency", &None, &Some(concurrency))),
        );
    }
    if publishes(want) {
        drafts.push(publish(name, Action::Create));
    }
    for (alias, target) in &want.aliases {
        drafts.push(create_alias(name, alias, target, Action::Create));
    }
    for (sid, permission) in &want.permissions {
        drafts.push(permit(name, sid, permission, Action::Create));
    }
    drafts
}

fn update(name: &Name, want: &Spec, seen: &Seen) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let configuration = config_changes(&seen.config, &want.config, seen);
    let code = code_changes(want, seen);
    let changed = !configuration.is_empty() || !code.is_empty();
    if !configuration.is_empty() {
        drafts.push(
            draft(name, Op::Configure { config: want.config.clone() }, Action::Update)
                .gives(Aspect::Configuration)
                .changing(configuration),
        );
    }
    if !code.is_empty() {
        drafts.push(
            draft(name, Op::UpdateCode { code: want.code.clone() }, Action::Update)
                .needs(Edge::ConfigurationBeforeCode, Aspect::Configuration)
                .gives(Aspect::Code)
                .changing(code),
        );
    }
    if changed || (seen.marks.role.is_none() && !seen.unread.contains_key("tags")) {
        drafts.push(mark(name, want, Action::Update));
    }
    if let Some(change) =
        Change::of("reserved_concurrency", &seen.reserved_concurrency, &want.reserved_concurrency)
    {
        let op = want.reserved_concurrency.map_or(Op::Unreserve, |concurrency| Op::Reserve { concurrency });
        drafts.push(draft(name, op, Action::Update).changing([change]));
    }
    drafts.extend(versions_and_aliases(name, want, seen, changed));
    if !seen.unread.contains_key("permissions") {
        drafts.extend(permissions(name, want, seen));
    }
    if !seen.unread.contains_key("tags") {
        drafts.extend(retag(&seen.tags, &want.tags).into_iter().map(|(retag, changes)| {
            let op = match retag {
                Retag::Set(tags) => Op::Tag { tags },
                Retag::Unset(keys) => Op::Untag { keys },
            };
            draft(name, op, Action::Update).changing(changes)
        }));
    }
    drafts
}

/// Returns the step that records which code and role are in place.
pub fn mark(name: &Name, want: &Spec, action: Action) -> Draft {
    let op = Op::Mark { source: want.code.source.clone(), role: Some(want.config.role.clone()) };
    draft(name, op, action)
        .needs(Edge::UpdateBeforeMark, Aspect::Configuration)
        .needs(Edge::UpdateBeforeMark, Aspect::Code)
}

fn config_changes(has: &Config, want: &Config, seen: &Seen) -> Vec<Change> {
    // Destructured so that a new field cannot be forgotten.
    let Config {
        role,
        description,
        runtime,
        handler,
        memory,
        timeout,
        env,
        env_key,
        ephemeral_storage,
        layers,
        vpc,
        tracing,
        log_group,
    } = want;
    let mut changes: Vec<Change> = [
        Change::of("role", &has.role, role),
        Change::of("description", &has.description, description),
        Change::of("runtime", &has.runtime, runtime),
        Change::of("handler", &has.handler, handler),
        Change::of("memory", &has.memory, memory),
        Change::of("timeout", &has.timeout, timeout),
        Change::of("env_key", &has.env_key, env_key),
        Change::of("ephemeral_storage", &has.ephemeral_storage, ephemeral_storage),
        Change::of("layers", &has.layers, layers),
        Change::of("vpc", &has.vpc, vpc),
        Change::of("tracing", &has.tracing, tracing),
        Change::of("log.group", &has.log_group, log_group),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !seen.unread.contains_key("env") {
        let names: std::collections::BTreeSet<&String> = has.env.keys().chain(env.keys()).collect();
        changes.extend(
            names
                .into_iter()
                .filter_map(|name| Change::of(format!("env.{name}"), &has.env.get(name), &env.get(name))),
        );
    }
    changes
}

/// Returns the changes of the code: it differs if its sources differ, or if someone uploaded other code since.
fn code_changes(want: &Spec, seen: &Seen) -> Vec<Change> {
    let Code { source, architecture } = &want.code;
    let mut changes: Vec<Change> =
        Change::of("architecture", &seen.architecture, architecture).into_iter().collect();
    if seen.unread.contains_key("tags") {
        return changes;
    }
    changes.extend(Change::of("code", &seen.marks.source.as_ref(), &Some(source)));
    let foreign_upload = seen.marks.code.as_ref() != Some(&seen.code_sha256);
    if changes.is_empty() && foreign_upload {
        changes.push(Change {
            field: "code".to_owned(),
            before: Some(format!("uploaded by somebody else, CodeSha256 {}", seen.code_sha256).into()),
            after: Some(source.clone().into()),
        });
    }
    changes
}

fn publishes(want: &Spec) -> bool {
    want.aliases.values().any(|alias| alias.version == Version::Latest)
}

fn publish(name: &Name, action: Action) -> Draft {
    draft(name, Op::Publish, action)
        .needs(Edge::UpdateBeforePublish, Aspect::Configuration)
        .needs(Edge::UpdateBeforePublish, Aspect::Code)
        .gives(Aspect::PublishedVersion)
}

fn create_alias(name: &Name, alias: &str, target: &Alias, action: Action) -> Draft {
    let op = Op::CreateAlias { alias: alias.to_owned(), target: target.clone() };
    draft(name, op, action)
        .needs(Edge::PublishBeforeAlias, Aspect::PublishedVersion)
        .gives(Aspect::Routing)
        .changing(Change::of(format!("aliases.{alias}"), &None, &Some(target)))
}

fn versions_and_aliases(name: &Name, want: &Spec, seen: &Seen, changed: bool) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let newest = newest_version(seen);
    let stale = newest
        .and_then(|newest| seen.versions.get(newest))
        .is_none_or(|version| version.config != seen.config || version.code_sha256 != seen.code_sha256);
    let publishing = publishes(want) && (changed || stale);
    if publishing {
        drafts.push(publish(name, Action::Update));
    }
    for (alias, target) in &want.aliases {
        let Some(has) = seen.aliases.get(alias) else {
            drafts.push(create_alias(name, alias, target, Action::Update));
            continue;
        };
        let follows = match &target.version {
            Version::Latest => !publishing && newest == Some(&has.version),
            Version::Number(number) => *number == has.version,
        };
        if follows && has.additional == target.additional && has.managed {
            continue;
        }
        let op = Op::MoveAlias { alias: alias.clone(), target: target.clone() };
        drafts.push(
            draft(name, op, Action::Update)
                .needs(Edge::PublishBeforeAlias, Aspect::PublishedVersion)
                .gives(Aspect::Routing)
                .changing([Change {
                    field: format!("aliases.{alias}"),
                    before: serde_json::to_value(&has.version).ok(),
                    after: serde_json::to_value(&target.version).ok(),
                }]),
        );
    }
    // Aliases created by others are left alone, because they may carry traffic.
    let unwanted =
        seen.aliases.iter().filter(|(alias, has)| has.managed && !want.aliases.contains_key(*alias));
    drafts.extend(unwanted.map(|(alias, has)| {
        draft(name, Op::DeleteAlias { alias: alias.clone() }, Action::Update)
            .narrowing()
            .gives(Aspect::Routing)
            .changing(Change::of(format!("aliases.{alias}"), &Some(&has.version), &None))
    }));
    drafts
}

/// Returns the highest version number, which is the newest because numbers only grow.
pub fn newest_version(seen: &Seen) -> Option<&String> {
    seen.versions.keys().max_by_key(|number| number.parse::<u64>().unwrap_or(0))
}

fn permit(name: &Name, sid: &str, permission: &Permission, action: Action) -> Draft {
    let op = Op::AddPermission { sid: sid.to_owned(), permission: permission.clone() };
    let mut draft = draft(name, op, action)
        .needs(Edge::CreateBeforeUse, Aspect::Exists)
        .gives(Aspect::InvokePermission)
        .changing(Change::of(format!("permissions.{sid}"), &None, &Some(permission)));
    if permission.alias.is_some() {
        draft = draft.needs(Edge::AliasBeforePermission, Aspect::Routing);
    }
    draft
}

fn permissions(name: &Name, want: &Spec, seen: &Seen) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (sid, permission) in &want.permissions {
        if seen.permissions.get(sid) != Some(permission) {
            // A statement that exists with different content is replaced by the call itself.
            drafts.push(permit(name, sid, permission, Action::Update));
        }
    }
    for (sid, permission) in &seen.permissions {
        if !want.permissions.contains_key(sid) {
            let op = Op::RemovePermission { sid: sid.clone(), alias: permission.alias.clone() };
            drafts.push(draft(name, op, Action::Update).narrowing().changing(Change::of(
                format!("permissions.{sid}"),
                &Some(permission),
                &None,
            )));
        }
    }
    drafts
}

impl SeenAlias {
    /// Returns the versions that the alias routes traffic to.
    pub fn versions(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.version).chain(self.additional.iter().map(|(version, _)| version))
    }

    /// Returns whether an alias was created by lockstep, judging by its description.
    pub fn is_managed(description: &str) -> bool {
        description == ALIAS_MARK
    }
}
