//! Every field of a stack file on the local AWS: created, changed, cleared and planned to nothing.
//!
//! See `tests/cases/fields/README.md`.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod differences;
mod environments;
mod project;
mod schema;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::thread;

use serde_json::Value;

use differences::{at, differences, with};
use project::{Planned, Project};

/// Maximum number of concurrent emulators.
const AT_ONCE: usize = 3;

/// The states of an area, in order.
const STATES: [&str; 3] = ["1-created.yaml", "2-changed.yaml", "3-cleared.yaml"];

fn areas() -> Vec<PathBuf> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/fields");
    let entries = std::fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().path());
    let mut areas: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    areas.sort();
    areas
}

fn name(area: &Path) -> &str {
    area.file_name().and_then(|name| name.to_str()).unwrap()
}

#[test]
fn every_field_is_created_changed_and_cleared() {
    let areas = areas();
    assert!(!areas.is_empty());
    let mut wrong = Vec::new();
    for some in areas.chunks(areas.len().div_ceil(areas.len().div_ceil(AT_ONCE))) {
        thread::scope(|scope| {
            let runs: Vec<_> = some.iter().map(|area| (area, scope.spawn(|| check(area)))).collect();
            for (area, run) in runs {
                let found =
                    run.join().unwrap_or_else(|_| vec!["the test itself failed; see above".to_owned()]);
                wrong.extend(found.into_iter().map(|what| format!("{}: {what}", name(area))));
            }
        });
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Takes one area through its states, and returns everything that is wrong.
fn check(area: &Path) -> Vec<String> {
    let project = Project::new(area);
    let mut wrong = Vec::new();
    let mut unnoticed = BTreeSet::new();
    let states: Vec<Value> = STATES.iter().map(|state| project::read_yaml(&area.join(state))).collect();
    for (index, (state, stack)) in STATES.iter().zip(&states).enumerate() {
        if let Err(output) = project.apply(stack) {
            wrong.push(format!("{state} cannot be applied:\n{output}"));
            return wrong;
        }
        match project.plan(stack) {
            Planned::Nothing => {}
            Planned::Changes(output) => wrong.push(format!("{state} was applied and plans again:\n{output}")),
            Planned::Refused(output) => wrong.push(format!("{state} was applied and is refused:\n{output}")),
        }
        if let Some(next) = states.get(index + 1) {
            let (missed, refused) = look_at_each(&project, stack, next);
            unnoticed.extend(missed);
            wrong.extend(refused.into_iter().map(|what| format!("after {state} {what}")));
        }
        if index == 1 {
            wrong.extend(refusals(&project, area, stack));
        }
    }
    let known = project::read_lines(&area.join("unplanned.txt"));
    if unnoticed != known {
        wrong.push(format!("changes of {unnoticed:?} plan nothing, and {known:?} should"));
    }
    wrong.extend(project.destroy());
    wrong
}

/// Changes every field that differs by itself, and returns the fields whose change plans nothing, and what is refused.
fn look_at_each(project: &Project, stack: &Value, next: &Value) -> (BTreeSet<String>, Vec<String>) {
    // A field that the plan of all changes names needs no plan of its own.
    let named = project.changes(next);
    let (mut missed, mut refused) = (BTreeSet::new(), Vec::new());
    for (path, value) in differences(stack, next) {
        let shown = path.join(".");
        if named.contains(&shown) {
            continue;
        }
        let mut planned = project.plan(&with(stack, &path, value.as_ref()));
        if let (Planned::Refused(_), Some((_, around))) = (&planned, path.split_last()) {
            // Some fields go together, such as those of a source of code.
            planned = project.plan(&with(stack, around, at(next, around)));
        }
        match planned {
            Planned::Changes(_) => {}
            Planned::Nothing => drop(missed.insert(shown)),
            Planned::Refused(output) => {
                refused.push(format!("the change of `{shown}` is refused:\n{output}"))
            }
        }
    }
    (missed, refused)
}

/// Makes the changes that AWS cannot make, one by one, and checks that each is refused.
fn refusals(project: &Project, area: &Path, stack: &Value) -> Vec<String> {
    let file = area.join("refused.yaml");
    if !file.exists() {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    for (path, value) in differences(stack, &project::merged(stack, &project::read_yaml(&file))) {
        if !matches!(project.plan(&with(stack, &path, value.as_ref())), Planned::Refused(_)) {
            wrong.push(format!("the change of `{}` is not refused", path.join(".")));
        }
    }
    wrong
}
