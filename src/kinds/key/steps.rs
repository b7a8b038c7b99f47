//! The steps from the key in AWS to the key in the stack.

use std::collections::{BTreeMap, BTreeSet};

use super::{Op, Seen, Spec, State};
use crate::kinds::step::Aspect;
use crate::kinds::tags::{Retag, retag};
use crate::kinds::{Action, Change, Draft, Edge, Kind, Name, ResourceId};

/// Lists the steps between two states of one key. `None` stands for a key that does not exist.
///
/// Immutable settings are not compared: see [`immutable`](super::immutable).
pub fn steps(name: &Name, want: Option<&Spec>, seen: Option<&Seen>) -> Vec<Draft> {
    match (want, seen) {
        (Some(want), None) => create(name, want),
        (Some(want), Some(seen)) => update(name, want, seen),
        (None, Some(seen)) => remove(name, seen),
        (None, None) => Vec::new(),
    }
}

fn draft(name: &Name, op: Op, action: Action) -> Draft {
    Draft::new(ResourceId::new(Kind::Key, name), crate::kinds::Op::Key { name: name.clone(), op }, action)
}

fn create(name: &Name, want: &Spec) -> Vec<Draft> {
    let mut drafts = vec![
        draft(name, Op::Create { spec: want.clone() }, Action::Create)
            .gives(Aspect::Exists)
            .gives(Aspect::KeyPolicy)
            .gives(Aspect::Usable)
            .changing(created(want)),
    ];
    for alias in &want.aliases {
        drafts.push(
            draft(name, Op::CreateAlias { alias: alias.clone() }, Action::Create)
                .needs(Edge::CreateBeforeUse, Aspect::Exists)
                .gives(Aspect::KeyAlias),
        );
    }
    if let Some(days) = want.rotation {
        drafts.push(
            draft(name, Op::Rotate { days }, Action::Create).needs(Edge::CreateBeforeUse, Aspect::Exists),
        );
    }
    if !want.enabled {
        drafts.push(
            draft(name, Op::Disable, Action::Create)
                .narrowing()
                .needs(Edge::CreateBeforeUse, Aspect::Exists)
                .changing(Change::of("enabled", &true, &false)),
        );
    }
    drafts
}

