//! Why code cannot be built or packed, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why code cannot be identified, built or packed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A file or folder cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// Why not.
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
        /// Why not.
        source: io::Error,
    },
    /// A program ended with an error.
    #[error("`{command}` failed with {status}{}", lines(last))]
    Failed {
        /// Program and arguments.
        command: String,
        /// Exit code or signal.
        status: String,
        /// The last lines that it wrote.
        last: Vec<String>,
    },
    /// What cargo or rustc writes is not understood.
    #[error("the answer of `{command}` is not understood: {reason}")]
    Answer {
        /// Program and arguments.
        command: String,
        /// What is wrong.
        reason: String,
    },
    /// No package of the workspace has the binary.
    #[error("no package of the cargo workspace `{}` has a binary `{bin}`", workspace.display())]
    NoBin {
        /// The binary.
        bin: String,
        /// The workspace.
        workspace: PathBuf,
        /// Binaries that there are.
        known: Vec<String>,
    },
    /// Several packages have the binary.
    #[error("the binary `{bin}` is in several packages: {}", packages.join(", "))]
    ManyBins {
        /// The binary.
        bin: String,
        /// Names of the packages.
        packages: Vec<String>,
    },
    /// The lock file does not know a package of the workspace.
    #[error("`{}` does not list `{package}`", lock.display())]
    NotLocked {
        /// The lock file.
        lock: PathBuf,
        /// Name of the package.
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
    /// A `provided` runtime finds nothing to start.
    #[error("the archive has no file `bootstrap` at its root, which `{runtime}` starts")]
    NoBootstrap {
        /// The function's runtime.
        runtime: String,
    },
    /// `bootstrap` may not be executed.
    #[error("`bootstrap` in the archive is not executable")]
    NotExecutable,
    /// `bootstrap` is neither a Linux program nor a script.
    #[error("`bootstrap` is not a Linux program: {reason}")]
    NotElf {
        /// What is wrong.
        reason: String,
    },
    /// The program is for other processors.
    #[error("`bootstrap` is built for {found}, the function runs on {wanted}")]
    Architecture {
        /// The function's architecture.
        wanted: String,
        /// That of the program.
        found: String,
    },
    /// The program needs a newer C library than Lambda has.
    #[error("`bootstrap` needs `{symbol}` of {version}, and {runtime} has glibc {}.{}", limit.0, limit.1)]
    Glibc {
        /// A symbol of the library.
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
    /// The archive is too large to be uploaded.
    #[error("the archive has {} MB, Lambda takes 50 MB", megabytes(*bytes))]
    Zipped {
        /// Its size.
        bytes: u64,
    },
    /// The files are too large.
    #[error("the files in the archive have {} MB together, Lambda takes 250 MB", megabytes(*bytes))]
    Unzipped {
        /// Their size.
        bytes: u64,
    },
}

impl BuildError {
    /// Makes the error for a path that cannot be read.
    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }

    /// Says what to do next.
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

/// Rounds up, so that a size just over a limit is not shown as the limit.
fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}
