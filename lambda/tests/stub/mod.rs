//! Runs one of the two binaries as Lambda does, with a KMS that answers what the test says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

/// Answers an action of KMS, such as `Encrypt`, and its input with an HTTP status and a body.
pub type Kms = dyn Fn(&str, &Value) -> (u16, Value) + Send + Sync;

/// A running function.
pub struct Function {
    child: Child,
    events: Sender<Value>,
    answers: Receiver<Answer>,
}

/// What the function told Lambda about one event.
#[derive(Debug)]
pub enum Answer {
    Response(Value),
    Error(Value),
}

struct Stub {
    kms: Box<Kms>,
    events: Mutex<Receiver<Value>>,
    answers: Mutex<Sender<Answer>>,
}

impl Function {
    pub fn start(binary: &str, environment: &[(&str, &str)], kms: Box<Kms>) -> Self {
        let (events, waiting) = channel();
        let (answered, answers) = channel();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let stub = Arc::new(Stub { kms, events: Mutex::new(waiting), answers: Mutex::new(answered) });
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stub = Arc::clone(&stub);
                thread::spawn(move || stub.serve(stream.unwrap()));
            }
        });
        let child = Command::new(binary)
            .env_clear()
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", "sample"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
                ("AWS_REGION", "ap-northeast-1"),
                ("AWS_ACCESS_KEY_ID", "sample"),
                ("AWS_SECRET_ACCESS_KEY", "sample"),
                ("AWS_ENDPOINT_URL", &format!("http://{address}")),
                ("LOG_LEVEL", "trace"),
            ])
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, events, answers }
    }

    pub fn invoke(&self, event: Value) -> Answer {
        self.events.send(event).unwrap();
        self.answers.recv().unwrap()
    }

    /// Stops the function and gives the lines of its log, each of which is JSON.
    pub fn stop(mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut log = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut log).unwrap();
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // A test that fails early leaves no process behind; after `stop` there is none to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Stub {
    /// Serves one request and closes, which spares a parser of what may follow.
    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        let (path, target, body) = read_request(&mut reader);
        let (status, body) = if let Some(action) = target.strip_prefix("TrentService.") {
            (self.kms)(action, &body)
        } else if path.ends_with("/invocation/next") {
            let Ok(event) = self.events.lock().unwrap().recv() else { return };
            (200, event)
        } else {
            let answer = if path.ends_with("/error") { Answer::Error(body) } else { Answer::Response(body) };
            self.answers.lock().unwrap().send(answer).unwrap();
            (202, Value::Null)
        };
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status} Stub\r\nconnection: close\r\ncontent-type: application/x-amz-json-1.1\r\n\
             x-amzn-requestid: kms-request\r\nlambda-runtime-aws-request-id: lambda-request\r\n\
             lambda-runtime-deadline-ms: 99999999999999\r\nlambda-runtime-invoked-function-arn: arn\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = reader.into_inner();
        // The function may be gone already, once the test is over.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
    }
}

/// Gives path, `x-amz-target` and the JSON of the body.
fn read_request(reader: &mut BufReader<TcpStream>) -> (String, String, Value) {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut target, mut length) = (String::new(), 0);
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => value.clone_into(&mut target),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (path, target, serde_json::from_slice(&body).unwrap_or_default())
}
