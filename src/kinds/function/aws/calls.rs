//! The calls on one function that both reading and changing it need.

use std::collections::BTreeMap;

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::operation::list_aliases::ListAliasesError;
use aws_sdk_lambda::operation::list_versions_by_function::ListVersionsByFunctionError;
use aws_sdk_lambda::types::{AliasConfiguration, FunctionConfiguration, LastUpdateStatus, State};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

use super::read;
use crate::aws::Aws;
use crate::aws::error::{AwsError, ErrorKind};
use crate::aws::wait::Pace;
use crate::kinds::function::Permission;

/// One function by name.
#[derive(Clone, Copy)]
pub(super) struct Function<'a> {
    pub aws: &'a Aws,
    pub name: &'a str,
}

impl Function<'_> {
    /// Reads configuration, tags and reserved concurrency.
    pub async fn get(&self) -> Result<GetFunctionOutput, AwsError> {
        let get = || self.aws.read.lambda.get_function().function_name(self.name).send();
        self.aws.call("lambda:GetFunction", get).await
    }

    /// Lists every published version, oldest first. All pages are one call, so that they are counted together.
    pub async fn versions(&self) -> Result<Vec<FunctionConfiguration>, AwsError> {
        let list = || async {
            let (mut versions, mut marker) = (Vec::new(), None);
            loop {
                let call = self.aws.read.lambda.list_versions_by_function().function_name(self.name);
                let page = call.set_marker(marker).send().await?;
                let published = page.versions.unwrap_or_default().into_iter();
                versions.extend(published.filter(|version| version.version() != Some("$LATEST")));
                marker = page.next_marker.filter(|marker| !marker.is_empty());
                if marker.is_none() {
                    return Ok::<_, SdkError<ListVersionsByFunctionError, HttpResponse>>(versions);
                }
            }
        };
        self.aws.call("lambda:ListVersionsByFunction", list).await
    }

    /// Lists every alias, in one call as well.
    pub async fn aliases(&self) -> Result<Vec<AliasConfiguration>, AwsError> {
        let list = || async {
            let (mut aliases, mut marker) = (Vec::new(), None);
            loop {
                let call = self.aws.read.lambda.list_aliases().function_name(self.name);
                let page = call.set_marker(marker).send().await?;
                aliases.extend(page.aliases.unwrap_or_default());
                marker = page.next_marker.filter(|marker| !marker.is_empty());
                if marker.is_none() {
                    return Ok::<_, SdkError<ListAliasesError, HttpResponse>>(aliases);
                }
            }
        };
        self.aws.call("lambda:ListAliases", list).await
    }

    /// Reads the statements of lockstep in the policy of the function or of one alias, and the revision of that policy.
    pub async fn policy(&self, arn: &str, alias: Option<&str>) -> Result<Policy, AwsError> {
        let operation = "lambda:GetPolicy";
        let get = || {
            let call = self.aws.read.lambda.get_policy().function_name(self.name);
            call.set_qualifier(alias.map(str::to_owned)).send()
        };
        let answer = match self.aws.call(operation, get).await {
            Ok(answer) => answer,
            Err(error) if error.is_not_found() => return Ok(Policy::default()),
            Err(error) => return Err(error),
        };
        let mut statements = read::permissions(arn, answer.policy().unwrap_or("{}")).map_err(|error| {
            AwsError::new(operation, ErrorKind::Invalid, format!("the policy of `{}`: {error}", self.name))
        })?;
        // The local AWS returns the statements of all aliases in the policy of the function.
        statements.retain(|_, permission| permission.alias.as_deref() == alias);
        Ok(Policy { statements, revision: answer.revision_id })
    }

    /// Waits until a function that was just created can be read.
    pub async fn visible(&self) -> Result<(), AwsError> {
        let look = || async {
            match self.get().await {
                Err(error) if error.is_not_found() => Ok(None),
                answer => answer.map(|_| Some(())),
            }
        };
        self.aws.until(&format!("function `{}` is visible", self.name), Pace::TWO_MINUTES, look).await
    }

    /// Waits until no update is running, and returns the function, even if its last update failed.
    pub async fn idle(&self) -> Result<FunctionConfiguration, AwsError> {
        let what = format!("the update of function `{}` has ended", self.name);
        let look = || async {
            let Some(config) = self.get().await?.configuration else { return Ok(None) };
            // A status that is absent counts as running.
            let ended = matches!(
                config.last_update_status(),
                Some(LastUpdateStatus::Successful | LastUpdateStatus::Failed)
            );
            let running = config.state() == Some(&State::Pending) || !ended;
            let failed = config.state() == Some(&State::Failed);
            Ok((failed || !running).then_some(config))
        };
        self.aws.until(&what, Pace::FIVE_MINUTES, look).await
    }

    /// Waits until no update is running, and returns the function.
    ///
    /// # Errors
    /// The reason why the last update failed; the function continues to run as before.
    pub async fn settled(&self) -> Result<FunctionConfiguration, AwsError> {
        let config = self.idle().await?;
        let failed = config.state() == Some(&State::Failed)
            || config.last_update_status() == Some(&LastUpdateStatus::Failed);
        if failed { Err(failure(self.name, &config)) } else { Ok(config) }
    }

    /// Waits until a published version can be invoked.
    pub async fn version_active(&self, version: &str) -> Result<(), AwsError> {
        let what = format!("version {version} of function `{}` is active", self.name);
        let look = || async {
            let get = || {
                let call = self.aws.read.lambda.get_function().function_name(self.name);
                call.qualifier(version).send()
            };
            let answer = match self.aws.call("lambda:GetFunction", get).await {
                // A version that was just published may not be visible everywhere yet.
                Err(error) if error.is_not_found() => return Ok(None),
                answer => answer?,
            };
            let Some(config) = answer.configuration else { return Ok(None) };
            match config.state() {
                Some(State::Failed) => Err(failure(self.name, &config)),
                Some(State::Pending) | None => Ok(None),
                Some(_) => Ok(Some(())),
            }
        };
        self.aws.until(&what, Pace::FIVE_MINUTES, look).await
    }

    /// Waits until the function is gone.
    pub async fn gone(&self) -> Result<(), AwsError> {
        let what = format!("function `{}` is gone", self.name);
        let look = || async {
            match self.get().await {
                Err(error) if error.is_not_found() => Ok(Some(())),
                Err(error) => Err(error),
                Ok(_) => Ok(None),
            }
        };
        self.aws.until(&what, Pace::FIVE_MINUTES, look).await
    }
}

