//! Tests of the architecture: rules about modules, files and the manifest that the compiler does not check.

use std::path::{Path, PathBuf};

/// The modules without effects.
const PURE: [&str; 7] = ["stack", "kinds", "plan", "access", "why", "report", "lock"];

/// What a module without effects never names.
const EFFECTS: [&str; 11] = [
    "aws_sdk_",
    "aws_config",
    "tokio",
    "reqwest",
    "async fn",
    ".await",
    "std::fs",
    "std::env",
    "std::process",
    "SystemTime",
    "Instant::now",
];

/// The part of `kinds` that calls AWS: the modules named `aws` in it.
const KINDS_IN_AWS: &str = "kinds/**/aws";

/// The modules that a module may name, so that arrows go one way.
const ARROWS: [(&str, &[&str]); 14] = [
    ("access", &[]),
    ("kinds", &["access"]),
    ("stack", &["access", "kinds"]),
    ("plan", &["access", "kinds", "stack"]),
    ("why", &["access", "kinds", "stack", "plan"]),
    ("report", &["access", "kinds", "stack", "plan", "why"]),
    ("build", &["stack", "kinds"]),
    ("lock", &[]),
    ("aws", &["access", "lock"]),
    (KINDS_IN_AWS, &["access", "kinds", "stack", "aws"]),
    ("call", &["access", "kinds", "stack", "aws"]),
    ("apply", &["kinds", "stack", "plan", "aws", "call"]),
    ("local", &[]),
    ("engine", &["access", "kinds", "stack", "plan", "build", "lock", "aws", "call", "apply", "local"]),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Returns the code of a file without its comments and without its tests, which may read files.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Lists the files of a module of [`ARROWS`].
fn files_of(module: &str) -> Vec<PathBuf> {
    let calls_aws = |file: &PathBuf| file.parent().is_some_and(|folder| folder.ends_with("aws"));
    let files = match module {
        KINDS_IN_AWS => sources(&root().join("kinds")).into_iter().filter(calls_aws).collect(),
        "kinds" => sources(&root().join("kinds")).into_iter().filter(|file| !calls_aws(file)).collect(),
        module => sources(&root().join(module)),
    };
    files.into_iter().filter(|file| !is_test(file)).collect()
}

fn is_test(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.ends_with("tests.rs") || name.ends_with("cases.rs") || name.contains("small_worlds")
}

#[test]
fn pure_modules_have_no_effects() {
    for module in PURE {
        for file in files_of(module) {
            let code = code(&file);
            for effect in EFFECTS {
                assert!(!code.contains(effect), "{}: a pure module names `{effect}`", file.display());
            }
        }
    }
}

#[test]
fn arrows_between_modules_go_one_way() {
    for (module, allowed) in ARROWS {
        for file in files_of(module) {
            let code = code(&file);
            let named = code
                .split("crate::")
                .skip(1)
                .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next());
            for other in named.filter(|other| ARROWS.iter().any(|(module, _)| module == other)) {
                assert!(
                    other == module || allowed.contains(&other),
                    "{}: `{module}` names `{other}`, which is not below it",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn a_file_holds_one_subject() {
    for file in sources(&root()) {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 900, "{}: {lines} lines; cut it where a subject ends", file.display());
    }
}

#[test]
fn the_schema_file_is_the_one_of_the_types() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/stack.schema.json");
    let kept: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(kept, crate::stack::schema(), "write it anew: lockstep schema > docs/stack.schema.json");
}

/// A report of a crash is of use only with the names of the functions on the stack: `strip = "symbols"` takes them
/// away, and `"debuginfo"` does not.
#[test]
fn a_release_can_tell_where_it_crashed() {
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let release = manifest.split("[profile.release]").nth(1).unwrap().split("\n[").next().unwrap();
    let settings: Vec<&str> = release.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let strip = settings.iter().find_map(|line| line.strip_prefix("strip")?.trim().strip_prefix('='));
    assert!(matches!(strip.map(str::trim), None | Some("\"debuginfo\"" | "\"none\"")), "{settings:?}");
}
