//! One start of the emulator: its environment, its port, and the wait until it answers.

use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep, timeout};

use super::error::{LocalError, io_error};
use super::install::Installed;
use super::process::{self, INSTANCE};
use super::record::{Folder, private_file};

/// The account that the emulator simulates.
pub(super) const ACCOUNT: &str = "000000000000";

const READY_PATIENCE: Duration = Duration::from_secs(60);
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);
const ANSWER_PATIENCE: Duration = Duration::from_secs(2);
/// The number of ports to try: another program may take a free port before the server opens it.
const PORT_ATTEMPTS: u32 = 3;

/// The services that a stack, or a function of one, may need. The others stay off, because some open more ports.
const SERVICES: &str = "apigateway,dynamodb,events,iam,kms,lambda,logs,monitoring,s3,secretsmanager,sns,sqs,\
                        ssm,sts,tagging";

/// The variables that the server, and thus every function, inherits from the environment of lockstep. All others
/// are removed, because neither may see real credentials.
const INHERITED: [&str; 5] = ["PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

/// The lifetime of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// The server runs until it is stopped. Its state is kept.
    Detached,
    /// The server runs until the process that started it ends. Its state is lost with it.
    Tied,
}

/// The settings of a start.
#[derive(Debug)]
pub(super) struct Launch<'a> {
    pub folder: &'a Folder,
    pub installed: &'a Installed,
    pub region: &'a str,
    pub life: Life,
}

/// A running server that this process started. A tied server is killed on drop.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    life: Life,
    pub pid: u32,
    pub port: u16,
    pub instance: String,
    pub start_mark: String,
}

impl Launch<'_> {
    /// Starts a server, on the wanted port if that is free, and waits until it answers.
    ///
    /// `write_down` is called with each server before the server does anything: one that was started but not recorded
    /// would run forever.
    pub(super) async fn start(
        &self,
        wanted: Option<u16>,
        write_down: &mut (dyn FnMut(&Server) -> Result<(), LocalError> + Send),
    ) -> Result<Server, LocalError> {
        let mut port = free_port(wanted)?;
        for _ in 0..PORT_ATTEMPTS {
            let mut server = self.spawn(port).await?;
            write_down(&server)?;
            if server.release(self.folder).await? {
                return Ok(server);
            }
            port = free_port(None)?;
        }
        Err(LocalError::PortTaken { port })
    }

    /// Starts a server that waits for its release.
    async fn spawn(&self, port: u16) -> Result<Server, LocalError> {
        let Self { folder, installed, region, life } = self;
        let log = folder.log();
        let (out, err) = private_file(&log)
            .and_then(|file| Ok((file.try_clone()?, file)))
            .map_err(io_error("write", log))?;
        let instance = format!("lockstep-{:016x}", RandomState::new().hash_one(port));
        let refused = |source| LocalError::NotRun { program: installed.python.clone(), source };
        let mut child = Command::new(&installed.python)
            .arg("-I")
            .arg(&installed.launch)
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| INHERITED.iter().any(|kept| name == *kept)))
            .envs(environment(folder, region, port, *life))
            .env(INSTANCE, &instance)
            .current_dir(folder.temporary())
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(refused)?;
        let stdin = child.stdin.take();
        let ended = || refused(std::io::Error::other("it ended at once"));
        let pid = child.id().ok_or_else(ended)?;
        let start_mark = process::start_mark(pid).await.ok_or_else(ended)?;
        Ok(Server { child, stdin, life: *life, pid, port, instance, start_mark })
    }
}

impl Server {
    /// Lets the server run and waits until it answers. Returns `false` if another program has taken its port.
    async fn release(&mut self, folder: &Folder) -> Result<bool, LocalError> {
        let word = match self.life {
            Life::Detached => b"k",
            Life::Tied => b"f",
        };
        if let Some(stdin) = &mut self.stdin {
            // The write fails if the server has already ended; the wait below finds out why.
            let _ = stdin.write_all(word).await;
        }
        if self.life == Life::Detached {
            self.stdin = None;
        }
        let started = Instant::now();
        while started.elapsed() < READY_PATIENCE {
            if answers(self.port, &self.instance).await {
                return Ok(true);
            }
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return if is_free(self.port) {
                    Err(LocalError::Exited { log: folder.log(), last_lines: folder.last_lines(4) })
                } else {
                    Ok(false)
                };
            }
            sleep(POLL).await;
        }
        self.kill();
        Err(LocalError::NotReady { port: self.port, waited_s: READY_PATIENCE.as_secs(), log: folder.log() })
    }

    /// Kills the server and its workers.
    fn kill(&mut self) {
        // A child that has been reaped has no id, and its number may belong to another process.
        if let Some(pid) = self.child.id() {
            process::kill_with_workers(pid);
        }
    }

    /// Lets a tied server end, and waits until it has ended.
    pub(super) async fn close(mut self) {
        self.stdin = None;
        let _ = timeout(CLOSE_PATIENCE, self.child.wait()).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.life == Life::Tied {
            self.kill();
        }
    }
}

