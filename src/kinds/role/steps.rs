//! The steps from the role in AWS to the role in the stack.

use super::{Op, Seen, Spec};
use crate::kinds::step::Aspect;
use crate::kinds::tags::{Retag, retag};
use crate::kinds::{Action, Change, Draft, Edge, Kind, Name, ResourceId};

/// Lists the steps between two states of one role. `None` stands for a role that does not exist.
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
    Draft::new(ResourceId::new(Kind::Role, name), crate::kinds::Op::Role { name: name.clone(), op }, action)
}

/// Returns a step on a role that grants permissions, which comes after the role is created.
fn granting(name: &Name, op: Op, action: Action) -> Draft {
    draft(name, op, action).needs(Edge::CreateBeforeUse, Aspect::Exists).gives(Aspect::Permissions)
}

fn create(name: &Name, want: &Spec) -> Vec<Draft> {
    let Spec {
        role_name: _,
        path,
        arn: _,
        description,
        max_session,
        trust,
        managed,
        inline,
        boundary,
        tags: _,
    } = want;
    let changes = [
        Change::of("path", &None, &Some(path)),
        Change::of("description", &String::new(), description),
        Change::of("max_session", &3600, max_session),
        Change::of("trust", &None, &Some(trust)),
        Change::of("permissions_boundary", &None, &boundary.as_ref()),
    ];
    let mut drafts = vec![
        draft(name, Op::Create { spec: want.clone() }, Action::Create)
            .gives(Aspect::Exists)
            .changing(changes.into_iter().flatten()),
    ];
    for arn in managed {
        drafts.push(granting(name, Op::Attach { arn: arn.clone() }, Action::Create).changing(Change::of(
            "managed_policies",
            &None,
            &Some(arn),
        )));
    }
    for (policy, document) in inline {
        let op = Op::PutInline { policy: policy.clone(), document: document.clone() };
        drafts.push(granting(name, op, Action::Create).changing(Change::of(
            format!("inline_policies.{policy}"),
            &None,
            &Some(document),
        )));
    }
    drafts
}

fn update(name: &Name, want: &Spec, seen: &Seen) -> Vec<Draft> {
    let has = &seen.spec;
    let mut drafts = Vec::new();
    if want.trust != has.trust {
        drafts.push(
            granting(name, Op::PutTrust { trust: want.trust.clone() }, Action::Update).changing(Change::of(
                "trust",
                &Some(&has.trust),
                &Some(&want.trust),
            )),
        );
    }
    let settings: Vec<Change> = [
        Change::of("description", &has.description, &want.description),
        Change::of("max_session", &has.max_session, &want.max_session),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !settings.is_empty() {
        let op = Op::Update { description: want.description.clone(), max_session: want.max_session };
        drafts.push(draft(name, op, Action::Update).changing(settings));
    }
    drafts.extend(boundary(name, want, has));
    if !seen.unread.contains_key("managed_policies") {
        drafts.extend(managed(name, want, has));
    }
    if !seen.unread.contains_key("inline_policies") {
        drafts.extend(inline(name, want, has));
    }
    if !seen.unread.contains_key("tags") {
        drafts.extend(retag(&has.tags, &want.tags).into_iter().map(|(retag, changes)| {
            let op = match retag {
                Retag::Set(tags) => Op::Tag { tags },
                Retag::Unset(keys) => Op::Untag { keys },
            };
            draft(name, op, Action::Update).changing(changes)
        }));
    }
    drafts
}

/// Returns the step that changes the boundary. A boundary takes permissions away, so removing one gives them back.
fn boundary(name: &Name, want: &Spec, has: &Spec) -> Option<Draft> {
    let change = Change::of("permissions_boundary", &has.boundary, &want.boundary)?;
    Some(match &want.boundary {
        Some(arn) => {
            draft(name, Op::PutBoundary { arn: arn.clone() }, Action::Update).narrowing().changing([change])
        }
        None => granting(name, Op::DeleteBoundary, Action::Update).changing([change]),
    })
}

fn managed(name: &Name, want: &Spec, has: &Spec) -> Vec<Draft> {
    let attached = want.managed.difference(&has.managed).map(|arn| {
        granting(name, Op::Attach { arn: arn.clone() }, Action::Update).changing(Change::of(
            "managed_policies",
            &None,
            &Some(arn),
        ))
    });
    let detached = has.managed.difference(&want.managed).map(|arn| {
        draft(name, Op::Detach { arn: arn.clone() }, Action::Update).narrowing().changing(Change::of(
            "managed_policies",
            &Some(arn),
            &None,
        ))
    });
    attached.chain(detached).collect()
}

fn inline(name: &Name, want: &Spec, has: &Spec) -> Vec<Draft> {
    let put = want.inline.iter().filter_map(|(policy, document)| {
        let change =
            Change::of(format!("inline_policies.{policy}"), &has.inline.get(policy), &Some(document))?;
        let op = Op::PutInline { policy: policy.clone(), document: document.clone() };
        Some(granting(name, op, Action::Update).changing([change]))
    });
    let deleted = has.inline.iter().filter(|(policy, _)| !want.inline.contains_key(*policy)).map(
        |(policy, document)| {
            draft(name, Op::DeleteInline { policy: policy.clone() }, Action::Update)
                .narrowing()
                .changing(Change::of(format!("inline_policies.{policy}"), &Some(document), &None))
        },
    );
    put.chain(deleted).collect()
}

fn remove(name: &Name, seen: &Seen) -> Vec<Draft> {
    let taken = |op| draft(name, op, Action::Delete).narrowing().gives(Aspect::Detached);
    let mut drafts: Vec<Draft> =
        seen.spec.managed.iter().map(|arn| taken(Op::Detach { arn: arn.clone() })).collect();
    drafts.extend(seen.spec.inline.keys().map(|policy| taken(Op::DeleteInline { policy: policy.clone() })));
    drafts.push(
        draft(name, Op::Delete, Action::Delete)
            .narrowing()
            .needs(Edge::DetachBeforeRoleRemoval, Aspect::Detached)
            .gives(Aspect::Gone),
    );
    drafts
}
