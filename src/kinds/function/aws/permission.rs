//! Statements of a function's resource policies.

use super::calls::Function;
use crate::aws::{AwsError, ErrorKind};
use crate::kinds::aws::perform::done_if_absent;
use crate::kinds::function::Permission;

/// Concurrent calls on one function can lose statements silently, as users of other provisioners have seen, so only one
/// call is made at a time. The revision protects against calls of others.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Adds a statement, and replaces the one that has its id, if any.
pub(super) async fn add(function: Function<'_>, sid: &str, permission: &Permission) -> Result<(), AwsError> {
    let _turn = ONE_AT_A_TIME.lock().await;
    let Present { arn, statements } = present(function, sid).await?;
    let (in_place, mut elsewhere): (Vec<_>, Vec<_>) =
        statements.into_iter().partition(|there| there.alias == permission.alias);
    if !in_place.contains(permission) {
        if !in_place.is_empty() {
            remove_one(function, &arn, sid, permission.alias.as_deref()).await?;
        }
        match put(function, &arn, sid, permission).await {
            // The local AWS allows an id only once for a function and all of its aliases, deleted ones included.
            Err(error) if error.kind() == ErrorKind::Conflict && function.aws.endpoint.is_some() => {
                remove_one(function, &arn, sid, None).await?;
                elsewhere.clear();
                put(function, &arn, sid, permission).await?;
            }
            answer => answer?,
        }
    }
    // Removed only now, because the statement that this one replaces may be the one that lets traffic in.
    for there in elsewhere {
        remove_one(function, &arn, sid, there.alias.as_deref()).await?;
    }
    Ok(())
}

/// Removes a statement; one that does not exist counts as removed.
pub(super) async fn remove(function: Function<'_>, sid: &str, alias: Option<&str>) -> Result<(), AwsError> {
    let _turn = ONE_AT_A_TIME.lock().await;
    match arn(function).await {
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error),
        Ok(arn) => remove_one(function, &arn, sid, alias).await,
    }
}

/// The statements with one id in the policies of a function and its aliases.
struct Present {
    arn: String,
    statements: Vec<Permission>,
}

async fn present(function: Function<'_>, sid: &str) -> Result<Present, AwsError> {
    let arn = arn(function).await?;
    let aliases = function.aliases().await?;
    let mut statements = Vec::new();
    for alias in std::iter::once(None).chain(aliases.iter().map(|alias| alias.name())) {
        statements.extend(function.policy(&arn, alias).await?.statements.remove(sid));
    }
    Ok(Present { arn, statements })
}

async fn arn(function: Function<'_>) -> Result<String, AwsError> {
    let config = function.get().await?.configuration;
    Ok(config.and_then(|config| config.function_arn).unwrap_or_default())
}

async fn put(function: Function<'_>, arn: &str, sid: &str, permission: &Permission) -> Result<(), AwsError> {
    let Permission { principal, source_arn, alias } = permission;
    let revision = function.policy(arn, alias.as_deref()).await?.revision;
    let add = || {
        let call = function.aws.write.lambda.add_permission().function_name(function.name);
        call.statement_id(sid)
            .action("lambda:InvokeFunction")
            .principal(principal)
            .source_arn(source_arn)
            .set_qualifier(alias.clone())
            .set_revision_id(revision.clone())
            .send()
    };
    match function.aws.call("lambda:AddPermission", add).await {
        // An attempt before this one succeeded, but its answer was lost.
        Err(error) if error.kind() == ErrorKind::Conflict => {
            let there = function.policy(arn, alias.as_deref()).await?.statements.remove(sid);
            if there.as_ref() == Some(permission) { Ok(()) } else { Err(error) }
        }
        answer => answer.map(drop),
    }
}

async fn remove_one(
    function: Function<'_>,
    arn: &str,
    sid: &str,
    alias: Option<&str>,
) -> Result<(), AwsError> {
    let revision = function.policy(arn, alias).await?.revision;
    let remove = || {
        let call = function.aws.write.lambda.remove_permission().function_name(function.name);
        let call = call.statement_id(sid).set_qualifier(alias.map(str::to_owned));
        call.set_revision_id(revision.clone()).send()
    };
    done_if_absent(function.aws.call("lambda:RemovePermission", remove).await)
}
