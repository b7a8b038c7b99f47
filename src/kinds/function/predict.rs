//! Models the effect of an operation on a function.

use std::collections::BTreeMap;

use super::{Alias, Marks, Op, PublishedVersion, RoleMark, Seen, SeenAlias, Version, steps::newest_version};
use crate::kinds::{role, tags};

/// Applies one operation to a function; `None` stands for a function that does not exist.
///
/// # Errors
///
/// The rule of Lambda that the operation breaks.
pub fn predict(seen: Option<Seen>, op: &Op) -> Result<Option<Seen>, String> {
    if let Op::Create { spec } = op {
        return match seen {
            Some(_) => Err("the function exists already".to_owned()),
            None => Ok(Some(Seen {
                arn: String::new(),
                config: spec.config.clone(),
                architecture: spec.code.architecture.clone(),
                code_sha256: uploaded(&spec.code.source),
                revision: String::new(),
                marks: Marks {
                    source: Some(spec.code.source.clone()),
                    code: Some(uploaded(&spec.code.source)),
                    role: None,
                },
                reserved_concurrency: None,
                versions: BTreeMap::new(),
                aliases: BTreeMap::new(),
                permissions: BTreeMap::new(),
                tags: spec.tags.clone(),
                unread: BTreeMap::new(),
            })),
        };
    }
    let mut seen = seen.ok_or("the function does not exist")?;
    match op {
        Op::Create { .. } => {}
        Op::Configure { config } => seen.config = config.clone(),
        Op::UpdateCode { code } => {
            seen.architecture.clone_from(&code.architecture);
            seen.code_sha256 = uploaded(&code.source);
        }
        Op::Mark { source, role } => {
            seen.marks = Marks {
                source: Some(source.clone()),
                code: Some(seen.code_sha256.clone()),
                role: match role {
                    Some(arn) => Some(RoleMark::new(&role::predicted_id(arn), arn)),
                    None => seen.marks.role.take(),
                },
            };
        }
        Op::Reserve { concurrency } => seen.reserved_concurrency = Some(*concurrency),
        Op::Unreserve => seen.reserved_concurrency = None,
        Op::Publish => publish(&mut seen),
        Op::CreateAlias { alias, .. } if seen.aliases.contains_key(alias) => {
            return Err(format!("the alias `{alias}` exists already"));
        }
        Op::MoveAlias { alias, .. } if !seen.aliases.contains_key(alias) => {
            return Err(format!("the alias `{alias}` does not exist"));
        }
        Op::CreateAlias { alias, target } | Op::MoveAlias { alias, target } => {
            let routed = route(&seen, target)?;
            seen.aliases.insert(alias.clone(), routed);
        }
        Op::DeleteAlias { alias } => {
            seen.aliases.remove(alias);
            seen.permissions.retain(|_, permission| permission.alias.as_ref() != Some(alias));
        }
        Op::AddPermission { sid, permission } => {
            if let Some(alias) = permission.alias.as_ref().filter(|alias| !seen.aliases.contains_key(*alias))
            {
                return Err(format!("the alias `{alias}` does not exist"));
            }
            seen.permissions.insert(sid.clone(), permission.clone());
        }
        Op::RemovePermission { sid, .. } => {
            seen.permissions.remove(sid);
        }
        Op::Tag { tags: set } => tags::apply(&mut seen.tags, set, &Default::default()),
        Op::Untag { keys } => tags::apply(&mut seen.tags, &BTreeMap::new(), keys),
        Op::Delete => return Ok(None),
    }
    Ok(Some(seen))
}

/// Returns a placeholder for the `CodeSha256` of an upload, derived from its source, because AWS returns the hash only
/// afterwards.
pub fn uploaded(source: &str) -> String {
    format!("code of {source}")
}

fn publish(seen: &mut Seen) {
    let present = PublishedVersion { config: seen.config.clone(), code_sha256: seen.code_sha256.clone() };
    let newest = newest_version(seen).cloned();
    // Publishing unchanged code and configuration returns the same version again.
    if newest.as_ref().and_then(|newest| seen.versions.get(newest)) == Some(&present) {
        return;
    }
    let number = newest.and_then(|newest| newest.parse::<u64>().ok()).map_or(1, |newest| newest + 1);
    seen.versions.insert(number.to_string(), present);
}

fn route(seen: &Seen, target: &Alias) -> Result<SeenAlias, String> {
    let version = match &target.version {
        Version::Latest => newest_version(seen).ok_or("no version is published")?.clone(),
        Version::Number(number) => number.clone(),
    };
    let versions = std::iter::once(&version).chain(target.additional.iter().map(|(version, _)| version));
    for version in versions {
        if !seen.versions.contains_key(version) {
            return Err(format!("the version {version} does not exist"));
        }
    }
    Ok(SeenAlias { version, additional: target.additional.clone(), managed: true, revision: String::new() })
}
