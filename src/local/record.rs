//! The folder of one project's local AWS, and the record in it.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::Secret;
use super::error::{LocalError, io_error};

/// The longest wait for another lockstep process, which may be downloading.
const LOCK_PATIENCE: Duration = Duration::from_secs(600);
const LOCK_POLL: Duration = Duration::from_millis(100);

/// The content of `server.json`.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The port of the last start. The next start uses it again if it is free.
    pub port: Option<u16>,
    pub operator: Option<Operator>,
    /// The server that was started and has not been stopped since.
    pub process: Option<Process>,
}

/// The access key of the IAM user that lockstep works as.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Operator {
    pub access_key_id: String,
    pub secret_access_key: Secret,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Process {
    pub pid: u32,
    /// The mark of the process's start; see `process::start_mark`.
    pub start_mark: String,
    /// The name of this start, which the server returns in its health answer.
    pub instance: String,
    /// The time of the start: RFC 3339, UTC.
    pub started_at: String,
}

/// The paths below the folder of one project's local AWS.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(dir: &Path) -> Self {
        // The server is started with paths below this folder, and in another working directory.
        Self(std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    pub(super) fn objects(&self) -> PathBuf {
        self.0.join("s3")
    }

    pub(super) fn temporary(&self) -> PathBuf {
        self.0.join("tmp")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.0.join("server.log")
    }

    fn record(&self) -> PathBuf {
        self.0.join("server.json")
    }

    /// Creates the folder, which other users cannot read (it holds private keys) and git ignores.
    pub(super) fn create(&self) -> Result<(), LocalError> {
        create_private(&self.0)?;
        for path in [self.state(), self.objects(), self.temporary()] {
            create_private(&path)?;
        }
        let ignore = self.0.join(".gitignore");
        std::fs::write(&ignore, "*\n").map_err(io_error("write", ignore))
    }

    /// Empties the folder for temporary files, in which the emulator leaves the unpacked code of functions.
    pub(super) fn clear_temporary(&self) -> Result<(), LocalError> {
        remove_tree(&self.temporary())?;
        create_private(&self.temporary())
    }

    /// Deletes the state, the log and the record. The folder and its lock are kept.
    pub(super) fn delete_state(&self) -> Result<(), LocalError> {
        for path in [self.state(), self.objects(), self.temporary()] {
            remove_tree(&path)?;
        }
        for path in [self.log(), self.record()] {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(io_error("delete", path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads the record, or returns an empty one if the folder has none.
    pub(super) fn read(&self) -> Result<Record, LocalError> {
        let path = self.record();
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| LocalError::Record { path, source }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Record::default()),
            Err(error) => Err(io_error("read", path)(error)),
        }
    }

    /// Replaces the whole record; it is readable only by the owner.
    pub(super) fn write(&self, record: &Record) -> Result<(), LocalError> {
        let path = self.record();
        let draft = self.0.join("server.json.new");
        let text = serde_json::to_vec_pretty(record)
            .map_err(|source| LocalError::Record { path: path.clone(), source })?;
        let written = private_file(&draft)
            .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
            .and_then(|()| std::fs::rename(&draft, &path));
        written.map_err(io_error("write", path))
    }

    /// Returns the end of the server's log, for an error message.
    pub(super) fn last_lines(&self, count: usize) -> String {
        let text = std::fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        match lines.len() {
            0 => "it wrote nothing".to_owned(),
            all => lines.get(all.saturating_sub(count)..).unwrap_or_default().join("\n"),
        }
    }

    /// Waits until no other lockstep process changes this local AWS, and locks it.
    pub(super) async fn lock(&self) -> Result<Lock, LocalError> {
        create_private(&self.0)?;
        Lock::take(&self.0.join("lock"), &|| {}).await
    }
}

/// A lock between processes, released on drop and whenever its process ends.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "an open file holds the lock")] File);

impl Lock {
    /// Locks a file. `on_wait` is called once if another process holds the lock.
    pub(super) async fn take(path: &Path, on_wait: &(dyn Fn() + Sync)) -> Result<Self, LocalError> {
        let file = private_file(path).map_err(io_error("open", path))?;
        let started = Instant::now();
        let mut announced = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::Error(error)) => return Err(io_error("lock", path)(error)),
                Err(TryLockError::WouldBlock) if started.elapsed() > LOCK_PATIENCE => {
                    return Err(LocalError::Busy {
                        path: path.to_owned(),
                        waited_s: LOCK_PATIENCE.as_secs(),
                    });
                }
                Err(TryLockError::WouldBlock) => {
                    if !announced {
                        on_wait();
                        announced = true;
                    }
                    tokio::time::sleep(LOCK_POLL).await;
                }
            }
        }
    }
}

