//! CloudWatch Logs log groups.

mod observe;
mod perform;

pub(crate) use observe::{names, observe};
pub(crate) use perform::perform;

use crate::aws::clients::Aws;
use crate::aws::error::AwsError;
use crate::kinds::Tags;

/// Reads the tags of a log group by its ARN without the trailing `:*`.
pub(crate) async fn read_tags(aws: &Aws, arn: &str) -> Result<Tags, AwsError> {
    let send = || aws.read.logs.list_tags_for_resource().resource_arn(arn).send();
    let tags = aws.call("logs:ListTagsForResource", send).await?.tags.unwrap_or_default();
    Ok(tags.into_iter().filter(|(key, _)| !key.starts_with("aws:")).collect())
}
