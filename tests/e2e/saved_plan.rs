//! Plans that are saved, reviewed, and applied later: exactly that plan, or nothing.

use std::sync::Arc;

use aws_sdk_iam::config::{Credentials, Region};
use serde_json::{Value, json};

use crate::support::{Access, Inventory, Project, Proxy, Run, Trail, Trap};

const SAVE: [&str; 3] = ["plan", "--out", "swap.json"];
const APPLY: [&str; 2] = ["apply", "swap.json"];

#[tokio::test]
async fn is_applied_as_it_was_saved() {
    let mut project = Project::deployed().await;
    project.swap("encrypt-test", "encrypt-prod");
    project.run(&[&SAVE[..], &["--detailed-exitcode"]].concat()).await.ends_with(2);
    // The saved plan contains its environment.
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
        .says("could not determine who made the change: CloudTrail could not be read")
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

    // Alice uses the console, and Bob is denied.
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
    // Someone changes the key in a way that is not recorded.
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

    // The run only reports that CloudTrail may not be read.
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

/// An edited saved plan is refused: each field is edited by itself.
#[tokio::test]
async fn is_refused_when_it_was_edited() {
    let mut project = Project::deployed().await;
    project.swap("encrypt-test", "encrypt-prod");
    project.run(&SAVE).await.ok();
    let path = project.path().join("swap.json");
    let genuine: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let before = Inventory::take(&project.sdk).await;
    let proxy = Proxy::start(project.endpoint(), Trap::Open).await;
    let edits: [(&str, Value, &str); 13] = [
        ("/format_version", "2.0".into(), "this lockstep reads 1.0"),
        ("/format_version", 1.into(), "is not a saved plan"),
        ("/account", "999988887777".into(), "the plan is for the account 999988887777"),
        ("/region", "eu-west-1".into(), "the plan is for the region eu-west-1"),
        ("/stack", "\u{1b}[2J".into(), "the plan is for the stack \\u{1b}[2J"),
        ("/env", "prod".into(), "the plan is stale"),
        ("/destroy", true.into(), "the plan is stale"),
        ("/wanted", "0".into(), "the stack file"),
        ("/base/roles.encrypt-prod", "0".into(), "roles.encrypt-prod was changed"),
        ("/base", json!({ "keys.\u{1b}": "0" }), "keys.\\u{1b} is gone"),
        ("/plan", "0".into(), "planning again gives another plan"),
        ("/unproved", json!(["trust me", "0"]), "what cannot be proved of it is not what it was"),
        ("/view/phases", json!([]), "the file shows another plan than it stands for"),
    ];
    for (field, value, says) in edits {
        let mut edited = genuine.clone();
        match edited.pointer_mut(field) {
            Some(place) => *place = value,
            None => drop(edited.as_object_mut().unwrap().insert(field[1..].to_owned(), value)),
        }
        std::fs::write(&path, edited.to_string()).unwrap();
        let mut apply = project.command(proxy.url(), &APPLY);
        let output = apply.env_remove("LOCKSTEP_ENV").output().await.unwrap();
        let run = Run::new(format!("apply with another {field}"), &output);
        assert!(!run.err.contains('\u{1b}'), "{run}");
        if field == "/env" {
            // Another environment has none of the resources of this one, whatever else is reported about it.
            assert_eq!(output.status.code(), Some(1), "{run}");
        } else {
            assert_ne!(output.status.code(), Some(0), "{run}");
            run.says(says);
        }
    }
    assert_eq!(proxy.changes(), [""; 0]);
    Inventory::take(&project.sdk).await.is(&before);
    // The genuine plan is unchanged.
    std::fs::write(&path, genuine.to_string()).unwrap();
    project.run(&APPLY).await.ok();
    project.is_settled().await;
}
