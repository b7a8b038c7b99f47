//! Information from cargo and rustc about a workspace.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{BuildError, run};

/// The part of the output of `cargo metadata` that is needed here.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    /// The packages of the workspace, or of the whole build.
    pub(super) packages: Vec<Package>,
    /// The folder with Cargo.lock.
    pub(super) workspace_root: PathBuf,
    /// The folder that cargo builds into.
    pub(super) target_directory: PathBuf,
}

/// A package.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    /// The name.
    pub(super) name: String,
    /// The version.
    pub(super) version: String,
    /// The registry or repository; `None` for a folder on this machine.
    source: Option<String>,
    manifest_path: PathBuf,
    targets: Vec<Target>,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    src_path: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

impl Metadata {
    /// Asks cargo for the packages of a workspace. This needs no lock file, no network and no downloaded packages.
    pub(super) fn of_workspace(workspace: &Path) -> Result<Self, BuildError> {
        Self::ask(workspace, &["--no-deps", "--offline"])
    }

    /// Asks cargo for every package of the build; cargo downloads missing ones.
    pub(super) fn of_build(workspace: &Path) -> Result<Self, BuildError> {
        Self::ask(workspace, &["--locked"])
    }

    fn ask(workspace: &Path, arguments: &[&str]) -> Result<Self, BuildError> {
        let fixed = ["cargo", "metadata", "--format-version", "1"];
        let command: Vec<String> = fixed.iter().chain(arguments).map(|part| (*part).to_owned()).collect();
        serde_json::from_str(&run::output(&command, workspace)?)
            .map_err(|error| BuildError::Answer { command: command.join(" "), reason: error.to_string() })
    }

    /// Finds the package that has a binary.
    pub(super) fn package_of_bin(&self, bin: &str) -> Result<&Package, BuildError> {
        let found: Vec<&Package> =
            self.packages.iter().filter(|package| package.bins().any(|name| name == bin)).collect();
        match found.as_slice() {
            [package] => Ok(package),
            [] => Err(BuildError::NoBin {
                bin: bin.to_owned(),
                workspace: self.workspace_root.clone(),
                known: self.packages.iter().flat_map(Package::bins).map(str::to_owned).collect(),
            }),
            several => Err(BuildError::ManyBins {
                bin: bin.to_owned(),
                packages: several.iter().map(|package| package.name.clone()).collect(),
            }),
        }
    }

    /// Finds a package in a folder on this machine.
    pub(super) fn local(&self, name: &str, version: &str) -> Option<&Package> {
        self.packages
            .iter()
            .find(|package| package.source.is_none() && package.name == name && package.version == version)
    }
}

impl Package {
    /// Returns the folder of the package's Cargo.toml.
    pub(super) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new("."))
    }

    /// Returns whether a dependency is only needed for tests, examples and benchmarks.
    pub(super) fn only_tests_need(&self, dependency: &str) -> bool {
        let mut kinds = self.dependencies.iter().filter(|other| other.name == dependency).peekable();
        kinds.peek().is_some() && kinds.all(|other| other.kind.as_deref() == Some("dev"))
    }

    /// Lists the top-level folders of the package that hold only tests, examples and benchmarks.
    pub(super) fn test_folders(&self) -> Vec<PathBuf> {
        let tops = |tests: bool| {
            self.targets.iter().filter(move |target| target.is_test() == tests).filter_map(|target| {
                let mut parts = target.src_path.strip_prefix(self.folder()).ok()?.components();
                let top = parts.next()?;
                // A file directly in the package's folder is not in a subfolder.
                parts.next().map(|_| self.folder().join(top))
            })
        };
        let code: Vec<PathBuf> = tops(false).collect();
        tops(true).filter(|folder| !code.contains(folder)).collect()
    }

    fn bins(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().filter(|target| target.has_kind("bin")).map(|target| target.name.as_str())
    }
}

impl Target {
    fn has_kind(&self, kind: &str) -> bool {
        self.kind.iter().any(|other| other == kind)
    }

    fn is_test(&self) -> bool {
        ["test", "bench", "example"].into_iter().any(|kind| self.has_kind(kind))
    }
}

/// The version and the host of the compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rustc {
    /// The release, such as `1.95.0`; followed by the commit for a nightly, because many compilers share its release.
    pub(super) release: String,
    /// The target triple of this machine.
    pub(super) host: String,
}

impl Rustc {
    /// Queries the compiler that cargo uses in this folder.
    pub(super) fn of(workspace: &Path) -> Result<Self, BuildError> {
        let command = ["rustc", "-vV"].map(str::to_owned);
        Self::parse(&run::output(&command, workspace)?).ok_or_else(|| BuildError::Answer {
            command: command.join(" "),
            reason: "it names no release and host".to_owned(),
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
        };
        let mut release = field("release")?;
        if release.contains('-') {
            release = format!("{release} {}", field("commit-hash")?);
        }
        Some(Self { release, host: field("host")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nightly_is_told_by_its_commit() {
        let text = |release: &str| {
            format!("rustc {release} (x)\nbinary: rustc\ncommit-hash: abc\nhost: h\nrelease: {release}\n")
        };
        let stable = Rustc { release: "1.95.0".to_owned(), host: "h".to_owned() };
        assert_eq!(Rustc::parse(&text("1.95.0")), Some(stable));
        assert_eq!(Rustc::parse(&text("1.97.0-nightly")).unwrap().release, "1.97.0-nightly abc");
        assert_eq!(Rustc::parse("rustc"), None);
    }
}
