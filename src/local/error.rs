//! The errors of the local AWS, each with a hint about what to do next.

use std::io;
use std::path::PathBuf;

/// A failure to start, stop or inspect the local AWS.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    #[error("no Python found for the local AWS: looked for `uv` and for {looked_for}")]
    PythonMissing { looked_for: String },
    #[error("`{}` is Python {version}, and the local AWS needs 3.10 to 3.14", python.display())]
    PythonUnsuitable { python: PathBuf, version: String },
    #[error("`{}` does not run as a Python: {reason}", python.display())]
    PythonBroken { python: PathBuf, reason: String },
    #[error("`{}` cannot make a virtual environment: {output}", python.display())]
    VenvRefused { python: PathBuf, output: String },
    #[error("`{installer}` did not install the local AWS: {output}")]
    InstallRefused { installer: String, output: String },
    #[error("another lockstep has held `{}` for {waited_s} s", path.display())]
    Busy { path: PathBuf, waited_s: u64 },
    #[error("the local AWS ended while it was starting: {last_lines}")]
    Exited { log: PathBuf, last_lines: String },
    #[error("other programs took every port that the local AWS tried, the last one {port}")]
    PortTaken { port: u16 },
    #[error("the local AWS does not answer on port {port} after {waited_s} s")]
    NotReady { port: u16, waited_s: u64, log: PathBuf },
    #[error("the local AWS (process {pid}) is running and does not answer on port {port}")]
    Silent { pid: u32, port: u16 },
    #[error("process {pid} of the local AWS does not end")]
    Unstoppable { pid: u32 },
    #[error("the local AWS refused {operation} for its operator")]
    Operator { operation: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("`{}` does not read as a record of the local AWS", path.display())]
    Record { path: PathBuf, source: serde_json::Error },
    #[error("no port opens on 127.0.0.1")]
    NoPort { source: io::Error },
    #[error("`{}` does not start", program.display())]
    NotRun { program: PathBuf, source: io::Error },
    #[error("cannot {what} `{}`", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
}

impl LocalError {
    /// Returns what to do next, in one sentence.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::PythonMissing { .. } | Self::PythonUnsuitable { .. } => {
                "install a Python from 3.10 to 3.14, or `uv`, which brings its own".to_owned()
            }
            Self::PythonBroken { python, .. } => {
                format!("run `{} --version` and mend what it says, or install `uv`", python.display())
            }
            Self::VenvRefused { .. } => {
                "on Debian and Ubuntu `apt-get install python3-venv` brings what is missing; `uv` needs \
                 nothing else"
                    .to_owned()
            }
            Self::InstallRefused { .. } => {
                "the packages come from your package index once and are kept: check the network, the proxy \
                 and the settings of pip (or uv), then run it again"
                    .to_owned()
            }
            Self::Busy { .. } => "wait for the other lockstep to end, or end it".to_owned(),
            Self::Exited { log, .. } => format!("read `{}`", log.display()),
            Self::PortTaken { .. } => "run it again; it looks for another free port".to_owned(),
            Self::NotReady { log, .. } => format!("read `{}`, then run it again", log.display()),
            Self::Silent { .. } => "run `lockstep local down`, then `lockstep local up`".to_owned(),
            Self::Unstoppable { pid } => format!("end it with `kill -9 {pid}`, then run it again"),
            Self::Operator { .. } => "run `lockstep local reset` to start from an empty local AWS".to_owned(),
            Self::Record { .. } => {
                "run `lockstep local reset`; it deletes this file and the state of the local AWS".to_owned()
            }
            Self::NoPort { .. } => "check that the loopback interface is up".to_owned(),
            Self::NotRun { program, .. } => {
                format!("check that `{}` is there and may be run", program.display())
            }
            Self::Io { path, .. } => {
                format!("check who may write `{}` and what space is left", path.display())
            }
        }
    }
}

/// Returns a function that adds a verb and a path to an I/O error.
pub(super) fn io_error(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> LocalError {
    let path = path.into();
    move |source| LocalError::Io { what, path, source }
}
