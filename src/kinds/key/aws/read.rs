//! Reads one key with all parts that a plan compares.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_kms::types::{AliasListEntry, KeyMetadata};
use aws_smithy_types::date_time::Format;
use futures::try_join;

use super::{describe, read_tags};
use crate::access::{PolicyDocument, PolicyKind};
use crate::aws::{Aws, AwsError, ErrorKind, Pace};
use crate::kinds::Tags;
use crate::kinds::key::{Seen, Spec, State};
use crate::stack::desired::Desired;

/// The default number of days until a scheduled deletion.
const DELETION_WINDOW: u32 = 30;

/// Time for which a key that carries the tags of the stack is looked for. A key that was just created is not visible on
/// every replica, and a second one would be created if it counted as absent.
const FRESH: Pace = Pace::seconds(1, 10);

/// A value, or why it could not be read.
pub type Readable<T> = Result<T, String>;

/// Reads a key that exists, or existed until just now, according to its tags. Retries until the key shows.
///
/// # Errors
/// As [`read`].
pub async fn read_fresh(
    aws: &Aws,
    desired: &Desired,
    arn: &str,
) -> Result<Option<(Seen, Readable<Tags>)>, AwsError> {
    let what = format!("the key `{arn}` can be read");
    match aws.until(&what, FRESH, || read(aws, desired, arn)).await {
        Err(error) if error.kind() == ErrorKind::Timeout => Ok(None),
        found => found.map(Some),
    }
}

/// Reads a key; returns `None` if it does not exist.
///
/// # Errors
/// Every error except for parts that the caller may not read.
pub async fn read(
    aws: &Aws,
    desired: &Desired,
    arn: &str,
) -> Result<Option<(Seen, Readable<Tags>)>, AwsError> {
    let (key, policy, rotation, tags, aliases) = try_join!(
        describe(aws, arn),
        absent_as_denied(policy(aws, arn)),
        absent_as_denied(rotation(aws, arn)),
        absent_as_denied(read_tags(aws, arn)),
        absent_as_denied(aliases_of(aws, arn)),
    )?;
    let Some(key) = key else { return Ok(None) };
    let mut unread = BTreeMap::new();
    let partition = desired.place.partition.as_str();
    let policy = policy.and_then(|text| {
        PolicyDocument::parse(&text, PolicyKind::Key { partition }).map_err(|error| error.to_string())
    });
    let state = state(&key);
    let spec = Spec {
        key_spec: key.key_spec.as_ref().map_or("SYMMETRIC_DEFAULT", |spec| spec.as_str()).to_owned(),
        usage: key.key_usage.as_ref().map_or("ENCRYPT_DECRYPT", |usage| usage.as_str()).to_owned(),
        multi_region: key.multi_region.unwrap_or(false),
        description: key.description.unwrap_or_default(),
        enabled: state == State::Enabled,
        rotation: or_unread(rotation, "rotation", &mut unread).flatten(),
        aliases: or_unread(aliases, "aliases", &mut unread).unwrap_or_default(),
        policy: or_unread(policy, "policy", &mut unread).unwrap_or_else(|| PolicyDocument::new([])),
        tags: or_unread(tags.clone(), "tags", &mut unread).unwrap_or_default(),
        deletion_window: DELETION_WINDOW,
    };
    let origin = key.origin.map_or_else(|| "AWS_KMS".to_owned(), |origin| origin.as_str().to_owned());
    let arn = key.arn.unwrap_or_else(|| arn.to_owned());
    Ok(Some((Seen { id: key.key_id, arn, state, spec, origin, unread }, tags)))
}

/// Turns "not found" and "access denied" into a reason: a part of a key that was deleted during the read is reported
/// like one that may not be read. `DescribeKey` distinguishes the two.
async fn absent_as_denied<T>(
    call: impl Future<Output = Result<T, AwsError>>,
) -> Result<Readable<T>, AwsError> {
    match call.await {
        Ok(value) => Ok(Ok(value)),
        Err(error) if error.is_denied() || error.is_not_found() => Ok(Err(error.reason())),
        Err(error) => Err(error),
    }
}

fn or_unread<T>(value: Readable<T>, field: &str, unread: &mut BTreeMap<String, String>) -> Option<T> {
    value.map_err(|reason| unread.insert(field.to_owned(), reason)).ok()
}

fn state(key: &KeyMetadata) -> State {
    match key.key_state.as_ref().map(|state| state.as_str()) {
        Some("Enabled") => State::Enabled,
        Some("Disabled") => State::Disabled,
        Some("PendingDeletion") => {
            State::PendingDeletion(key.deletion_date.and_then(|date| date.fmt(Format::DateTime).ok()))
        }
        Some(other) => State::Other(other.to_owned()),
        None => State::Other("unknown".to_owned()),
    }
}

/// Maximum number of reads of a key policy until two consecutive reads agree. For about a minute after a change some
/// reads go to a replica that does not have it yet, and a plan that is made from such a read does not fit.
const LOOKS: u32 = 60;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

async fn policy(aws: &Aws, arn: &str) -> Result<String, AwsError> {
    let mut before = policy_once(aws, arn).await?;
    for _ in 0..LOOKS {
        let again = policy_once(aws, arn).await?;
        if again == before {
            break;
        }
        before = again;
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    Ok(before)
}

async fn policy_once(aws: &Aws, arn: &str) -> Result<String, AwsError> {
    let answer = aws
        .call("kms:GetKeyPolicy", || aws.read.kms.get_key_policy().key_id(arn).policy_name("default").send())
        .await?;
    Ok(answer.policy.unwrap_or_default())
}

async fn rotation(aws: &Aws, arn: &str) -> Result<Option<u32>, AwsError> {
    let answer =
        aws.call("kms:GetKeyRotationStatus", || aws.read.kms.get_key_rotation_status().key_id(arn).send());
    match answer.await {
        Ok(status) if status.key_rotation_enabled => {
            Ok(Some(status.rotation_period_in_days.and_then(|days| days.try_into().ok()).unwrap_or(365)))
        }
        Ok(_) => Ok(None),
        // Keys with imported material, in custom stores or of other types do not rotate.
        Err(error)
            if error.has_code("UnsupportedOperationException")
                || error.has_code("KMSInvalidStateException") =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn aliases_of(aws: &Aws, arn: &str) -> Result<BTreeSet<String>, AwsError> {
    let entries: Vec<AliasListEntry> = aws
        .call("kms:ListAliases", || {
            aws.read.kms.list_aliases().key_id(arn).into_paginator().items().send().try_collect()
        })
        .await?;
    Ok(entries.into_iter().filter_map(|entry| entry.alias_name).collect())
}