/// The statements of lockstep in a resource policy.
#[derive(Default)]
pub(super) struct Policy {
    /// Statements by id.
    pub statements: BTreeMap<String, Permission>,
    /// Revision of the whole policy; `None` where there is no policy.
    pub revision: Option<String>,
}

/// Describes a failed creation or update.
fn failure(name: &str, config: &FunctionConfiguration) -> AwsError {
    let update = config.last_update_status() == Some(&LastUpdateStatus::Failed);
    let (code, reason) = if update {
        (
            config.last_update_status_reason_code().map(|code| code.as_str()),
            config.last_update_status_reason(),
        )
    } else {
        (config.state_reason_code().map(|code| code.as_str()), config.state_reason())
    };
    let code = code.unwrap_or("no reason code");
    let message = format!("{code}: {}", reason.unwrap_or("AWS gives no reason"));
    AwsError::new(format!("updating function `{name}`"), ErrorKind::Invalid, message).with_hint(advice(code))
}

/// Returns the advice for the reason of a failed update. Source: Lambda API reference, `LastUpdateStatusReasonCode`.
fn advice(code: &str) -> &'static str {
    match code {
        "KMSKeyAccessDenied" => {
            "let the function's role and the caller use the key of the environment variables"
        }
        "KMSKeyNotFound" | "InvalidStateKMSKey" | "DisabledKMSKey" => {
            "the key of the environment variables must exist and be enabled"
        }
        "InsufficientRolePermissions" => {
            "give the role the network permissions of AWSLambdaVPCAccessExecutionRole"
        }
        "EniLimitExceeded" | "SubnetOutOfIPAddresses" => {
            "free network interfaces or addresses in the subnets"
        }
        "InvalidSubnet" | "InvalidSecurityGroup" => "the subnets and security groups must exist in one VPC",
        "InvalidRuntime" => "take a runtime that Lambda still supports",
        "InvalidZipFileException" => "build the code again: the archive is damaged",
        "ImageDeleted" | "ImageAccessDenied" | "InvalidImage" => {
            "the function is made from an image; use an archive"
        }
        code if code.starts_with("FunctionError") => "the code fails while it starts: see the function's log",
        code if code.starts_with("EFS") => "the file system must be mountable from the function's subnets",
        _ => "run this again; the function goes on as it was before",
    }
}
