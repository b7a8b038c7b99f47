//! The clients of the AWS services, and the settings that they share.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::retry::RetryConfig;
use tokio::sync::OnceCell;

use super::complete::CompleteResponse;
use super::error::{AwsError, ErrorKind};
use super::halt::Halt;
use super::limits::Limits;
use super::pages;
use super::wait::Pace;
use crate::access::Arn;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout from sending a request to the beginning of its answer, the upload of an archive included.
const READ_TIMEOUT: Duration = Duration::from_secs(300);

/// Time that a change of a key policy may take until it is in effect everywhere; observed: seconds to minutes.
pub const POLICY_IN_EFFECT: Duration = Duration::from_secs(120);

/// Region, endpoint and credentials of the connection to AWS.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Region.
    pub region: String,
    /// Address of the AWS to call instead of the real one.
    pub endpoint: Option<String>,
    /// Profile of the shared configuration files.
    pub profile: Option<String>,
    /// Time that a change of a key policy may take until it is in effect everywhere. The default is
    /// [`POLICY_IN_EFFECT`], or zero for an AWS on this machine.
    pub policy_in_effect: Option<Duration>,
    /// Access key id and secret, for a local AWS. Otherwise the SDK's default chain of sources decides.
    pub static_credentials: Option<(String, String)>,
}

/// The identity of the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Account id, 12 digits.
    pub account: String,
    /// ARN as `GetCallerIdentity` returns it; for a role, that is the ARN of the session.
    pub arn: String,
    /// Partition, such as `aws`.
    pub partition: String,
}

/// One client per service.
#[derive(Clone, Debug)]
pub struct Clients {
    /// KMS.
    pub kms: aws_sdk_kms::Client,
    /// IAM.
    pub iam: aws_sdk_iam::Client,
    /// Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// API Gateway, REST APIs.
    pub apigateway: aws_sdk_apigateway::Client,
    /// CloudWatch Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// CloudTrail, to find out who changed what.
    pub cloudtrail: aws_sdk_cloudtrail::Client,
    /// Systems Manager, for its parameters.
    pub ssm: aws_sdk_ssm::Client,
    /// STS.
    pub sts: aws_sdk_sts::Client,
    /// Resource Groups Tagging.
    pub tagging: aws_sdk_resourcegroupstagging::Client,
}

/// A connection to AWS.
pub struct Aws {
    /// For calls that change nothing: the SDK retries them by itself.
    pub read: Clients,
    /// For calls that change something: only [`Aws::call`] retries them.
    pub write: Clients,
    /// Region of every call.
    pub region: String,
    /// Address of the AWS on this machine, when it is not the real one.
    pub endpoint: Option<String>,
    /// Stops all waiting.
    pub halt: Halt,
    pub(crate) limits: Limits,
    policy_in_effect: Duration,
    identity: OnceCell<Identity>,
    seen: Seen,
}

/// Number of calls of each operation, retries included; by names such as `kms:DescribeKey`.
pub type CallCount = BTreeMap<String, u64>;

impl Aws {
    /// Creates the clients. Makes no call.
    ///
    /// # Errors
    /// A region that is not valid.
    pub async fn connect(settings: &Settings) -> Result<Self, AwsError> {
        let Settings { region, endpoint, profile, policy_in_effect, static_credentials } = settings;
        if region.is_empty() {
            return Err(AwsError::new("connecting to AWS", ErrorKind::Invalid, "no region is given"));
        }
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client(endpoint.as_deref().is_some_and(is_loopback)))
            .region(Region::new(region.clone()));
        if let Ok(name) = AppName::new(concat!("lockstep-", env!("CARGO_PKG_VERSION"))) {
            loader = loader.app_name(name);
        }
        if let Some(endpoint) = endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(profile) = profile {
            loader = loader.profile_name(profile);
        }
        if let Some((id, secret)) = static_credentials {
            loader = loader.credentials_provider(aws_sdk_kms::config::Credentials::new(
                id, secret, None, None, "settings",
            ));
        }
        let aws = Self::over(&loader.load().await);
        Ok(Self {
            region: region.clone(),
            policy_in_effect: policy_in_effect.unwrap_or(aws.policy_in_effect),
            ..aws
        })
    }

    /// Creates the clients from a configuration of the SDK, such as one with another HTTP client. Makes no call.
    pub fn over(shared: &SdkConfig) -> Self {
        let seen = Seen::default();
        let local = shared.endpoint_url().filter(|endpoint| is_loopback(endpoint));
        Self {
            read: Clients::new(shared, &RetryConfig::standard(), &seen),
            write: Clients::new(shared, &RetryConfig::disabled(), &seen),
            region: shared.region().map(ToString::to_string).unwrap_or_default(),
            policy_in_effect: if local.is_some() { Duration::ZERO } else { POLICY_IN_EFFECT },
            identity: OnceCell::new(),
            endpoint: local.map(str::to_owned),
            halt: Halt::default(),
            limits: if local.is_some() { Limits::none() } else { Limits::of_aws() },
            seen,
        }
    }

    /// Returns the identity of the caller; AWS is asked once.
    ///
    /// # Errors
    /// Credentials that AWS does not accept, and no answer.
    pub async fn identity(&self) -> Result<&Identity, AwsError> {
        self.identity.get_or_try_init(|| self.ask_identity()).await
    }

    async fn ask_identity(&self) -> Result<Identity, AwsError> {
        let operation = "sts:GetCallerIdentity";
        let answer = self.call(operation, || self.read.sts.get_caller_identity().send()).await?;
        let arn = answer.arn.unwrap_or_default();
        let account = answer.account.unwrap_or_default();
        match Arn::split(&arn) {
            Some(parts) if !account.is_empty() => {
                Ok(Identity { account, partition: parts.partition.to_owned(), arn: arn.clone() })
            }
            _ => {
                Err(AwsError::new(operation, ErrorKind::Invalid, format!("`{arn}` is not a valid identity")))
            }
        }
    }

    /// Returns the pace at which to wait for a change that was just made: AWS answers reads from replicas, a local one
    /// does not.
    pub(crate) fn settled(&self) -> Pace {
        Pace::TWO_MINUTES.in_a_row(if self.endpoint.is_some() { 1 } else { 3 })
    }

    /// Returns the pace at which to wait until a key policy is in effect: no read shows whether it is, so all reads
    /// have to show it for as long as that may take.
    pub(crate) fn in_effect(&self) -> Pace {
        let settled = self.settled();
        let looks = self.policy_in_effect.as_secs_f64() / settled.every.as_secs_f64();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time is not negative")]
        let looks = looks.ceil() as u32 + 1;
        Pace { patience: settled.patience + 2 * self.policy_in_effect, ..settled.in_a_row(looks) }
    }

    /// Returns the number of calls of each operation so far.
    pub fn calls(&self) -> CallCount {
        self.seen.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns when AWS answered for the first time, in seconds since 1970 by its clock.
    pub fn began(&self) -> Option<u64> {
        self.seen.began.get().copied()
    }
}

