//! Reads principals that are not part of a stack, for proofs about them.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use futures::try_join;

use super::discover::denied;
use crate::access::{Arn, PolicyDocument, PolicyKind};
use crate::aws::clients::Aws;
use crate::aws::complete::held;
use crate::aws::error::AwsError;
use crate::kinds::role::aws as role;
use crate::kinds::{Outsider, Tags, outsider::Identity};

/// Policies by name, as IAM writes them.
type Texts = BTreeMap<String, String>;

/// Reads roles and users by ARN, and sessions by the ARN of their role. Changes nothing.
///
/// Anything that the caller may not read is part of the answer.
///
/// # Errors
/// Every error except access denied.
pub async fn outsiders(aws: &Aws, arns: BTreeSet<String>) -> Result<BTreeMap<String, Outsider>, AwsError> {
    let reads = arns.into_iter().map(|arn| async move {
        let outsider = look(aws, &arn).await?;
        Ok((arn, outsider))
    });
    Ok(try_join_all(reads).await?.into_iter().collect())
}

async fn look(aws: &Aws, text: &str) -> Result<Outsider, AwsError> {
    let hidden = |why: &str| Ok(Outsider::Hidden { why: format!("`{text}` {why}") });
    let own = &aws.identity().await?.account;
    let Some(arn) = Arn::split(text) else { return hidden("is no ARN") };
    if arn.account != own {
        return hidden("belongs to another account, and its policies cannot be read from here");
    }
    match arn.resource.split('/').collect::<Vec<_>>().as_slice() {
        ["role", .., name] | ["assumed-role", name, _] => found(denied(of_role(aws, name)).await?, text),
        ["user", .., name] => found(denied(of_user(aws, name)).await?, text),
        _ => hidden("is neither a role nor a user"),
    }
}

fn found(read: Result<Option<Identity>, String>, text: &str) -> Result<Outsider, AwsError> {
    Ok(match read {
        Ok(Some(identity)) => Outsider::There(Box::new(identity)),
        Ok(None) => Outsider::Gone,
        Err(reason) => Outsider::Hidden { why: format!("`{text}` could not be read: {reason}") },
    })
}

async fn of_role(aws: &Aws, name: &str) -> Result<Option<Identity>, AwsError> {
    let found = match aws.call("iam:GetRole", || aws.read.iam.get_role().role_name(name).send()).await {
        Ok(answer) => Some(held("iam:GetRole", answer.role)?),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error),
    };
    let Some(found) = found else { return Ok(None) };
    let boundary = found.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn);
    let (attached, inline) = try_join!(denied(role::attached(aws, name)), denied(role::inline(aws, name)))?;
    let tags = found.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
    let who = Who { arn: found.arn, unique_id: found.role_id, tags, boundary };
    identity(aws, who, attached, inline).await.map(Some)
}

async fn of_user(aws: &Aws, name: &str) -> Result<Option<Identity>, AwsError> {
    let found = match aws.call("iam:GetUser", || aws.read.iam.get_user().user_name(name).send()).await {
        Ok(answer) => Some(held("iam:GetUser", answer.user)?),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error),
    };
    let Some(found) = found else { return Ok(None) };
    let boundary = found.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn);
    let (attached, inline) =
        try_join!(denied(attached_to_user(aws, name)), denied(inline_of_user(aws, name)))?;
    let tags = found.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
    let who = Who { arn: found.arn, unique_id: found.user_id, tags, boundary };
    identity(aws, who, attached, inline).await.map(Some)
}

struct Who {
    arn: String,
    unique_id: String,
    tags: Tags,
    boundary: Option<String>,
}

