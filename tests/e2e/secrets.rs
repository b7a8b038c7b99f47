//! Secrets of a stack go where they belong, and into nothing that anybody reads.

use crate::support::{FUNCTION, Project};

const PLANTED: &str = "planted-2f6c1d";
/// What `--var` is given: the secret itself.
const VAR: &str = "db_password=planted-2f6c1d";

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
    let changed: [&[&str]; 6] = [
        &["plan", "--verbose"],
        &["plan", "--json"],
        &["plan", "--out", "saved.json"],
        &["drift", "--verbose"],
        &["drift", "--format", "json"],
        &["drift", "--format", "markdown"],
    ];
    let apply: &[&str] = &["apply", "saved.json", "--verbose"];
    let after: [&[&str]; 5] = [
        &["plan", "--verbose", "--json"],
        &["drift", "--format", "json"],
        &["access", "--format", "json"],
        &["why", "encrypt-test", "Encrypt", "--json"],
        &["validate"],
    ];
    let mut seen = 0;
    for args in changed.into_iter().chain([apply]).chain(after) {
        let run = project.run(&[args, &["--var", VAR]].concat()).await;
        assert!(!run.out.contains(PLANTED) && !run.err.contains(PLANTED), "{run}");
        seen += usize::from(run.out.contains("DB_PASSWORD"));
    }
    // It was told of, without its value, and has arrived.
    assert!(seen >= 4, "{seen}");
    let saved = std::fs::read_to_string(project.path().join("saved.json")).unwrap();
    assert!(!saved.contains(PLANTED));
    let config =
        project.sdk.lambda.get_function_configuration().function_name(FUNCTION).send().await.unwrap();
    let variables = config.environment().unwrap().variables().unwrap();
    assert_eq!(variables["DB_PASSWORD"], PLANTED);

    // A value that is refused is not repeated either.
    project
        .edit("DB_PASSWORD: \"${var.db_password}\"", "DB_PASSWORD: \"${var.db_password}${nothing.at.all}\"");
    let run = project.run(&["plan", "--var", VAR]).await.ends_with(1);
    assert!(!run.out.contains(PLANTED) && !run.err.contains(PLANTED), "{run}");
}