fn created(want: &Spec) -> Vec<Change> {
    let Spec {
        key_spec,
        usage,
        multi_region,
        description,
        enabled: _,
        rotation,
        aliases,
        policy,
        tags: _,
        deletion_window: _,
    } = want;
    [
        Change::of("spec", &None, &Some(key_spec)),
        Change::of("usage", &None, &Some(usage)),
        Change::of("multi_region", &false, multi_region),
        Change::of("description", &String::new(), description),
        Change::of("rotation", &None, &rotation.as_ref()),
        Change::of("aliases", &None, &Some(aliases)),
        Change::of("policy", &None, &Some(policy)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn update(name: &Name, want: &Spec, seen: &Seen) -> Vec<Draft> {
    let has = &seen.spec;
    let mut drafts = Vec::new();
    let cancelled = matches!(seen.state, State::PendingDeletion(_));
    if cancelled {
        drafts.push(
            draft(name, Op::CancelDeletion, Action::Update).gives(Aspect::Exists).changing(Change::of(
                "state",
                &Some("PendingDeletion"),
                &Some("Disabled"),
            )),
        );
    }
    // A key is enabled first and disabled last, because rotation can be set only on an enabled key.
    if want.enabled && !has.enabled {
        drafts.push(
            draft(name, Op::Enable, Action::Update)
                .needs(Edge::CancelBeforeEnable, Aspect::Exists)
                .gives(Aspect::Usable)
                .changing(Change::of("enabled", &false, &true)),
        );
    }
    if !want.enabled && has.enabled {
        drafts.push(
            draft(name, Op::Disable, Action::Update)
                .narrowing()
                .changing(Change::of("enabled", &true, &false)),
        );
    }
    if !seen.unread.contains_key("policy") && want.policy != has.policy {
        drafts.push(
            draft(name, Op::PutPolicy { policy: want.policy.clone() }, Action::Update)
                .gives(Aspect::KeyPolicy)
                .changing(Change::of("policy", &Some(&has.policy), &Some(&want.policy))),
        );
    }
    if want.description != has.description {
        let op = Op::Describe { description: want.description.clone() };
        drafts.push(
            draft(name, op, Action::Update)
                .needs(Edge::CreateBeforeUse, Aspect::Exists)
                .changing(Change::of("description", &has.description, &want.description)),
        );
    }
    // The rotation of a disabled key cannot be changed, and AWS shows it as off while the key is pending deletion.
    let changeable = want.enabled || has.enabled;
    if changeable && !seen.unread.contains_key("rotation") && want.rotation != has.rotation {
        let op = want.rotation.map_or(Op::StopRotation, |days| Op::Rotate { days });
        drafts.push(
            draft(name, op, Action::Update)
                .needs(Edge::EnableBeforeRotation, Aspect::Usable)
                .changing(Change::of("rotation", &has.rotation, &want.rotation)),
        );
    }
    if !seen.unread.contains_key("aliases") {
        drafts.extend(aliases(name, want, has));
    }
    if !seen.unread.contains_key("tags") {
        drafts.extend(tagging(name, want, has));
    }
    drafts
}

fn aliases(name: &Name, want: &Spec, has: &Spec) -> Vec<Draft> {
    let added = want.aliases.difference(&has.aliases).map(|alias| {
        draft(name, Op::CreateAlias { alias: alias.clone() }, Action::Update)
            .needs(Edge::CreateBeforeUse, Aspect::Exists)
            .needs(Edge::KeyPolicyBeforeKeyAlias, Aspect::KeyPolicy)
            .needs(Edge::KeyPolicyBeforeKeyAlias, Aspect::Usable)
            .gives(Aspect::KeyAlias)
            .changing(Change::of("aliases", &None, &Some(alias)))
    });
    let removed = has.aliases.difference(&want.aliases).map(|alias| {
        draft(name, Op::DeleteAlias { alias: alias.clone() }, Action::Update)
            .narrowing()
            .changing(Change::of("aliases", &Some(alias), &None))
    });
    added.chain(removed).collect()
}

/// Replaces the deletion and the creation of an alias that moves between two keys of the stack by one call that moves
/// it.
///
/// This way the alias always exists, and it could not be created while it points to another key.
pub fn move_aliases(drafts: &mut Vec<Draft>, seen: &BTreeMap<Name, Seen>) {
    let mut moved = BTreeSet::new();
    for draft in drafts.iter_mut() {
        let crate::kinds::Op::Key { name, op: Op::CreateAlias { alias } } = &draft.op else { continue };
        let Some((from, _)) = seen.iter().find(|(_, key)| key.spec.aliases.contains(alias)) else { continue };
        moved.insert((from.clone(), alias.clone()));
        let (name, alias) = (name.clone(), alias.clone());
        draft.changes = vec![Change {
            field: "aliases".to_owned(),
            before: Some(format!("{alias} on keys.{from}").into()),
            after: Some(alias.clone().into()),
        }];
        draft.op = crate::kinds::Op::Key { name, op: Op::MoveAlias { alias } };
    }
    drafts.retain(|draft| match &draft.op {
        crate::kinds::Op::Key { name, op: Op::DeleteAlias { alias } } => {
            !moved.contains(&(name.clone(), alias.clone()))
        }
        _ => true,
    });
}

fn tagging(name: &Name, want: &Spec, has: &Spec) -> Vec<Draft> {
    let calls = retag(&has.tags, &want.tags).into_iter().map(|(retag, changes)| {
        let op = match retag {
            Retag::Set(tags) => Op::Tag { tags },
            Retag::Unset(keys) => Op::Untag { keys },
        };
        draft(name, op, Action::Update).needs(Edge::CreateBeforeUse, Aspect::Exists).changing(changes)
    });
    calls.collect()
}

fn remove(name: &Name, seen: &Seen) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = seen
        .spec
        .aliases
        .iter()
        .map(|alias| draft(name, Op::DeleteAlias { alias: alias.clone() }, Action::Delete).narrowing())
        .collect();
    // Aliases survive a pending deletion, so they are removed even if the key itself needs no step.
    if !matches!(seen.state, State::PendingDeletion(_)) {
        let days = seen.spec.deletion_window;
        drafts.push(
            draft(name, Op::ScheduleDeletion { days }, Action::Delete)
                .narrowing()
                .gives(Aspect::Gone)
                .changing([Change {
                    field: "deletion".to_owned(),
                    before: None,
                    after: Some(format!("in {days} days").into()),
                }]),
        );
    }
    drafts
}
