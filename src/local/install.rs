//! The emulator's packages: installed once per user, and verified against the hashes in this binary.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Output;

use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::LocalConfig;
use super::error::{LocalError, io_error};
use super::record::{Lock, create_private, remove_tree};

const REQUIREMENTS: &str = include_str!("requirements.txt");
const LAUNCH: &str = include_str!("launch.py");
/// A module that `launch.py` imports from its own folder.
const GATEWAY: &str = include_str!("gateway.py");
/// A module that is imported in the same way.
const SERVICES: &str = include_str!("services.py");
/// A module that is imported in the same way.
const FUNCTIONS: &str = include_str!("functions.py");

/// The minor versions of Python 3 for which the pinned packages have wheels.
const MINORS: std::ops::RangeInclusive<u32> = 10..=14;
/// The commands to try for a suitable Python, best first: the user's default Python, then specific versions.
const PYTHONS: [&str; 7] =
    ["python3", "python3.13", "python3.12", "python3.14", "python3.11", "python3.10", "python"];

/// An installed emulator.
#[derive(Debug)]
pub(super) struct Installed {
    pub python: PathBuf,
    pub launch: PathBuf,
}

impl Installed {
    fn at(home: &Path) -> Self {
        Self { python: home.join("bin").join("python"), launch: home.join("launch.py") }
    }

    /// Returns the path of the marker file, which is written last, so that an incomplete installation is never used.
    fn marker(home: &Path) -> PathBuf {
        home.join("complete")
    }

    /// Returns whether the installation is complete; it is not if its Python has been removed, because its link is then
    /// broken.
    fn is_complete(home: &Path) -> bool {
        Self::marker(home).exists() && Self::at(home).python.exists()
    }
}

