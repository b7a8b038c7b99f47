//! Tests what scripts can rely on.

use crate::support::{Inventory, Lock, Project, Proxy, Run, Trap, bare};

#[tokio::test]
async fn reading_commands_change_nothing() {
    let project = Project::deployed().await;
    project.move_by_hand("encrypt-prod").await;
    let before = Inventory::take(&project.sdk).await;
    let proxy = Proxy::start(project.endpoint(), Trap::Open).await;
    let commands: [(&[&str], i32); 11] = [
        (&["plan"], 0),
        (&["plan", "--detailed-exitcode"], 2),
        (&["plan", "--json", "--out", "plan.json"], 0),
        (&["plan", "--destroy"], 0),
        (&["drift"], 2),
        (&["drift", "--format", "json"], 2),
        (&["drift", "--format", "markdown"], 2),
        (&["validate"], 0),
        (&["why", "encrypt-prod", "Encrypt"], 0),
        (&["access"], 0),
        (&["parity", "encrypt-test", "encrypt-prod"], 0),
    ];
    for (args, code) in commands {
        project.run_at(proxy.url(), args).await.ends_with(code);
    }
    assert_eq!(proxy.writes(), [""; 0]);
    // Nobody can approve, because there is no terminal. The lock is taken before anything is read, and released.
    project.run_at(proxy.url(), &["apply"]).await.ends_with(64).says("--auto-approve");
    project.run_at(proxy.url(), &["destroy"]).await.ends_with(64).says("--auto-approve");
    assert_eq!(proxy.changes(), [""; 0]);
    Lock::is_free(&project).await;
    // KMS creates an AWS managed key when it is described.
    let asked = proxy.requests();
    assert!(!asked.is_empty() && !asked.iter().any(|request| request.contains("alias/aws/")), "{asked:#?}");
    Inventory::take(&project.sdk).await.is(&before);
    project.apply().await.ok();
    project.is_settled().await;
}

#[tokio::test]
async fn wrong_usage_ends_with_64() {
    let folder = tempfile::tempdir().unwrap();
    let wrong: [&[&str]; 6] = [
        &["plan", "--no-such-flag"],
        &["no-such-command"],
        &["plan", "--var", "no-value"],
        &["plan", "--file", "no-such-file.yaml"],
        &["apply", "no-such-plan.json"],
        &[],
    ];
    for args in wrong {
        let output = bare(args).current_dir(folder.path()).output().await.unwrap();
        Run::new(args.join(" "), &output).ends_with(64);
    }
    for args in [&["--help"][..], &["--version"], &["help", "plan"]] {
        let output = bare(args).current_dir(folder.path()).output().await.unwrap();
        Run::new(args.join(" "), &output).ok();
    }
}

/// Files that are not stack files: the command does not wait for their end, and reports only what is wrong.
#[tokio::test]
async fn a_file_without_an_end_or_of_another_kind_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("latin1.yaml"), b"stack: caf\xe9\n").unwrap();
    let cases: [(&[&str], i32, &str); 4] = [
        (&["validate", "--file", "/dev/zero"], 1, "more than 1048576 bytes"),
        (&["apply", "/dev/zero"], 64, "is not a saved plan"),
        (&["validate", "--file", "latin1.yaml"], 64, "cannot be read"),
        (&["apply", "latin1.yaml"], 64, "cannot be read"),
    ];
    for (args, code, says) in cases {
        let output = bare(args).current_dir(folder.path()).output().await.unwrap();
        Run::new(args.join(" "), &output).ends_with(code).says(says);
    }
}
