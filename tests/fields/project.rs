//! A project in a folder of its own, with a local AWS of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// The result of a plan.
#[derive(Debug)]
pub enum Planned {
    /// There is nothing to do.
    Nothing,
    /// The changes to make.
    Changes(String),
    /// The stack file is wrong, or requires something that cannot be done.
    Refused(String),
}

/// A project; dropping it stops its local AWS.
pub struct Project {
    folder: TempDir,
    /// Variables of the process.
    pub settings: BTreeMap<String, String>,
}

impl Project {
    /// Copies the files of an area, code included.
    pub fn new(area: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(area, folder.path());
        let settings = BTreeMap::from([("LOCKSTEP_LOCAL".to_owned(), "true".to_owned())]);
        Self { folder, settings }
    }

    /// Applies a stack file; the error is what was printed.
    pub fn apply(&self, stack: &Value) -> Result<(), String> {
        self.write(stack);
        match self.run(&["apply", "--auto-approve"]) {
            (Some(0), _) => Ok(()),
            (_, output) => Err(output),
        }
    }

    /// Plans a stack file.
    pub fn plan(&self, stack: &Value) -> Planned {
        self.write(stack);
        planned(self.run(&["plan", "--detailed-exitcode"]))
    }

    /// Plans a stack file, and returns the fields that change by their places in it.
    pub fn changes(&self, stack: &Value) -> BTreeSet<String> {
        self.write(stack);
        let plan: Value = serde_json::from_str(&self.printed(&["plan", "--json"])).unwrap_or_default();
        let list = |value: &Value, field: &str| value[field].as_array().cloned().unwrap_or_default();
        let resources = list(&plan, "phases").into_iter().flat_map(|phase| list(&phase, "resources"));
        let fields = resources.flat_map(|resource| {
            let name = resource["resource"].as_str().unwrap_or_default().to_owned();
            let changes = list(&resource, "changes").into_iter();
            changes.filter_map(move |change| {
                // The plan names a route as `routes GET /path`.
                let field = change["field"].as_str()?.replacen("routes ", "routes.", 1);
                Some(format!("{name}.{field}"))
            })
        });
        fields.collect()
    }

    /// Destroys the environment, and returns what went wrong.
    pub fn destroy(&self) -> Option<String> {
        let (code, output) = self.run(&["destroy", "--auto-approve"]);
        if code != Some(0) {
            return Some(format!("it cannot be destroyed:\n{output}"));
        }
        match planned(self.run(&["plan", "--destroy", "--detailed-exitcode"])) {
            Planned::Nothing => None,
            Planned::Changes(output) | Planned::Refused(output) => {
                Some(format!("it was destroyed and there is more to destroy:\n{output}"))
            }
        }
    }

    fn write(&self, stack: &Value) {
        std::fs::write(self.folder.path().join("stack.yaml"), stack.to_string()).unwrap();
    }

    /// Runs the command, and returns its exit code and both of its streams.
    pub fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.output(arguments);
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    }

    /// Runs the command, and returns what it prints on standard output.
    pub fn printed(&self, arguments: &[&str]) -> String {
        String::from_utf8_lossy(&self.output(arguments).stdout).into_owned()
    }

    fn output(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
        // Removes the variables that would point the command at another AWS or stack.
        for (name, _) in std::env::vars_os() {
            if ["AWS_", "LOCKSTEP_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        command.args(arguments).envs(&self.settings).current_dir(self.folder.path()).output().unwrap()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        self.run(&["local", "down"]);
    }
}

fn planned((code, output): (Option<i32>, String)) -> Planned {
    match code {
        Some(0) => Planned::Nothing,
        Some(2) => Planned::Changes(output),
        _ => Planned::Refused(output),
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// Reads a YAML file.
pub fn read_yaml(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap();
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Reads the first word of every line of a file that may be missing.
pub fn read_lines(path: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| Some(line.split_once("  ")?.0.to_owned())).collect()
}

/// Merges mappings; anything else is replaced.
pub fn merged(base: &Value, over: &Value) -> Value {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            let mut all = base.clone();
            for (key, value) in over {
                let inner = all.get(key).map_or_else(|| value.clone(), |inner| merged(inner, value));
                all.insert(key.clone(), inner);
            }
            Value::Object(all)
        }
        _ => over.clone(),
    }
}
