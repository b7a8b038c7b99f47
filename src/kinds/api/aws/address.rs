//! ARNs and addresses of an API.

use crate::aws::Aws;

/// Region prefixes of the partitions other than `aws`, with the end of their host names.
const PARTITIONS: [(&str, &str, &str); 5] = [
    ("cn-", "aws-cn", "amazonaws.com.cn"),
    ("us-gov-", "aws-us-gov", "amazonaws.com"),
    ("eusc-", "aws-eusc", "amazonaws.eu"),
    ("us-iso-", "aws-iso", "c2s.ic.gov"),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov"),
];

fn partition(region: &str) -> (&'static str, &'static str) {
    let other = PARTITIONS.iter().find(|(prefix, ..)| region.starts_with(prefix));
    other.map_or(("aws", "amazonaws.com"), |(_, partition, suffix)| (partition, suffix))
}

/// Returns the ARN that API Gateway uses to tag a resource; `path` begins with a slash.
pub(super) fn arn(aws: &Aws, path: &str) -> String {
    format!("arn:{}:apigateway:{}::{path}", partition(&aws.region).0, aws.region)
}

/// Returns the invoke URL of a stage, without a trailing slash.
pub(super) fn url(aws: &Aws, api: &str, stage: &str) -> String {
    match &aws.endpoint {
        Some(local) => format!("{}/restapis/{api}/{stage}/_user_request_", local.trim_end_matches('/')),
        None => format!("https://{api}.execute-api.{}.{}/{stage}", aws.region, partition(&aws.region).1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_partitions_by_region() {
        assert_eq!(partition("ap-northeast-1"), ("aws", "amazonaws.com"));
        assert_eq!(partition("cn-north-1"), ("aws-cn", "amazonaws.com.cn"));
        assert_eq!(partition("us-isob-east-1").0, "aws-iso-b");
    }
}
