//! A small server that acts as KMS, Lambda and API Gateway, and a stack that calls it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::call::probe::{Pace, run_at};
use crate::call::{CallError, Caller, Http, ProbeOutcome};
use crate::kinds::{Ids, Name, api, function};
use crate::stack::desired::{CodeSource, Desired, FunctionWant, Place, Probe};

pub(super) const NOW: u64 = 1_700_000_000;
/// The first line of every request to KMS.
const KMS: &str = "POST / HTTP/1.1";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd";
pub(super) const QUICK: Pace = Pace {
    after_success: Duration::from_millis(1),
    first: Duration::from_millis(1),
    longest: Duration::from_millis(2),
};

/// One request as the server saw it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) line: String,
    pub(super) authorization: Option<String>,
    pub(super) body: Value,
}

/// A server that gives the configured answers in order, and signs on every request to sign.
pub(super) struct Server {
    url: String,
    pub(super) key: Arc<EcdsaKeyPair>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    async fn start(answers: Vec<(u16, &'static str, Value)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let server = Self { url, key: Arc::new(key), seen: Arc::default() };
        let serving = Serving {
            key: Arc::clone(&server.key),
            seen: Arc::clone(&server.seen),
            answers: Mutex::new(VecDeque::from(answers)),
        };
        let serving = Arc::new(serving);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Each connection has a task of its own, because clients open connections that they never use.
                let serving = Arc::clone(&serving);
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        server
    }

    pub(super) fn requests(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| seen.line != KMS).cloned().collect()
    }

    pub(super) fn signatures(&self) -> usize {
        self.seen.lock().unwrap().iter().filter(|seen| seen.line == KMS).count()
    }
}

struct Serving {
    key: Arc<EcdsaKeyPair>,
    seen: Arc<Mutex<Vec<Seen>>>,
    answers: Mutex<VecDeque<(u16, &'static str, Value)>>,
}

impl Serving {
    async fn serve(&self, mut stream: TcpStream) {
        let Some(request) = read(&mut stream).await else { return };
        let (status, headers, body) = self.answer(&request);
        self.seen.lock().unwrap().push(request);
        let body = body.to_string();
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n");
        let answer = format!("{head}connection: close\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }

    fn answer(&self, request: &Seen) -> (u16, &'static str, Value) {
        if request.line == KMS {
            let message = STANDARD.decode(request.body["Message"].as_str().unwrap()).unwrap();
            let signature = self.key.sign(&SystemRandom::new(), &message).unwrap();
            return (200, "", json!({ "KeyId": KEY, "Signature": STANDARD.encode(signature) }));
        }
        let mut answers = self.answers.lock().unwrap();
        // The last answer is repeated forever.
        if answers.len() > 1 { answers.pop_front().unwrap() } else { answers.front().unwrap().clone() }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let header = |name: &str| {
                let of = |line: &str| Some(line.split_once(": ")?.1.to_owned());
                head.lines().find(|line| line.to_ascii_lowercase().starts_with(name)).and_then(of)
            };
            let length = header("content-length").map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Some(Seen {
                    line: head.lines().next()?.to_owned(),
                    authorization: header("authorization"),
                    body: serde_json::from_str(body).unwrap_or(Value::Null),
                });
            }
        }
        match stream.read(&mut chunk).await.ok()? {
            0 => return None,
            length => bytes.extend(&chunk[..length]),
        }
    }
}

/// A server, with a stack, its ids and the clients that call it.
pub(super) struct Setting {
    pub(super) server: Server,
    kms: aws_sdk_kms::Client,
    lambda: aws_sdk_lambda::Client,
    http: Http,
    desired: Desired,
    pub(super) ids: Ids,
}

impl Setting {
    pub(super) async fn new(answers: Vec<(u16, &'static str, Value)>) -> Self {
        let server = Server::start(answers).await;
        let https = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let shared = aws_config::SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .http_client(https)
            .endpoint_url(&server.url)
            .region(aws_config::Region::new("eu-west-1"))
            .credentials_provider(aws_sdk_kms::config::SharedCredentialsProvider::new(
                aws_sdk_kms::config::Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"),
            ))
            .build();
        let mut ids = Ids::default();
        ids.set("apis.text.url", format!("{}/v1/", server.url));
        ids.set("keys.token.arn", KEY);
        Self {
            kms: aws_sdk_kms::Client::new(&shared),
            lambda: aws_sdk_lambda::Client::new(&shared),
            http: Http::new().unwrap(),
            desired: desired(),
            ids,
            server,
        }
    }

    pub(super) fn caller(&self) -> Caller<'_> {
        Caller {
            kms: &self.kms,
            lambda: &self.lambda,
            http: &self.http,
            desired: &self.desired,
            ids: &self.ids,
            subject: "arn:aws:iam::111122223333:user/dev",
            now: || NOW,
        }
    }

