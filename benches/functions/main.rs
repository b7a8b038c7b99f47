//! The text-encryption function in Rust beside the same one in Python with boto3: starts, requests, memory.
//!
//! ```text
//! cargo bench --profile dev --bench functions
//! ```
//!
//! builds the Rust function for release and needs nothing else. (`dev` is for this program, which only waits.)
//!
//! Both functions run as Lambda runs them, as processes that take events from the Runtime API, and both call
//! the KMS of one local AWS over plain HTTP; its share is in all times. They take turns, so that whatever else
//! the machine does falls on both. The local AWS's own Lambda is not used: after every answer it waits up to
//! 50 ms for lines of the log, which would hide the difference.
//!
//! A start is the time from a new process to its first answer; files are in the cache of the system by then.
//! Times are those of this machine, without Lambda's limits on processors and without its preparation of a
//! sandbox: look at the ratios, which are those of the medians.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measures")]

mod process;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use lockstep::aws::{Aws, Settings};
use lockstep::local::{Ephemeral, LocalConfig};
use process::{Function, Program};
use serde_json::json;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Number of times that each function is started.
const STARTS: usize = 20;
/// Length of a text in bytes, and the number of times that each function encrypts it.
const REQUESTS: [(usize, usize); 2] = [(1 << 10, 500), (1 << 20, 50)];
/// Requests that do not count, because the first requests of a process open connections.
const WARM_UP: usize = 10;

const REGION: &str = "eu-central-1";

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let rust = build()?;
    let config = LocalConfig {
        dir: folder.path().join("local"),
        cache: cache()?,
        region: REGION.to_owned(),
        python: None,
    };
    let local = Ephemeral::start(&config).await?;
    let running = local.running();
    let credentials = (running.access_key_id.clone(), running.secret_access_key.expose().to_owned());
    let aws = Aws::connect(&Settings {
        region: REGION.to_owned(),
        endpoint: Some(running.endpoint.clone()),
        profile: None,
        policy_in_effect: None,
        static_credentials: Some(credentials.clone()),
    })
    .await?;
    let key = aws.write.kms.create_key().send().await?;
    let key = key.key_metadata().ok_or("kms:CreateKey gave no key")?.key_id().to_owned();
    let environment = [
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", &credentials.0),
        ("AWS_SECRET_ACCESS_KEY", &credentials.1),
        ("AWS_ENDPOINT_URL", &running.endpoint),
        ("KEY_ID", &key),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    let programs = programs(rust, python(running.pid)?, &environment);
    // Measuring blocks the thread, but the local AWS is a separate process.
    let result =
        tokio::task::spawn_blocking(move || measure(&programs).map_err(|error| error.to_string())).await?;
    local.close().await;
    Ok(result?)
}

/// Builds the Rust function.
fn build() -> Result<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--locked", "--release", "--package", "text-encryption", "--bin", "text-encryption"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    // The variables that cargo sets for this program would make it rebuild crates that read them.
    let ours = std::env::vars_os().map(|(name, _)| name);
    for name in
        ours.filter(|name| name.as_encoded_bytes().starts_with(b"CARGO_PKG_") || name == "CARGO_MANIFEST_DIR")
    {
        cargo.env_remove(name);
    }
    if !cargo.status()?.success() {
        return Err("the Rust function cannot be built".into());
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().ok_or("there is no target folder")?;
    Ok(target.join("release/text-encryption"))
}

/// Returns the folder in which the local AWS is installed once for all projects.
fn cache() -> Result<PathBuf> {
    let home = || std::env::home_dir().map(|home| home.join(".cache"));
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    Ok(base.ok_or("set HOME or XDG_CACHE_HOME")?.join("lockstep"))
}

/// Returns the Python of the local AWS, which has boto3.
fn python(pid: u32) -> Result<PathBuf> {
    let command = ps("args=", pid)?;
    let (python, _) = command.split_once(" -I ").ok_or("the local AWS was started in an unknown way")?;
    Ok(PathBuf::from(python))
}

fn ps(field: &str, pid: u32) -> Result<String> {
    let answer = Command::new("ps").args(["-o", field, "-p", &pid.to_string()]).output()?;
    Ok(String::from_utf8(answer.stdout)?.trim().to_owned())
}

