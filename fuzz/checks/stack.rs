//! Reads a stack file, compiles every environment, and plans its creation.

use std::collections::BTreeMap;

use lockstep::kinds::World;
use lockstep::plan::{PlanError, plan};
use lockstep::stack::{self, Diagnostics, Inputs, Source};

use super::world::{drives, place};

/// Maximum number of environments that are compiled, so that one check does not take too long.
const ENVIRONMENTS: usize = 4;

/// Checks one file.
pub fn check(data: &[u8]) {
    // The command refuses text that is not valid UTF-8 before this step.
    let text = String::from_utf8_lossy(data);
    let source = Source { file: "stack.yaml", text: &text };
    let file = match stack::parse(source) {
        Ok(file) => file,
        Err(found) => {
            assert!(found.has_errors());
            return lie_within(&found, source);
        }
    };
    lie_within(file.warnings(), source);
    for env in file.environments().into_iter().take(ENVIRONMENTS) {
        let inputs = Inputs { env: Some(env), vars: values(&text), process_env: BTreeMap::new() };
        match file.compile(&inputs, &place()) {
            Ok(desired) => match plan(&desired, &World::default()) {
                Ok(_) | Err(PlanError::Blocked(_)) => {}
                Err(fault) => panic!("a fault of the planner: {fault:?}"),
            },
            Err(found) => {
                assert!(found.has_errors());
                lie_within(&found, source);
            }
        }
    }
}

/// Returns a value for every variable that is named in the text.
fn values(text: &str) -> BTreeMap<String, String> {
    let named = text.split("${var.").skip(1).filter_map(|rest| rest.split_once('}'));
    named.map(|(name, _)| (name.to_owned(), "a \"value\" of ${it}".to_owned())).collect()
}

/// Counts the characters of every line. In YAML a line ends at a line feed, a carriage return, or both together.
fn lengths(text: &str) -> Vec<usize> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.split('\n').map(|line| line.chars().count()).collect()
}

/// Checks that every place in the diagnostics is within the text.
fn lie_within(found: &Diagnostics, source: Source<'_>) {
    let lines = lengths(source.text);
    let within = |line: u32, column: u32| {
        let index = usize::try_from(line).expect("it fits").checked_sub(1).expect("lines count from 1");
        let length = *lines.get(index).unwrap_or_else(|| panic!("there is no line {line}: {found}"));
        // A column after the end of the line is where something is missing.
        let column = usize::try_from(column).expect("it fits");
        assert!((1..=length + 1).contains(&column), "{line}:{column} is not in the text: {found}");
    };
    for problem in found.iter() {
        if problem.line > 0 {
            within(problem.line, problem.column);
        }
        problem.labels.iter().for_each(|label| within(label.line, label.column));
    }
    assert!(!drives(&found.render(source, false)), "{found}");
}
