//! Applies that do not complete.

use rustix::process::Signal;
use tokio::io::AsyncReadExt as _;

use crate::support::{FUNCTION, Project, Proxy, Trap, hear, rest, send};

async fn role_of_function(project: &Project) -> String {
    let config = project.sdk.lambda.get_function_configuration().function_name(FUNCTION);
    config.send().await.unwrap().role().unwrap().to_owned()
}

async fn key_policy(project: &Project) -> String {
    let key = project.sdk.kms.describe_key().key_id("alias/text-encryption-test-text").send().await.unwrap();
    let id = key.key_metadata().unwrap().key_id();
    let policy = project.sdk.kms.get_key_policy().key_id(id).policy_name("default").send().await.unwrap();
    policy.policy().unwrap().to_owned()
}

#[tokio::test]
async fn a_failed_probe_moves_the_function_back() {
    let mut project = Project::deployed().await;
    let before = role_of_function(&project).await;
    project.swap("encrypt-test", "encrypt-prod");
    project.edit("KEY_ID: \"${keys.text.alias}\"", "KEY_ID: alias/of-nothing");
    project.edit("timeout: 20s", "timeout: 4s");
    project
        .apply()
        .await
        .ends_with(1)
        .says("functions.encrypt does not work after the change")
        .says("functions.encrypt was moved back to")
        .says("both roles are still allowed");
    assert_eq!(role_of_function(&project).await, before);
    project.round_trip("hello").await;
    let policy = key_policy(&project).await;
    for role in ["encrypt-test", "encrypt-prod"] {
        assert!(
            policy.contains(&format!("role/lockstep/text-encryption/test/text-encryption-test-{role}\""))
        );
    }

    project.edit("KEY_ID: alias/of-nothing", "KEY_ID: \"${keys.text.alias}\"");
    project.edit("timeout: 4s", "timeout: 20s");
    project.apply().await.ok();
    assert_ne!(role_of_function(&project).await, before);
    project.round_trip("hello").await;
    project.is_settled().await;
}

#[tokio::test]
async fn an_interrupt_lets_the_call_end_and_the_next_run_continue() {
    let mut project = Project::deployed().await;
    project.swap("encrypt-test", "encrypt-prod");
    let proxy = Proxy::start(project.endpoint(), Trap::SilentAfter(1)).await;
    let mut child = project.spawn(proxy.url(), &["apply", "--auto-approve"]);
    proxy.sprung().await;
    send(&child, Signal::INT);
    let errors = hear(&mut child, "stopping").await;
    proxy.release();
    assert_eq!(child.wait().await.unwrap().code(), Some(130));
    let rest = rest(errors).await;
    assert!(rest.contains("stopped as asked") && rest.contains("1 step completed, "), "{rest}");
    assert_eq!(proxy.changes().len(), 1, "{:?}", proxy.changes());
    project.round_trip("hello").await;

    // After a second signal, it does not wait.
    let proxy = Proxy::start(project.endpoint(), Trap::SilentAfter(1)).await;
    let mut child = project.spawn(proxy.url(), &["apply", "--auto-approve"]);
    proxy.sprung().await;
    send(&child, Signal::INT);
    hear(&mut child, "stopping").await;
    send(&child, Signal::INT);
    assert_eq!(child.wait().await.unwrap().code(), Some(130));

    project.apply().await.ok();
    project.round_trip("hello").await;
    project.is_settled().await;
}

#[tokio::test]
async fn an_edit_by_hand_during_an_apply_is_not_overwritten() {
    let mut project = Project::deployed().await;
    project.swap("encrypt-test", "encrypt-prod");
    // Policy, configuration and tags are written; the policy follows a second time.
    let proxy = Proxy::start(project.endpoint(), Trap::SilentAfter(3)).await;
    let mut child = project.spawn(proxy.url(), &["apply", "--auto-approve"]);
    proxy.sprung().await;
    let id = project.sdk.kms.describe_key().key_id("alias/text-encryption-test-text").send().await.unwrap();
    let id = id.key_metadata().unwrap().key_id().to_owned();
    let mut policy: serde_json::Value = serde_json::from_str(&key_policy(&project).await).unwrap();
    policy["Statement"].as_array_mut().unwrap().push(serde_json::json!({
        "Sid": "ByHand", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::000000000000:root" },
        "Action": "kms:DescribeKey", "Resource": "*"
    }));
    let put = project.sdk.kms.put_key_policy().key_id(&id).policy_name("default").policy(policy.to_string());
    put.send().await.unwrap();
    proxy.release();
    let mut errors = child.stderr.take().unwrap();
    let mut said = String::new();
    errors.read_to_string(&mut said).await.unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(1), "{said}");
    assert!(
        said.contains("was changed since the plan") && said.contains("run `lockstep plan` again"),
        "{said}"
    );
    assert!(key_policy(&project).await.contains("ByHand"));
    project.round_trip("hello").await;

    project.apply().await.ok();
    assert!(!key_policy(&project).await.contains("ByHand"));
    project.is_settled().await;
}
