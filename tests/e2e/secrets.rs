//! Secrets of a stack are stored where they belong, and appear in nothing that people read.

use crate::support::{FUNCTION, Fault, Project, Proxy, Run, Trap};

const PLANTED: &str = "planted-2f6c1d";
/// The argument of `--var`, which contains the secret.
const VAR: &str = "db_password=planted-2f6c1d";
const LOCK: &str = "/lockstep/text-encryption/test/lock";

/// Asserts that a run has not printed the secret, and returns whether it mentioned the variable.
fn tells(run: &Run) -> bool {
    assert!(!run.out.contains(PLANTED) && !run.err.contains(PLANTED), "{run}");
    run.out.contains("DB_PASSWORD")
}

#[tokio::test]
async fn no_output_holds_a_planted_secret() {
    let mut project = Project::deployed().await;
    project.edit(
        "\nenvironments:\n",
        "\nvariables:\n  db_password: { description: of the database }\nenvironments:\n",
    );
    project.edit(
        "    env: { KEY_ID: \"${keys.text.alias}\" }",
        "    env: { KEY_ID: \"${keys.text.alias}\", DB_PASSWORD: \"${var.db_password}\" }",
    );
    let changed: [&[&str]; 9] = [
        &["plan"],
        &["plan", "--verbose"],
        &["plan", "--json"],
        &["plan", "--out", "saved.json"],
        &["plan", "--destroy"],
        &["drift"],
        &["drift", "--verbose"],
        &["drift", "--format", "json"],
        &["drift", "--format", "markdown"],
    ];
    let after: [&[&str]; 14] = [
        &["plan", "--verbose", "--json"],
        &["drift", "--format", "json"],
        &["access"],
        &["access", "--verbose", "--format", "json"],
        &["access", "--format", "html"],
        &["why", "encrypt-test", "Encrypt"],
        &["why", "encrypt-test", "Encrypt", "--json"],
        &["why", "encrypt-test", "ScheduleKeyDeletion", "--verbose"],
        &["parity", "encrypt-test", "encrypt-prod"],
        &["parity", "encrypt-test", "encrypt-prod", "--json"],
        &["call", "POST", "/encrypt", "--body", "{\"text\":\"hello\"}", "--verbose"],
        &["plan", "--destroy", "--json"],
        &["unlock"],
        &["validate"],
    ];
    let with = |args: &[&'static str]| [args, &["--var", VAR]].concat();
    let mut told = 0;
    for args in changed {
        told += usize::from(tells(&project.run(&with(args)).await));
    }
    assert!(told >= 7, "{told}");
    let saved = std::fs::read_to_string(project.path().join("saved.json")).unwrap();
    assert!(saved.contains("DB_PASSWORD") && !saved.contains(PLANTED));

    // AWS repeats a value that it refuses. `RUST_LOG` and `RUST_BACKTRACE` must not make a library log it.
    let refused = Trap::Of(&["lambda:UpdateFunctionConfiguration"], Fault::Repeats(PLANTED));
    let proxy = Proxy::start(project.endpoint(), refused).await;
    let mut apply = project.command(proxy.url(), &with(&["apply", "--auto-approve", "--verbose"]));
    let output = apply.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1").output().await.unwrap();
    let run = Run::new("apply that fails".to_owned(), &output).ends_with(1);
    tells(&run);
    run.says("failed to satisfy constraint").says("{(hidden)=}");

    // Uses the variable of the process in place of the argument, and the plan that was saved before.
    let mut plan = project.command(project.endpoint(), &["plan", "--out", "saved.json", "--verbose"]);
    let output = plan.env("LOCKSTEP_VAR_db_password", PLANTED).output().await.unwrap();
    tells(&Run::new("plan with a variable".to_owned(), &output).ok());
    tells(&project.run(&with(&["apply", "saved.json", "--verbose"])).await.ok());
    for args in after {
        tells(&project.run(&with(args)).await);
    }

    // The secret has arrived, and is nowhere else.
    let config =
        project.sdk.lambda.get_function_configuration().function_name(FUNCTION).send().await.unwrap();
    let variables = config.environment().unwrap().variables().unwrap();
    assert_eq!(variables["DB_PASSWORD"], PLANTED);
    let history = project.sdk.ssm.get_parameter_history().name(LOCK).send().await.unwrap();
    let entries: Vec<&str> = history.parameters().iter().filter_map(|version| version.value()).collect();
    assert!(entries.len() >= 2 && entries.iter().all(|entry| !entry.contains(PLANTED)), "{entries:?}");

    // A value that is refused is not repeated either.
    project
        .edit("DB_PASSWORD: \"${var.db_password}\"", "DB_PASSWORD: \"${var.db_password}${nothing.at.all}\"");
    tells(&project.run(&with(&["plan"])).await.ends_with(1));
    tells(&project.run(&with(&["validate", "--verbose"])).await.ends_with(1));
}
