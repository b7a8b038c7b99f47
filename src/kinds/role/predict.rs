//! Models the effect of an operation on a role.

use std::collections::BTreeMap;

use super::{Op, Seen, Spec};
use crate::kinds::tags;

/// Applies one operation to a role; `None` stands for a role that does not exist.
///
/// # Errors
///
/// The rule of IAM that the operation breaks.
pub fn predict(seen: Option<Seen>, op: &Op) -> Result<Option<Seen>, String> {
    if let Op::Create { spec } = op {
        return match seen {
            Some(_) => Err("the role exists already".to_owned()),
            None => Ok(Some(created(spec))),
        };
    }
    let mut seen = seen.ok_or("the role does not exist")?;
    let spec = &mut seen.spec;
    match op {
        Op::Create { .. } => {}
        Op::PutTrust { trust } => spec.trust = trust.clone(),
        Op::Update { description, max_session } => {
            description.clone_into(&mut spec.description);
            spec.max_session = *max_session;
        }
        Op::PutBoundary { arn } => spec.boundary = Some(arn.clone()),
        Op::DeleteBoundary => spec.boundary = None,
        Op::Attach { arn } => {
            spec.managed.insert(arn.clone());
        }
        Op::Detach { arn } => {
            spec.managed.remove(arn);
        }
        Op::PutInline { policy, document } => {
            spec.inline.insert(policy.clone(), document.clone());
        }
        Op::DeleteInline { policy } => {
            spec.inline.remove(policy);
        }
        Op::Tag { tags: set } => tags::apply(&mut spec.tags, set, &Default::default()),
        Op::Untag { keys } => tags::apply(&mut spec.tags, &BTreeMap::new(), keys),
        Op::Delete if !spec.managed.is_empty() || !spec.inline.is_empty() => {
            return Err("the role still has policies".to_owned());
        }
        Op::Delete => return Ok(None),
    }
    Ok(Some(seen))
}

fn created(spec: &Spec) -> Seen {
    // The create call takes no permissions policies.
    let spec = Spec { managed: Default::default(), inline: BTreeMap::new(), ..spec.clone() };
    // IAM generates the ID; this placeholder stands for its role, like every ID that a mark holds.
    Seen { role_id: predicted_id(&spec.arn), spec, unread: BTreeMap::new() }
}

/// Returns the placeholder for the ID of a role that does not exist yet.
pub fn predicted_id(arn: &str) -> String {
    format!("id of {arn}")
}
