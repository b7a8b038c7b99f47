//! Performs operations on log groups.

use super::read_tags;
use crate::aws::{Aws, AwsError};
use crate::kinds::aws::perform::{done_if_absent, known};
use crate::kinds::log_group::{Op, Spec};
use crate::kinds::{Ids, Name};

/// Performs one operation on a log group.
///
/// # Errors
/// Errors of AWS.
pub async fn perform(aws: &Aws, name: &Name, op: &Op, ids: &Ids) -> Result<Ids, AwsError> {
    if let Op::Create { spec } = op {
        return create(aws, name, spec).await;
    }
    let group = &known(ids, &format!("log_groups.{name}.name"))?;
    let logs = &aws.write.logs;
    match op {
        Op::Create { .. } => {}
        Op::PutRetention { days } => {
            let days = i32::try_from(*days).unwrap_or(i32::MAX);
            let send = || logs.put_retention_policy().log_group_name(group).retention_in_days(days).send();
            aws.call("logs:PutRetentionPolicy", send).await?;
        }
        Op::DeleteRetention => {
            let send = || logs.delete_retention_policy().log_group_name(group).send();
            aws.call("logs:DeleteRetentionPolicy", send).await?;
        }
        Op::AssociateKey { arn } => {
            let send = || logs.associate_kms_key().log_group_name(group).kms_key_id(arn).send();
            aws.call("logs:AssociateKmsKey", send).await?;
        }
        Op::DisassociateKey => {
            let send = || logs.disassociate_kms_key().log_group_name(group).send();
            aws.call("logs:DisassociateKmsKey", send).await?;
        }
        Op::Tag { tags } => {
            let arn = known(ids, &format!("log_groups.{name}.arn"))?;
            let tags: Vec<(String, String)> = tags.clone().into_iter().collect();
            let send = || {
                let request = logs.tag_resource().resource_arn(&arn);
                request.set_tags(Some(tags.iter().cloned().collect())).send()
            };
            aws.call("logs:TagResource", send).await?;
        }
        Op::Untag { keys } => {
            let arn = known(ids, &format!("log_groups.{name}.arn"))?;
            let keys: Vec<String> = keys.iter().cloned().collect();
            let send = || logs.untag_resource().resource_arn(&arn).set_tag_keys(Some(keys.clone())).send();
            aws.call("logs:UntagResource", send).await?;
        }
        Op::Delete => {
            let send = || logs.delete_log_group().log_group_name(group).send();
            done_if_absent(aws.call("logs:DeleteLogGroup", send).await)?;
        }
    }
    Ok(Ids::default())
}

async fn create(aws: &Aws, name: &Name, spec: &Spec) -> Result<Ids, AwsError> {
    let identity = aws.identity().await?;
    let group = &spec.group_name;
    let arn =
        format!("arn:{}:logs:{}:{}:log-group:{group}", identity.partition, aws.region, identity.account);
    let send = || {
        let request = aws.write.logs.create_log_group().log_group_name(group);
        let tags = spec.tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        request.set_kms_key_id(spec.kms_key.clone()).set_tags(Some(tags)).send()
    };
    match aws.call("logs:CreateLogGroup", send).await {
        // The answer to an earlier attempt was lost: the group is the one that was asked for.
        Err(error) if error.has_code("ResourceAlreadyExistsException") => {
            if read_tags(aws, &arn).await? != spec.tags {
                return Err(error);
            }
        }
        answer => drop(answer?),
    }
    let mut ids = Ids::default();
    ids.set(format!("log_groups.{name}.arn"), arn);
    ids.set(format!("log_groups.{name}.name"), group);
    Ok(ids)
}