/// Creates a folder and its parents, accessible only to the owner.
pub(super) fn create_private(path: &Path) -> Result<(), LocalError> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_error("create", path))
}

/// Opens an empty file for writing, readable only by the owner.
pub(super) fn private_file(path: &Path) -> std::io::Result<File> {
    std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)
}

/// Deletes a folder with everything in it. It is not an error if the folder does not exist.
pub(super) fn remove_tree(path: &Path) -> Result<(), LocalError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io_error("delete", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::new(&parent.path().join("local"));
        folder.create().unwrap();
        (parent, folder)
    }

    fn record() -> Record {
        Record {
            port: Some(4566),
            operator: Some(Operator {
                access_key_id: "AKIAEXAMPLE".to_owned(),
                secret_access_key: Secret::new("hush"),
            }),
            process: Some(Process {
                pid: 42,
                start_mark: "boot/1".to_owned(),
                instance: "i".to_owned(),
                started_at: "2026-01-05T10:00:00Z".to_owned(),
            }),
        }
    }

    #[test]
    fn a_record_comes_back_and_only_its_owner_reads_it() {
        let (_parent, folder) = folder();
        assert_eq!(folder.read().unwrap(), Record::default());
        folder.write(&record()).unwrap();
        assert_eq!(folder.read().unwrap(), record());
        let mode = std::fs::metadata(folder.record()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_damaged_record_is_an_error_that_names_the_way_out() {
        let (_parent, folder) = folder();
        std::fs::write(folder.record(), "{").unwrap();
        let error = folder.read().unwrap_err();
        assert!(matches!(error, LocalError::Record { .. }));
        assert!(error.hint().contains("lockstep local reset"));
    }

    #[test]
    fn secrets_do_not_show() {
        assert!(!format!("{:?}", record()).contains("hush"));
    }

    #[test]
    fn deleting_the_state_leaves_what_is_not_ours() {
        let (_parent, folder) = folder();
        folder.write(&record()).unwrap();
        let foreign = folder.path().join("notes.txt");
        std::fs::write(&foreign, "mine").unwrap();
        folder.delete_state().unwrap();
        assert!(!folder.state().exists() && !folder.record().exists());
        assert!(foreign.exists());
        folder.delete_state().unwrap();
    }

    #[test]
    fn the_end_of_a_log_is_its_last_lines() {
        let (_parent, folder) = folder();
        assert_eq!(folder.last_lines(2), "it wrote nothing");
        std::fs::write(folder.log(), "one\ntwo\n\nthree\n").unwrap();
        assert_eq!(folder.last_lines(2), "two\nthree");
    }

    #[tokio::test]
    async fn a_second_lock_waits_for_the_first() {
        let (_parent, folder) = folder();
        let first = folder.lock().await.unwrap();
        let path = folder.path().join("lock");
        let (announced, mut waits) = tokio::sync::mpsc::unbounded_channel();
        let second = tokio::spawn(async move { Lock::take(&path, &|| announced.send(()).unwrap()).await });
        waits.recv().await.unwrap();
        assert!(!second.is_finished());
        drop(first);
        second.await.unwrap().unwrap();
    }
}
