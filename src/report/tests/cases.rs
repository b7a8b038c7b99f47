//! Compares stack files, before and after, with the expected plan and drift between them, one folder of
//! `tests/cases/report` each.
//!
//! `before.yaml` is the state of AWS, which is empty if the file is missing; `after.yaml` is the wanted state.
//! `plan.txt` and `drift.txt` are the output in a terminal. If one of them is missing, the test writes it, to be
//! reviewed and kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::applied;
use crate::kinds::World;
use crate::plan::prove::{AccessContext, Evidence};
use crate::plan::{PlanError, plan};
use crate::report::drift::Observed;
use crate::report::plan::{Style, document, text};
use crate::report::{Drift, Paint, PlanView, blocked};
use crate::stack::desired::{Desired, Place};
use crate::stack::{self, Inputs, Source};

fn desired(path: &Path) -> io::Result<Desired> {
    let text = fs::read_to_string(path)?;
    let file = stack::parse(Source { file: "stack.yaml", text: &text }).unwrap();
    let place = Place {
        partition: "aws".to_owned(),
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        function_env: BTreeMap::new(),
        longest_init: 0,
    };
    let inputs = Inputs { env: Some("test".to_owned()), ..Inputs::default() };
    let mut desired = file.compile(&inputs, &place).unwrap();
    for (name, function) in &mut desired.functions {
        function.spec.code.source = format!("source of {name}");
    }
    Ok(desired)
}

/// Writes the plan and the drift of one case.
fn outcome(case: &Path) -> io::Result<[(PathBuf, String); 2]> {
    let before = case.join("before.yaml");
    let world = if before.exists() { applied(&desired(&before)?) } else { World::default() };
    let desired = desired(&case.join("after.yaml"))?;
    let (plan, blocked) = match plan(&desired, &world) {
        Ok(plan) => {
            let view =
                PlanView { desired: &desired, world: &world, plan: &plan, access: &[], unproved: None };
            (text(&document(&view), Style::default()), Vec::new())
        }
        Err(PlanError::Blocked(found)) => (blocked::text(&found, Paint::default()), found),
        Err(other) => (other.to_string(), Vec::new()),
    };
    let drift = {
        let evidence = Evidence::default();
        let scene = AccessContext { desired: &desired, world: &world, evidence: &evidence };
        Drift::new(Observed { scene, blocked: &blocked, claims: &[] }).text(Style::default())
    };
    Ok([(case.join("plan.txt"), plan), (case.join("drift.txt"), drift)])
}

#[test]
fn every_case_gives_the_texts_beside_it() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/report");
    let (mut wrong, mut count) = (Vec::new(), 0);
    for case in fs::read_dir(folder)? {
        count += 1;
        for (path, given) in outcome(&case?.path())? {
            if !path.exists() {
                fs::write(&path, &given)?;
                wrong.push(format!("{}: written, read it", path.display()));
            } else if fs::read_to_string(&path)? != given {
                let wanted = fs::read_to_string(&path)?;
                let diff = similar::TextDiff::from_lines(wanted.as_str(), given.as_str());
                wrong.push(format!("{}:\n{}", path.display(), diff.unified_diff()));
            }
        }
    }
    assert!(count >= 5, "only {count} cases were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
