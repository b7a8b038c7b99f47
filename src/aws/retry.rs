//! Decides which failed calls are retried, what is waited for in between, and for how long.
//!
//! Nothing is retried unless the table or a definite rejection says so. The SDK retries reads by itself. It never
//! retries a mutation, because it would do so after an unknown outcome and create a second key.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::time::Instant;

use super::clients::Aws;
use super::error::{AwsError, ErrorKind};
use super::pages;

/// The condition that a call waits for before it is retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Awaited {
    /// A principal named in a policy is known to the service.
    PrincipalVisible,
    /// A new key is known everywhere.
    KeyVisible,
    /// A key that was just enabled is enabled everywhere.
    KeyEnabled,
    /// A key leaves the states `Creating` and `Updating`.
    KeyReady,
    /// A key policy lets CloudWatch Logs use the key.
    KeyUsableByLogs,
    /// A new role is known everywhere.
    RoleVisible,
    /// Lambda can assume the role.
    RoleAssumable,
    /// API Gateway can write logs as the role.
    RoleWritable,
    /// The permissions of a role are in effect.
    PermissionsVisible,
    /// Detached policies are detached everywhere.
    PoliciesDetached,
    /// EC2 lets Lambda create network interfaces.
    NetworkReady,
    /// A running update of a function has ended.
    FunctionReady,
    /// A new function or alias is known everywhere.
    FunctionVisible,
    /// A change that someone else is making has ended.
    OtherChange,
    /// AWS accepts calls at this rate again.
    Rate,
    /// AWS has recovered.
    Recovery,
    /// AWS answers again.
    Answer,
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PrincipalVisible => "the principal to be known to the service",
            Self::KeyVisible => "the key to be visible",
            Self::KeyEnabled => "the key to count as enabled",
            Self::KeyReady => "the key to be ready",
            Self::KeyUsableByLogs => "the key policy to let CloudWatch Logs use the key",
            Self::RoleVisible => "the role to be visible",
            Self::RoleAssumable => "the role to be assumable by Lambda",
            Self::RoleWritable => "API Gateway to be able to write logs as the role",
            Self::PermissionsVisible => "the role's permissions to arrive",
            Self::PoliciesDetached => "the role's policies to count as detached",
            Self::NetworkReady => "EC2 to let Lambda make network interfaces",
            Self::FunctionReady => "the function's running update to end",
            Self::FunctionVisible => "the function to be visible",
            Self::OtherChange => "another change to end",
            Self::Rate => "AWS to accept more calls",
            Self::Recovery => "AWS to recover",
            Self::Answer => "an answer of AWS",
        })
    }
}

/// One row of the table: an error that goes away by itself.
struct Rule {
    /// `service:Operation`, or `service:` for every mutation of the service.
    operations: &'static [&'static str],
    codes: &'static [&'static str],
    /// Part of the message of AWS, ignoring letter case; empty if the code is enough.
    says: &'static str,
    awaited: Awaited,
    seconds: u64,
}

const fn rule(
    operations: &'static [&'static str],
    codes: &'static [&'static str],
    says: &'static str,
    awaited: Awaited,
    seconds: u64,
) -> Rule {
    Rule { operations, codes, says, awaited, seconds }
}

const KEY_NOT_FOUND: &[&str] =
    &["kms:CreateAlias", "kms:UpdateAlias", "kms:PutKeyPolicy", "kms:EnableKeyRotation", "kms:EnableKey"];
const ROLE_NOT_FOUND: &[&str] = &[
    "iam:AttachRolePolicy",
    "iam:PutRolePolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateRole",
    "iam:TagRole",
];
const CONFIGURATION: &[&str] = &["lambda:CreateFunction", "lambda:UpdateFunctionConfiguration"];
const INVALID: &[&str] = &["InvalidParameterValueException"];

/// If one code has several meanings, the message decides.
static RULES: &[Rule] = &[
    // Syntax errors and the lock-out check have the same code, and never go away.
    rule(
        &["kms:CreateKey", "kms:PutKeyPolicy"],
        &["MalformedPolicyDocumentException"],
        "invalid principals",
        Awaited::PrincipalVisible,
        120,
    ),
    rule(
        &["iam:CreateRole", "iam:UpdateAssumeRolePolicy"],
        &["MalformedPolicyDocument"],
        "invalid principal",
        Awaited::PrincipalVisible,
        120,
    ),
    rule(KEY_NOT_FOUND, &["NotFoundException"], "", Awaited::KeyVisible, 120),
    rule(&["kms:EnableKeyRotation"], &["DisabledException"], "", Awaited::KeyEnabled, 120),
    rule(&["kms:"], &["KMSInvalidStateException"], "creating", Awaited::KeyReady, 120),
    rule(&["kms:"], &["KMSInvalidStateException"], "updating", Awaited::KeyReady, 120),
    // A managed policy that does not exist has the same code.
    rule(ROLE_NOT_FOUND, &["NoSuchEntity"], "role with name", Awaited::RoleVisible, 120),
    rule(&["iam:DeleteRole"], &["DeleteConflict"], "", Awaited::PoliciesDetached, 120),
    rule(
        &["iam:"],
        &["ConcurrentModification", "EntityTemporarilyUnmodifiable"],
        "",
        Awaited::OtherChange,
        120,
    ),
    rule(&["ssm:"], &["TooManyUpdates"], "", Awaited::OtherChange, 30),
    rule(&["logs:"], &["OperationAbortedException"], "", Awaited::OtherChange, 60),
    rule(
        &["logs:CreateLogGroup", "logs:AssociateKmsKey"],
        &["InvalidParameterException"],
        "not allowed to be used",
        Awaited::KeyUsableByLogs,
        60,
    ),
    rule(CONFIGURATION, INVALID, "cannot be assumed by lambda", Awaited::RoleAssumable, 120),
    rule(
        CONFIGURATION,
        INVALID,
        "execution role does not have permissions",
        Awaited::PermissionsVisible,
        120,
    ),
    rule(CONFIGURATION, INVALID, "invalid for creategrant", Awaited::PrincipalVisible, 120),
    rule(CONFIGURATION, INVALID, "throttled by ec2", Awaited::NetworkReady, 540),
    rule(&["lambda:"], &["ResourceConflictException"], "in progress", Awaited::FunctionReady, 300),
    rule(&["lambda:"], &["ResourceConflictException"], "at this time", Awaited::FunctionReady, 300),
    rule(&["lambda:AddPermission"], &["ResourceNotFoundException"], "", Awaited::FunctionVisible, 60),
    rule(&["apigateway:"], &["ConflictException"], "try again", Awaited::OtherChange, 120),
    rule(&["apigateway:"], &["ConflictException"], "concurrent", Awaited::OtherChange, 120),
    rule(
        &["apigateway:UpdateAccount"],
        &["BadRequestException"],
        "does not have required permissions",
        Awaited::RoleWritable,
        120,
    ),
    rule(
        &["apigateway:UpdateAccount"],
        &["BadRequestException"],
        "could not successfully write",
        Awaited::RoleWritable,
        120,
    ),
];

