//! The errors of building and packing code, and how to fix them.

use std::io;
use std::path::{Path, PathBuf};

/// A failure to identify, build or pack code.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A file or folder cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The underlying error.
        source: io::Error,
    },
    /// A folder holds a link to itself or to a folder around it.
    #[error("the link `{}` leads back to a folder around it", path.display())]
    Loop {
        /// The link.
        path: PathBuf,
    },
    /// A file has a name that an archive cannot hold.
    #[error("the name of `{}` is not UTF-8", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// A program cannot be started.
    #[error("cannot start `{program}`")]
    Start {
        /// The program.
        program: String,
        /// The underlying error.
        source: io::Error,
    },
    /// A program ended with an error.
    #[error("`{command}` failed with {status}{}", lines(last))]
    Failed {
        /// The program and its arguments.
        command: String,
        /// The exit code or signal.
        status: String,
        /// The last lines that it wrote.
        last: Vec<String>,
    },
    /// The output of cargo or rustc could not be parsed.
    #[error("the answer of `{command}` is not understood: {reason}")]
    Answer {
        /// The program and its arguments.
        command: String,
        /// The problem.
        reason: String,
    },
    /// No package of the workspace has the binary.
    #[error("no package of the cargo workspace `{}` has a binary `{bin}`", workspace.display())]
    NoBin {
        /// The binary.
        bin: String,
        /// The workspace.
        workspace: PathBuf,
        /// The binaries that exist.
        known: Vec<String>,
    },
    /// Several packages have the binary.
    #[error("the binary `{bin}` is in several packages: {}", packages.join(", "))]
    ManyBins {
        /// The binary.
        bin: String,
        /// The names of the packages.
        packages: Vec<String>,
    },
    /// The lock file does not list a package of the workspace.
    #[error("`{}` does not list `{package}`", lock.display())]
    NotLocked {
        /// The lock file.
        lock: PathBuf,
        /// The name of the package.
        package: String,
    },
    /// A folder to be packed has no files.
    #[error("there is no file in `{}` to pack", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// The archive cannot be written or read.
    #[error("the zip archive is damaged or cannot be written")]
    Zip(#[from] zip::result::ZipError),
    /// The archive has no `bootstrap` for a `provided` runtime to start.
    #[error("the archive has no file `bootstrap` at its root, which `{runtime}` starts")]
    NoBootstrap {
        /// The function's runtime.
        runtime: String,
    },
    /// `bootstrap` is not executable.
    #[error("`bootstrap` in the archive is not executable")]
    NotExecutable,
    /// `bootstrap` is neither a Linux program nor a script.
    #[error("`bootstrap` is not a Linux program: {reason}")]
    NotElf {
        /// The problem.
        reason: String,
    },
    /// The program is built for another architecture.
    #[error("`bootstrap` is built for {found}, the function runs on {wanted}")]
    Architecture {
        /// The function's architecture.
        wanted: String,
        /// The architecture of the program.
        found: String,
    },
    /// The program needs a newer C library than the function's runtime has.
    #[error("`bootstrap` needs `{symbol}` of {version}, and {runtime} has glibc {}.{}", limit.0, limit.1)]
    Glibc {
        /// A symbol of the library that the program needs.
        symbol: String,
        /// Its version, such as `GLIBC_2.38`.
        version: String,
        /// The function's runtime.
        runtime: String,
        /// The newest version that the runtime has.
        limit: (u32, u32),
        /// The target triple to build for.
        triple: String,
    },
    /// The archive is too large to upload.
    #[error("the archive has {} MB, Lambda takes 50 MB", megabytes(*bytes))]
    Zipped {
        /// The size of the archive in bytes.
        bytes: u64,
    },
    /// The files are too large.
    #[error("the files in the archive have {} MB together, Lambda takes 250 MB", megabytes(*bytes))]
    Unzipped {
        /// The total size of the files in bytes.
        bytes: u64,
    },
}

impl BuildError {
    /// Makes the error for a path that cannot be read.
    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }

    /// Returns what to do next.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "paths under `code` are relative to the folder of the stack file".to_owned()
            }
            Self::Start { program, .. } if program == "cargo" || program == "rustc" => {
                "install Rust, see https://rustup.rs, or give the function a finished archive: `code: { zip: … }`"
                    .to_owned()
            }
            Self::Failed { command, .. } if command.contains(" --target ") => {
                "this machine builds for another one: install `cargo-zigbuild` or `cargo-lambda`, which bring a \
                 linker for it, and `rustup target add` the target"
                    .to_owned()
            }
            Self::NoBin { known, .. } if known.is_empty() => {
                "name the folder of the cargo workspace in `code.workspace`".to_owned()
            }
            Self::NoBin { known, .. } => format!("the workspace has the binaries {}", list(known)),
            Self::ManyBins { .. } => "rename one of them in its `[[bin]]` section".to_owned(),
            Self::NotLocked { .. } => {
                "run `cargo update --workspace` and commit Cargo.lock, so that every machine builds the same code"
                    .to_owned()
            }
            Self::NoBootstrap { .. } => {
                "name the program `bootstrap`, or set the runtime of the language that the code is in".to_owned()
            }
            Self::NotExecutable => "run `chmod 755 bootstrap` before it is packed".to_owned(),
            Self::Architecture { wanted, .. } => format!(
                "set the function's `architecture`, or build for {wanted} with `cargo lambda build --release{}`",
                if wanted == "arm64" { " --arm64" } else { "" }
            ),
            Self::Glibc { triple, limit: (major, minor), .. } => format!(
                "install cargo-lambda or cargo-zigbuild, lockstep then builds with it \
                 (`cargo lambda build --release`, `cargo zigbuild --target {triple}.{major}.{minor}`), \
                 or build for {}",
                triple.replace("-gnu", "-musl")
            ),
            Self::Zipped { .. } | Self::Unzipped { .. } => {
                "leave out what the function does not need, strip debug information (`[profile.release] strip = \
                 true`), or move large files into a layer"
                    .to_owned()
            }
            _ => return None,
        };
        Some(hint)
    }
}

fn lines(last: &[String]) -> String {
    last.iter().map(|line| format!("\n  {line}")).collect()
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Converts bytes to MB, rounded up, so that a size just over a limit is not shown as the limit.
fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}
