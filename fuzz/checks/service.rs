//! An AWS that gives prepared answers without a network, connected to the real SDK in place of its HTTP client.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_kms::config::{AsyncSleep, Credentials, SharedAsyncSleep, SharedCredentialsProvider, Sleep};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use lockstep::aws::Aws;

/// Placeholder in an answer for the number of the request, so that no two answers have to be the same.
const NUMBER: &[u8] = b"@@NUMBER@@";

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Answers by operation, in order; the last one is repeated.
#[derive(Clone, Debug, Default)]
pub struct Answers(BTreeMap<String, Vec<Answer>>);

impl Answers {
    /// Reads sections that begin with a line such as `%% kms:DescribeKey 200 retry-after=7`. Text before the first
    /// section is ignored.
    pub fn parse(mut data: &[u8]) -> Self {
        let mut answers = Self::default();
        while let Some(start) = section(data) {
            let rest = &data[start..];
            let end = section(rest).map_or(rest.len(), |next| next - 3);
            let (head, body) = split(&rest[..end], b'\n');
            let head = String::from_utf8_lossy(head);
            let mut words = head.split(' ');
            let operation = words.next().unwrap_or_default().to_owned();
            let status = words.next().and_then(|word| word.parse().ok()).unwrap_or(200);
            let headers = words.filter_map(|word| word.split_once('='));
            let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let body = body.strip_suffix(b"\n").unwrap_or(body).to_vec();
            answers.0.entry(operation).or_default().push(Answer { status, headers, body });
            data = &rest[end..];
        }
        answers
    }

    /// Lists the operations.
    pub fn operations(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns the body of the first answer to an operation.
    pub fn body(&self, operation: &str) -> &[u8] {
        self.0.get(operation).and_then(|answers| answers.first()).map_or(b"", |answer| &answer.body)
    }

    /// Replaces the answers to the same operations.
    pub fn over(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Sets one answer to an operation.
    pub fn with(mut self, operation: &str, status: u16, body: &[u8]) -> Self {
        let answer = Answer { status, headers: Vec::new(), body: body.to_vec() };
        self.0.insert(operation.to_owned(), vec![answer]);
        self
    }
}

/// Finds what follows the next `%% ` at the beginning of a line.
fn section(data: &[u8]) -> Option<usize> {
    let begins = |at: &usize| data[*at..].starts_with(b"%% ") && (*at == 0 || data[*at - 1] == b'\n');
    (0..data.len()).find(begins).map(|at| at + 3)
}

fn split(data: &[u8], at: u8) -> (&[u8], &[u8]) {
    let end = data.iter().position(|byte| *byte == at);
    end.map_or((data, b""), |end| (&data[..end], &data[end + 1..]))
}

#[derive(Debug)]
struct State {
    answers: Answers,
    asked: BTreeMap<String, usize>,
    requests: usize,
    patience: usize,
}

/// The connection to the SDK.
#[derive(Clone, Debug)]
struct Service(Arc<Mutex<State>>);

impl HttpConnector for Service {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        HttpConnectorFuture::new(ready(Ok(state.answer(&operation(&request)))))
    }
}

impl State {
    fn answer(&mut self, operation: &str) -> HttpResponse {
        self.requests += 1;
        if self.requests > self.patience {
            return response(403, br#"{"__type":"AccessDeniedException","message":"enough"}"#.to_vec());
        }
        let asked = self.asked.entry(operation.to_owned()).or_default();
        let answers = self.answers.0.get(operation).map_or(&[][..], Vec::as_slice);
        let answer = answers.get(*asked).or(answers.last());
        *asked += 1;
        let Some(answer) = answer else {
            let body = br#"{"__type":"ResourceNotFoundException","message":"there is none"}"#;
            let mut response = response(404, body.to_vec());
            response.headers_mut().insert("x-amzn-errortype", "ResourceNotFoundException");
            return response;
        };
        let mut response = response(answer.status, replaced(&answer.body, self.requests));
        for (name, value) in &answer.headers {
            // A header that is not valid cannot be transmitted.
            let _ = response.headers_mut().try_insert(name.clone(), value.clone());
        }
        response
    }
}

fn response(status: u16, body: Vec<u8>) -> HttpResponse {
    let ok = StatusCode::try_from(200).expect("200 is a status");
    HttpResponse::new(StatusCode::try_from(status).unwrap_or(ok), SdkBody::from(body))
}

fn replaced(body: &[u8], number: usize) -> Vec<u8> {
    let Some(at) = body.windows(NUMBER.len()).position(|window| window == NUMBER) else {
        return body.to_vec();
    };
    [&body[..at], number.to_string().as_bytes(), &body[at + NUMBER.len()..]].concat()
}

/// Returns the operation of a request: `kms:DescribeKey`, or for services without such names `GET/a/*/b`, where every
/// other part of the path is the name of something.
fn operation(request: &HttpRequest) -> String {
    if let Some(target) = request.headers().get("x-amz-target") {
        let (service, name) = target.split_once('.').unwrap_or(("", target));
        let service = match service {
            "TrentService" => "kms",
            "Logs_20140328" => "logs",
            "AmazonSSM" => "ssm",
            _ => "tag",
        };
        return format!("{service}:{name}");
    }
    let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
    if let Some((_, rest)) = body.split_once("Action=") {
        let name = rest.split('&').next().unwrap_or_default();
        let service = if name == "GetCallerIdentity" { "sts" } else { "iam" };
        return format!("{service}:{name}");
    }
    let path = request.uri().split_once("://").map_or(request.uri(), |(_, rest)| rest);
    let path = path.split_once('/').map_or("", |(_, path)| path);
    let path = path.split('?').next().unwrap_or_default();
    let parts = path.split('/').filter(|part| !part.starts_with("20") && !part.is_empty());
    let parts: Vec<&str> =
        parts.enumerate().map(|(index, part)| if index % 2 == 1 { "*" } else { part }).collect();
    format!("{}/{}", request.method(), parts.join("/"))
}

/// Connects to an AWS that gives these answers, and denies everything after `patience` requests. There is no waiting.
pub fn connect(answers: Answers, patience: usize) -> Aws {
    let state = State { answers, asked: BTreeMap::new(), requests: 0, patience };
    let connector = SharedHttpConnector::new(Service(Arc::new(Mutex::new(state))));
    let credentials = Credentials::new("id", "secret", None, None, "checks");
    let shared = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url("http://127.0.0.1:1")
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .sleep_impl(SharedAsyncSleep::new(NoSleep))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    let aws = Aws::over(&shared);
    // Ends the waiting before a call is retried.
    aws.halt.set();
    aws
}

/// Replaces the waiting of the SDK between its own attempts.
#[derive(Debug)]
struct NoSleep;

impl AsyncSleep for NoSleep {
    fn sleep(&self, _: Duration) -> Sleep {
        Sleep::new(ready(()))
    }
}
