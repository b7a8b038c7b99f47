//! The authorizer in front of the text-encryption API.

use std::time::{SystemTime, UNIX_EPOCH};

use lambda_runtime::tracing::{error, info};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::Value;
use text_encryption::authorizer::{Event, Refusal, answer};
use text_encryption::jwt::PublicKey;
use text_encryption::keys::KmsKey;
use text_encryption::runtime::{kms_client, log_kms_error, start_logging};
use text_encryption::settings::{AuthorizerSettings, environment};
use tokio::sync::OnceCell;

struct Authorizer {
    settings: AuthorizerSettings,
    token_key: KmsKey,
    /// The public key, fetched once; stays empty if that failed, so that the next invocation retries.
    public_key: OnceCell<PublicKey>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    start_logging();
    let settings = AuthorizerSettings::read(environment).inspect_err(|error| error!("{error}"))?;
    let token_key = KmsKey::new(kms_client().await, settings.token_key_id.clone());
    let authorizer = Authorizer { settings, token_key, public_key: OnceCell::new() };
    lambda_runtime::run(service_fn(|event| authorizer.handle(event))).await
}

impl Authorizer {
    async fn handle(&self, event: LambdaEvent<Event>) -> Result<Value, Diagnostic> {
        let request_id = event.context.request_id.as_str();
        let key = self.public_key.get_or_try_init(|| self.fetch(request_id)).await?;
        let AuthorizerSettings { expected, routes, .. } = &self.settings;
        answer(&event.payload, key, expected, routes, seconds_since_1970()).map_err(|refusal| {
            info!(request_id, "{refusal}");
            match refusal {
                // The only message that the gateway turns into a 401.
                Refusal::NoToken | Refusal::Token(_) => diagnostic("Unauthorized"),
                Refusal::Event(_) => diagnostic("BadEvent"),
            }
        })
    }

    async fn fetch(&self, request_id: &str) -> Result<PublicKey, Diagnostic> {
        let der = self.token_key.public_key().await.map_err(|error| {
            log_kms_error(&error, self.token_key.key_id(), request_id);
            diagnostic("TokenKeyUnavailable")
        })?;
        PublicKey::from_der(&der).map_err(|error| {
            error!(request_id, key = self.token_key.key_id(), "{error}");
            diagnostic("TokenKeyUnavailable")
        })
    }
}

fn diagnostic(name: &str) -> Diagnostic {
    Diagnostic { error_type: name.to_owned(), error_message: name.to_owned() }
}

#[expect(clippy::disallowed_methods, reason = "the binary hands the time to the pure code")]
fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
