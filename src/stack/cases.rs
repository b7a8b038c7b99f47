//! Runs every stack file in `tests/cases/stack`, one folder each, and compares the problems that are found.
//!
//! `errors.txt` contains the terminal output for `stack.yaml`. If it is missing, the test writes it, to be reviewed and
//! kept.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::{Source, parse};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/stack")
}

/// Returns the actual output for a case: its errors, or its warnings.
fn outcome(text: &str) -> String {
    let source = Source { file: "stack.yaml", text };
    match parse(source) {
        Ok(file) => file.warnings().render(source, false),
        Err(problems) => problems.render(source, false),
    }
}

#[test]
fn every_case_gives_the_errors_beside_it() -> io::Result<()> {
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in fs::read_dir(folder())? {
        let case = case?.path();
        let text = fs::read_to_string(case.join("stack.yaml"))?;
        let given = outcome(&text);
        let errors = case.join("errors.txt");
        let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
        count += 1;
        if errors.exists() {
            let wanted = fs::read_to_string(&errors)?;
            if given != wanted {
                let diff = similar::TextDiff::from_lines(wanted.as_str(), given.as_str());
                wrong.push(format!("{name}:\n{}", diff.unified_diff()));
            }
        } else {
            fs::write(&errors, given)?;
            wrong.push(format!("{name}: wrote errors.txt, read it"));
        }
    }
    assert!(count > 10, "only {count} cases were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
