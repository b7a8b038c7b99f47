//! Reads the roles of a stack.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::{AttachedPolicy, Role};
use futures::future::try_join_all;
use futures::stream::{self, StreamExt, TryStreamExt};
use futures::try_join;
use percent_encoding::percent_decode_str;

use crate::access::{PolicyDocument, PolicyKind};
use crate::aws::complete::held;
use crate::aws::{Aws, AwsError};
use crate::kinds::aws::discover::{denied, listing};
use crate::kinds::aws::{Found, owned, owner};
use crate::kinds::role::{Seen, Spec, stand_in_name};
use crate::kinds::{Kind, Name, ResourceId, Tags};
use crate::stack::desired::Desired;

/// Maximum number of roles read concurrently; each takes three or more calls.
const AT_ONCE: usize = 8;

/// Documents of managed policies by ARN.
type Documents = BTreeMap<String, PolicyDocument>;

/// The roles of a stack, and the other roles and documents that were read with them.
pub struct Observed {
    /// The roles.
    pub found: Found<Seen>,
    /// Roles that have names of the stack but no tags of any stack.
    pub untagged: BTreeMap<Name, Seen>,
    /// The documents of managed policies.
    pub documents: Documents,
}

/// Reads every role of the stack: those it wants, and those that carry its tags under its prefix.
///
/// # Errors
/// Every error except access denied.
pub async fn observe(aws: &Aws, desired: &Desired) -> Result<Observed, AwsError> {
    let wanted: BTreeMap<&str, &Name> =
        desired.roles.iter().map(|(name, role)| (role.role_name.as_str(), name)).collect();
    let foreseen: BTreeSet<String> =
        desired.roles.values().flat_map(|role| role.managed.iter().chain(&role.boundary)).cloned().collect();
    let by_name = read_all(aws, desired, wanted.keys().map(|name| (*name).to_owned()).collect());
    let others = async {
        let all = denied(with_prefix(aws, &desired.prefix())).await?;
        let others = all.map(|names| names.into_iter().filter(|name| !wanted.contains_key(name.as_str())));
        match others {
            Ok(others) => Ok((read_all(aws, desired, others.collect()).await?, None)),
            Err(reason) => {
                // Temporary roles that an earlier run may have left are looked up by name.
                let prefix = desired.prefix();
                let stand_ins = wanted.keys().filter_map(|name| stand_in_name(&prefix, name));
                let mut stand_ins = read_all(aws, desired, stand_ins.collect()).await?;
                // It is already reported that the other roles cannot be seen.
                stand_ins.retain(|(_, read)| read.is_ok());
                Ok((stand_ins, Some(reason)))
            }
        }
    };
    let (by_name, (others, unlisted), mut documents) =
        try_join!(by_name, others, managed_documents(aws, &foreseen))?;
    let mut found = Found::default();
    let mut untagged = BTreeMap::new();
    if let Some(reason) = unlisted {
        found.unread.insert(listing(Kind::Role), reason);
    }
    for (role_name, read) in by_name.into_iter().chain(others) {
        let wanted = wanted.get(role_name.as_str()).map(|name| ResourceId::new(Kind::Role, name));
        match (read, wanted) {
            (Ok(Some(seen)), wanted) => match owned(desired, Kind::Role, &seen.spec.tags) {
                Some(resource) => keep(&mut found, resource.name, seen),
                None => {
                    let what = format!("the role `{role_name}` {}", owner(&seen.spec.tags));
                    let ours = wanted.as_ref().filter(|_| !seen.is_tagged());
                    untagged.extend(ours.map(|wanted| (wanted.name.clone(), seen)));
                    found.foreign.extend(wanted.map(|wanted| (wanted, what)));
                }
            },
            (Err(reason), Some(wanted)) => drop(found.unread.insert(wanted, reason)),
            (Err(reason), None) => {
                // The tags, which the caller may not read, would say which resource the role is.
                let resource = ResourceId::new(Kind::Role, &Name::new(role_name));
                found.unread.insert(resource, reason);
            }
            (Ok(None), _) => {}
        }
    }
    let attached =
        |seen: &Seen| seen.spec.managed.iter().chain(&seen.spec.boundary).cloned().collect::<Vec<_>>();
    let all = found.seen.values().chain(untagged.values());
    let more = all.flat_map(attached).filter(|arn| !documents.contains_key(arn)).collect();
    documents.extend(managed_documents(aws, &more).await?);
    Ok(Observed { found, untagged, documents })
}

fn keep(found: &mut Found<Seen>, name: Name, seen: Seen) {
    found.ids.extend(seen.ids(&name));
    found.seen.insert(name, seen);
}

