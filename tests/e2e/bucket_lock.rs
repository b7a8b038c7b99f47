//! The lock in a bucket that the stack names.

use aws_sdk_s3::primitives::ByteStream;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Kept, Project, Proxy, Trap, hear, rest, send, with_a_long_drain};

const KEPT: Kept = Kept::Bucket;

/// Has somebody on another machine take the lock, and returns what they wrote.
async fn taken_elsewhere(project: &Project) -> Value {
    let holder = json!({
        "session": "of-ann", "verb": "apply", "who": "arn:aws:iam::000000000000:user/ann", "since": 1_700_000_000,
        "host": "ci-7", "pid": 4242, "process": "elsewhere boot/1", "pipeline": "https://ci.example/runs/7"
    });
    let entry = json!({
        "lockstep_lock": 1, "id": "of-ann.1", "base": 0, "previous": null, "holder": holder, "held": true
    });
    put(project, entry.to_string()).await;
    entry
}

async fn put(project: &Project, text: String) {
    let put = project.sdk.s3.put_object().bucket(Kept::BUCKET).key(Kept::KEY);
    put.body(ByteStream::from(text.into_bytes())).send().await.unwrap();
}

#[tokio::test]
async fn the_second_is_told_who_was_first_and_can_wait_or_take_over() {
    let mut project = Project::new().await;
    KEPT.prepare(&mut project).await;
    project.run(&["bootstrap", "--auto-approve"]).await.ok();
    KEPT.is_free(&project).await;
    // There is no other lock beside it.
    assert_eq!(Kept::Parameter.read(&project).await, None);
    project.edit("rate: 50", "rate: 40");
    let entry = taken_elsewhere(&project).await;
    let proxy = Proxy::start(project.endpoint(), Trap::Open).await;
    let run = project.run_at(proxy.url(), &["apply", "--auto-approve"]).await.ends_with(1);
    let run =
        run.says("the lock of text-encryption/test is held").says("user/ann").says("2023-11-14 22:13:20");
    run.says("on ci-7, process 4242").says("https://ci.example/runs/7").says("lockstep unlock --env test");
    assert_eq!(proxy.writes(), [""; 0]);
    assert_eq!(KEPT.read(&project).await.unwrap(), entry);

    // Whoever waits gets it.
    let mut waiting =
        project.spawn(project.endpoint(), &["apply", "--auto-approve", "--lock-timeout", "10m"]);
    let errors = hear(&mut waiting, "last seen").await;
    project.run(&["unlock"]).await.ends_with(64).says("user/ann");
    project.run(&["unlock", "--auto-approve"]).await.ok().says("The lock is free");
    assert_eq!(waiting.wait().await.unwrap().code(), Some(0), "{}", rest(errors).await);
    project.run(&["unlock"]).await.ok().says("Nobody holds the lock of text-encryption/test");
    KEPT.is_free(&project).await;
    project.is_settled().await;

    // What is no lock is not written over.
    put(&project, "hello".to_owned()).await;
    project.edit("rate: 40", "rate: 50");
    let run = project.apply().await.ends_with(1);
    run.says("holds no lock of lockstep")
        .says("aws s3 rm s3://deployments-test/lockstep/text-encryption/test/");
    project.sdk.s3.delete_object().bucket(Kept::BUCKET).key(Kept::KEY).send().await.unwrap();

    // What is gone leaves no lock behind.
    project.run(&["destroy", "--auto-approve"]).await.ok();
    assert_eq!(KEPT.read(&project).await, None);
}

#[tokio::test]
async fn the_lock_of_a_killed_run_is_taken_over() {
    let mut project = Project::new().await;
    KEPT.prepare(&mut project).await;
    project.run(&["bootstrap", "--auto-approve"]).await.ok();
    project.swap("encrypt-test", "encrypt-prod");
    let proxy = Proxy::start(project.endpoint(), Trap::SilentAfter(1)).await;
    let mut child = project.spawn(proxy.url(), &["apply", "--auto-approve"]);
    proxy.sprung().await;
    // Nobody else gets in meanwhile.
    project.apply().await.ends_with(1).says("is held").says("running   lockstep apply on");
    child.kill().await.unwrap();
    assert_eq!(KEPT.read(&project).await.unwrap()["held"], true);
    project.apply().await.ok().says("taking over the lock of a run that is gone");
    KEPT.is_free(&project).await;
    project.is_settled().await;
}

#[tokio::test]
async fn a_run_that_loses_its_lock_begins_nothing_more() {
    let mut project = with_a_long_drain(KEPT).await;
    project.swap("encrypt-test", "encrypt-prod");
    let mut child = project.spawn(project.endpoint(), &["apply", "--auto-approve"]);
    let errors = hear(&mut child, "for the last request under the old role").await;
    taken_elsewhere(&project).await;
    let ended = tokio::time::timeout(std::time::Duration::from_secs(120), child.wait()).await;
    assert_eq!(ended.unwrap().unwrap().code(), Some(1));
    let said = rest(errors).await;
    assert!(
        said.contains("error: the lock was taken over: lockstep apply by") && said.contains("ci-7"),
        "{said}"
    );
    // It took nothing back.
    assert_eq!(KEPT.read(&project).await.unwrap()["id"], "of-ann.1");
    project.run(&["unlock", "--force"]).await.ok();

    let mut child = project.spawn(project.endpoint(), &["apply", "--auto-approve"]);
    let errors = hear(&mut child, "for the last request under the old role").await;
    send(&child, Signal::INT);
    assert_eq!(child.wait().await.unwrap().code(), Some(130), "{}", rest(errors).await);
    KEPT.is_free(&project).await;
    project.apply().await.ok();
    project.is_settled().await;
}

#[tokio::test]
async fn a_bucket_that_cannot_be_used_is_told_before_the_first_change() {
    let mut project = Project::new().await;
    project.edit("\nkeys:\n", "\nlock: { bucket: \"deployments-${env}\" }\nkeys:\n");
    let proxy = Proxy::start(project.endpoint(), Trap::Open).await;
    let apply = ["apply", "--auto-approve"];
    let run = project.run_at(proxy.url(), &apply).await.ends_with(1);
    run.says("NoSuchBucket")
        .says("there is no bucket `deployments-test`")
        .says("aws s3 mb s3://deployments-test");
    Kept::make_bucket(&project, "eu-west-1").await;
    let run = project.run_at(proxy.url(), &apply).await.ends_with(1);
    run.says("the bucket `deployments-test` is in eu-west-1, and this environment in ap-northeast-1");
    Kept::delete_bucket(&project, "eu-west-1").await;
    Kept::make_bucket(&project, "ap-northeast-1").await;

    let keys = project.user_without("s3:GetObject").await;
    let run = project.run_as(proxy.url(), &keys, &apply).await.ends_with(1);
    run.says("allow `s3:GetObject`")
        .says("arn:aws:s3:::deployments-test/lockstep/text-encryption/test/lock.json");
    let keys = project.user_without("s3:PutObject").await;
    let run = project.run_as(proxy.url(), &keys, &apply).await.ends_with(1);
    run.says("allow `s3:PutObject`").says("s3:ListBucket").says("--no-lock");
    assert_eq!(proxy.changes(), [""; 0]);
    assert_eq!(KEPT.read(&project).await, None);
}
