//! Reads the log groups of a stack.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatchlogs::types::LogGroup;
use futures::stream::{self, StreamExt, TryStreamExt};
use futures::try_join;

use super::read_tags;
use crate::aws::{Aws, AwsError};
use crate::kinds::aws::discover::{Discovered, denied, listing};
use crate::kinds::aws::{Found, owned, owner};
use crate::kinds::log_group::{Seen, Spec};
use crate::kinds::{Kind, Name, ResourceId, Tags};
use crate::stack::desired::Desired;

/// Maximum number of log groups read concurrently: AWS allows ten of each call per second.
const AT_ONCE: usize = 5;

/// Lists the names of the log groups that contain the prefix of the stack anywhere, as those of functions do. The inner
/// error is the reason why the caller may not list them.
///
/// # Errors
/// Every error except access denied.
pub async fn names(aws: &Aws, desired: &Desired) -> Result<Result<BTreeSet<String>, String>, AwsError> {
    let prefix = desired.prefix();
    let groups = aws.call("logs:DescribeLogGroups", || {
        let request = aws.read.logs.describe_log_groups().log_group_name_pattern(&prefix);
        request.into_paginator().items().send().try_collect()
    });
    let groups: Result<Vec<LogGroup>, String> = denied(groups).await?;
    Ok(groups.map(|groups| groups.into_iter().filter_map(|group| group.log_group_name).collect()))
}

/// Reads every log group of the stack: those it wants, those that carry its tags, and those of `names` that turn out to
/// carry its tags.
///
/// # Errors
/// Every error except access denied.
pub async fn observe(
    aws: &Aws,
    desired: &Desired,
    names: Result<BTreeSet<String>, String>,
    discovered: &Discovered,
) -> Result<Found<Seen>, AwsError> {
    let mut found = Found::default();
    let wanted: BTreeMap<&str, &Name> =
        desired.log_groups.iter().map(|(name, group)| (group.group_name.as_str(), name)).collect();
    let mut all: BTreeSet<String> = wanted.keys().map(|name| (*name).to_owned()).collect();
    match names {
        Ok(names) => all.extend(names),
        Err(reason) => drop(found.unread.insert(listing(Kind::LogGroup), reason)),
    }
    let tagged = discovered.tagged.iter().filter(|tagged| tagged.resource.kind == Kind::LogGroup);
    all.extend(tagged.filter_map(|tagged| {
        tagged.arn.split_once(":log-group:").map(|(_, name)| name.trim_end_matches(":*").to_owned())
    }));
    let reads = stream::iter(all).map(|name| async move {
        let read = denied(read(aws, desired, &name)).await?;
        Ok::<_, AwsError>((name, read))
    });
    let reads: Vec<_> = reads.buffer_unordered(AT_ONCE).try_collect().await?;
    for (group_name, read) in reads {
        let wanted = wanted.get(group_name.as_str()).map(|name| ResourceId::new(Kind::LogGroup, name));
        match read {
            Ok(Some((seen, Ok(tags)))) => match owned(desired, Kind::LogGroup, &tags) {
                // Of two groups with the same address, the wanted one counts.
                Some(resource) if wanted.is_some() || !found.seen.contains_key(&resource.name) => {
                    keep(&mut found, resource.name, seen);
                }
                Some(_) => {}
                None => {
                    let what = format!("the log group `{group_name}` {}", owner(&tags));
                    found.foreign.extend(wanted.map(|wanted| (wanted, what)));
                }
            },
            Ok(None) => {}
            // Groups that only have a similar name are ignored.
            Ok(Some((_, Err(reason)))) | Err(reason) => {
                found.unread.extend(wanted.map(|wanted| (wanted, reason)));
            }
        }
    }
    Ok(found)
}

fn keep(found: &mut Found<Seen>, name: Name, seen: Seen) {
    found.ids.set(format!("log_groups.{name}.arn"), &seen.arn);
    found.ids.set(format!("log_groups.{name}.name"), &seen.spec.group_name);
    found.seen.insert(name, seen);
}

type Tagging = Result<Tags, String>;

async fn read(aws: &Aws, desired: &Desired, name: &str) -> Result<Option<(Seen, Tagging)>, AwsError> {
    let place = &desired.place;
    let arn = format!("arn:{}:logs:{}:{}:log-group:{name}", place.partition, place.region, place.account);
    let tags = async {
        match denied(read_tags(aws, &arn)).await {
            // `DescribeLogGroups` decides whether the group exists.
            Err(error) if error.is_not_found() => Ok(Ok(Tags::new())),
            tags => tags,
        }
    };
    let (group, tags) = try_join!(describe(aws, name), tags)?;
    let Some(group) = group else { return Ok(None) };
    let spec = Spec {
        group_name: name.to_owned(),
        retention: group.retention_in_days.and_then(|days| days.try_into().ok()),
        kms_key: group.kms_key_id,
        tags: tags.clone().unwrap_or_default(),
    };
    Ok(Some((Seen { arn, spec, unread: BTreeMap::new() }, tags)))
}

/// Finds one log group; the call returns all groups whose names have the same prefix.
async fn describe(aws: &Aws, name: &str) -> Result<Option<LogGroup>, AwsError> {
    let groups: Vec<LogGroup> = aws
        .call("logs:DescribeLogGroups", || {
            let request = aws.read.logs.describe_log_groups().log_group_name_prefix(name);
            request.into_paginator().items().send().try_collect()
        })
        .await?;
    Ok(groups.into_iter().find(|group| group.log_group_name() == Some(name)))
}
