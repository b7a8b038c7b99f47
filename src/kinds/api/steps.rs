//! The steps from the API in AWS to the API in the stack.

use std::collections::BTreeMap;

use serde::Serialize;

use super::usage::{plans_and_keys, remove_key, remove_plan};
use super::{Method, Op, Part, PartId, Seen, Settings, Spec, Stage};
use crate::kinds::step::Aspect;
use crate::kinds::{Action, Change, Draft, Edge, Kind, Name, ResourceId};

/// The number of deployments that are kept for rolling back, including the one that is served.
pub const KEPT_DEPLOYMENTS: usize = 5;

/// Lists the steps between two states of one API. `None` stands for an API that does not exist.
pub fn steps(name: &Name, want: Option<&Spec>, seen: Option<&Seen>) -> Vec<Draft> {
    match (want, seen) {
        (Some(want), None) => create(name, want),
        (Some(want), Some(seen)) => update(name, want, seen),
        (None, Some(seen)) => remove(name, seen),
        (None, None) => Vec::new(),
    }
}

pub(super) fn draft(name: &Name, op: Op, action: Action) -> Draft {
    Draft::new(ResourceId::new(Kind::Api, name), crate::kinds::Op::Api { name: name.clone(), op }, action)
}

/// Returns a step on the editable tree.
fn tree(name: &Name, op: Op, action: Action) -> Draft {
    draft(name, op, action).needs(Edge::CreateBeforeUse, Aspect::Exists).gives(Aspect::Tree)
}

fn create(name: &Name, want: &Spec) -> Vec<Draft> {
    let settings = &want.settings;
    let mut drafts = vec![
        draft(name, Op::Create { settings: Box::new(settings.clone()) }, Action::Create)
            .gives(Aspect::Exists)
            .changing(Change::of("endpoint_type", &None, &Some(&settings.endpoint_type))),
    ];
    drafts.extend(want.parts.iter().map(|(id, part)| add_part(name, id, part, Action::Create)));
    drafts.push(deploy(name, want, None, Action::Create));
    drafts.push(create_stage(name, want, Action::Create));
    drafts.extend(plans_and_keys(name, want, None));
    drafts
}

fn update(name: &Name, want: &Spec, seen: &Seen) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let changes = settings_changes(&seen.settings, &want.settings);
    if !changes.is_empty() {
        let op = Op::Update { from: Box::new(seen.settings.clone()), to: Box::new(want.settings.clone()) };
        drafts.push(tree(name, op, Action::Update).changing(changes));
    }
    drafts.extend(parts(name, &want.parts, &seen.parts));
    drafts.extend(stages(name, want, seen));
    if !seen.unread.contains_key("usage_plans") {
        drafts.extend(plans_and_keys(name, want, Some(seen)));
    }
    drafts
}

