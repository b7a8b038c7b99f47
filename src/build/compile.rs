//! Builds a binary with cargo.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::cargo::{Metadata, Rustc};
use super::check::{self, Machine};
use super::run::{self, Line, Progress};
use super::{BuildError, BuildOptions, tree};

/// Builds a binary in the user's target folder and returns it.
///
/// For real AWS, plain cargo is used if it builds a program that Lambda can run; otherwise the program is built
/// by `cargo zigbuild` or `cargo lambda`, whichever is installed.
pub(super) fn binary(
    bin: &str,
    workspace: &Path,
    machine: &Machine,
    options: &BuildOptions,
    progress: Progress<'_>,
) -> Result<Vec<u8>, BuildError> {
    let metadata = Metadata::of_workspace(workspace)?;
    let package = &metadata.package_of_bin(bin)?.name;
    let build = Build { bin, package, workspace, profile: &options.profile, metadata: &metadata };
    if !options.real_aws {
        return build.run(&Builder::Cargo, None, progress);
    }

    let host = Rustc::of(workspace)?.host;
    if host == machine.triple() {
        let binary = build.run(&Builder::Cargo, None, progress)?;
        match check::program(&binary, machine) {
            Err(BuildError::Glibc { .. }) if Builder::installed(workspace).is_some() => {
                progress(
                    "the program needs a newer C library than Lambda has, building against that of Lambda",
                );
            }
            checked => return checked.map(|()| binary),
        }
    }
    let builder = Builder::installed(workspace).unwrap_or(Builder::Cargo);
    let binary = build.run(&builder, Some(machine), progress)?;
    check::program(&binary, machine)?;
    Ok(binary)
}

/// The program that builds a binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Builder {
    Cargo,
    Zigbuild,
    Lambda,
}

impl Builder {
    /// Finds an installed builder that can link against an older C library and build for other architectures.
    fn installed(workspace: &Path) -> Option<Self> {
        [Self::Zigbuild, Self::Lambda].into_iter().find(|builder| {
            let command: Vec<String> =
                builder.command().iter().take(2).copied().chain(["--version"]).map(str::to_owned).collect();
            run::succeeds(&command, workspace)
        })
    }

    fn command(&self) -> &'static [&'static str] {
        match self {
            Self::Cargo => &["cargo", "build"],
            Self::Zigbuild => &["cargo", "zigbuild"],
            Self::Lambda => &["cargo", "lambda", "build"],
        }
    }

    fn target(&self, machine: &Machine) -> String {
        let triple = machine.triple();
        match (self, machine.glibc()) {
            (Self::Cargo, _) | (_, None) => triple.to_owned(),
            (Self::Zigbuild | Self::Lambda, Some((major, minor))) => format!("{triple}.{major}.{minor}"),
        }
    }
}

struct Build<'a> {
    bin: &'a str,
    package: &'a str,
    workspace: &'a Path,
    profile: &'a str,
    metadata: &'a Metadata,
}

impl Build<'_> {
    fn run(
        &self,
        builder: &Builder,
        machine: Option<&Machine>,
        progress: Progress<'_>,
    ) -> Result<Vec<u8>, BuildError> {
        let command = self.command(builder, machine);
        let mut executable = None;
        run::lines(&command, self.workspace, &mut |line| match line {
            Line::Out(message) => {
                executable = self.executable(message).or_else(|| executable.take());
                false
            }
            Line::Err(text) => {
                progress(text);
                true
            }
        })?;
        // `cargo lambda` puts its programs into a folder of its own and may not pass on cargo's messages.
        let path = match builder {
            Builder::Lambda => {
                Some(self.metadata.target_directory.join("lambda").join(self.bin).join("bootstrap"))
            }
            Builder::Cargo | Builder::Zigbuild => executable,
        };
        let path = path.ok_or_else(|| BuildError::Answer {
            command: command.join(" "),
            reason: format!("it names no program for `{}`", self.bin),
        })?;
        tree::read(&path)
    }

    fn command(&self, builder: &Builder, machine: Option<&Machine>) -> Vec<String> {
        let mut command: Vec<String> = builder.command().iter().map(|part| (*part).to_owned()).collect();
        let rest = ["--locked", "--profile", self.profile, "--package", self.package, "--bin", self.bin];
        command.extend(rest.map(str::to_owned));
        if let Some(machine) = machine {
            command.extend(["--target".to_owned(), builder.target(machine)]);
        }
        if *builder != Builder::Lambda {
            command.extend(["--message-format", "json-render-diagnostics"].map(str::to_owned));
        }
        command
    }

    fn executable(&self, message: &str) -> Option<PathBuf> {
        let message: Message = serde_json::from_str(message).ok()?;
        let target = message.target?;
        let is_bin = target.name == self.bin && target.kind.iter().any(|kind| kind == "bin");
        is_bin.then_some(message.executable).flatten()
    }
}

/// A line of cargo's JSON output.
#[derive(Deserialize)]
struct Message {
    target: Option<Built>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Built {
    name: String,
    kind: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(builder: Builder, machine: Option<&Machine>) -> String {
        let metadata = Metadata {
            packages: Vec::new(),
            workspace_root: PathBuf::from("/w"),
            target_directory: PathBuf::from("/w/target"),
        };
        let build = Build {
            bin: "api",
            package: "app",
            workspace: Path::new("/w"),
            profile: "release",
            metadata: &metadata,
        };
        build.command(&builder, machine).join(" ")
    }

    #[test]
    fn each_builder_gets_its_own_form_of_the_target() {
        let arm = Machine { architecture: "arm64".to_owned(), runtime: "provided.al2".to_owned() };
        let common = "--locked --profile release --package app --bin api";
        let messages = "--message-format json-render-diagnostics";
        assert_eq!(command(Builder::Cargo, None), format!("cargo build {common} {messages}"));
        assert_eq!(
            command(Builder::Cargo, Some(&arm)),
            format!("cargo build {common} --target aarch64-unknown-linux-gnu {messages}")
        );
        assert_eq!(
            command(Builder::Zigbuild, Some(&arm)),
            format!("cargo zigbuild {common} --target aarch64-unknown-linux-gnu.2.26 {messages}")
        );
        assert_eq!(
            command(Builder::Lambda, Some(&arm)),
            format!("cargo lambda build {common} --target aarch64-unknown-linux-gnu.2.26")
        );
    }
}
