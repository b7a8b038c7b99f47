//! Models the effect of an operation on a key.

use std::collections::BTreeMap;

use super::{Op, Seen, Spec, State};
use crate::kinds::tags;

/// Applies one operation to a key; `None` stands for a key that does not exist.
///
/// # Errors
///
/// The rule of KMS that the operation breaks.
pub fn predict(seen: Option<Seen>, op: &Op) -> Result<Option<Seen>, String> {
    if let Op::Create { spec } = op {
        return match seen {
            Some(_) => Err("the key exists already".to_owned()),
            None => Ok(Some(created(spec))),
        };
    }
    let mut seen = seen.ok_or("the key does not exist")?;
    let pending = matches!(seen.state, State::PendingDeletion(_));
    let allowed_while_pending = matches!(
        op,
        Op::PutPolicy { .. } | Op::AwaitPolicy { .. } | Op::DeleteAlias { .. } | Op::CancelDeletion
    );
    if pending && !allowed_while_pending {
        return Err("the key is pending deletion".to_owned());
    }
    let spec = &mut seen.spec;
    match op {
        Op::Create { .. } => {}
        Op::PutPolicy { policy } => spec.policy = policy.clone(),
        Op::AwaitPolicy { policy } if spec.policy != *policy => {
            return Err("the key has another policy than the one that is waited for".to_owned());
        }
        Op::AwaitPolicy { .. } => {}
        Op::Describe { description } => description.clone_into(&mut spec.description),
        Op::Enable | Op::Disable => {
            spec.enabled = matches!(op, Op::Enable);
            seen.state = if spec.enabled { State::Enabled } else { State::Disabled };
        }
        Op::Rotate { .. } | Op::StopRotation if !spec.enabled => {
            return Err("rotation of a disabled key cannot be changed".to_owned());
        }
        Op::Rotate { days } => spec.rotation = Some(*days),
        Op::StopRotation => spec.rotation = None,
        Op::Tag { tags: set } => tags::apply(&mut spec.tags, set, &Default::default()),
        Op::Untag { keys } => tags::apply(&mut spec.tags, &BTreeMap::new(), keys),
        Op::CreateAlias { alias } | Op::MoveAlias { alias } => {
            spec.aliases.insert(alias.clone());
        }
        Op::DeleteAlias { alias } => {
            spec.aliases.remove(alias);
        }
        Op::ScheduleDeletion { .. } => {
            spec.enabled = false;
            seen.state = State::PendingDeletion(None);
        }
        Op::CancelDeletion if !pending => return Err("the key is not pending deletion".to_owned()),
        Op::CancelDeletion => seen.state = State::Disabled,
    }
    Ok(Some(seen))
}

fn created(spec: &Spec) -> Seen {
    // The create call takes neither aliases nor rotation, and creates an enabled key.
    let spec = Spec { aliases: Default::default(), rotation: None, enabled: true, ..spec.clone() };
    Seen {
        id: String::new(),
        arn: String::new(),
        state: State::Enabled,
        spec,
        origin: "AWS_KMS".to_owned(),
        unread: BTreeMap::new(),
    }
}
