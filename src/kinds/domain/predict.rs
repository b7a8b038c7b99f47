//! Models the effect of an operation on a custom domain name.

use std::collections::BTreeMap;

use super::{Op, Seen, Spec};
use crate::kinds::tags;

/// Applies one operation to a domain; `None` stands for a domain that does not exist.
///
/// # Errors
///
/// The rule of API Gateway that the operation breaks.
pub fn predict(seen: Option<Seen>, op: &Op) -> Result<Option<Seen>, String> {
    if let Op::Create { spec } = op {
        return match seen {
            Some(_) => Err("the domain exists already".to_owned()),
            None => {
                let spec = Spec { mappings: BTreeMap::new(), ..(**spec).clone() };
                Ok(Some(Seen { target: String::new(), spec, unread: BTreeMap::new() }))
            }
        };
    }
    let mut seen = seen.ok_or("the domain does not exist")?;
    let spec = &mut seen.spec;
    match op {
        Op::Create { .. } => {}
        Op::Update { from: _, to } => {
            let Spec {
                domain_name: _,
                endpoint: _,
                certificate,
                security_policy,
                truststore,
                mappings: _,
                tags: _,
            } = &**to;
            spec.certificate.clone_from(certificate);
            spec.security_policy.clone_from(security_policy);
            spec.truststore.clone_from(truststore);
        }
        Op::Map { path, mapping } => {
            if spec.mappings.insert(path.clone(), mapping.clone()).is_some() {
                return Err(format!("the base path `{path}` is mapped already"));
            }
        }
        Op::Remap { path, mapping } => match spec.mappings.get_mut(path) {
            Some(has) => has.clone_from(mapping),
            None => return Err(format!("the base path `{path}` is not mapped")),
        },
        Op::Unmap { path } => drop(spec.mappings.remove(path)),
        Op::Tag { tags: set } => tags::apply(&mut spec.tags, set, &Default::default()),
        Op::Untag { keys } => tags::apply(&mut spec.tags, &BTreeMap::new(), keys),
        // Whether AWS insists on it is not known; to take the mappings away first is right in both cases.
        Op::Delete if !spec.mappings.is_empty() => return Err("the domain still serves an API".to_owned()),
        Op::Delete => return Ok(None),
    }
    Ok(Some(seen))
}
