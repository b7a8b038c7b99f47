//! Performs operations on keys.

use aws_sdk_kms::error::BuildError;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, Tag};

use super::describe;
use crate::access::{PolicyDocument, PolicyKind};
use crate::aws::{Aws, AwsError, ErrorKind, Pace};
use crate::kinds::aws::discover::tagged_keys;
use crate::kinds::aws::perform::{done_if_absent, known};
use crate::kinds::aws::principals;
use crate::kinds::aws::stale::{self, may_replace};
use crate::kinds::key::{Op, Spec};
use crate::kinds::{Expected, Ids, Name, Tags};

/// Performs one operation on a key and waits until its effect can be relied upon.
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
    let id = &known(ids, &format!("keys.{name}.id"))?;
    let kms = &aws.write.kms;
    match op {
        Op::Create { .. } => {}
        Op::PutPolicy { policy } => {
            if let Expected::Policy(before) = expected {
                unchanged(aws, id, before, policy).await?;
            }
            put_policy(aws, id, policy).await?;
        }
        Op::AwaitPolicy { policy } => until_policy(aws, id, policy, aws.in_effect()).await?,
        Op::Describe { description } => {
            let send = || kms.update_key_description().key_id(id).description(description).send();
            aws.call("kms:UpdateKeyDescription", send).await?;
        }
        Op::Enable => {
            aws.call("kms:EnableKey", || kms.enable_key().key_id(id).send()).await?;
            until_state(aws, id, "Enabled").await?;
        }
        Op::Disable => {
            aws.call("kms:DisableKey", || kms.disable_key().key_id(id).send()).await?;
            until_state(aws, id, "Disabled").await?;
        }
        Op::Rotate { days } => {
            let days = i32::try_from(*days).unwrap_or(i32::MAX);
            let send = || kms.enable_key_rotation().key_id(id).rotation_period_in_days(days).send();
            aws.call("kms:EnableKeyRotation", send).await?;
        }
        Op::StopRotation => {
            aws.call("kms:DisableKeyRotation", || kms.disable_key_rotation().key_id(id).send()).await?;
        }
        Op::Tag { tags } => {
            let tags = kms_tags("kms:TagResource", tags)?;
            let send = || kms.tag_resource().key_id(id).set_tags(Some(tags.clone())).send();
            aws.call("kms:TagResource", send).await?;
        }
        Op::Untag { keys } => {
            let keys: Vec<String> = keys.iter().cloned().collect();
            let send = || kms.untag_resource().key_id(id).set_tag_keys(Some(keys.clone())).send();
            aws.call("kms:UntagResource", send).await?;
        }
        Op::CreateAlias { alias } => create_alias(aws, id, alias).await?,
        Op::MoveAlias { alias } => {
            let send = || kms.update_alias().alias_name(alias).target_key_id(id).send();
            aws.call("kms:UpdateAlias", send).await?;
            until_alias(aws, id, alias).await?;
        }
        Op::DeleteAlias { alias } => {
            let send = || kms.delete_alias().alias_name(alias).send();
            done_if_absent(aws.call("kms:DeleteAlias", send).await)?;
        }
        Op::ScheduleDeletion { days } => schedule_deletion(aws, id, *days).await?,
        Op::CancelDeletion => cancel_deletion(aws, id).await?,
    }
    Ok(Ids::default())
}

async fn create(aws: &Aws, name: &Name, spec: &Spec) -> Result<Ids, AwsError> {
    let operation = "kms:CreateKey";
    let tags = kms_tags(operation, &spec.tags)?;
    let policy = spec.policy.to_json();
    let send = || {
        aws.write
            .kms
            .create_key()
            .policy(&policy)
            .description(&spec.description)
            .key_spec(KeySpec::from(spec.key_spec.as_str()))
            .key_usage(KeyUsageType::from(spec.usage.as_str()))
            .multi_region(spec.multi_region)
            .set_tags(Some(tags.clone()))
            .send()
    };
    let answer = aws.call_while(operation, send, || principals::exist(aws, &spec.policy)).await;
    let arn = match answer {
        Ok(answer) => answer.key_metadata.and_then(|key| key.arn),
        // The key may have been created even so; a second call would leave it behind unnoticed.
        Err(error) if matches!(error.kind(), ErrorKind::Unknown | ErrorKind::Transient) => {
            let shows = || orphan(aws, &spec.tags);
            // A key that was just created does not show at once.
            match aws.until("the key that may have been made shows", Pace::seconds(1, 10), shows).await {
                Err(missing) if missing.kind() == ErrorKind::Timeout => return Err(error),
                found => Some(found?),
            }
        }
        Err(error) => return Err(error),
    };
    let arn = arn.ok_or_else(|| AwsError::new(operation, ErrorKind::Unknown, "AWS names no key"))?;
    until_state(aws, &arn, "Enabled").await?;
    until_policy(aws, &arn, &spec.policy, aws.settled()).await?;
    let id = arn.rsplit('/').next().unwrap_or(&arn);
    let mut ids = Ids::default();
    ids.set(format!("keys.{name}.id"), id);
    ids.set(format!("keys.{name}.arn"), &arn);
    Ok(ids)
}

/// Finds a usable key that has exactly these tags.
async fn orphan(aws: &Aws, tags: &Tags) -> Result<Option<String>, AwsError> {
    for (arn, found) in tagged_keys(aws).await? {
        let state = if found == *tags { describe(aws, &arn).await? } else { None };
        if state.is_some_and(|key| key.enabled) {
            return Ok(Some(arn));
        }
    }
    Ok(None)
}

