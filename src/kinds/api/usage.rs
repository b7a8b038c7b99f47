//! The steps from the usage plans and API keys in AWS to those in the stack.

use std::collections::BTreeSet;

use super::steps::draft;
use super::{Op, Seen, Spec, UsagePlan};
use crate::kinds::step::Aspect;
use crate::kinds::{Action, Change, Draft, Edge, Name};

/// Lists the steps between two states of usage plans and API keys, which are separate resources.
pub(super) fn plans_and_keys(name: &Name, want: &Spec, seen: Option<&Seen>) -> Vec<Draft> {
    let action = if seen.is_some() { Action::Update } else { Action::Create };
    let mut drafts = Vec::new();
    for (key, spec) in &want.api_keys {
        let has = seen.and_then(|seen| seen.api_keys.get(key));
        let op = match has {
            None => Op::AddApiKey { key: key.clone(), spec: spec.clone() },
            Some(has) if has != spec => {
                Op::UpdateApiKey { key: key.clone(), from: has.clone(), to: spec.clone() }
            }
            Some(_) => continue,
        };
        let changes = Change::of(format!("api_keys.{key}"), &has, &Some(spec));
        drafts.push(
            draft(name, op, action)
                .needs(Edge::CreateBeforeUse, Aspect::Exists)
                .gives(Aspect::ApiKey(key.clone()))
                .changing(changes),
        );
    }
    for (plan, spec) in &want.usage_plans {
        let mut has = seen.and_then(|seen| seen.usage_plans.get(plan)).cloned();
        let released = has.as_ref().and_then(|has| released(want, seen, (has, spec)));
        if let (Some(from), Some(to)) = (&has, &released) {
            drafts.push(release(name, plan, from, to));
        }
        let waits: Vec<String> = match (&has, &released) {
            (Some(from), Some(to)) => from.keys.difference(&to.keys).cloned().collect(),
            _ => Vec::new(),
        };
        has = released.or(has);
        let op = match &has {
            None => Op::AddUsagePlan { plan: plan.clone(), spec: spec.clone() },
            Some(has) if has != spec => {
                Op::UpdateUsagePlan { plan: plan.clone(), from: has.clone(), to: spec.clone() }
            }
            Some(_) => continue,
        };
        let has = has.as_ref();
        let mut put = draft(name, op, action)
            .needs(Edge::StageBeforeUsagePlan, Aspect::Served)
            .gives(Aspect::PlanReleased)
            .changing(Change::of(format!("usage_plans.{plan}"), &has, &Some(spec)));
        for key in waits {
            put = put.needs(Edge::UsagePlanBeforeUsagePlan, Aspect::ApiKeyFree(key));
        }
        for key in &spec.keys {
            put = put
                .needs(Edge::ApiKeyBeforeUsagePlan, Aspect::ApiKey(key.clone()))
                .needs(Edge::UsagePlanBeforeUsagePlan, Aspect::ApiKeyFree(key.clone()));
        }
        for key in has.iter().flat_map(|has| has.keys.difference(&spec.keys)) {
            put = put.gives(Aspect::ApiKeyFree(key.clone()));
        }
        drafts.push(put);
    }
    if let Some(seen) = seen {
        let gone = seen.usage_plans.iter().filter(|(plan, _)| !want.usage_plans.contains_key(*plan));
        drafts.extend(gone.map(|(plan, has)| {
            let removed = remove_plan(name, plan, has, Action::Update);
            // An API key can join another plan only after this one is gone, so the removal cannot wait until the last
            // phase.
            let moves = want.usage_plans.values().any(|other| !other.keys.is_disjoint(&has.keys));
            Draft { narrows: !moves, ..removed }
        }));
        let gone = seen.api_keys.keys().filter(|key| !want.api_keys.contains_key(*key));
        drafts.extend(gone.map(|key| remove_key(name, key, Action::Update)));
    }
    drafts
}

/// Returns a usage plan without the API keys that move to other plans, if it also receives keys from other plans.
///
/// An API key can be in only one plan of a stage, so two plans that swap keys would wait for each other.
fn released(want: &Spec, seen: Option<&Seen>, (has, spec): (&UsagePlan, &UsagePlan)) -> Option<UsagePlan> {
    let held = |key: &String| {
        seen.is_some_and(|seen| {
            seen.usage_plans.values().any(|other| other != has && other.keys.contains(key))
        })
    };
    let wanted =
        |key: &String| want.usage_plans.values().any(|other| other != spec && other.keys.contains(key));
    let gives: BTreeSet<String> =
        has.keys.difference(&spec.keys).filter(|key| wanted(key)).cloned().collect();
    if gives.is_empty() || !spec.keys.difference(&has.keys).any(held) {
        return None;
    }
    Some(UsagePlan { keys: has.keys.difference(&gives).cloned().collect(), ..has.clone() })
}

fn release(name: &Name, plan: &str, from: &UsagePlan, to: &UsagePlan) -> Draft {
    let op = Op::UpdateUsagePlan { plan: plan.to_owned(), from: from.clone(), to: to.clone() };
    let changes = Change::of(format!("usage_plans.{plan}"), &Some(from), &Some(to));
    let release = draft(name, op, Action::Update).changing(changes);
    from.keys
        .difference(&to.keys)
        .fold(release, |release, key| release.gives(Aspect::ApiKeyFree(key.clone())))
}

pub(super) fn remove_plan(name: &Name, plan: &str, has: &UsagePlan, action: Action) -> Draft {
    let op = Op::RemoveUsagePlan { plan: plan.to_owned(), from: has.clone() };
    let removed = draft(name, op, action).narrowing().gives(Aspect::PlanReleased).changing(Change::of(
        format!("usage_plans.{plan}"),
        &Some(has),
        &None,
    ));
    has.keys.iter().fold(removed, |removed, key| removed.gives(Aspect::ApiKeyFree(key.clone())))
}

pub(super) fn remove_key(name: &Name, key: &str, action: Action) -> Draft {
    draft(name, Op::RemoveApiKey { key: key.to_owned() }, action)
        .narrowing()
        .needs(Edge::UsagePlanBeforeStageRemoval, Aspect::PlanReleased)
        .gives(Aspect::KeysGone)
        .changing([Change { field: format!("api_keys.{key}"), before: Some(key.into()), after: None }])
}