fn programs(rust: PathBuf, python: PathBuf, environment: &[(&str, String)]) -> [Program; 2] {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let environment: Vec<(String, String)> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let for_python = [
        ("_HANDLER", "handler.handle".to_owned()),
        ("PYTHONPATH", root.join("lambda/python").display().to_string()),
        // In Lambda, the folder with the code of a function is read-only.
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let runtime = root.join("benches/functions/runtime.py").display().to_string();
    [
        Program { file: rust, arguments: Vec::new(), environment: environment.clone() },
        Program {
            file: python,
            arguments: vec![runtime],
            environment: [environment, for_python.to_vec()].concat(),
        },
    ]
}

fn measure(programs: &[Program; 2]) -> Result<()> {
    println!("{:<26}{:>28}{:>30}", "", "Rust", "Python");
    println!("{:<26}{:>28}{:>30}{:>10}", "ms", "min  median     max", "min  median     max", "ratio");
    let short = event(1 << 10);
    let first = |program: &Program| {
        let before = Instant::now();
        let function = Function::start(program)?;
        Ok::<_, Box<dyn Error>>(function.call(&short)? - before)
    };
    // Runs each program once to fill the cache of the system.
    for program in programs {
        first(program)?;
    }
    let [rust, python] = programs;
    row("start and first answer", in_turn(STARTS, || first(rust), || first(python))?);

    let (rust, python) = (Function::start(rust)?, Function::start(python)?);
    for (bytes, times) in REQUESTS {
        let event = event(bytes);
        let request = |function: &Function| {
            let before = Instant::now();
            Ok(function.call(&event)? - before)
        };
        in_turn(WARM_UP, || request(&rust), || request(&python))?;
        let times = in_turn(times, || request(&rust), || request(&python))?;
        row(&format!("request with {} KiB", bytes >> 10), times);
    }
    let memory =
        |function: &Function| -> Result<u64> { Ok(ps("rss=", function.pid())?.parse::<u64>()? >> 10) };
    let (rust, python) = (memory(&rust)?, memory(&python)?);
    println!(
        "{:<26}{rust:>25} MB{python:>27} MB{:>9.1}x",
        "memory in the end",
        ratio(rust as f64, python as f64)
    );
    Ok(())
}

/// A request as API Gateway passes it to a function.
fn event(bytes: usize) -> String {
    json!({
        "resource": "/encrypt", "path": "/encrypt", "httpMethod": "POST", "headers": {}, "multiValueHeaders": {},
        "queryStringParameters": null, "multiValueQueryStringParameters": null, "pathParameters": null,
        "stageVariables": null, "isBase64Encoded": false,
        "body": json!({ "text": "x".repeat(bytes) }).to_string(),
        "requestContext": {
            "resourcePath": "/encrypt", "httpMethod": "POST", "path": "/v1/encrypt", "stage": "v1",
            "requestId": "request", "identity": {}, "accountId": "000000000000", "apiId": "a1b2c3"
        }
    })
    .to_string()
}

/// Times of one function, sorted.
type Times = Vec<Duration>;

/// Runs two functions in turn, and returns the times that each took.
fn in_turn(
    times: usize,
    one: impl Fn() -> Result<Duration>,
    other: impl Fn() -> Result<Duration>,
) -> Result<[Times; 2]> {
    let (mut ones, mut others) = (Times::new(), Times::new());
    for _ in 0..times {
        ones.push(one()?);
        others.push(other()?);
    }
    ones.sort();
    others.sort();
    Ok([ones, others])
}

fn row(name: &str, [rust, python]: [Times; 2]) {
    let at =
        |times: &Times, place: usize| times.get(place).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0);
    let median = |times: &Times| at(times, times.len() / 2);
    let shown = |times: &Times| {
        format!("{:>12.2}{:>8.2}{:>8.2}", at(times, 0), median(times), at(times, times.len() - 1))
    };
    let ratio = ratio(median(&rust), median(&python));
    println!("{name:<26}{}{:>30}{ratio:>9.1}x", shown(&rust), shown(&python));
}

/// Returns how many times as long as Rust Python takes.
fn ratio(rust: f64, python: f64) -> f64 {
    python / rust
}
