//! Plans that are saved, looked at, and applied later: that very plan, or nothing.

use std::sync::Arc;

use aws_sdk_iam::config::{Credentials, Region};

use crate::support::{Access, Inventory, Project, Proxy, Run, Trail, Trap};

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
        .says("roles.encrypt-prod was changed")
        // The AWS behind this proxy has no CloudTrail.
        .says("who did it cannot be told, for CloudTrail could not be read")
        .says("`cloudtrail:LookupEvents`");
    assert_eq!(proxy.changes(), [""; 0]);
    Inventory::take(&project.sdk).await.is(&before);

    iam.delete_role_policy().role_name(role).policy_name("by-hand").send().await.unwrap();
    project.edit("rate: 50", "rate: 40");
    project.run(&APPLY).await.ends_with(1).says("the stack file");
    project.edit("rate: 40", "rate: 50");
    project.run(&APPLY).await.ok();
    project.is_settled().await;
}

#[tokio::test]
async fn names_who_moved_what_it_was_made_from() {
    let mut project = Project::deployed().await;
    project.swap("encrypt-test", "encrypt-prod");
    let trail = Arc::new(Trail::new(project.sdk.clone()));
    let proxy = Proxy::recording(project.endpoint(), Arc::clone(&trail)).await;
    project.run(&SAVE).await.ok();

    // Alice is at the console, and Bob is not let in.
    let alice = project.user_without("sts:GetSessionToken").await;
    let bob = project.user_without("iam:PutRolePolicy").await;
    let iam = |(id, secret): &(String, String)| {
        let config = project.sdk.iam.config().to_builder().endpoint_url(proxy.url());
        let keys = Credentials::new(id, secret, None, None, "test");
        aws_sdk_iam::Client::from_conf(
            config.region(Region::new("us-east-1")).credentials_provider(keys).build(),
        )
    };
    let (alices, bobs) = (iam(&alice), iam(&bob));
    let policy =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"kms:*","Resource":"*"}]}"#;
    let role = "text-encryption-test-encrypt-prod";
    let put = |iam: &aws_sdk_iam::Client| {
        iam.put_role_policy().role_name(role).policy_name("by-hand").policy_document(policy).send()
    };
    put(&bobs).await.unwrap_err();
    put(&alices).await.unwrap();
    // Somebody changes the key past everything that is recorded.
    let alias = "alias/text-encryption-test-text";
    let key = project.sdk.kms.describe_key().key_id(alias).send().await.unwrap();
    let key = key.key_metadata().unwrap().key_id().to_owned();
    project.sdk.kms.update_key_description().key_id(&key).description("by hand").send().await.unwrap();

    let before = Inventory::take(&project.sdk).await;
    proxy.arm(Trap::Open);
    let run = project.run_at(proxy.url(), &APPLY).await.ends_with(1);
    assert!(!run.err.contains("without-iam-PutRolePolicy"), "{run}");
    run.says(
        "roles.encrypt-prod was changed\n      PutRolePolicy by arn:aws:iam::000000000000:user/without-sts-",
    )
    .says("UTC (CloudTrail)")
    .says("keys.text was changed\n      no change of it is in CloudTrail since the plan was made")
    .says("about 15 minutes late");
    assert_eq!(proxy.changes(), [""; 0]);
    assert!(trail.lookups() <= 8, "{}", trail.lookups());

    // It is told, and nothing more than told, that CloudTrail may not be read.
    let asked = trail.lookups();
    trail.set(Access::Denied);
    let run = project.run_at(proxy.url(), &APPLY).await.ends_with(1);
    run.says("roles.encrypt-prod was changed").says("allow `cloudtrail:LookupEvents`");
    assert_eq!(trail.lookups(), asked + 1);
    Inventory::take(&project.sdk).await.is(&before);
    project.sdk.iam.delete_role_policy().role_name(role).policy_name("by-hand").send().await.unwrap();
    project.apply().await.ok();
    project.is_settled().await;
}