fn settings_changes(has: &Settings, want: &Settings) -> Vec<Change> {
    let Settings {
        api_name,
        description,
        endpoint_type,
        vpc_endpoints,
        binary_types,
        policy,
        min_compression,
        api_key_source,
        disable_execute_api,
        tags,
    } = want;
    [
        Change::of("name", &has.api_name, api_name),
        Change::of("description", &has.description, description),
        Change::of("endpoint_type", &has.endpoint_type, endpoint_type),
        Change::of("vpc_endpoints", &has.vpc_endpoints, vpc_endpoints),
        Change::of("binary_types", &has.binary_types, binary_types),
        Change::of("policy", &has.policy, policy),
        Change::of("min_compression", &has.min_compression, min_compression),
        Change::of("api_key_source", &has.api_key_source, api_key_source),
        Change::of("disable_execute_api", &has.disable_execute_api, disable_execute_api),
        Change::of("tags", &has.tags, tags),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn add_part(name: &Name, id: &PartId, part: &Part, action: Action) -> Draft {
    let op = Op::AddPart { part: id.clone(), spec: part.clone() };
    let change = Change { field: id.to_string(), before: None, after: serde_json::to_value(part).ok() };
    let added = tree(name, op, action).gives(Aspect::Part(id.clone())).changing([change]);
    references(added, id, part)
}

/// Makes a step wait for the parts that a part depends on.
fn references(mut draft: Draft, id: &PartId, part: &Part) -> Draft {
    match id {
        PartId::Method(path, _) => {
            draft = draft.needs(Edge::ResourceBeforeMethod, Aspect::Part(PartId::Resource(path.clone())));
        }
        PartId::Resource(path) => {
            if let Some((parent, _)) = path.rsplit_once('/').filter(|(parent, _)| !parent.is_empty()) {
                draft =
                    draft.needs(Edge::ParentBeforeChild, Aspect::Part(PartId::Resource(parent.to_owned())));
            }
        }
        PartId::Authorizer(_) | PartId::Validator(_) | PartId::Model(_) | PartId::GatewayResponse(_) => {}
    }
    if let Part::Method(method) = part {
        for used in used_by(method) {
            draft = draft.needs(Edge::PartBeforeMethod, Aspect::Part(used));
        }
    }
    draft
}

/// Lists the parts that a method refers to by name.
pub fn used_by(method: &Method) -> Vec<PartId> {
    let authorizer = method.authorizer.iter().cloned().map(PartId::Authorizer);
    let validator = method.validator.iter().cloned().map(PartId::Validator);
    let models = method.request_models.values().cloned().map(PartId::Model);
    authorizer.chain(validator).chain(models).collect()
}

fn parts(name: &Name, want: &BTreeMap<PartId, Part>, has: &BTreeMap<PartId, Part>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (id, part) in want {
        match has.get(id) {
            None => drafts.push(add_part(name, id, part, Action::Update)),
            Some(before) if before != part => {
                let op = Op::UpdatePart { part: id.clone(), from: before.clone(), to: part.clone() };
                let changes = field_changes(&id.to_string(), before, part);
                let updated = tree(name, op, Action::Update).changing(changes);
                drafts.push(references(lets_go(updated, id, before), id, part));
            }
            Some(_) => {}
        }
    }
    for (id, part) in has.iter().filter(|(id, _)| !want.contains_key(*id)) {
        let op = Op::RemovePart { part: id.clone() };
        let change = Change { field: id.to_string(), before: serde_json::to_value(part).ok(), after: None };
        let removed = lets_go(tree(name, op, Action::Update).changing([change]), id, part);
        drafts.push(match id {
            PartId::Method(..) => removed,
            // Every method that changes, and every child resource, gives `Released` when it no longer refers to the
            // part.
            _ => removed.needs(Edge::MethodBeforePartRemoval, released(id)),
        });
    }
    drafts
}

/// Returns the fact that nothing refers to a part any more.
fn released(id: &PartId) -> Aspect {
    Aspect::Released(id.clone())
}

/// Records which parts are released by a step that changes or removes a part that referred to them.
fn lets_go(mut draft: Draft, id: &PartId, before: &Part) -> Draft {
    if let Part::Method(method) = before {
        for used in used_by(method) {
            draft = draft.gives(released(&used));
        }
    }
    let path = match id {
        PartId::Method(path, _) => Some(path.as_str()),
        PartId::Resource(path) => path.rsplit_once('/').map(|(parent, _)| parent),
        _ => None,
    };
    match path {
        Some(path) if !path.is_empty() => draft.gives(released(&PartId::Resource(path.to_owned()))),
        _ => draft,
    }
}

/// Lists the fields of two values that differ, one level down.
fn field_changes<T: Serialize>(field: &str, before: &T, after: &T) -> Vec<Change> {
    use serde_json::Value;
    let (before, after) = (serde_json::to_value(before).ok(), serde_json::to_value(after).ok());
    let (Some(Value::Object(before)), Some(Value::Object(after))) = (&before, &after) else {
        return vec![Change { field: field.to_owned(), before, after }];
    };
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| Change::of(format!("{field}.{name}"), &before.get(name), &after.get(name)))
        .collect()
}

fn deploy(name: &Name, want: &Spec, served: Option<&str>, action: Action) -> Draft {
    draft(name, Op::Deploy { fingerprint: want.fingerprint.clone() }, action)
        .needs(Edge::CreateBeforeUse, Aspect::Exists)
        .needs(Edge::TreeBeforeDeployment, Aspect::Tree)
        .gives(Aspect::Deployment)
        .changing(Change::of("deployment", &served, &Some(&want.fingerprint)))
}

fn create_stage(name: &Name, want: &Spec, action: Action) -> Draft {
    let op = Op::CreateStage { stage: Box::new(want.stage.clone()), fingerprint: want.fingerprint.clone() };
    draft(name, op, action)
        .needs(Edge::DeploymentBeforeStage, Aspect::Deployment)
        .gives(Aspect::Served)
        .changing(Change::of("stage.name", &None, &Some(&want.stage.stage_name)))
}

fn stages(name: &Name, want: &Spec, seen: &Seen) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let stage = seen.stages.get(&want.stage.stage_name);
    let fingerprint_of =
        |id: &str| seen.deployments.iter().find(|deployment| deployment.id == id)?.fingerprint.as_deref();
    let served = stage.and_then(|stage| fingerprint_of(&stage.deployment));
    let current = served == Some(want.fingerprint.as_str());
    // A deployment never changes, so a kept one serves as well as a new one.
    let kept = seen.deployments.iter().any(|kept| kept.fingerprint.as_ref() == Some(&want.fingerprint));
    if !current && !kept {
        drafts.push(deploy(name, want, served, Action::Update));
        drafts.extend(prune(name, want, seen));
    }
    match stage {
        None => drafts.push(create_stage(name, want, Action::Update)),
        Some(stage) => {
            if !current {
                let op = Op::MoveStage {
                    stage: want.stage.stage_name.clone(),
                    fingerprint: want.fingerprint.clone(),
                };
                drafts.push(
                    draft(name, op, Action::Update)
                        .needs(Edge::DeploymentBeforeStage, Aspect::Deployment)
                        .gives(Aspect::Served)
                        .changing(Change::of("stage.deployment", &served, &Some(want.fingerprint.as_str()))),
                );
            }
            if let Some(change) = stage_change(&stage.spec, &want.stage) {
                let op =
                    Op::UpdateStage { from: Box::new(stage.spec.clone()), to: Box::new(want.stage.clone()) };
                drafts.push(draft(name, op, Action::Update).changing(change));
            }
        }
    }
    let old = seen.stages.keys().filter(|old| **old != want.stage.stage_name);
    drafts.extend(old.map(|old| {
        draft(name, Op::DeleteStage { stage: old.clone() }, Action::Update)
            .narrowing()
            .gives(Aspect::Detached)
            .needs(Edge::UsagePlanBeforeStageRemoval, Aspect::PlanReleased)
            .changing(Change::of("stage.name", &Some(old), &None))
    }));
    drafts
}

