//! A function as a process, and the part of Lambda's Runtime API that it uses.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Result;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program and the environment of a function.
pub struct Program {
    pub file: PathBuf,
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
}

/// A running function; it ends when this is dropped.
pub struct Function {
    child: Child,
    events: Sender<Vec<u8>>,
    answers: Receiver<(Instant, Vec<u8>)>,
}

/// The state that the connections of a function share.
struct Api {
    events: Mutex<Receiver<Vec<u8>>>,
    answers: Sender<(Instant, Vec<u8>)>,
}

impl Function {
    /// Starts a process.
    pub fn start(program: &Program) -> Result<Self> {
        let (events, waiting) = channel();
        let (answered, answers) = channel();
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let api = Arc::new(Api { events: Mutex::new(waiting), answers: answered });
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let api = Arc::clone(&api);
                thread::spawn(move || api.serve(stream));
            }
        });
        let child = Command::new(&program.file)
            .args(&program.arguments)
            .env_clear()
            .envs(program.environment.iter().map(|(name, value)| (name, value)))
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", "text-encryption"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ])
            .spawn()?;
        Ok(Self { child, events, answers })
    }

    /// Passes an event to the function, and returns the time at which the answer arrived.
    pub fn call(&self, event: &str) -> Result<Instant> {
        self.events.send(event.as_bytes().to_vec())?;
        let (at, answer) = self.answers.recv_timeout(PATIENCE).map_err(|error| match error {
            RecvTimeoutError::Timeout => "a function did not answer",
            RecvTimeoutError::Disconnected => "a function has ended",
        })?;
        let answer: Value = serde_json::from_slice(&answer)?;
        match answer.get("statusCode").and_then(Value::as_u64) {
            Some(200) => Ok(at),
            _ => Err(format!("a function failed: {answer}").into()),
        }
    }

    /// Returns the id of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Api {
    /// Serves one connection until either side closes it.
    fn serve(&self, stream: TcpStream) -> Option<()> {
        stream.set_nodelay(true).ok()?;
        let mut output = stream.try_clone().ok()?;
        let mut input = BufReader::new(stream);
        loop {
            let (line, body) = read(&mut input)?;
            if line.starts_with("GET ") {
                let event = self.events.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()?;
                let headers = "lambda-runtime-aws-request-id: request\r\n\
                               lambda-runtime-deadline-ms: 99999999999999\r\n\
                               lambda-runtime-invoked-function-arn: arn\r\n\
                               content-type: application/json\r\n";
                write(&mut output, "200 OK", headers, &event)?;
            } else {
                self.answers.send((Instant::now(), body)).ok()?;
                write(&mut output, "202 Accepted", "", &[])?;
            }
        }
    }
}

/// Reads a request: its first line and its body.
fn read(input: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut first = String::new();
    input.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        input.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    (!first.is_empty()).then_some((first, body))
}

fn write(output: &mut TcpStream, status: &str, headers: &str, body: &[u8]) -> Option<()> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len());
    output.write_all(&[head.as_bytes(), body].concat()).ok()
}
