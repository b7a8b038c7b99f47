//! The lock in a bucket that the stack names.

use rustix::process::Signal;

use crate::lock::{comes_second, goes_with_the_stack, is_lost, outlives_a_killed_run};
use crate::support::{Kept, Project, Proxy, Trap, hear, rest, send, with_a_long_drain};

const KEPT: Kept = Kept::Bucket;

async fn deployed() -> Project {
    let mut project = Project::new().await;
    KEPT.prepare(&mut project).await;
    project.run(&["bootstrap", "--auto-approve"]).await.ok();
    project
}

#[tokio::test]
async fn the_second_is_told_who_was_first_and_can_wait_or_take_over() {
    let mut project = deployed().await;
    // No other lock exists.
    assert_eq!(Kept::Parameter.read(&project).await, None);
    comes_second(&mut project, KEPT).await;

    // An object that is not a lock is not overwritten.
    KEPT.write(&project, "hello".to_owned()).await;
    project.edit("rate: 40", "rate: 50");
    let run = project.apply().await.ends_with(1);
    run.says("holds no lock of lockstep")
        .says("aws s3 rm s3://deployments-test/lockstep/text-encryption/test/");
    project.sdk.s3.delete_object().bucket(Kept::BUCKET).key(Kept::KEY).send().await.unwrap();
    goes_with_the_stack(&project, KEPT).await;
}

#[tokio::test]
async fn the_lock_of_a_killed_run_is_taken_over() {
    outlives_a_killed_run(&mut deployed().await, KEPT).await;
}

#[tokio::test]
async fn a_run_that_loses_its_lock_begins_nothing_more() {
    let mut project = with_a_long_drain(KEPT).await;
    is_lost(&mut project, KEPT).await;

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
