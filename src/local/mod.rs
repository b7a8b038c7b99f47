//! The local AWS: an emulator that is installed, started, stopped and reset for one project.
//!
//! It runs on the loopback interface, without Docker and without an account, and enforces key policies.
//! `up` leaves it running in the background; its state is in the project's folder and survives `down`.
//! This module prints nothing, and it is the only one that inspects processes.

mod ephemeral;
mod error;
mod identity;
mod install;
mod operator;
mod process;
mod record;
mod running;
mod server;

use std::path::PathBuf;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::{Instant, sleep};

pub use ephemeral::Ephemeral;
pub use error::LocalError;
pub use identity::ThisProcess;
use record::{Folder, Process, Record};
pub use running::{Running, Secret};
use server::{Launch, Life, answers};

/// The time that a server has to save its state after it was asked to end.
const STOP_PATIENCE: Duration = Duration::from_secs(30);
/// The time that a killed process has to disappear.
const KILL_PATIENCE: Duration = Duration::from_secs(5);
/// The time that a running server has to answer. It may have been started a moment ago.
const SILENCE_PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// The folders and settings of a local AWS.
#[derive(Debug, Clone)]
pub struct LocalConfig {
    /// The folder of its state, usually `.lockstep/local` in the project.
    pub dir: PathBuf,
    /// The user's cache folder for lockstep, where the emulator is installed once for all projects.
    pub cache: PathBuf,
    /// The region of calls that name none, and of `Running::exports`. The local AWS serves every region.
    pub region: String,
    /// The Python to install with; by default `uv` is used, or else the first suitable Python.
    pub python: Option<PathBuf>,
}

/// The status of a local AWS.
#[derive(Debug, Clone)]
pub enum Status {
    /// The local AWS is stopped, or was never started.
    Stopped,
    /// The local AWS ended without being stopped; all changes since `started_at` (RFC 3339, UTC) are lost.
    Lost { pid: u32, started_at: String },
    /// The process runs but does not answer.
    Silent { pid: u32, port: u16 },
    /// The local AWS answers.
    Running { running: Running, started_at: String },
}

/// The way in which a local AWS was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The local AWS was not running.
    WasNotRunning,
    /// The local AWS had already ended, without saving its state.
    WasLost,
    /// The local AWS saved its state and ended.
    Cleanly,
    /// The local AWS did not end when asked and was killed; changes since its start may be lost.
    Killed,
}

/// The fate of the server in a record.
enum Fate {
    NotStarted,
    Lost(Process),
    Silent(Process, u16),
    Answers(Process, u16),
}

async fn look(record: &Record) -> Fate {
    let (Some(process), Some(port)) = (record.process.clone(), record.port) else { return Fate::NotStarted };
    if process::start_mark(process.pid).await.as_ref() != Some(&process.start_mark) {
        Fate::Lost(process)
    } else if answers(port, &process.instance).await {
        Fate::Answers(process, port)
    } else {
        Fate::Silent(process, port)
    }
}

/// Ensures that the local AWS runs, and installs it first if necessary.
///
/// The local AWS keeps running after this process has ended. `progress` gets a line for each slow step.
///
/// # Errors
/// Fails if the local AWS cannot be installed or started; `LocalError::hint` says what to do next.
pub async fn up(config: &LocalConfig, progress: &(dyn Fn(&str) + Sync)) -> Result<Running, LocalError> {
    let folder = Folder::new(&config.dir);
    let _lock = folder.lock().await?;
    folder.create()?;
    let mut record = folder.read()?;
    let (pid, port, fresh) = match look_patiently(&record).await {
        Fate::Answers(process, port) => (process.pid, port, false),
        Fate::Silent(process, port) => return Err(LocalError::Silent { pid: process.pid, port }),
        Fate::NotStarted => start(config, &folder, &mut record, progress).await?,
        Fate::Lost(process) => {
            progress(&format!(
                "the local AWS ended without saving; what changed since {} is lost",
                process.started_at
            ));
            process::end_orphans(&process.instance).await;
            start(config, &folder, &mut record, progress).await?
        }
    };
    let operator = match record.operator.clone() {
        Some(operator) if !fresh => operator,
        known => {
            let operator = operator::ensure(port, &config.region, known).await?;
            record.operator = Some(operator.clone());
            folder.write(&record)?;
            operator
        }
    };
    Ok(Running { fresh, ..Running::new(pid, port, operator, &config.region) })
}

async fn look_patiently(record: &Record) -> Fate {
    let started = Instant::now();
    loop {
        match look(record).await {
            Fate::Silent(..) if started.elapsed() < SILENCE_PATIENCE => sleep(POLL).await,
            fate => return fate,
        }
    }
}

