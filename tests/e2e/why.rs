//! "Why AccessDenied?", asked with nothing but a line of a log, and other reports on access.

use serde_json::{Value, json};

use crate::support::{FUNCTION, Inventory, Project, Proxy, Run, Trap, bare, until};

/// The managed policy of this name, which allows nothing about using a key.
const POWER_USER: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":["kms:CreateAlias","kms:CreateKey","kms:DeleteAlias","kms:Describe*","kms:GenerateRandom","kms:Get*","kms:List*","kms:TagResource","kms:UntagResource"]}]}"#;

/// Attaches such a policy, as people do after a denial. The emulator lacks the policies of AWS itself, so the policy
/// belongs to the account.
async fn attach_power_user(project: &Project, role: &str) {
    let iam = &project.sdk.iam;
    let made =
        iam.create_policy().policy_name("AWSKeyManagementServicePowerUser").policy_document(POWER_USER);
    let made = made.send().await.unwrap();
    let arn = made.policy().unwrap().arn().unwrap();
    let role = format!("text-encryption-test-{role}");
    iam.attach_role_policy().role_name(role).policy_arn(arn).send().await.unwrap();
}

/// Returns the newest line in the log of the function that contains a denial.
async fn denied(project: &Project) -> String {
    let group = format!("/aws/lambda/{FUNCTION}");
    until("the function logs the denial", async || {
        let events = project.sdk.logs.filter_log_events().log_group_name(&group).send().await.unwrap();
        let lines = events.events().iter().rev().filter_map(|event| event.message());
        lines.into_iter().find(|line| line.contains("AccessDenied")).map(str::to_owned)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_of_a_log_is_enough_to_tell_the_cause() {
    let project = Project::deployed().await;
    project.move_by_hand("encrypt-prod").await;
    attach_power_user(&project, "encrypt-prod").await;
    let token = project.token().await;
    let refused = until("the API fails", async || {
        Some(project.call(&token, "/encrypt", &json!({ "text": "x" })).await).filter(|it| it.status != 200)
    })
    .await;
    assert_eq!(refused.status, 503);

    let line = denied(&project).await;
    let before = Inventory::take(&project.sdk).await;
    let proxy = Proxy::start(project.endpoint(), Trap::Open).await;
    let why = project.run_at(proxy.url(), &["why", "--error", &line]).await.ok();
    let first = why.out.lines().next().unwrap();
    assert_eq!(
        first,
        "encrypt-prod may not kms:Encrypt on keys.text: the key policy does not name it (UseByEncrypt names \
         encrypt-test); AWSKeyManagementServicePowerUser has no Encrypt, and would not count, for the key policy \
         does not leave Encrypt to IAM -> functions.encrypt was moved to it outside the stack file: run lockstep \
         apply to put it back to encrypt-test, or change that line to encrypt-prod and apply (stack.yaml:37)"
    );
    // A message of AWS, without the rest of the log line.
    let sentence = format!(
        "User: arn:aws:sts::000000000000:assumed-role/text-encryption-test-encrypt-prod/{FUNCTION} is not \
         authorized to perform: kms:Decrypt on resource: alias/text-encryption-test-text"
    );
    project
        .run_at(proxy.url(), &["why", "--error", &sentence])
        .await
        .ok()
        .says("may not kms:Decrypt on keys.text");
    project.run_at(proxy.url(), &["access"]).await.ok().says("by UseByEncrypt of the key policy");
    project
        .run_at(proxy.url(), &["parity", "encrypt-test", "encrypt-prod"])
        .await
        .ends_with(2)
        .says("kms:CreateKey");
    // The twin has an additional policy, and the stack says that it must not.
    let drift = project.run_at(proxy.url(), &["drift"]).await.ends_with(2);
    drift.says("roles.encrypt-prod is not as claimed").says("kms:CreateKey");
    assert_eq!(proxy.changes(), [""; 0]);
    Inventory::take(&project.sdk).await.is(&before);

    project
        .run(&["why", "encrypt-prod", "Encrypt", "--planned"])
        .await
        .ok()
        .says("no function runs as encrypt-prod");
    project.apply().await.ok();
    project
        .run(&["why", "encrypt-test", "kms:Encrypt"])
        .await
        .ok()
        .says("encrypt-test may kms:Encrypt on keys.text");
    project.run(&["parity", "encrypt-test", "encrypt-prod"]).await.ok().says("may do the same");
    project.is_settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edited_line_is_the_cause_until_it_is_applied() {
    let mut project = Project::deployed().await;
    project.swap("encrypt-test", "encrypt-prod");
    let ask = ["why", "functions.encrypt", "kms:Encrypt"];
    project.run(&ask).await.ok().says("encrypt-test may kms:Encrypt");
    let ask = ["why", "encrypt-prod", "kms:Encrypt", "--key", "text"];
    project
        .run(&ask)
        .await
        .ok()
        .says("-> functions.encrypt.role changed: run lockstep apply (stack.yaml:37)");
    let planned = project.run(&[&ask[..], &["--planned", "--json"]].concat()).await.ok();
    let planned: Value = serde_json::from_str(&planned.out).unwrap();
    assert_eq!((&planned["decision"], &planned["moment"]), (&json!("allow"), &json!("planned")));
    let matrix = project.run(&["access", "--planned", "--format", "json", "--key", "text"]).await.ok();
    let matrix: Value = serde_json::from_str(&matrix.out).unwrap();
    let rows = matrix["keys"][0]["rows"].as_array().unwrap();
    let users: Vec<&str> = rows
        .iter()
        .filter(|row| {
            row["cells"]
                .as_array()
                .unwrap()
                .iter()
                .any(|cell| cell["statements"][0] == "key_policy:UseByEncrypt")
        })
        .map(|row| row["shown"].as_str().unwrap())
        .collect();
    assert_eq!(users, ["encrypt-prod"]);
    project.run(&["access", "--format", "html"]).await.ok().says("<!doctype html>");
    project.run(&["why", "nobody", "Encrypt"]).await.ends_with(64).says("`nobody` is not a valid principal");
    project.run(&["why", "encrypt-prod", "s3:GetObject"]).await.ends_with(64).says("is not a KMS action");
    project.run(&["why", "--error", "all is well"]).await.ends_with(64).says("no principal is given");
}

/// Runs the command on files, without an AWS or a stack file.
async fn on_files(files: &[(&str, &str)], args: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    Run::new(args.join(" "), &bare(args).current_dir(folder.path()).output().await.unwrap())
}

#[tokio::test]
async fn cases_are_tests_of_permissions() {
    const CASES: &str = include_str!("../cases/access/cases.jsonl");
    let check = ["access", "check", "cases.jsonl"];
    let all = on_files(&[("cases.jsonl", CASES)], &check).await.ok();
    assert_eq!(all.out.lines().count(), CASES.lines().count());
    let first = CASES.lines().next().unwrap();
    let wrong = first.replace(r#""expect": "allow""#, r#""expect": "explicit_deny""#);
    assert_ne!(wrong, first);
    let text = format!("{wrong}\n\n{first}\n");
    let run = on_files(&[("cases.jsonl", &text)], &check).await.ends_with(1);
    let run = run.says("cases.jsonl:1: ").says("expected explicit_deny, and it is allow");
    assert_eq!(run.says("1 of 2 cases").out.lines().count(), 2);
    on_files(&[("cases.jsonl", "{}\n")], &check).await.ends_with(1).says("cases.jsonl:1:");
    on_files(&[], &check).await.ends_with(64).says("`cases.jsonl` cannot be read");
}

#[tokio::test]
async fn policies_are_compared_by_what_they_mean() {
    const PAIRS: &str = include_str!("../cases/access/pairs.jsonl");
    let batch = on_files(&[("pairs.jsonl", PAIRS)], &["policy", "diff", "--batch", "pairs.jsonl"]).await.ok();
    assert_eq!(batch.out.lines().count(), PAIRS.lines().count());
    let policy = |role: &str, action: &str| {
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": action, "Resource": "*",
            "Principal": { "AWS": format!("arn:aws:iam::111122223333:role/{role}") } }] })
        .to_string()
    };
    let (one, other) = (policy("test", "kms:Decrypt"), policy("prod", "kms:Decrypt"));
    let diff = ["policy", "diff", "a.json", "b.json", "--account", "111122223333", "--detailed-exitcode"];
    let run = on_files(&[("a.json", &one), ("b.json", &other)], &diff).await.ends_with(2);
    run.says("  + role/prod   kms:Decrypt").says("  - role/test   kms:Decrypt");
    let same = policy("test", "KMS:decrypt");
    on_files(&[("a.json", &one), ("b.json", &same)], &diff)
        .await
        .ok()
        .says("same: only the representation differs");
    let run = on_files(&[("a.json", "{}"), ("b.json", "nothing")], &diff).await.ends_with(1);
    run.says("a.json: ").says("b.json: ");
}
