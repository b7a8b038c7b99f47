//! CloudWatch Logs log groups.

mod observe;
mod perform;

pub(super) use observe::{names, observe};
pub(super) use perform::perform;

use super::clients::Aws;
use super::error::AwsError;
use crate::kinds::Tags;

/// Reads the tags of a log group by its ARN without the trailing `:*`.
pub(super) async fn read_tags(aws: &Aws, arn: &str) -> Result<Tags, AwsError> {
    let send = || aws.read.logs.list_tags_for_resource().resource_arn(arn).send();
    let tags = aws.call("logs:ListTagsForResource", send).await?.tags.unwrap_or_default();
    Ok(tags.into_iter().filter(|(key, _)| !key.starts_with("aws:")).collect())
}
