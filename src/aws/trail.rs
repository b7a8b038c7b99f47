//! Finds out who changed a resource, as CloudTrail recorded it.

use std::collections::BTreeSet;

use aws_sdk_cloudtrail::config::{Config, Region};
use aws_sdk_cloudtrail::types::{Event as Recorded, LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;
use serde_json::Value;

use super::clients::Aws;
use super::error::AwsError;

/// Maximum number of pages of 50 events that are read for one name. Uses of a key are recorded as well as changes of
/// it.
const PAGES: usize = 2;

/// A change of a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// The time, in seconds since 1970.
    pub at: u64,
    /// The operation as CloudTrail names it: `PutKeyPolicy`, `UpdateFunctionConfiguration20150331v2`.
    pub operation: String,
    /// ARN of the caller, or the service that acted by itself.
    pub by: String,
}

/// The recorded changes of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    /// Changes, newest first.
    pub events: Vec<Event>,
    /// Whether there are more events than were read.
    pub more: bool,
}

/// Looks up the changes of a resource since some time, by each of its names: the services record ARNs, ids or names.
///
/// Events of a global service are recorded in one region of the partition only.
///
/// # Errors
/// Errors of CloudTrail, and no answer.
pub async fn changes(aws: &Aws, names: &[String], global: bool, since: u64) -> Result<Trail, AwsError> {
    let region = if global { home(&aws.identity().await?.partition).to_owned() } else { aws.region.clone() };
    let since = i64::try_from(since).unwrap_or_default();
    let (mut events, mut more) = (BTreeSet::new(), false);
    for name in names {
        let mut page = None;
        for _ in 0..PAGES {
            let answer = lookup(aws, (name, &region), since, page.take()).await?;
            events.extend(answer.events().iter().filter_map(event));
            page = answer.next_token;
            // A second page is read only if the first one has no changes, for example because uses fill it.
            if page.is_none() || !events.is_empty() {
                break;
            }
        }
        more |= page.is_some();
    }
    Ok(Trail { events: events.into_iter().rev().collect(), more })
}

async fn lookup(
    aws: &Aws,
    (name, region): (&str, &str),
    since: i64,
    page: Option<String>,
) -> Result<aws_sdk_cloudtrail::operation::lookup_events::LookupEventsOutput, AwsError> {
    let invalid = |error: aws_sdk_cloudtrail::error::BuildError| {
        AwsError::new("cloudtrail:LookupEvents", super::ErrorKind::Invalid, error.to_string())
    };
    let attribute = LookupAttribute::builder()
        .attribute_key(LookupAttributeKey::ResourceName)
        .attribute_value(name)
        .build()
        .map_err(invalid)?;
    let look = || {
        let call = aws.read.cloudtrail.lookup_events().lookup_attributes(attribute.clone());
        let call = call.start_time(DateTime::from_secs(since)).set_next_token(page.clone());
        call.customize().config_override(Config::builder().region(Region::new(region.to_owned()))).send()
    };
    aws.call("cloudtrail:LookupEvents", look).await
}

/// Returns the region in which a partition records the events of IAM.
fn home(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    }
}

/// Reads an event; `None` for one that changed nothing: a read, or a call that was refused.
fn event(recorded: &Recorded) -> Option<Event> {
    let detail: Value = serde_json::from_str(recorded.cloud_trail_event()?).ok()?;
    let refused = detail.get("errorCode").is_some_and(|code| !code.is_null());
    if recorded.read_only() != Some("false") || refused {
        return None;
    }
    let identity = detail.get("userIdentity");
    let told = |field| identity.and_then(|identity| identity.get(field)?.as_str());
    let by = told("arn").or_else(|| told("invokedBy")).or_else(|| recorded.username()).unwrap_or("somebody");
    Some(Event {
        at: u64::try_from(recorded.event_time()?.secs()).ok()?,
        operation: printable(recorded.event_name()?),
        by: printable(by),
    })
}

/// Removes control characters: callers choose the names of their sessions, and printed text must not control a
/// terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(read_only: &str, detail: &str) -> Recorded {
        let event = Recorded::builder().event_name("PutKeyPolicy").read_only(read_only).username("alice");
        event.event_time(DateTime::from_secs(7)).cloud_trail_event(detail).build()
    }

    #[test]
    fn only_what_changed_something_counts() {
        let by_alice = r#"{"userIdentity": {"arn": "arn:aws:iam::111122223333:user/alice"}}"#;
        let found = event(&recorded("false", by_alice)).unwrap();
        assert_eq!((found.at, found.by.as_str()), (7, "arn:aws:iam::111122223333:user/alice"));
        assert_eq!(event(&recorded("true", by_alice)), None);
        assert_eq!(event(&recorded("false", r#"{"errorCode": "AccessDenied"}"#)), None);
    }

    #[test]
    fn a_service_that_acts_by_itself_has_a_name() {
        let detail = r#"{"userIdentity": {"type": "AWSService", "invokedBy": "kms.amazonaws.com"}}"#;
        assert_eq!(event(&recorded("false", detail)).unwrap().by, "kms.amazonaws.com");
        assert_eq!(event(&recorded("false", "{}")).unwrap().by, "alice");
        let detail = r#"{"userIdentity": {"arn": "a\u001b[2Jb"}}"#;
        assert_eq!(event(&recorded("false", detail)).unwrap().by, "a?[2Jb");
    }
}
