//! The steps from the log group in AWS to the log group in the stack.

use super::{Op, Seen, Spec};
use crate::kinds::step::Aspect;
use crate::kinds::tags::{Retag, retag};
use crate::kinds::{Action, Change, Draft, Edge, Kind, Name, ResourceId};

/// Lists the steps between two states of one log group. `None` stands for a group that does not exist.
pub fn steps(name: &Name, want: Option<&Spec>, seen: Option<&Seen>) -> Vec<Draft> {
    match (want, seen) {
        (Some(want), None) => create(name, want),
        (Some(want), Some(seen)) => update(name, want, seen),
        (None, Some(_)) => vec![draft(name, Op::Delete, Action::Delete).narrowing().gives(Aspect::Gone)],
        (None, None) => Vec::new(),
    }
}

fn draft(name: &Name, op: Op, action: Action) -> Draft {
    let resource = ResourceId::new(Kind::LogGroup, name);
    Draft::new(resource, crate::kinds::Op::LogGroup { name: name.clone(), op }, action)
}

fn create(name: &Name, want: &Spec) -> Vec<Draft> {
    let changes = [
        Change::of("name", &None, &Some(&want.group_name)),
        Change::of("key", &None, &want.kms_key.as_ref()),
    ];
    let mut drafts = vec![
        draft(name, Op::Create { spec: want.clone() }, Action::Create)
            .gives(Aspect::Exists)
            .changing(changes.into_iter().flatten()),
    ];
    if let Some(days) = want.retention {
        drafts.push(
            draft(name, Op::PutRetention { days }, Action::Create)
                .needs(Edge::CreateBeforeUse, Aspect::Exists)
                .changing(Change::of("retention", &None, &Some(days))),
        );
    }
    drafts
}

fn update(name: &Name, want: &Spec, seen: &Seen) -> Vec<Draft> {
    let has = &seen.spec;
    let mut drafts = Vec::new();
    if let Some(change) = Change::of("retention", &has.retention, &want.retention) {
        let op = want.retention.map_or(Op::DeleteRetention, |days| Op::PutRetention { days });
        drafts.push(draft(name, op, Action::Update).changing([change]));
    }
    if let Some(change) = Change::of("key", &has.kms_key, &want.kms_key) {
        let op = want.kms_key.clone().map_or(Op::DisassociateKey, |arn| Op::AssociateKey { arn });
        drafts.push(draft(name, op, Action::Update).changing([change]));
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
