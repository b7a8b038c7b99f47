//! Environments, variables and assertions.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::differences::with;
use crate::project::{Planned, Project, read_yaml};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/environments")
}

fn project() -> Project {
    let mut project = Project::new(&cases());
    project.settings.insert("LOCKSTEP_VAR_needed".to_owned(), "given".to_owned());
    project
}

#[test]
fn an_environment_is_the_stack_with_its_variables_and_overrides() {
    let mut project = project();
    let set = |project: &mut Project, name: &str, value: &str| {
        project.settings.insert(name.to_owned(), value.to_owned());
    };
    let check = |project: &Project, env: &str, flags: &[&str]| {
        set_up(project, env, flags);
        // The same stack without variables and overrides has no changes, and with another variable it has.
        let same = format!("{env}.yaml");
        let (code, output) = project.run(&["plan", "--detailed-exitcode", "--env", env, "--file", &same]);
        assert_eq!(code, Some(0), "{env}: {output}");
        let other = ["plan", "--detailed-exitcode", "--env", env, "--var", "memory=300"];
        assert_eq!(project.run(&other).0, Some(2), "{env}");
    };
    check(&project, "test", &[]);
    check(&project, "prod", &[]);
    // The flag takes precedence over the process, and the process over the environment.
    set(&mut project, "LOCKSTEP_VAR_team", "process");
    set(&mut project, "LOCKSTEP_VAR_memory", "1024");
    check(&project, "sized", &["--var", "team=flag"]);

    let (code, output) = project.run(&["destroy", "--auto-approve", "--env", "prod"]);
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("the environment `prod` is protected"), "{output}");
    let (code, output) = project.run(&["destroy", "--auto-approve", "--env", "prod", "--protected", "prod"]);
    assert_eq!(code, Some(0), "{output}");
    // The variable of another environment has no effect.
    set(&mut project, "LOCKSTEP_VAR_memory", "256");
    project.settings.remove("LOCKSTEP_VAR_team");
    let (code, output) = project.run(&["plan", "--detailed-exitcode", "--env", "test"]);
    assert_eq!(code, Some(0), "{output}");

    project.settings.remove("LOCKSTEP_VAR_needed");
    let (code, output) = project.run(&["plan", "--env", "test"]);
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("the variable `needed` has no value"), "{output}");
}

fn set_up(project: &Project, env: &str, flags: &[&str]) {
    let apply = [&["apply", "--auto-approve", "--env", env], flags].concat();
    let (code, output) = project.run(&apply);
    assert_eq!(code, Some(0), "{env}: {output}");
}

#[test]
fn an_environment_refuses_every_account_but_its_own() {
    let mut project = project();
    // The local AWS has no real account, so it is selected by its address here.
    for line in project.printed(&["local", "env"]).lines() {
        if let Some((name, value)) = line.strip_prefix("export ").and_then(|line| line.split_once('=')) {
            project.settings.insert(name.to_owned(), value.trim_matches('\'').to_owned());
        }
    }
    project.settings.insert("LOCKSTEP_LOCAL".to_owned(), "false".to_owned());
    let (code, output) = project.run(&["plan", "--env", "pinned"]);
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("belongs to the account 111122223333"), "{output}");
    project.settings.insert("LOCKSTEP_ENV".to_owned(), "pinned".to_owned());
    let account = ["environments", "pinned", "account"].map(str::to_owned);
    let stack = read_yaml(&cases().join("stack.yaml"));
    let planned = project.plan(&with(&stack, &account, Some(&"000000000000".into())));
    assert!(matches!(planned, Planned::Changes(_)), "{planned:?}");
}

#[test]
fn what_an_assertion_says_holds_or_there_is_no_plan() {
    let mut project = project();
    project.settings.insert("LOCKSTEP_ENV".to_owned(), "test".to_owned());
    let stack = read_yaml(&cases().join("stack.yaml"));
    let asserted =
        |assertion: Value| project.plan(&with(&stack, &["assert".to_owned()], Some(&json!([assertion]))));
    let holds = [
        json!({"role": "run", "can": ["kms:Encrypt"], "key": "text"}),
        json!({"role": "run", "cannot": ["kms:Decrypt"], "key": "text"}),
        json!({"principal": "user/alice", "cannot": ["kms:Encrypt"], "key": "text", "context": {"tenant": "a"}}),
        json!({"role": "run", "cannot": ["kms:Sign"], "key": "text", "when": {"kms:ViaService": "lambda.us-east-1.amazonaws.com"}}),
    ];
    let fails = [
        json!({"role": "run", "can": ["kms:Decrypt"], "key": "text"}),
        json!({"role": "run", "cannot": ["kms:Encrypt"], "key": "text"}),
        json!({"principal": "user/alice", "can": ["kms:Encrypt"], "key": "text"}),
    ];
    for assertion in holds {
        let planned = asserted(assertion.clone());
        assert!(matches!(planned, Planned::Changes(_)), "{assertion}: {planned:?}");
    }
    for assertion in fails {
        let planned = asserted(assertion.clone());
        assert!(matches!(planned, Planned::Refused(_)), "{assertion}: {planned:?}");
    }
}
