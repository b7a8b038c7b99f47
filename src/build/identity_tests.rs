use std::fs;

use super::*;

const LIB: &str = "pub fn f() {}\nconst Q: &str = include_str!(\"../query.sql\");\n";
const MAIN: &str = "fn main() { core::f() }\nconst S: &str = include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/../shared/s.json\"));\n";
const LOCK: &str = r#"version = 4

[[package]]
name = "app"
version = "0.1.0"
dependencies = [
 "core-of-it",
 "other",
 "outer",
]

[[package]]
name = "core-of-it"
version = "0.1.0"

[[package]]
name = "other"
version = "0.1.0"

[[package]]
name = "outer"
version = "0.1.0"
"#;

/// A workspace `w` with a stack file and two packages, one of which is used, and a package outside the workspace.
struct Workspace(tempfile::TempDir);

impl Workspace {
    fn new() -> Self {
        let workspace = Self(tempfile::tempdir().unwrap());
        let package = |name: &str, more: &str| {
            format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{more}")
        };
        let app = package(
            "app",
            "[[bin]]\nname = \"api\"\npath = \"src/main.rs\"\n[dependencies]\n\
             core = { path = \"../core\", package = \"core-of-it\" }\nouter = { path = \"../../outer\" }\n\
             [dev-dependencies]\nother = { path = \"../other\" }\n",
        );
        for (file, text) in [
            ("w/Cargo.toml", "[workspace]\nmembers = [\"app\", \"core\", \"other\"]\nresolver = \"3\"\n"),
            ("w/Cargo.lock", LOCK),
            ("w/stack.yaml", "lockstep: 1\n"),
            ("w/app/Cargo.toml", &app),
            ("w/app/src/main.rs", MAIN),
            ("w/app/tests/it.rs", ""),
            ("w/app/nested/Cargo.toml", "[package]\n"),
            ("w/core/Cargo.toml", &package("core-of-it", "")),
            ("w/core/src/lib.rs", LIB),
            ("w/core/query.sql", "select 1"),
            ("w/shared/s.json", "{}"),
            ("w/other/Cargo.toml", &package("other", "")),
            ("w/other/src/lib.rs", ""),
            ("outer/Cargo.toml", &package("outer", "[workspace]\n")),
            ("outer/src/lib.rs", ""),
        ] {
            workspace.write(file, text);
        }
        workspace
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.0.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn hash(&self) -> String {
        let workspace = self.0.path().join("w");
        let mut digest = Digest::new("test");
        add(&mut digest, "api", &workspace, &workspace).unwrap();
        digest.hex()
    }

    /// Returns whether writing a file changes the hash.
    fn matters(&self, file: &str, text: &str) -> bool {
        let before = self.hash();
        self.write(file, text);
        self.hash() != before
    }
}

#[test]
fn the_hash_is_the_same_in_another_folder() {
    assert_eq!(Workspace::new().hash(), Workspace::new().hash());
}

#[test]
fn every_file_that_cargo_reads_matters() {
    let workspace = Workspace::new();
    for (file, text) in [
        ("w/app/src/main.rs", "fn main() {}"),
        ("w/app/src/new.rs", ""),
        ("w/app/templates/deep/page.html", "<p>"),
        ("w/app/build.rs", "fn main() {}"),
        ("w/app/askama.toml", "x"),
        ("w/core/src/lib.rs", &format!("{LIB}\n// changed\n")),
        ("w/core/query.sql", "select 2"),
        ("outer/src/lib.rs", "pub fn g() {}"),
        ("w/rust-toolchain.toml", "[toolchain]\n"),
        ("w/.cargo/config.toml", "[build]\n"),
        ("w/Cargo.toml", "[workspace]\nmembers = [\"app\", \"core\", \"other\"]\n[profile.release]\n"),
    ] {
        assert!(workspace.matters(file, text), "{file}");
    }
}

#[test]
fn a_file_outside_the_package_matters_when_a_source_names_it() {
    let workspace = Workspace::new();
    assert!(workspace.matters("w/shared/s.json", "[]"));
    assert!(!workspace.matters("w/shared/t.json", "[]"));
}

#[test]
fn what_cargo_does_not_read_does_not_matter() {
    let workspace = Workspace::new();
    for (file, text) in [
        ("w/stack.yaml", "lockstep: 1\n# another role\n"),
        ("w/plan.json", "{}"),
        ("w/app/plan.json", "{}"),
        ("w/app/tests/it.rs", "#[test] fn t() {}"),
        ("w/app/nested/src/lib.rs", ""),
        ("w/app/.git/HEAD", "x"),
        ("w/app/out/CACHEDIR.TAG", "Signature"),
        ("w/app/out/debug/api", "x"),
        ("w/other/src/lib.rs", "pub fn h() {}"),
    ] {
        assert!(!workspace.matters(file, text), "{file}");
    }
}

#[test]
fn only_locked_packages_of_the_binary_matter() {
    let workspace = Workspace::new();
    // Without the package outside the workspace, because cargo itself would read the lock file for it.
    let lock = LOCK.replace(" \"outer\",\n", "");
    workspace.write("w/Cargo.lock", &lock);
    let registry = "source = \"registry+https://example.org\"\nchecksum = \"aa\"";
    let stray = format!("{lock}\n[[package]]\nname = \"stray\"\nversion = \"1.0.0\"\n{registry}\n");
    assert!(!workspace.matters("w/Cargo.lock", &stray));
    let wanted = "name = \"core-of-it\"\nversion = \"0.1.0\"";
    let used = stray.replace(wanted, &format!("{wanted}\ndependencies = [\n \"stray\",\n]"));
    assert!(workspace.matters("w/Cargo.lock", &used));
    assert!(workspace.matters("w/Cargo.lock", &used.replace("\"aa\"", "\"bb\"")));
}

#[test]
fn a_binary_that_is_not_there_is_answered_with_those_that_are() {
    let workspace = Workspace::new();
    let folder = workspace.0.path().join("w");
    let error = add(&mut Digest::new("test"), "apy", &folder, &folder).unwrap_err();
    assert!(error.to_string().ends_with("has a binary `apy`"), "{error}");
    assert_eq!(error.hint().unwrap(), "the workspace has the binaries `api`");
}

#[test]
fn a_package_that_the_lock_file_does_not_know_is_an_error() {
    let workspace = Workspace::new();
    workspace.write("w/Cargo.lock", &LOCK.replace("name = \"app\"", "name = \"app2\""));
    let folder = workspace.0.path().join("w");
    let error = add(&mut Digest::new("test"), "api", &folder, &folder).unwrap_err();
    assert!(matches!(&error, BuildError::NotLocked { package, .. } if package == "app"), "{error}");
    assert!(error.hint().unwrap().contains("cargo update --workspace"));
}
