//! KMS keys.

mod grants;
mod observe;
mod perform;
mod read;

pub use grants::grants;
pub use observe::key;
pub(crate) use observe::{aliases, observe};
pub(crate) use perform::perform;

use crate::aws::clients::Aws;
use crate::aws::complete::held;
use crate::aws::error::AwsError;
use crate::kinds::Tags;

/// Reads the tags of a key, except for those of AWS itself.
pub(crate) async fn read_tags(aws: &Aws, key: &str) -> Result<Tags, AwsError> {
    let tags: Vec<aws_sdk_kms::types::Tag> = aws
        .call("kms:ListResourceTags", || {
            aws.read.kms.list_resource_tags().key_id(key).into_paginator().items().send().try_collect()
        })
        .await?;
    let tags = tags.into_iter().map(|tag| (tag.tag_key, tag.tag_value));
    Ok(tags.filter(|(key, _)| !key.starts_with("aws:")).collect())
}

/// Describes a key by id, ARN, alias name or alias ARN.
pub(crate) async fn describe(
    aws: &Aws,
    key: &str,
) -> Result<Option<aws_sdk_kms::types::KeyMetadata>, AwsError> {
    match aws.call("kms:DescribeKey", || aws.read.kms.describe_key().key_id(key).send()).await {
        Ok(answer) => held("kms:DescribeKey", answer.key_metadata).map(Some),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
