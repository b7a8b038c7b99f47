//! The cold start of both functions, and their log.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use lambda_runtime::tracing::error;
use lambda_runtime::tracing::subscriber;

use crate::kms_error::{Denial, KmsError, KmsErrorKind};
use crate::settings::environment;

/// Configures the log: one JSON object per line on standard output.
///
/// `LOG_LEVEL` applies to this crate only, because at their lowest levels the libraries below log whole events,
/// including the texts. The runtime's own line for each error that a handler returns is left out: the handler
/// has already logged it more clearly, and a refused token is not an error of the function.
pub fn start_logging() {
    let level = environment("LOG_LEVEL").and_then(|level| level.parse().ok());
    let level: subscriber::filter::LevelFilter = level.unwrap_or(subscriber::filter::LevelFilter::INFO);
    let filter = subscriber::EnvFilter::new(format!(
        "warn,lambda_runtime::layers::panic=off,text_encryption={level},authorizer={level}"
    ));
    subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .without_time()
        .with_env_filter(filter)
        .init();
}

/// Builds the KMS client; nothing is sent until its first call.
///
/// Three attempts of at most 2.5 s end within 8 s, so that a function with a time limit of 10 s answers.
pub async fn kms_client() -> aws_sdk_kms::Client {
    let https =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_millis(2500))
        .operation_timeout(Duration::from_secs(8))
        .build();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(https)
        .timeout_config(timeouts)
        .retry_config(
            RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(100)),
        )
        .load()
        .await;
    aws_sdk_kms::Client::new(&config)
}

/// Logs a failure of KMS in one line, with the role and the key, so that nobody has to guess them.
pub fn log_kms_error(error: &KmsError, configured_key: &str, request_id: &str) {
    let none = Denial::default();
    let denial = if let KmsErrorKind::AccessDenied(denial) = &error.kind { denial } else { &none };
    // KMS does not name the caller in every denial; the stack may have put the role into the environment.
    let role = denial.role.clone().or_else(|| environment("ROLE_NAME"));
    error!(
        request_id,
        role = role.as_deref(),
        principal = denial.principal.as_deref(),
        key = denial.key.as_deref().unwrap_or(configured_key),
        action = %format_args!("kms:{}", error.operation),
        kms_code = error.code.as_deref(),
        kms_request_id = error.request_id.as_deref(),
        "{}",
        advice(&error.kind)
    );
}

fn advice(kind: &KmsErrorKind) -> &'static str {
    match kind {
        KmsErrorKind::AccessDenied(_) => "the key does not let the role in, add the role to the key policy",
        KmsErrorKind::Throttled => "kms throttled the call, look at its request quota",
        KmsErrorKind::KeyUnavailable => "the key is disabled, pending deletion, gone or of another use",
        KmsErrorKind::BadCiphertext => "the ciphertext is not of this key and context",
        KmsErrorKind::Unreachable => "kms did not answer in time, look at the network of the function",
        KmsErrorKind::Failed => "kms failed, look its code up",
    }
}