    pub(super) async fn probe(&self, probe: &Probe) -> Result<ProbeOutcome, CallError> {
        run_at(QUICK, probe, &self.desired.functions[&Name::from("encrypt")], &self.caller()).await
    }
}

fn function(name: &str, env: &[(&str, &str)]) -> FunctionWant {
    let config = function::Config {
        role: String::new(),
        description: String::new(),
        runtime: "provided.al2023".to_owned(),
        handler: "bootstrap".to_owned(),
        memory: 128,
        timeout: 3,
        env: env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        env_key: None,
        ephemeral_storage: 512,
        layers: Vec::new(),
        vpc: None,
        tracing: false,
        log_group: String::new(),
    };
    let spec = function::Spec {
        function_name: format!("stack-test-{name}"),
        config,
        code: function::Code { source: String::new(), architecture: "x86_64".to_owned() },
        reserved_concurrency: None,
        aliases: BTreeMap::new(),
        permissions: BTreeMap::new(),
        tags: BTreeMap::new(),
    };
    FunctionWant { spec, source: CodeSource::Zip("x.zip".into()), uses: BTreeMap::new(), probe: None }
}

fn method(authorization: &str, authorizer: Option<&str>) -> api::Part {
    api::Part::Method(Box::new(api::Method {
        authorization: authorization.to_owned(),
        authorizer: authorizer.map(str::to_owned),
        scopes: BTreeSet::new(),
        api_key_required: false,
        validator: None,
        request_models: BTreeMap::new(),
        request_parameters: BTreeMap::new(),
        integration: api::Integration {
            kind: "AWS_PROXY".to_owned(),
            uri: None,
            http_method: Some("POST".to_owned()),
            credentials: None,
            timeout_ms: 29_000,
            request_parameters: BTreeMap::new(),
            request_templates: BTreeMap::new(),
            passthrough: "WHEN_NO_MATCH".to_owned(),
        },
        responses: BTreeMap::new(),
    }))
}

fn authorizer(uri: &str) -> api::Part {
    api::Part::Authorizer(api::Authorizer {
        kind: "TOKEN".to_owned(),
        uri: Some(uri.to_owned()),
        providers: BTreeSet::new(),
        identity: vec!["method.request.header.Authorization".to_owned()],
        validation: None,
        ttl: 300,
        credentials: None,
    })
}

pub(super) fn desired() -> Desired {
    use api::PartId::{Authorizer, Method};
    let arn = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:\
               111122223333:function:stack-test-authorizer/invocations";
    let route = |verb: &str, path: &str| Method(path.to_owned(), verb.to_owned());
    let parts = BTreeMap::from([
        (Authorizer("bearer".to_owned()), authorizer(arn)),
        (Authorizer("named".to_owned()), authorizer("${lockstep:functions.authorizer.uri}")),
        (Authorizer("plain".to_owned()), authorizer(&arn.replace("-authorizer/", "-encrypt/"))),
        (Authorizer("foreign".to_owned()), authorizer(&arn.replace("-authorizer/", "-other/"))),
        (route("POST", "/encrypt"), method("CUSTOM", Some("bearer"))),
        (route("POST", "/decrypt"), method("CUSTOM", Some("named"))),
        (route("GET", "/plain"), method("CUSTOM", Some("plain"))),
        (route("GET", "/foreign"), method("CUSTOM", Some("foreign"))),
        (route("GET", "/signed"), method("AWS_IAM", None)),
        (route("ANY", "/open/{proxy+}"), method("NONE", None)),
    ]);
    let settings = api::Settings {
        api_name: "stack-test-text".to_owned(),
        description: String::new(),
        endpoint_type: "REGIONAL".to_owned(),
        vpc_endpoints: BTreeSet::new(),
        binary_types: BTreeSet::new(),
        policy: None,
        min_compression: None,
        api_key_source: "HEADER".to_owned(),
        disable_execute_api: false,
        tags: BTreeMap::new(),
    };
    let stage = api::Stage {
        stage_name: "v1".to_owned(),
        description: String::new(),
        variables: BTreeMap::new(),
        tracing: false,
        access_log: None,
        methods: BTreeMap::new(),
        tags: BTreeMap::new(),
    };
    let api = api::Spec {
        settings,
        parts,
        fingerprint: String::new(),
        stage,
        usage_plans: BTreeMap::new(),
        api_keys: BTreeMap::new(),
    };
    let env = [
        ("TOKEN_KEY_ID", "${lockstep:keys.token.arn}"),
        ("TOKEN_ISSUER", "stack-test"),
        ("TOKEN_AUDIENCE", "text"),
        ("ROUTE_SCOPES", r#"{"POST /encrypt":"encrypt","POST /decrypt":"decrypt"}"#),
    ];
    Desired {
        stack: "stack".to_owned(),
        env: "test".to_owned(),
        place: Place {
            partition: "aws".to_owned(),
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            function_env: BTreeMap::new(),
            longest_init: 0,
        },
        protect: false,
        keys: BTreeMap::new(),
        roles: BTreeMap::new(),
        twins: Vec::new(),
        log_groups: BTreeMap::new(),
        functions: BTreeMap::from([
            (Name::from("authorizer"), function("authorizer", &env)),
            (Name::from("encrypt"), function("encrypt", &[])),
        ]),
        apis: BTreeMap::from([(Name::from("text"), api)]),
        domains: BTreeMap::new(),
        assertions: Vec::new(),
        lines: BTreeMap::new(),
    }
}