/// Checks that nobody has changed the policy since the plan was made. KMS has no condition for this, so someone may
/// still change it between this call and the next.
async fn unchanged(
    aws: &Aws,
    id: &str,
    before: &PolicyDocument,
    wanted: &PolicyDocument,
) -> Result<(), AwsError> {
    let look = || async {
        let get = || aws.read.kms.get_key_policy().key_id(id).policy_name("default").send();
        let text = match aws.call("kms:GetKeyPolicy", get).await {
            Ok(answer) => answer.policy.unwrap_or_default(),
            // A caller who may put a policy need not be allowed to read it.
            Err(error) if error.is_denied() => return Ok(true),
            Err(error) => return Err(error),
        };
        let partition = &aws.identity().await?.partition;
        let found = PolicyDocument::parse(&text, PolicyKind::Key { partition });
        Ok(found.is_ok_and(|found| may_replace(&found, Some(before), wanted)))
    };
    stale::unchanged(aws, ("kms:PutKeyPolicy", &format!("the policy of the key `{id}`")), look).await
}

async fn put_policy(aws: &Aws, id: &str, policy: &PolicyDocument) -> Result<(), AwsError> {
    let text = policy.to_json();
    let send = || aws.write.kms.put_key_policy().key_id(id).policy_name("default").policy(&text).send();
    aws.call_while("kms:PutKeyPolicy", send, || principals::exist(aws, policy)).await?;
    until_policy(aws, id, policy, aws.settled()).await
}

async fn create_alias(aws: &Aws, id: &str, alias: &str) -> Result<(), AwsError> {
    let send = || aws.write.kms.create_alias().alias_name(alias).target_key_id(id).send();
    match aws.call("kms:CreateAlias", send).await {
        Err(error) if error.has_code("AlreadyExistsException") => match describe(aws, alias).await? {
            Some(key) if key.key_id == id => Ok(()),
            Some(key) => Err(error.with_hint(format!(
                "`{alias}` leads to the key {}: take another alias, or move this one",
                key.key_id
            ))),
            None => Err(error),
        },
        Err(error) => Err(error),
        Ok(_) => until_alias(aws, id, alias).await,
    }
}

async fn schedule_deletion(aws: &Aws, id: &str, days: u32) -> Result<(), AwsError> {
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    let send = || aws.write.kms.schedule_key_deletion().key_id(id).pending_window_in_days(days).send();
    match aws.call("kms:ScheduleKeyDeletion", send).await {
        Err(error) if error.has_code("KMSInvalidStateException") && error.says("pending deletion") => Ok(()),
        answer => done_if_absent(answer),
    }
}

async fn cancel_deletion(aws: &Aws, id: &str) -> Result<(), AwsError> {
    let send = || aws.write.kms.cancel_key_deletion().key_id(id).send();
    match aws.call("kms:CancelKeyDeletion", send).await {
        Err(error) if error.has_code("KMSInvalidStateException") && error.says("not pending deletion") => {
            Ok(())
        }
        Err(error) => Err(error),
        Ok(_) => until_state(aws, id, "Disabled").await,
    }
}

/// Waits until several consecutive reads show the state, because reads go to replicas.
async fn until_state(aws: &Aws, key: &str, state: &str) -> Result<(), AwsError> {
    aws.until(&format!("the key `{key}` is `{state}`"), aws.settled(), || async {
        let found = describe(aws, key).await?.and_then(|key| key.key_state);
        Ok(found.is_some_and(|found| found.as_str() == state).then_some(()))
    })
    .await
}

/// Waits until every read shows the policy for as long as the pace requires.
async fn until_policy(aws: &Aws, key: &str, policy: &PolicyDocument, pace: Pace) -> Result<(), AwsError> {
    let what = format!("the key `{key}` shows the policy that the plan counts on");
    aws.until(&what, pace, || async {
        let send = || aws.read.kms.get_key_policy().key_id(key).policy_name("default").send();
        let text = match aws.call("kms:GetKeyPolicy", send).await {
            Ok(answer) => answer.policy.unwrap_or_default(),
            Err(error) if error.is_not_found() => return Ok(None),
            // A caller who may put a policy need not be allowed to read it.
            Err(error) if error.is_denied() => return Ok(Some(())),
            Err(error) => return Err(error),
        };
        // The partition only completes bare account ids, and the policy that was written contains none.
        let found = PolicyDocument::parse(&text, PolicyKind::Key { partition: "aws" });
        Ok(found.is_ok_and(|found| found == *policy).then_some(()))
    })
    .await
}

async fn until_alias(aws: &Aws, id: &str, alias: &str) -> Result<(), AwsError> {
    let what = format!("`{alias}` leads to the key `{id}`");
    aws.until(&what, aws.settled(), || async {
        let found = describe(aws, alias).await?;
        Ok(found.is_some_and(|key| key.key_id == id).then_some(()))
    })
    .await
}

fn kms_tags(operation: &str, tags: &Tags) -> Result<Vec<Tag>, AwsError> {
    let built: Result<Vec<Tag>, BuildError> =
        tags.iter().map(|(key, value)| Tag::builder().tag_key(key).tag_value(value).build()).collect();
    built.map_err(|error| AwsError::new(operation, ErrorKind::Invalid, error.to_string()))
}
