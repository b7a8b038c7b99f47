use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::*;
use crate::kinds::function;

fn function(source: CodeSource, runtime: &str) -> FunctionWant {
    let config = function::Config {
        role: String::new(),
        description: String::new(),
        runtime: runtime.to_owned(),
        handler: "bootstrap".to_owned(),
        memory: 128,
        timeout: 3,
        env: BTreeMap::new(),
        env_key: None,
        ephemeral_storage: 512,
        layers: Vec::new(),
        vpc: None,
        tracing: false,
        log_group: String::new(),
    };
    let spec = function::Spec {
        function_name: "f".to_owned(),
        config,
        code: function::Code { source: String::new(), architecture: "x86_64".to_owned() },
        reserved_concurrency: None,
        aliases: BTreeMap::new(),
        permissions: BTreeMap::new(),
        tags: BTreeMap::new(),
    };
    FunctionWant { spec, source, uses: BTreeMap::new(), probe: None }
}

fn local() -> BuildOptions {
    BuildOptions { profile: "dev".to_owned(), real_aws: false }
}

fn content(zip: &[u8], name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    zip::ZipArchive::new(Cursor::new(zip)).unwrap().by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// A folder with a package that has one binary and no dependency.
fn package(bin: &str, main: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("src")).unwrap();
    let manifest =
        format!("[package]\nname = \"{bin}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n");
    let lock = format!("version = 4\n\n[[package]]\nname = \"{bin}\"\nversion = \"0.1.0\"\n");
    fs::write(dir.path().join("Cargo.toml"), manifest).unwrap();
    fs::write(dir.path().join("Cargo.lock"), lock).unwrap();
    fs::write(dir.path().join("src/main.rs"), main).unwrap();
    dir
}

fn cargo(bin: &str) -> FunctionWant {
    function(CodeSource::Cargo { bin: bin.to_owned(), workspace: PathBuf::from(".") }, "provided.al2023")
}

#[test]
fn a_binary_is_built_and_packed_as_bootstrap() {
    let dir = package("build-test-good", "fn main() {}");
    let seen = RefCell::new(Vec::new());
    let progress = |line: &str| seen.borrow_mut().push(line.to_owned());
    let zip = archive(&cargo("build-test-good"), dir.path(), &local(), &progress).unwrap();
    assert!(content(&zip, "bootstrap").starts_with(b"\x7fELF"));
    assert!(seen.borrow().iter().any(|line| line.contains("Compiling build-test-good")), "{seen:?}");
    // A second build compiles nothing and still finds the program.
    assert_eq!(archive(&cargo("build-test-good"), dir.path(), &local(), &|_| {}).unwrap(), zip);
}

#[test]
fn a_build_that_fails_says_what_the_compiler_said() {
    let dir = package("build-test-bad", "fn main() { missing() }");
    let error = archive(&cargo("build-test-bad"), dir.path(), &local(), &|_| {}).unwrap_err();
    assert!(error.to_string().contains("cannot find function `missing`"), "{error}");
}

#[test]
fn the_hash_knows_bin_architecture_and_profile() {
    let dir = package("build-test-hash", "fn main() {}");
    let want = cargo("build-test-hash");
    let hash = |want: &FunctionWant, options| source_hash(want, dir.path(), &options).unwrap();
    let first = hash(&want, local());
    assert_eq!(first.len(), 64);
    assert_eq!(first, hash(&want, BuildOptions { real_aws: true, ..local() }));
    assert_ne!(first, hash(&want, BuildOptions::default()));
    let mut arm = want.clone();
    arm.spec.code.architecture = "arm64".to_owned();
    assert_ne!(first, hash(&arm, local()));
}

#[test]
fn a_folder_is_known_by_names_contents_and_executable_bits() {
    let dir = tempfile::tempdir().unwrap();
    let app = dir.path().join("fn/app.py");
    fs::create_dir(dir.path().join("fn")).unwrap();
    fs::write(&app, "x = 1").unwrap();
    let want = function(CodeSource::Directory(PathBuf::from("fn")), "python3.13");
    let hash = || source_hash(&want, dir.path(), &local()).unwrap();
    let first = hash();
    fs::create_dir(dir.path().join("fn/__pycache__")).unwrap();
    fs::write(dir.path().join("fn/__pycache__/app.pyc"), "x").unwrap();
    assert_eq!(hash(), first);
    fs::set_permissions(&app, fs::Permissions::from_mode(0o755)).unwrap();
    let executable = hash();
    assert_ne!(executable, first);
    fs::rename(&app, dir.path().join("fn/main.py")).unwrap();
    assert_ne!(hash(), executable);
    let zip = archive(&want, dir.path(), &BuildOptions::default(), &|_| {}).unwrap();
    assert_eq!(content(&zip, "main.py"), b"x = 1");
}

#[test]
fn a_command_makes_a_folder_or_an_archive() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("in.py"), "x = 1").unwrap();
    let command = |script: &str, output: &str| {
        let source = CodeSource::Command {
            run: ["sh", "-c", script].map(str::to_owned).to_vec(),
            output: PathBuf::from(output),
            inputs: vec![PathBuf::from("in.py")],
        };
        function(source, "python3.13")
    };
    let want = command("echo packing && mkdir -p out && cp in.py out/app.py", "out");
    let hash = source_hash(&want, dir.path(), &local()).unwrap();
    let seen = RefCell::new(Vec::new());
    let progress = |line: &str| seen.borrow_mut().push(line.to_owned());
    let zip = archive(&want, dir.path(), &BuildOptions::default(), &progress).unwrap();
    assert_eq!(content(&zip, "app.py"), b"x = 1");
    assert_eq!(*seen.borrow(), ["packing"]);
    assert_eq!(source_hash(&want, dir.path(), &local()).unwrap(), hash, "what it makes is no input");

    fs::write(dir.path().join("ready.zip"), &zip).unwrap();
    let copy = command("cp ready.zip made.zip", "made.zip");
    assert_eq!(archive(&copy, dir.path(), &BuildOptions::default(), &|_| {}).unwrap(), zip);
    fs::write(dir.path().join("in.py"), "x = 2").unwrap();
    assert_ne!(source_hash(&want, dir.path(), &local()).unwrap(), hash);

    let failing = command("echo broken >&2; exit 7", "out");
    let error = archive(&failing, dir.path(), &local(), &|_| {}).unwrap_err();
    assert!(error.to_string().ends_with("exit status: 7\n  broken"), "{error}");
}

#[test]
fn an_archive_is_taken_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let want = function(CodeSource::Zip(PathBuf::from("code.zip")), "provided.al2023");
    let error = source_hash(&want, dir.path(), &local()).unwrap_err();
    assert!(error.hint().unwrap().contains("relative to the folder of the stack file"), "{error}");
    let zip = pack::bootstrap(b"no program", &local()).unwrap();
    fs::write(dir.path().join("code.zip"), &zip).unwrap();
    assert_eq!(archive(&want, dir.path(), &local(), &|_| {}).unwrap(), zip);
    let error = archive(&want, dir.path(), &BuildOptions::default(), &|_| {}).unwrap_err();
    assert!(matches!(error, BuildError::NotElf { .. }), "{error}");
}

#[test]
fn code_sha256_is_base64_as_aws_writes_it() {
    assert_eq!(code_sha256(b""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}
