//! A proxy in front of an AWS: it counts changes, makes calls fail, and can enforce rules that the AWS behind it does
//! not enforce.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::http::{Answer, Request};
use super::operation::Operation;
use super::strict::Strict;
use super::trail::Trail;
use super::trap::{Calls, ProofInput, Trap};

/// Operations that let roles in are made last of all concurrent calls: if the order of a plan does not enforce it, the
/// calls that need them come first.
const LAST: &str = "kms:PutKeyPolicy";
const HEAD_START: Duration = Duration::from_millis(500);

/// A running proxy. It ends when it is dropped.
pub struct Proxy {
    url: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    upstream: String,
    strict: Option<Arc<Strict>>,
    trail: Option<Arc<Trail>>,
    calls: Mutex<Arc<Calls>>,
    /// The writes of the lock, which are not changes of the stack.
    locking: Mutex<Vec<String>>,
    requests: Mutex<Vec<String>>,
    /// Changes are made one after the other, so that a run can be killed between any two of them.
    turn: tokio::sync::Mutex<()>,
}

impl Proxy {
    /// Starts a proxy in front of `http://HOST:PORT`.
    pub async fn start(upstream: &str, trap: Trap) -> Self {
        Self::begin(upstream, trap, (None, None)).await
    }

    /// Starts a proxy that records who changes what, as CloudTrail does.
    pub async fn recording(upstream: &str, trail: Arc<Trail>) -> Self {
        Self::begin(upstream, Trap::Open, (None, Some(trail))).await
    }

    /// Starts a proxy that enforces the rules of AWS, for the calls of functions too.
    pub async fn strict(upstream: &str, strict: Arc<Strict>) -> Self {
        Self::begin(upstream, Trap::Open, (Some(strict), None)).await
    }

    async fn begin(
        upstream: &str,
        trap: Trap,
        (strict, trail): (Option<Arc<Strict>>, Option<Arc<Trail>>),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            upstream: upstream.strip_prefix("http://").unwrap().to_owned(),
            strict,
            trail,
            calls: Mutex::new(Arc::new(Calls::new(trap))),
            locking: Mutex::default(),
            requests: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        });
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                // A client that was killed, or gave up, closes its connection.
                tokio::spawn(async move { drop(state.serve(client).await) });
            }
        });
        Self { url, state, task }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Begins a run with a trap of its own. Calls of the previous run get no more answers.
    pub fn arm(&self, trap: Trap) {
        let before = std::mem::replace(&mut *self.state.calls.lock().unwrap(), Arc::new(Calls::new(trap)));
        before.end();
    }

    /// Returns the calls that changed something so far.
    pub fn changes(&self) -> Vec<String> {
        self.state.calls().changes()
    }

    /// Returns how many different calls failed so far.
    pub fn faults(&self) -> usize {
        self.state.calls().faults()
    }

    /// Returns every request of the command, as its operation and body.
    pub fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap().clone()
    }

    /// Returns every call that changed anything in the AWS, the lock included.
    pub fn writes(&self) -> Vec<String> {
        [self.changes(), self.state.locking.lock().unwrap().clone()].concat()
    }

    /// Waits until the trap has sprung.
    pub async fn sprung(&self) {
        self.state.calls().sprung().await;
    }

    /// Answers again, including the calls that arrived in between.
    pub fn release(&self) {
        self.state.calls().release();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    fn calls(&self) -> Arc<Calls> {
        Arc::clone(&self.calls.lock().unwrap())
    }

    async fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let request = Request::read(&mut client).await?;
        let operation = Operation::of(&request);
        let answer = if is_of_callers(&request, &operation) {
            self.pass(&request, &operation).await?
        } else {
            self.of_run(&request, &operation).await?
        };
        client.write_all(&answer.bytes()).await
    }

    /// Serves a call of the command, as far as the trap of its run allows it.
    async fn of_run(&self, request: &Request, operation: &Operation) -> io::Result<Answer> {
        let calls = self.calls();
        let asked = format!("{operation} {}", String::from_utf8_lossy(&request.body));
        self.requests.lock().unwrap().push(asked.clone());
        if let Some(trail) = self.trail.as_ref().filter(|_| operation.name == "cloudtrail:LookupEvents") {
            return Ok(trail.answer(request));
        }
        let answer = if operation.is_of_lock() && operation.changes() {
            calls.silence().await?;
            let made = self.locking.lock().unwrap().len();
            match calls.course_of_lock(operation, &asked, made).await? {
                ProofInput::Answered(answer) => answer,
                course => {
                    self.locking.lock().unwrap().push(asked);
                    let answer = self.pass(request, operation).await?;
                    match course {
                        ProofInput::Instead(instead) => instead.ok_or(io::ErrorKind::ConnectionReset)?,
                        _ => answer,
                    }
                }
            }
        } else if operation.changes() {
            if self.strict.is_none() && operation.name == LAST {
                tokio::time::sleep(HEAD_START).await;
            }
            let _one_by_one = self.turn.lock().await;
            calls.silence().await?;
            self.change(&calls, request, operation).await?
        } else {
            calls.silence().await?;
            self.pass(request, operation).await?
        };
        calls.silence().await?;
        Ok(answer)
    }

    async fn change(&self, calls: &Calls, request: &Request, operation: &Operation) -> io::Result<Answer> {
        let change = format!("{operation} {}", String::from_utf8_lossy(&request.body));
        let course = calls.course(operation, &change).await?;
        if let ProofInput::Answered(answer) = course {
            return Ok(answer);
        }
        let answer = self.pass(request, operation).await?;
        if !answer.is_success() {
            calls.refused(&change);
            return Ok(answer);
        }
        if let Some(trail) = &self.trail {
            trail.record(request, operation).await;
        }
        calls.made(change);
        match course {
            ProofInput::Instead(instead) => instead.ok_or_else(|| io::ErrorKind::ConnectionReset.into()),
            _ => Ok(answer),
        }
    }

    async fn pass(&self, request: &Request, operation: &Operation) -> io::Result<Answer> {
        let Some(strict) = &self.strict else { return request.forward(&self.upstream).await };
        if let Some(refusal) = strict.refusal(request, operation).await {
            return Ok(refusal);
        }
        let mut answer = request.forward(&self.upstream).await?;
        strict.learn(request, operation, &mut answer).await;
        Ok(answer)
    }
}

/// Returns whether a call does not come from the command: a request to an API, or a call of a function, which has the
/// keys of a session.
fn is_of_callers(request: &Request, operation: &Operation) -> bool {
    operation.name == "execute-api:Request"
        || request.header("authorization").is_some_and(|header| header.contains("Credential=ASIA"))
}