async fn identity(
    aws: &Aws,
    who: Who,
    attached: Result<BTreeSet<String>, String>,
    inline: Result<Texts, String>,
) -> Result<Identity, AwsError> {
    let Who { arn, unique_id, tags, boundary } = who;
    let wanted = attached.iter().flatten().chain(&boundary).cloned().collect();
    let documents = role::managed_documents(aws, &wanted).await?;
    let known = |arn: &String| {
        documents.get(arn).cloned().ok_or_else(|| format!("the policy `{arn}` could not be read"))
    };
    let policies = attached.and_then(|attached| {
        let mut all = BTreeMap::new();
        for arn in attached {
            all.insert(arn.clone(), known(&arn)?);
        }
        for (name, text) in inline? {
            let document = PolicyDocument::parse(&role::decode(&text), PolicyKind::Identity)
                .map_err(|error| format!("the policy `{name}` could not be parsed: {error}"))?;
            all.insert(name, document);
        }
        Ok(all)
    });
    let boundary = boundary.as_ref().map(known).transpose();
    Ok(Identity { arn, unique_id, tags, policies, boundary })
}

/// Lists the managed policies of a user and of its groups.
async fn attached_to_user(aws: &Aws, name: &str) -> Result<BTreeSet<String>, AwsError> {
    let iam = &aws.read.iam;
    let own = aws.call("iam:ListAttachedUserPolicies", || {
        iam.list_attached_user_policies().user_name(name).into_paginator().items().send().try_collect()
    });
    let (own, groups) = try_join!(own, groups(aws, name))?;
    let of_groups = groups.iter().map(|group| {
        aws.call("iam:ListAttachedGroupPolicies", move || {
            iam.list_attached_group_policies().group_name(group).into_paginator().items().send().try_collect()
        })
    });
    let of_groups: Vec<Vec<aws_sdk_iam::types::AttachedPolicy>> = try_join_all(of_groups).await?;
    let own: Vec<aws_sdk_iam::types::AttachedPolicy> = own;
    Ok(own
        .into_iter()
        .chain(of_groups.into_iter().flatten())
        .filter_map(|policy| policy.policy_arn)
        .collect())
}

/// Reads the inline policies of a user and of its groups.
async fn inline_of_user(aws: &Aws, name: &str) -> Result<Texts, AwsError> {
    let iam = &aws.read.iam;
    let names = aws.call("iam:ListUserPolicies", || {
        iam.list_user_policies().user_name(name).into_paginator().items().send().try_collect()
    });
    let (names, groups): (Vec<String>, _) = try_join!(names, groups(aws, name))?;
    let own = names.into_iter().map(|policy| async move {
        let send = || iam.get_user_policy().user_name(name).policy_name(&policy).send();
        let answer = aws.call("iam:GetUserPolicy", send).await?;
        Ok((policy.clone(), answer.policy_document))
    });
    let of_groups = groups.iter().map(|group| inline_of_group(aws, group));
    let (own, of_groups) = try_join!(try_join_all(own), try_join_all(of_groups))?;
    Ok(own.into_iter().chain(of_groups.into_iter().flatten()).collect())
}

async fn inline_of_group(aws: &Aws, group: &str) -> Result<Vec<(String, String)>, AwsError> {
    let iam = &aws.read.iam;
    let names: Vec<String> = aws
        .call("iam:ListGroupPolicies", || {
            iam.list_group_policies().group_name(group).into_paginator().items().send().try_collect()
        })
        .await?;
    let reads = names.into_iter().map(|policy| async move {
        let send = || iam.get_group_policy().group_name(group).policy_name(&policy).send();
        let answer = aws.call("iam:GetGroupPolicy", send).await?;
        Ok((format!("{group}/{policy}"), answer.policy_document))
    });
    try_join_all(reads).await
}

async fn groups(aws: &Aws, name: &str) -> Result<Vec<String>, AwsError> {
    let iam = &aws.read.iam;
    let groups: Vec<aws_sdk_iam::types::Group> = aws
        .call("iam:ListGroupsForUser", || {
            iam.list_groups_for_user().user_name(name).into_paginator().items().send().try_collect()
        })
        .await?;
    Ok(groups.into_iter().map(|group| group.group_name).collect())
}
