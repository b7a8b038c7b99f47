//! A proxy in front of an AWS: it counts what changes something, and keeps answers to itself.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// What lets roles in comes last of all that is called at the same time: should the order of a plan not hold
/// it, whatever needs it goes first.
const LAST: &str = "PutKeyPolicy ";
const HEAD_START: Duration = Duration::from_millis(500);

/// Which answers do not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// All arrive.
    Open,
    /// After so many calls that changed something none arrives any more, that of the last included.
    SilentAfter(usize),
    /// The first answer to each call that changes something gets lost.
    LosesFirst,
}

/// A running proxy. It ends when it is dropped.
pub struct Proxy {
    url: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    upstream: String,
    trap: Trap,
    changes: Mutex<Vec<String>>,
    /// What was written of the lock: no change of the stack.
    locking: Mutex<Vec<String>>,
    requests: Mutex<Vec<String>>,
    lost: Mutex<BTreeSet<String>>,
    /// Changes are made one after the other, so that a run can be killed between any two.
    turn: tokio::sync::Mutex<()>,
    sprung: Notify,
    released: watch::Sender<bool>,
}

impl Proxy {
    /// Starts one in front of `http://HOST:PORT`.
    pub async fn start(upstream: &str, trap: Trap) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            upstream: upstream.strip_prefix("http://").unwrap().to_owned(),
            trap,
            changes: Mutex::default(),
            locking: Mutex::default(),
            requests: Mutex::default(),
            lost: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            sprung: Notify::new(),
            released: watch::Sender::new(false),
        });
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                // A client that was killed, or gave up, breaks its connection.
                tokio::spawn(async move { drop(state.serve(client).await) });
            }
        });
        Self { url, state, task }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the calls that changed something so far.
    pub fn changes(&self) -> Vec<String> {
        self.state.changes.lock().unwrap().clone()
    }

    /// Returns every request, as its target and body.
    pub fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap().clone()
    }

    /// Returns every call that changed anything in the AWS, the lock included.
    pub fn writes(&self) -> Vec<String> {
        [self.changes(), self.state.locking.lock().unwrap().clone()].concat()
    }

    /// Waits until nothing is answered any more.
    pub async fn sprung(&self) {
        self.state.sprung.notified().await;
    }

    /// Answers again, what was asked meanwhile included.
    pub fn release(&self) {
        self.state.released.send_replace(true);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    async fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let request = Request::read(&mut client).await?;
        let target = request.header("x-amz-target").unwrap_or_default();
        let asked = format!("{target} {}", String::from_utf8_lossy(&request.body));
        self.requests.lock().unwrap().push(asked);
        let answer = match request.change() {
            None => {
                self.silence().await;
                request.forward(&self.upstream).await?
            }
            Some(change) => {
                if change.starts_with(LAST) {
                    tokio::time::sleep(HEAD_START).await;
                }
                let _one_by_one = self.turn.lock().await;
                self.silence().await;
                let answer = request.forward(&self.upstream).await?;
                if answer.get(9..10) == Some(b"2") && self.withholds(change) {
                    return Ok(());
                }
                answer
            }
        };
        self.silence().await;
        client.write_all(&answer).await
    }

    /// Waits as long as nothing is answered.
    async fn silence(&self) {
        if self.is_silent() {
            let _ = self.released.subscribe().wait_for(|released| *released).await;
        }
    }

    fn is_silent(&self) -> bool {
        matches!(self.trap, Trap::SilentAfter(most) if self.changes.lock().unwrap().len() >= most)
    }

    /// Takes note of a change, and tells whether its answer gets lost.
    fn withholds(&self, change: String) -> bool {
        let of_lock = change.contains("Parameter ") && change.contains("/lock\"");
        let list = if of_lock { &self.locking } else { &self.changes };
        list.lock().unwrap().push(change.clone());
        if self.is_silent() && !of_lock {
            self.sprung.notify_one();
        }
        self.trap == Trap::LosesFirst && self.lost.lock().unwrap().insert(change)
    }
}

struct Request {
    head: String,
    body: Vec<u8>,
}

impl Request {
    /// Reads one request whose body has a length.
    async fn read(client: &mut TcpStream) -> io::Result<Self> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            if client.read_buf(&mut bytes).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let body = bytes.split_off(end + 4);
        bytes.truncate(end);
        let mut request = Self { head: String::from_utf8(bytes).unwrap(), body };
        assert!(request.header("transfer-encoding").is_none(), "{}", request.head);
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        let read = request.body.len();
        request.body.resize(length, 0);
        client.read_exact(&mut request.body[read..]).await?;
        Ok(request)
    }

    fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Sends the request on, with nothing changed but that the connection serves once.
    async fn forward(&self, upstream: &str) -> io::Result<Vec<u8>> {
        let kept = self.head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
        let head: String = kept.map(|line| format!("{line}\r\n")).collect();
        let mut server = TcpStream::connect(upstream).await?;
        server.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).await?;
        server.write_all(&self.body).await?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).await?;
        Ok(answer)
    }

    /// Names what the request changes. What is not known for a read counts as a change.
    fn change(&self) -> Option<String> {
        let mut line = self.head.lines().next()?.split(' ');
        let (verb, path) = (line.next()?, line.next()?);
        let body = String::from_utf8_lossy(&self.body);
        let named = self.header("x-amz-target").map(|target| target.rsplit('.').next().unwrap_or(target));
        let action = body.split('&').find_map(|field| field.strip_prefix("Action="));
        let Some(operation) = named.or(action) else {
            let runs = path.contains("/_user_request_/") || path.contains("/invocations");
            return (verb != "GET" && !runs).then(|| format!("{verb} {path} {body}"));
        };
        let reads = ["Get", "List", "Describe", "Simulate", "Sign"];
        (!reads.iter().any(|verb| operation.starts_with(verb))).then(|| format!("{operation} {body}"))
    }
}
