//! The IAM user that lockstep works as in the local AWS.
//!
//! The emulator lets its root keys do everything, regardless of key policies. An IAM user with
//! `AdministratorAccess` is refused where AWS would refuse it.

use std::error::Error;
use std::time::Duration;

use aws_sdk_iam::Client;
use aws_sdk_iam::config::retry::RetryConfig;
use aws_sdk_iam::config::timeout::TimeoutConfig;
use aws_sdk_iam::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_http_client::Builder;

use super::Secret;
use super::error::LocalError;
use super::record::Operator;
use super::server::endpoint;

const NAME: &str = "lockstep-operator";
const POLICY: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// Ensures that the operator exists with the known access key, and returns its key.
///
/// A key that the emulator does not know (because it was killed before it saved) is replaced.
pub(super) async fn ensure(port: u16, region: &str, known: Option<Operator>) -> Result<Operator, LocalError> {
    let iam = root_client(port, region);
    let created = iam.create_user().user_name(NAME).send().await;
    if let Err(error) = created
        && !error.as_service_error().is_some_and(|service| service.is_entity_already_exists_exception())
    {
        return Err(refused("CreateUser")(error));
    }
    iam.attach_user_policy()
        .user_name(NAME)
        .policy_arn(POLICY)
        .send()
        .await
        .map_err(refused("AttachUserPolicy"))?;
    let listed = iam.list_access_keys().user_name(NAME).send().await.map_err(refused("ListAccessKeys"))?;
    let ids: Vec<&str> = listed.access_key_metadata().iter().filter_map(|key| key.access_key_id()).collect();
    if let Some(known) = known
        && ids.contains(&known.access_key_id.as_str())
    {
        return Ok(known);
    }
    for id in ids {
        // The secret of the key is lost, and a user can have only two keys.
        iam.delete_access_key()
            .user_name(NAME)
            .access_key_id(id)
            .send()
            .await
            .map_err(refused("DeleteAccessKey"))?;
    }
    let made = iam.create_access_key().user_name(NAME).send().await.map_err(refused("CreateAccessKey"))?;
    let key = made.access_key().ok_or("the answer holds no key").map_err(refused("CreateAccessKey"))?;
    Ok(Operator {
        access_key_id: key.access_key_id().to_owned(),
        secret_access_key: Secret::new(key.secret_access_key()),
    })
}

fn root_client(port: u16, region: &str) -> Client {
    let patience = TimeoutConfig::builder().operation_timeout(Duration::from_secs(20)).build();
    let config = aws_sdk_iam::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .endpoint_url(endpoint(port))
        .credentials_provider(Credentials::new("test", "test", None, None, "local AWS"))
        .retry_config(RetryConfig::disabled())
        .timeout_config(patience)
        .http_client(Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

fn refused<E: Into<Box<dyn Error + Send + Sync>>>(operation: &'static str) -> impl FnOnce(E) -> LocalError {
    move |source| LocalError::Operator { operation, source: source.into() }
}
