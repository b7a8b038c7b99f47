//! Plans that are saved, looked at, and applied later: that very plan, or nothing.

use crate::support::{Inventory, Project, Proxy, Run, Trap};

const SAVE: [&str; 3] = ["plan", "--out", "swap.json"];
const APPLY: [&str; 2] = ["apply", "swap.json"];

#[tokio::test]
async fn is_applied_as_it_was_saved() {
    let mut project = Project::deployed().await;
    project.swap("encrypt-test", "encrypt-prod");
    project.run(&[&SAVE[..], &["--detailed-exitcode"]].concat()).await.ends_with(2);
    // It knows its environment.
    let mut apply = project.command(project.endpoint(), &APPLY);
    let output = apply.env_remove("LOCKSTEP_ENV").output().await.unwrap();
    Run::new(APPLY.join(" "), &output).ok();
    project.round_trip("hello").await;
    project.is_settled().await;
    project.run(&APPLY).await.ends_with(1).says("the plan is stale");
}

#[tokio::test]
async fn stops_when_something_moved() {
    let mut project = Project::deployed().await;
    project.swap("encrypt-test", "encrypt-prod");
    project.run(&SAVE).await.ok();
    let iam = &project.sdk.iam;
    let role = "text-encryption-test-encrypt-prod";
    let policy =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"kms:*","Resource":"*"}]}"#;
    iam.put_role_policy()
        .role_name(role)
        .policy_name("by-hand")
        .policy_document(policy)
        .send()
        .await
        .unwrap();
    let before = Inventory::take(&project.sdk).await;
    let proxy = Proxy::start(project.endpoint(), Trap::Open).await;
    project
        .run_at(proxy.url(), &APPLY)
        .await
        .ends_with(1)
        .says("the plan is stale, and nothing was changed")
        .says("roles.encrypt-prod was changed");
    assert_eq!(proxy.changes(), [""; 0]);
    Inventory::take(&project.sdk).await.is(&before);

    iam.delete_role_policy().role_name(role).policy_name("by-hand").send().await.unwrap();
    project.edit("rate: 50", "rate: 40");
    project.run(&APPLY).await.ends_with(1).says("the stack file");
    project.edit("rate: 40", "rate: 50");
    project.run(&APPLY).await.ok();
    project.is_settled().await;
}
