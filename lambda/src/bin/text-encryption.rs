//! The function behind `POST /encrypt` and `POST /decrypt`.

use std::convert::Infallible;

use lambda_http::http::HeaderValue;
use lambda_http::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use lambda_http::request::RequestContext;
use lambda_http::tracing::{debug, error};
use lambda_http::{Body, Error, Request, RequestExt as _, Response, service_fn};
use text_encryption::api::{ApiError, Call};
use text_encryption::keys::KmsKey;
use text_encryption::runtime::{kms_client, log_kms_error, start_logging};
use text_encryption::service::answer;
use text_encryption::settings::{TextSettings, environment};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    start_logging();
    let settings = TextSettings::read(environment).inspect_err(|error| error!("{error}"))?;
    let key = KmsKey::new(kms_client().await, settings.key_id);
    lambda_http::run(service_fn(|request| handle(&key, request))).await
}

async fn handle(key: &KmsKey, request: Request) -> Result<Response<Body>, Infallible> {
    let id = request.lambda_context_ref().map(|context| context.request_id.as_str()).unwrap_or_default();
    let call = Call { method: request.method().as_str(), path: path(&request), body: request.body() };
    let written = match answer(key, call).await {
        Ok(answer) => serde_json::to_string(&answer).map_err(|_| ApiError::Internal),
        Err(refusal) => Err(refusal),
    };
    Ok(match written {
        Ok(body) => response(200, body, None),
        Err(refusal) => {
            log(&refusal, key.key_id(), id);
            response(refusal.status(), refusal.body(id), refusal.header())
        }
    })
}

/// Returns the path of the gateway's resource, which does not include the base path of a custom domain.
fn path(request: &Request) -> &str {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => context.resource_path.as_deref(),
        _ => None,
    }
    .filter(|path| !path.contains('{'))
    .unwrap_or_else(|| request.raw_http_path())
}

fn log(refusal: &ApiError, key_id: &str, request_id: &str) {
    match refusal {
        ApiError::Kms(error) if refusal.status() >= 500 => log_kms_error(error, key_id, request_id),
        _ if refusal.status() >= 500 => error!(request_id, code = refusal.code(), "{refusal}"),
        _ => debug!(request_id, code = refusal.code(), "{refusal}"),
    }
}

fn response(status: u16, body: String, header: Option<(&'static str, &'static str)>) -> Response<Body> {
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() = status.try_into().unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some((name, value)) = header {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}