/// Starts a server and returns its process id, its port, and `true` for fresh.
async fn start(
    config: &LocalConfig,
    folder: &Folder,
    record: &mut Record,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<(u32, u16, bool), LocalError> {
    let installed = install::install(config, progress).await?;
    folder.clear_temporary()?;
    let wanted = record.port;
    let launch = Launch { folder, installed: &installed, region: &config.region, life: Life::Detached };
    let started = launch
        .start(wanted, &mut |server| {
            record.port = Some(server.port);
            record.process = Some(Process {
                pid: server.pid,
                start_mark: server.start_mark.clone(),
                instance: server.instance.clone(),
                started_at: now(),
            });
            folder.write(record)
        })
        .await;
    match started {
        Ok(server) => {
            if wanted.is_some_and(|wanted| wanted != server.port) {
                progress(&format!("its last port is taken; it is on port {} now", server.port));
            }
            Ok((server.pid, server.port, true))
        }
        Err(error) => {
            // The server has ended, or never started.
            record.process = None;
            folder.write(record)?;
            Err(error)
        }
    }
}

fn now() -> String {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(0).unwrap_or(now).format(&Rfc3339).unwrap_or_default()
}

/// Stops the local AWS. Its state is saved for the next `up`.
///
/// # Errors
/// Fails if the record cannot be read or written, or the process does not end even when killed.
pub async fn down(config: &LocalConfig) -> Result<Stopped, LocalError> {
    let folder = Folder::new(&config.dir);
    if !folder.path().exists() {
        return Ok(Stopped::WasNotRunning);
    }
    let _lock = folder.lock().await?;
    stop(&folder).await
}

async fn stop(folder: &Folder) -> Result<Stopped, LocalError> {
    let mut record = folder.read()?;
    let stopped = match look(&record).await {
        Fate::NotStarted => return Ok(Stopped::WasNotRunning),
        Fate::Lost(process) => {
            process::end_orphans(&process.instance).await;
            Stopped::WasLost
        }
        Fate::Answers(process, _) | Fate::Silent(process, _) => {
            process::terminate(process.pid);
            if has_ended(&process, STOP_PATIENCE).await {
                Stopped::Cleanly
            } else {
                process::kill_with_workers(process.pid);
                if !has_ended(&process, KILL_PATIENCE).await {
                    return Err(LocalError::Unstoppable { pid: process.pid });
                }
                Stopped::Killed
            }
        }
    };
    record.process = None;
    folder.write(&record)?;
    folder.clear_temporary()?;
    Ok(stopped)
}

async fn has_ended(process: &Process, patience: Duration) -> bool {
    let started = Instant::now();
    while process::start_mark(process.pid).await.as_ref() == Some(&process.start_mark) {
        if started.elapsed() > patience {
            return false;
        }
        sleep(POLL).await;
    }
    true
}

/// Returns the status of the local AWS, without changing anything.
///
/// # Errors
/// Fails if the record cannot be read.
pub async fn status(config: &LocalConfig) -> Result<Status, LocalError> {
    let record = Folder::new(&config.dir).read()?;
    Ok(match look(&record).await {
        Fate::NotStarted => Status::Stopped,
        Fate::Lost(process) => Status::Lost { pid: process.pid, started_at: process.started_at },
        Fate::Silent(process, port) => Status::Silent { pid: process.pid, port },
        Fate::Answers(process, port) => match record.operator {
            Some(operator) => Status::Running {
                running: Running::new(process.pid, port, operator, &config.region),
                started_at: process.started_at,
            },
            // The server was started, but its operator was not created yet; `up` continues from there.
            None => Status::Silent { pid: process.pid, port },
        },
    })
}

/// Stops the local AWS and deletes its state. The installation is kept.
///
/// # Errors
/// Fails if the local AWS cannot be stopped, or its files cannot be deleted.
pub async fn reset(config: &LocalConfig) -> Result<(), LocalError> {
    let folder = Folder::new(&config.dir);
    if !folder.path().exists() {
        return Ok(());
    }
    let _lock = folder.lock().await?;
    match stop(&folder).await {
        // A damaged record names no process to stop, and `reset` is the way to recover from it.
        Ok(_) | Err(LocalError::Record { .. }) => folder.delete_state(),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(dir: &std::path::Path) -> LocalConfig {
        LocalConfig {
            dir: dir.join("local"),
            cache: dir.join("cache"),
            region: "ap-northeast-1".to_owned(),
            python: None,
        }
    }

    fn record_of(pid: u32, start_mark: String) -> Record {
        let process = Process {
            pid,
            start_mark,
            instance: "lockstep-1".to_owned(),
            started_at: "2026-01-05T10:00:00Z".to_owned(),
        };
        Record { port: Some(1), operator: None, process: Some(process) }
    }

    #[tokio::test]
    async fn what_was_never_started_is_stopped() {
        let parent = tempfile::tempdir().unwrap();
        let config = config(parent.path());
        assert!(matches!(status(&config).await.unwrap(), Status::Stopped));
        assert_eq!(down(&config).await.unwrap(), Stopped::WasNotRunning);
        reset(&config).await.unwrap();
        assert!(!config.dir.exists());
    }

    #[tokio::test]
    async fn a_process_that_took_over_the_number_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        let config = config(parent.path());
        let folder = Folder::new(&config.dir);
        folder.create().unwrap();
        // The process of this test: if it were mistaken for the server, the calls below would kill it.
        folder.write(&record_of(std::process::id(), "earlier".to_owned())).unwrap();
        assert!(matches!(status(&config).await.unwrap(), Status::Lost { .. }));
        assert_eq!(down(&config).await.unwrap(), Stopped::WasLost);
        assert!(matches!(status(&config).await.unwrap(), Status::Stopped));
    }

    #[tokio::test]
    async fn a_process_that_does_not_answer_is_silent() {
        let parent = tempfile::tempdir().unwrap();
        let config = config(parent.path());
        let folder = Folder::new(&config.dir);
        folder.create().unwrap();
        let mark = process::start_mark(std::process::id()).await.unwrap();
        folder.write(&record_of(std::process::id(), mark)).unwrap();
        assert!(matches!(status(&config).await.unwrap(), Status::Silent { .. }));
    }

    #[tokio::test]
    async fn reset_is_the_way_out_of_a_damaged_record() {
        let parent = tempfile::tempdir().unwrap();
        let config = config(parent.path());
        Folder::new(&config.dir).create().unwrap();
        std::fs::write(config.dir.join("server.json"), "{").unwrap();
        assert!(matches!(down(&config).await, Err(LocalError::Record { .. })));
        reset(&config).await.unwrap();
        assert_eq!(down(&config).await.unwrap(), Stopped::WasNotRunning);
    }
}
