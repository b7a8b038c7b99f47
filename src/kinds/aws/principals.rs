//! Distinguishes a principal that AWS does not know yet from one that does not exist.

use futures::future::try_join_all;

use crate::access::{Arn, Clause, PolicyDocument, Principal};
use crate::aws::clients::Aws;
use crate::aws::error::{AwsError, ErrorKind};
use crate::aws::wait::Pace;

/// Checks that every role and user of this account that a policy names exists. If one is missing, waiting for the
/// service to know it is useless.
///
/// # Errors
/// A principal that was deleted, by ARN or by the unique id that remains of it.
pub(crate) async fn exist(aws: &Aws, policy: &PolicyDocument) -> Result<(), AwsError> {
    let account = aws.identity().await?.account.clone();
    let checks = policy.statements().iter().flat_map(|statement| match &statement.principals {
        Clause::Is(principals) | Clause::IsNot(principals) => principals.iter().collect::<Vec<_>>(),
        Clause::Absent => Vec::new(),
    });
    try_join_all(checks.map(|principal| exists(aws, &account, principal))).await?;
    Ok(())
}

async fn exists(aws: &Aws, account: &str, principal: &Principal) -> Result<(), AwsError> {
    let text = match principal {
        Principal::Arn(text) => text,
        Principal::UniqueId(id) => return Err(gone(id, "the principal behind it was deleted")),
        _ => return Ok(()),
    };
    let Some(arn) = Arn::split(text).filter(|arn| arn.service == "iam" && arn.account == account) else {
        return Ok(());
    };
    let name = arn.resource.rsplit('/').next().unwrap_or_default();
    let found = match arn.resource.split_once('/') {
        Some(("role", _)) => {
            // A role that was just created may not be visible in every read.
            let look = || async {
                match aws.call("iam:GetRole", || aws.read.iam.get_role().role_name(name).send()).await {
                    Ok(answer) => Ok(Some(answer.role.map(|role| role.arn))),
                    Err(error) if error.is_not_found() => Ok(None),
                    Err(error) => Err(error),
                }
            };
            match aws.until("the role shows", Pace::seconds(1, 10), look).await {
                Err(missing) if missing.kind() == ErrorKind::Timeout => {
                    return Err(gone(text, "there is none of this name"));
                }
                answer => answer,
            }
        }
        Some(("user", _)) => {
            let answer = aws.call("iam:GetUser", || aws.read.iam.get_user().user_name(name).send()).await;
            answer.map(|answer| answer.user.map(|user| user.arn))
        }
        _ => return Ok(()),
    };
    match found {
        Ok(Some(found)) if found.starts_with("arn:") && found != *text => {
            Err(gone(text, &format!("the one of this name is `{found}`")))
        }
        Err(error) if error.is_not_found() => Err(gone(text, "there is none of this name")),
        // Its existence is unknown, so the answer of the service decides.
        Ok(_) | Err(_) => Ok(()),
    }
}

fn gone(principal: &str, reason: &str) -> AwsError {
    let message = format!("the policy names `{principal}`, which does not exist: {reason}");
    AwsError::new("checking principals", ErrorKind::Invalid, message)
        .with_hint("name a principal that exists, or create it first")
}