/// Creates the HTTP client of all services, with the proxy that the environment names, which is not used for this
/// machine.
fn http_client(local: bool) -> SharedHttpClient {
    let settings =
        HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT);
    let proxy = if local { ProxyConfig::disabled() } else { ProxyConfig::from_env() };
    // The default TLS of the SDK needs a C library that takes longer to build than all of lockstep.
    let connector = Connector::builder()
        .connector_settings(settings.build())
        .proxy_config(proxy)
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build();
    let connector = SharedHttpConnector::new(connector);
    http_client_fn(move |_, _| connector.clone())
}

/// Returns whether an address is on this machine, where no rate limits apply.
fn is_loopback(endpoint: &str) -> bool {
    let host = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    let name =
        host.rsplit_once(':').map_or(host, |(name, port)| if port.ends_with(']') { host } else { name });
    name == "localhost" || name == "[::1]" || name.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback())
}

impl Clients {
    fn new(shared: &SdkConfig, retry: &RetryConfig, seen: &Seen) -> Self {
        macro_rules! client {
            ($sdk:ident, $service:literal) => {
                $sdk::Client::from_conf(
                    $sdk::config::Builder::from(shared)
                        .retry_config(retry.clone())
                        .interceptor(Counter { service: $service, seen: seen.clone() })
                        .interceptor(CompleteResponse { reads: retry.has_retry() })
                        .build(),
                )
            };
        }
        Self {
            kms: client!(aws_sdk_kms, "kms"),
            iam: client!(aws_sdk_iam, "iam"),
            lambda: client!(aws_sdk_lambda, "lambda"),
            apigateway: client!(aws_sdk_apigateway, "apigateway"),
            logs: client!(aws_sdk_cloudwatchlogs, "logs"),
            cloudtrail: client!(aws_sdk_cloudtrail, "cloudtrail"),
            ssm: client!(aws_sdk_ssm, "ssm"),
            sts: client!(aws_sdk_sts, "sts"),
            tagging: client!(aws_sdk_resourcegroupstagging, "tag"),
        }
    }
}

/// Counts of requests, and the time of the first answer.
#[derive(Clone, Debug, Default)]
struct Seen {
    calls: Arc<Mutex<CallCount>>,
    began: Arc<OnceLock<u64>>,
}

/// Returns the time of an answer, in seconds since 1970 by the clock of AWS.
pub(crate) fn date(answer: &HttpResponse) -> Option<i64> {
    let date = DateTime::from_str(answer.headers().get("date")?, Format::HttpDate);
    date.ok().map(|date| date.secs())
}

/// Counts every request that is sent, and dates the first answer.
#[derive(Debug)]
struct Counter {
    /// Prefix of the service's IAM actions.
    service: &'static str,
    seen: Seen,
}

impl Intercept for Counter {
    fn name(&self) -> &'static str {
        "call counter"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        pages::count()?;
        if let Some(operation) = config.load::<Metadata>() {
            let name = format!("{}:{}", self.service, operation.name());
            *self.seen.calls.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
        }
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(at) = date(context.response()).and_then(|date| u64::try_from(date).ok()) {
            self.seen.began.get_or_init(|| at);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_local() {
        assert!(
            is_loopback("http://127.0.0.1:4566")
                && is_loopback("http://localhost/x")
                && is_loopback("[::1]:1")
        );
        assert!(
            !is_loopback("https://kms.eu-west-1.amazonaws.com")
                && !is_loopback("http://localhost.example.com")
        );
    }
}