/// Reads the documents of managed policies, including those of AWS; a document that cannot be read is left out.
///
/// # Errors
/// Every error except access denied and not found.
pub async fn managed_documents(aws: &Aws, arns: &BTreeSet<String>) -> Result<Documents, AwsError> {
    let reads = stream::iter(arns.clone()).map(|arn| async move {
        match document(aws, &arn).await {
            Ok(document) => Ok(document.map(|document| (arn, document))),
            Err(error) if error.is_denied() || error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    });
    let read: Vec<Option<(String, PolicyDocument)>> = reads.buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(read.into_iter().flatten().collect())
}

async fn document(aws: &Aws, arn: &str) -> Result<Option<PolicyDocument>, AwsError> {
    let iam = &aws.read.iam;
    let policy = aws.call("iam:GetPolicy", || iam.get_policy().policy_arn(arn).send()).await?.policy;
    let Some(version) = policy.and_then(|policy| policy.default_version_id) else { return Ok(None) };
    let send = || iam.get_policy_version().policy_arn(arn).version_id(&version).send();
    let text =
        aws.call("iam:GetPolicyVersion", send).await?.policy_version.and_then(|version| version.document);
    Ok(text.and_then(|text| PolicyDocument::parse(&decode(&text), PolicyKind::Identity).ok()))
}

async fn with_prefix(aws: &Aws, prefix: &str) -> Result<Vec<String>, AwsError> {
    let roles: Vec<Role> = aws
        .call("iam:ListRoles", || {
            aws.read.iam.list_roles().max_items(1000).into_paginator().items().send().try_collect()
        })
        .await?;
    Ok(roles.into_iter().map(|role| role.role_name).filter(|name| name.starts_with(prefix)).collect())
}

type Read = (String, Result<Option<Seen>, String>);

async fn read_all(aws: &Aws, desired: &Desired, names: Vec<String>) -> Result<Vec<Read>, AwsError> {
    let reads = stream::iter(names).map(|name| async move {
        let read = read(aws, desired, &name).await?;
        Ok((name, read))
    });
    reads.buffer_unordered(AT_ONCE).try_collect().await
}

async fn read(aws: &Aws, desired: &Desired, name: &str) -> Result<Result<Option<Seen>, String>, AwsError> {
    let role = async {
        match aws.call("iam:GetRole", || aws.read.iam.get_role().role_name(name).send()).await {
            Ok(answer) => held("iam:GetRole", answer.role).map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    };
    let (role, managed, inline) =
        try_join!(denied(role), denied(attached(aws, name)), denied(inline(aws, name)))?;
    let role = match role {
        Ok(Some(role)) => role,
        Ok(None) => return Ok(Ok(None)),
        Err(reason) => return Ok(Err(reason)),
    };
    let partition = desired.place.partition.as_str();
    let trust = role.assume_role_policy_document.as_deref().map(decode).unwrap_or_default();
    let trust = match PolicyDocument::parse(&trust, PolicyKind::Trust { partition }) {
        Ok(trust) => trust,
        Err(error) => return Ok(Err(format!("the trust policy of `{name}` could not be parsed: {error}"))),
    };
    let mut unread = BTreeMap::new();
    let mut noted = |field: &str, reason: String| drop(unread.insert(field.to_owned(), reason));
    let managed = managed.unwrap_or_else(|reason| {
        noted("managed_policies", reason);
        BTreeSet::new()
    });
    let texts = inline.unwrap_or_else(|reason| {
        noted("inline_policies", reason);
        BTreeMap::new()
    });
    let mut inline = BTreeMap::new();
    for (policy, text) in texts {
        match PolicyDocument::parse(&decode(&text), PolicyKind::Identity) {
            Ok(document) => drop(inline.insert(policy, document)),
            Err(error) => noted("inline_policies", format!("`{policy}` could not be parsed: {error}")),
        }
    }
    let arn = arn(desired, &role);
    let tags: Tags = role.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
    let spec = Spec {
        arn,
        role_name: role.role_name,
        path: role.path,
        description: role.description.unwrap_or_default(),
        max_session: role.max_session_duration.and_then(|seconds| seconds.try_into().ok()).unwrap_or(3600),
        trust,
        managed,
        inline,
        boundary: role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn),
        tags,
    };
    Ok(Ok(Some(Seen { role_id: role.role_id, spec, unread })))
}

/// Returns the ARN of a role. AWS may return the unique id instead for a role that was just created; if so, the ARN is
/// composed from path and name.
fn arn(desired: &Desired, role: &Role) -> String {
    if role.arn.starts_with("arn:") {
        return role.arn.clone();
    }
    let (partition, account) = (&desired.place.partition, &desired.place.account);
    format!("arn:{partition}:iam::{account}:role{}{}", role.path, role.role_name)
}

/// Lists the attached policies. A role that was deleted during the read has none; `GetRole` shows that it is gone.
pub async fn attached(aws: &Aws, name: &str) -> Result<BTreeSet<String>, AwsError> {
    let send = || {
        let request = aws.read.iam.list_attached_role_policies().role_name(name);
        request.into_paginator().items().send().try_collect()
    };
    match aws.call("iam:ListAttachedRolePolicies", send).await {
        Ok(policies) => {
            let policies: Vec<AttachedPolicy> = policies;
            Ok(policies.into_iter().filter_map(|policy| policy.policy_arn).collect())
        }
        Err(error) if error.is_not_found() => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

pub async fn inline(aws: &Aws, name: &str) -> Result<BTreeMap<String, String>, AwsError> {
    let iam = &aws.read.iam;
    let send = || iam.list_role_policies().role_name(name).into_paginator().items().send().try_collect();
    let policies: Vec<String> = match aws.call("iam:ListRolePolicies", send).await {
        Ok(policies) => policies,
        Err(error) if error.is_not_found() => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let reads = policies.into_iter().map(|policy| async move {
        let send = || iam.get_role_policy().role_name(name).policy_name(&policy).send();
        match aws.call("iam:GetRolePolicy", send).await {
            Ok(answer) => Ok(Some((policy, answer.policy_document))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    });
    Ok(try_join_all(reads).await?.into_iter().flatten().collect())
}

/// Decodes a document: IAM returns documents percent-encoded, and a plus sign stands for itself.
pub fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_sign_survives_decoding() {
        assert_eq!(decode("%7B%22a%2Bb%22%3A+1%7D"), "{\"a+b\":+1}");
    }
}