/// Creations that AWS cannot tell from a second one: they have no token and no unique name. After an unknown outcome
/// they are not retried.
const ONCE: &[&str] = &[
    "kms:CreateKey",
    "apigateway:CreateRestApi",
    "apigateway:CreateDeployment",
    "apigateway:CreateUsagePlan",
    "apigateway:CreateApiKey",
];

/// Returns what to wait for after a failed call, and the longest time for that. `None` for errors that do not go away.
fn verdict(operation: &str, error: &AwsError) -> Option<(Awaited, Duration)> {
    let matches = |rule: &&Rule| {
        let named = |name: &&str| operation == *name || (name.ends_with(':') && operation.starts_with(name));
        rule.operations.iter().any(named)
            && rule.codes.iter().any(|code| error.has_code(code))
            && error.says(rule.says)
    };
    if let Some(rule) = RULES.iter().find(matches) {
        return Some((rule.awaited, Duration::from_secs(rule.seconds)));
    }
    let minutes = |count: u64| Duration::from_secs(60 * count);
    match error.kind() {
        ErrorKind::Throttled => Some((Awaited::Rate, minutes(5))),
        // The SDK has already retried reads.
        _ if is_read(operation) => None,
        ErrorKind::Transient if !ONCE.contains(&operation) => Some((Awaited::Recovery, minutes(1))),
        ErrorKind::Unknown if !ONCE.contains(&operation) => Some((Awaited::Answer, minutes(1))),
        _ => None,
    }
}

fn is_read(operation: &str) -> bool {
    let name = operation.split_once(':').map_or(operation, |(_, name)| name);
    ["Get", "List", "Describe", "Lookup"].iter().any(|verb| name.starts_with(verb))
}

impl Aws {
    /// Makes a call at the rate that AWS allows, and retries it as long as its error is one that goes away.
    ///
    /// `operation` is the action by its IAM name, such as `kms:CreateKey`. Reads go through
    /// [`read`](Aws::read), everything that changes something through [`write`](Aws::write).
    ///
    /// # Errors
    /// The last error, with what was waited for and how long; [`ErrorKind::Halted`] if waiting was cut short.
    pub async fn call<T, E, Sent>(
        &self,
        operation: &'static str,
        send: impl Fn() -> Sent,
    ) -> Result<T, AwsError>
    where
        Sent: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.call_while(operation, send, || async { Ok(()) }).await
    }

    /// Makes a call like [`call`](Self::call), but runs `hope` once before it waits for a principal to become visible,
    /// to check whether waiting can help.
    ///
    /// # Errors
    /// The error of `hope` replaces that of the call.
    pub async fn call_while<T, E, Sent, Hope>(
        &self,
        operation: &'static str,
        send: impl Fn() -> Sent,
        hope: impl Fn() -> Hope,
    ) -> Result<T, AwsError>
    where
        Sent: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        Hope: Future<Output = Result<(), AwsError>>,
    {
        let started = Instant::now();
        let mut hopeful = false;
        let mut pause = Duration::from_secs(1);
        loop {
            if !self.limits.take(operation, &self.halt).await {
                return Err(AwsError::halted(operation));
            }
            let error = match pages::bounded(send()).await {
                Some(Ok(output)) => return Ok(output),
                Some(Err(error)) => AwsError::from_sdk(operation, error),
                None => return Err(pages::endless(operation)),
            };
            let Some((awaited, patience)) = verdict(operation, &error) else { return Err(error) };
            if awaited == Awaited::PrincipalVisible && !hopeful {
                hope().await?;
                hopeful = true;
            }
            let waited = started.elapsed();
            let next = error.retry_after().map_or(pause, |asked| asked.max(pause));
            // AWS says how long to wait, and may send any value.
            if waited.saturating_add(next) > patience {
                return Err(error.after_waiting(awaited, waited));
            }
            if !self.halt.sleep(next).await {
                return Err(AwsError::halted(operation));
            }
            pause = (pause * 2).min(Duration::from_secs(10));
        }
    }
}

#[cfg(test)]
mod tests;