fn stage_change(has: &Stage, want: &Stage) -> Option<Vec<Change>> {
    let changes = field_changes("stage", has, want);
    (!changes.is_empty()).then_some(changes)
}

/// Deletes the oldest kept deployments once there is a new one. Deployments created by others are not deleted.
fn prune(name: &Name, want: &Spec, seen: &Seen) -> Vec<Draft> {
    let other_stages = |id: &str| {
        seen.stages.iter().any(|(stage, seen)| *stage != want.stage.stage_name && seen.deployment == id)
    };
    let ours = seen.deployments.iter().filter(|deployment| deployment.fingerprint.is_some());
    ours.skip(KEPT_DEPLOYMENTS - 1)
        .filter(|deployment| !other_stages(&deployment.id))
        .map(|deployment| {
            draft(name, Op::DeleteDeployment { id: deployment.id.clone() }, Action::Update)
                .needs(Edge::StageBeforeDeploymentRemoval, Aspect::Served)
        })
        .collect()
}

fn remove(name: &Name, seen: &Seen) -> Vec<Draft> {
    // Usage plans and API keys are separate resources that outlive their API.
    let mut drafts: Vec<Draft> =
        seen.usage_plans.iter().map(|(plan, has)| remove_plan(name, plan, has, Action::Delete)).collect();
    drafts.extend(seen.api_keys.keys().map(|key| remove_key(name, key, Action::Delete)));
    drafts.push(
        draft(name, Op::Delete, Action::Delete)
            .narrowing()
            .needs(Edge::UsagePlanBeforeStageRemoval, Aspect::PlanReleased)
            .needs(Edge::ApiKeyBeforeApiRemoval, Aspect::KeysGone)
            .gives(Aspect::Gone),
    );
    drafts
}
