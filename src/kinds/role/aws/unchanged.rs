//! Reads a role right before a part of it is overwritten. IAM calls have no condition, so someone may still change the
//! role between this read and the call.

use crate::access::{PolicyDocument, PolicyKind};
use crate::aws::{Aws, AwsError};
use crate::kinds::Expected;
use crate::kinds::aws::stale::{may_replace, unchanged};
use crate::kinds::role::Op;
use crate::kinds::role::aws::decode;

/// Checks that the part that an operation replaces is still the one that the plan was made from.
///
/// # Errors
/// Someone has changed it since then.
pub async fn check(aws: &Aws, role: &str, (op, expected): (&Op, &Expected)) -> Result<(), AwsError> {
    match (op, expected) {
        (Op::PutTrust { trust }, Expected::Policy(before)) => {
            let look = || async {
                let is = self::trust(aws, role).await?;
                Ok(is.is_none_or(|is| may_replace(&is, Some(before.as_ref()), trust)))
            };
            let what = format!("the trust policy of the role `{role}`");
            unchanged(aws, ("iam:UpdateAssumeRolePolicy", &what), look).await
        }
        (Op::PutInline { policy, document }, Expected::Inline(before)) => {
            inline(aws, "iam:PutRolePolicy", (role, policy), (before.as_deref(), Some(document))).await
        }
        (Op::DeleteInline { policy }, Expected::Inline(before)) => {
            inline(aws, "iam:DeleteRolePolicy", (role, policy), (before.as_deref(), None)).await
        }
        _ => Ok(()),
    }
}

/// Reads the trust policy; `None` if the caller may not read it, because a caller who may write it need not be allowed
/// to.
async fn trust(aws: &Aws, role: &str) -> Result<Option<PolicyDocument>, AwsError> {
    let get = || aws.read.iam.get_role().role_name(role).send();
    let text = match aws.call("iam:GetRole", get).await {
        Ok(answer) => answer.role.and_then(|role| role.assume_role_policy_document).unwrap_or_default(),
        Err(error) if error.is_denied() => return Ok(None),
        Err(error) => return Err(error),
    };
    let partition = &aws.identity().await?.partition;
    Ok(Some(parsed(&text, PolicyKind::Trust { partition })))
}

async fn inline(
    aws: &Aws,
    operation: &str,
    (role, policy): (&str, &str),
    (before, wanted): (Option<&PolicyDocument>, Option<&PolicyDocument>),
) -> Result<(), AwsError> {
    let look = || async {
        let get = || aws.read.iam.get_role_policy().role_name(role).policy_name(policy).send();
        let is = match aws.call("iam:GetRolePolicy", get).await {
            Ok(answer) => Some(parsed(&answer.policy_document, PolicyKind::Identity)),
            Err(error) if error.is_not_found() => None,
            Err(error) if error.is_denied() => return Ok(true),
            Err(error) => return Err(error),
        };
        Ok(may_replace(&is.as_ref(), Some(&before), &wanted))
    };
    unchanged(aws, (operation, &format!("the policy `{policy}` of the role `{role}`")), look).await
}

/// Parses a document. One that cannot be parsed differs from every document that a plan was made from.
fn parsed(text: &str, kind: PolicyKind<'_>) -> PolicyDocument {
    PolicyDocument::parse(&decode(text), kind).unwrap_or_else(|_| PolicyDocument::new([]))
}
