//! The programs of `lambda/`, built once for all tests.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

/// Names of the programs.
const PROGRAMS: [&str; 2] = ["text-encryption", "authorizer"];

static BUILT: LazyLock<Vec<(&str, PathBuf)>> = LazyLock::new(|| {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--locked", "--package", "text-encryption", "--bins"]);
    build.args(["--message-format", "json-render-diagnostics"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    std::env::vars_os().filter(|(name, _)| is_of_test(&name.to_string_lossy())).for_each(|(name, _)| {
        build.env_remove(name);
    });
    let output = build.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let messages: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let path = |program: &str| {
        let built = messages
            .iter()
            .find(|message| message["target"]["name"] == program && message["executable"].is_string());
        PathBuf::from(built.unwrap()["executable"].as_str().unwrap())
    };
    PROGRAMS.into_iter().map(|program| (program, path(program))).collect()
});

/// Returns whether cargo sets a variable for the test that it runs. Build scripts read some of these variables, which
/// would cause half of the dependencies to be rebuilt.
fn is_of_test(name: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_PRIMARY_"].iter().any(|prefix| name.starts_with(prefix))
}

/// Writes one folder per program, with a `bootstrap` that becomes the program.
///
/// A development build has 40 MB: in this way not every test packs and unpacks it. One scenario has cargo build and
/// pack the same programs. The emulator tells functions to call the emulator itself; they call `endpoint` instead.
pub fn write(folder: &Path, endpoint: Option<&str>) {
    let endpoint = endpoint.map(|endpoint| format!("export AWS_ENDPOINT_URL='{endpoint}'\n"));
    let endpoint = endpoint.unwrap_or_default();
    for (program, path) in BUILT.iter() {
        let folder = folder.join(program);
        fs::create_dir_all(&folder).unwrap();
        let bootstrap = folder.join("bootstrap");
        fs::write(&bootstrap, format!("#!/bin/sh\n{endpoint}exec '{}'\n", path.display())).unwrap();
        fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755)).unwrap();
    }
}