/// Returns the settings of the emulator. Each one is set because its default is unsuitable for a laptop.
fn environment(folder: &Folder, region: &str, port: u16, life: Life) -> Vec<(&'static str, OsString)> {
    let endpoint = endpoint(port);
    let no_docker = format!("unix://{}", folder.path().join("no-docker").display());
    vec![
        ("GATEWAY_PORT", port.to_string().into()),
        // The default is every interface.
        ("BIND_HOST", "127.0.0.1".into()),
        // Without this setting every call is allowed.
        ("AUTH", "true".into()),
        ("MINISTACK_ACCOUNT_ID", ACCOUNT.into()),
        ("MINISTACK_REGION", region.into()),
        ("SERVICES", SERVICES.into()),
        // Each of these two opens a public port of its own.
        ("IOT_MTLS_ENABLED", "0".into()),
        ("SFTP_ENABLED", "0".into()),
        // Functions run as processes, and the emulator does not look for Docker.
        ("LAMBDA_EXECUTOR", "local".into()),
        ("DOCKER_HOST", no_docker.into()),
        // Functions inherit this variable, which is the only way for a `bootstrap` to find the local AWS.
        ("AWS_ENDPOINT_URL", endpoint.into()),
        // Nothing is left in the system's temporary folder, and nothing finds ~/.aws.
        ("TMPDIR", folder.temporary().into()),
        ("HOME", folder.temporary().into()),
        ("STATE_DIR", folder.state().into()),
        ("S3_DATA_DIR", folder.objects().into()),
        ("PERSIST_STATE", if life == Life::Detached { "1" } else { "0" }.into()),
        ("S3_PERSIST", if life == Life::Detached { "1" } else { "0" }.into()),
    ]
}

/// Returns the endpoint of a local AWS.
pub(super) fn endpoint(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Returns whether a port of the loopback interface is free.
fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Finds a free port: the wanted one if possible.
fn free_port(wanted: Option<u16>) -> Result<u16, LocalError> {
    if let Some(port) = wanted
        && is_free(port)
    {
        return Ok(port);
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| LocalError::NoPort { source })
}

/// Returns whether the emulator answers on a port, with the name of this start; another program does not count.
pub(super) async fn answers(port: u16, instance: &str) -> bool {
    #[derive(Deserialize)]
    struct Health {
        edition: String,
    }
    // Written by hand, because one GET on loopback takes less code than an HTTP client with TLS.
    let ask = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
        let request = format!("GET /_ministack/health HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream.take(64 * 1024).read_to_end(&mut answer).await.ok()?;
        let text = String::from_utf8(answer).ok()?;
        let (_, body) = text.split_once("\r\n\r\n")?;
        serde_json::from_str::<Health>(body).ok()
    };
    matches!(timeout(ANSWER_PATIENCE, ask).await, Ok(Some(health)) if health.edition == instance)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_path_of_the_server_is_below_its_folder() {
        let folder = Folder::new(Path::new("/project/.lockstep/local"));
        let settings = environment(&folder, "ap-northeast-1", 4566, Life::Detached);
        for name in ["TMPDIR", "HOME", "STATE_DIR", "S3_DATA_DIR"] {
            let (_, value) = settings.iter().find(|(one, _)| *one == name).unwrap();
            assert!(Path::new(value).starts_with(folder.path()), "{name}");
        }
        for (name, value) in [("AUTH", "true"), ("BIND_HOST", "127.0.0.1"), ("IOT_MTLS_ENABLED", "0")] {
            assert!(settings.contains(&(name, value.into())), "{name}");
        }
    }

    #[test]
    fn a_wanted_port_is_kept_only_while_it_is_free() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_ne!(free_port(Some(port)).unwrap(), port);
        drop(taken);
        assert_eq!(free_port(Some(port)).unwrap(), port);
    }

    #[tokio::test]
    async fn another_program_on_the_port_is_not_the_server() {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serve = tokio::spawn(async move {
            for edition in ["light", "lockstep-1"] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 512];
                let _ = stream.read(&mut request).await.unwrap();
                let answer = format!("HTTP/1.0 200 OK\r\n\r\n{{\"edition\":\"{edition}\"}}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        assert!(!answers(port, "lockstep-1").await);
        assert!(answers(port, "lockstep-1").await);
        serve.await.unwrap();
        assert!(!answers(port, "lockstep-1").await);
    }
}
