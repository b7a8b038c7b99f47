//! Performs operations on roles.

use aws_sdk_iam::error::BuildError;
use aws_sdk_iam::types::{Role, Tag};

use super::unchanged;
use crate::access::PolicyDocument;
use crate::aws::{Aws, AwsError, ErrorKind};
use crate::kinds::aws::perform::{done_if_absent, known};
use crate::kinds::aws::principals;
use crate::kinds::role::{Op, Spec};
use crate::kinds::{Expected, Ids, Name, Tags};

/// Performs one operation on a role and waits until its effect can be relied upon.
///
/// # Errors
/// Errors of AWS, and effects that do not show in time.
pub async fn perform(
    aws: &Aws,
    name: &Name,
    (op, expected): (&Op, &Expected),
    ids: &Ids,
) -> Result<Ids, AwsError> {
    if let Op::Create { spec } = op {
        return create(aws, name, spec).await;
    }
    let role = &known(ids, &format!("roles.{name}.name"))?;
    unchanged::check(aws, role, (op, expected)).await?;
    let iam = &aws.write.iam;
    match op {
        Op::Create { .. } => {}
        Op::PutTrust { trust } => put_trust(aws, role, trust).await?,
        Op::Update { description, max_session } => {
            let seconds = i32::try_from(*max_session).unwrap_or(i32::MAX);
            let request = || iam.update_role().role_name(role).description(description);
            aws.call("iam:UpdateRole", || request().max_session_duration(seconds).send()).await?;
        }
        Op::PutBoundary { arn } => {
            let send =
                || iam.put_role_permissions_boundary().role_name(role).permissions_boundary(arn).send();
            aws.call("iam:PutRolePermissionsBoundary", send).await?;
        }
        Op::DeleteBoundary => {
            let send = || iam.delete_role_permissions_boundary().role_name(role).send();
            done_if_absent(aws.call("iam:DeleteRolePermissionsBoundary", send).await)?;
        }
        Op::Attach { arn } => {
            let send = || iam.attach_role_policy().role_name(role).policy_arn(arn).send();
            aws.call("iam:AttachRolePolicy", send).await?;
        }
        Op::Detach { arn } => {
            let send = || iam.detach_role_policy().role_name(role).policy_arn(arn).send();
            done_if_absent(aws.call("iam:DetachRolePolicy", send).await)?;
        }
        Op::PutInline { policy, document } => {
            let text = document.to_json();
            let request = || iam.put_role_policy().role_name(role).policy_name(policy);
            aws.call("iam:PutRolePolicy", || request().policy_document(&text).send()).await?;
        }
        Op::DeleteInline { policy } => {
            let send = || iam.delete_role_policy().role_name(role).policy_name(policy).send();
            done_if_absent(aws.call("iam:DeleteRolePolicy", send).await)?;
        }
        Op::Tag { tags } => {
            let tags = iam_tags("iam:TagRole", tags)?;
            let send = || iam.tag_role().role_name(role).set_tags(Some(tags.clone())).send();
            aws.call("iam:TagRole", send).await?;
        }
        Op::Untag { keys } => {
            let keys: Vec<String> = keys.iter().cloned().collect();
            let send = || iam.untag_role().role_name(role).set_tag_keys(Some(keys.clone())).send();
            aws.call("iam:UntagRole", send).await?;
        }
        Op::Delete => {
            let send = || iam.delete_role().role_name(role).send();
            done_if_absent(aws.call("iam:DeleteRole", send).await)?;
        }
    }
    Ok(Ids::default())
}

async fn create(aws: &Aws, name: &Name, spec: &Spec) -> Result<Ids, AwsError> {
    let operation = "iam:CreateRole";
    let tags = iam_tags(operation, &spec.tags)?;
    let trust = spec.trust.to_json();
    let description = Some(&spec.description).filter(|description| !description.is_empty());
    let seconds = i32::try_from(spec.max_session).unwrap_or(i32::MAX);
    let send = || {
        aws.write
            .iam
            .create_role()
            .role_name(&spec.role_name)
            .path(&spec.path)
            .assume_role_policy_document(&trust)
            .set_description(description.cloned())
            .max_session_duration(seconds)
            .set_permissions_boundary(spec.boundary.clone())
            .set_tags(Some(tags.clone()))
            .send()
    };
    match aws.call_while(operation, send, || principals::exist(aws, &spec.trust)).await {
        Ok(_) => {}
        // The answer to an earlier attempt was lost: the role is the one that was asked for.
        Err(error) if error.has_code("EntityAlreadyExists") => {
            let there = describe(aws, &spec.role_name).await?;
            if !there.is_some_and(|role| is_of(&role, &spec.tags)) {
                return Err(error);
            }
        }
        Err(error) => return Err(error),
    }
    let what = format!("the role `{}` is visible", spec.role_name);
    let role = aws
        .until(&what, aws.settled(), || async {
            // A new role may show its unique id in place of its ARN.
            Ok(describe(aws, &spec.role_name).await?.filter(|role| role.arn.starts_with("arn:")))
        })
        .await?;
    let mut ids = Ids::default();
    ids.set(format!("roles.{name}.arn"), role.arn);
    ids.set(format!("roles.{name}.name"), role.role_name);
    ids.set(format!("roles.{name}.id"), role.role_id);
    Ok(ids)
}

async fn describe(aws: &Aws, role: &str) -> Result<Option<Role>, AwsError> {
    match aws.call("iam:GetRole", || aws.read.iam.get_role().role_name(role).send()).await {
        Ok(answer) => Ok(answer.role),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_of(role: &Role, tags: &Tags) -> bool {
    let has = |key: &str, value: &str| role.tags().iter().any(|tag| tag.key == key && tag.value == value);
    tags.iter().all(|(key, value)| has(key, value))
}

async fn put_trust(aws: &Aws, role: &str, trust: &PolicyDocument) -> Result<(), AwsError> {
    let text = trust.to_json();
    let send = || aws.write.iam.update_assume_role_policy().role_name(role).policy_document(&text).send();
    aws.call_while("iam:UpdateAssumeRolePolicy", send, || principals::exist(aws, trust)).await?;
    Ok(())
}

fn iam_tags(operation: &str, tags: &Tags) -> Result<Vec<Tag>, AwsError> {
    let built: Result<Vec<Tag>, BuildError> =
        tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    built.map_err(|error| AwsError::new(operation, ErrorKind::Invalid, error.to_string()))
}
