//! Models the effect of an operation on a log group.

use std::collections::BTreeMap;

use super::{Op, Seen, Spec};
use crate::kinds::tags;

/// Applies one operation to a log group; `None` stands for a group that does not exist.
///
/// # Errors
///
/// The rule of CloudWatch Logs that the operation breaks.
pub fn predict(seen: Option<Seen>, op: &Op) -> Result<Option<Seen>, String> {
    if let Op::Create { spec } = op {
        return match seen {
            Some(_) => Err("the log group exists already".to_owned()),
            None => Ok(Some(Seen {
                arn: String::new(),
                spec: Spec { retention: None, ..spec.clone() },
                unread: BTreeMap::new(),
            })),
        };
    }
    let mut seen = seen.ok_or("the log group does not exist")?;
    let spec = &mut seen.spec;
    match op {
        Op::Create { .. } => {}
        Op::PutRetention { days } => spec.retention = Some(*days),
        Op::DeleteRetention => spec.retention = None,
        Op::AssociateKey { arn } => spec.kms_key = Some(arn.clone()),
        Op::DisassociateKey => spec.kms_key = None,
        Op::Tag { tags: set } => tags::apply(&mut spec.tags, set, &Default::default()),
        Op::Untag { keys } => tags::apply(&mut spec.tags, &BTreeMap::new(), keys),
        Op::Delete => return Ok(None),
    }
    Ok(Some(seen))
}