/// Finds the emulator in the user's cache, or installs it there.
pub(super) async fn install(
    config: &LocalConfig,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Installed, LocalError> {
    let all = config.cache.join("local-aws");
    let all = std::path::absolute(&all).map_err(io_error("find", all))?;
    let key = cache_key(config.python.as_deref());
    let home = all.join(&key);
    if !Installed::is_complete(&home) {
        create_private(&all)?;
        let _lock = Lock::take(&all.join(format!("{key}.lock")), &|| {
            progress("waiting for another lockstep that installs the local AWS");
        })
        .await?;
        if !Installed::is_complete(&home) {
            progress("installing the local AWS (once)");
            remove_tree(&home)?;
            build(&home, config.python.as_deref()).await?;
        }
    }
    Ok(Installed::at(&home))
}

/// Returns the name of the folder for this set of packages, launch code and requested Python.
fn cache_key(python: Option<&Path>) -> String {
    let mut hash = Sha256::new();
    for part in [REQUIREMENTS, LAUNCH, GATEWAY, SERVICES, FUNCTIONS].map(str::as_bytes) {
        hash.update(part);
    }
    if let Some(python) = python {
        hash.update(python.as_os_str().as_encoded_bytes());
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

async fn build(home: &Path, python: Option<&Path>) -> Result<(), LocalError> {
    let requirements = home.join("requirements.txt");
    let uv = works("uv").await;
    if uv {
        let wanted = python.map_or_else(|| ">=3.10,<3.15".into(), |python| python.as_os_str().to_os_string());
        let mut make = Command::new("uv");
        make.args(["venv", "--quiet", "--no-project", "--python"]).arg(wanted).arg(home);
        let made = finish(make, home).await?;
        made.map_err(|output| LocalError::InstallRefused { installer: "uv venv".to_owned(), output })?;
    } else {
        let python = find_python(python).await?;
        let mut make = Command::new(&python);
        // Without `-I`, a PYTHONPATH or a package of the user could replace one of these.
        make.args(["-I", "-m", "venv"]).arg(home);
        let made = finish(make, home).await?;
        made.map_err(|output| LocalError::VenvRefused { python, output })?;
    }
    write(&requirements, REQUIREMENTS)?;
    let installed = Installed::at(home);
    let mut fill;
    if uv {
        fill = Command::new("uv");
        fill.args(["pip", "install", "--quiet", "--python"]).arg(&installed.python);
    } else {
        fill = Command::new(&installed.python);
        fill.args(["-I", "-m", "pip", "install", "--quiet", "--no-input", "--no-user"]);
        fill.arg("--disable-pip-version-check");
    }
    // Only wheels are installed: an sdist would run build tools that no hash covers.
    fill.args(["--require-hashes", "--only-binary", ":all:", "-r"]).arg(&requirements);
    let installer = if uv { "uv pip install" } else { "pip install" };
    let filled = finish(fill, home).await?;
    filled.map_err(|output| LocalError::InstallRefused { installer: installer.to_owned(), output })?;
    write(&installed.launch, LAUNCH)?;
    write(&home.join("gateway.py"), GATEWAY)?;
    write(&home.join("services.py"), SERVICES)?;
    write(&home.join("functions.py"), FUNCTIONS)?;
    write(&Installed::marker(home), "")
}

fn write(path: &Path, text: &str) -> Result<(), LocalError> {
    std::fs::write(path, text).map_err(io_error("write", path))
}

/// Runs a step; the inner error is the end of its output if it failed.
async fn finish(mut step: Command, home: &Path) -> Result<Result<(), String>, LocalError> {
    // Runs outside the user's project, whose settings files are not meant for this step.
    let quiet = home.parent().unwrap_or(home);
    let program = PathBuf::from(step.as_std().get_program());
    let output =
        step.current_dir(quiet).kill_on_drop(true).output().await.map_err(io_error("run", program))?;
    Ok(if output.status.success() { Ok(()) } else { Err(last_lines(&output, 6)) })
}

fn last_lines(output: &Output, count: usize) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().join("\n")
}

async fn works(program: &str) -> bool {
    Command::new(program).arg("--version").output().await.is_ok_and(|output| output.status.success())
}

async fn find_python(asked: Option<&Path>) -> Result<PathBuf, LocalError> {
    let candidates: Vec<PathBuf> = match asked {
        Some(python) => vec![python.to_owned()],
        None => PYTHONS.iter().map(PathBuf::from).collect(),
    };
    let mut first_refusal = None;
    for python in &candidates {
        match check_python(python).await {
            Ok(true) => return Ok(python.clone()),
            Ok(false) => {}
            Err(refusal) => first_refusal = first_refusal.or(Some(refusal)),
        }
    }
    let names: Vec<String> = candidates.iter().map(|python| format!("`{}`", python.display())).collect();
    Err(first_refusal.unwrap_or_else(|| LocalError::PythonMissing { looked_for: names.join(", ") }))
}

/// Returns whether a Python exists and is suitable.
async fn check_python(python: &Path) -> Result<bool, LocalError> {
    let ask = "import sys; print(*sys.version_info[:3], sep='.')";
    let broken = |reason| LocalError::PythonBroken { python: python.to_owned(), reason };
    let output = match Command::new(python).args(["-I", "-c", ask]).output().await {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(broken(error.to_string())),
    };
    if !output.status.success() {
        return Err(broken(last_lines(&output, 2)));
    }
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if is_suitable(&version) {
        Ok(true)
    } else {
        Err(LocalError::PythonUnsuitable { python: python.to_owned(), version })
    }
}

fn is_suitable(version: &str) -> bool {
    let mut parts = version.split('.').map(str::parse::<u32>);
    matches!((parts.next(), parts.next()), (Some(Ok(3)), Some(Ok(minor))) if MINORS.contains(&minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_pinned_by_version_and_hash() {
        let joined = REQUIREMENTS.replace("\\\n", " ");
        let packages: Vec<&str> =
            joined.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()).collect();
        assert!(packages.iter().any(|line| line.starts_with("ministack==1.5.33 ")));
        assert!(packages.iter().any(|line| line.starts_with("boto3==")));
        for line in packages {
            assert!(line.contains("==") && line.contains("--hash=sha256:"), "{line}");
            assert!(!line.contains("://") && !line.starts_with('-'), "{line}");
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_suitable("3.10.13") && is_suitable("3.14.0"));
        for version in ["3.9.18", "3.1.0", "3.15.0", "2.7.18", "4.10.0", "", "3"] {
            assert!(!is_suitable(version), "{version}");
        }
    }

    #[test]
    fn another_python_is_another_installation() {
        assert_eq!(cache_key(None), cache_key(None));
        assert_ne!(cache_key(None), cache_key(Some(Path::new("/opt/python"))));
    }

    #[test]
    fn an_installation_without_its_marker_or_python_is_none() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("bin")).unwrap();
        let python = Installed::at(home.path()).python;
        std::fs::write(Installed::marker(home.path()), "").unwrap();
        std::os::unix::fs::symlink("/nowhere/python", &python).unwrap();
        assert!(!Installed::is_complete(home.path()));
        std::fs::remove_file(&python).unwrap();
        std::fs::write(&python, "").unwrap();
        assert!(Installed::is_complete(home.path()));
        std::fs::remove_file(Installed::marker(home.path())).unwrap();
        assert!(!Installed::is_complete(home.path()));
    }

    #[tokio::test]
    async fn a_python_that_is_not_there_is_named() {
        let error = find_python(Some(Path::new("/nowhere/python3"))).await.unwrap_err();
        assert!(
            matches!(&error, LocalError::PythonMissing { looked_for } if looked_for.contains("/nowhere"))
        );
    }
}
