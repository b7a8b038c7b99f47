//! Faults of the lock's own calls: no run may share its lock, or lose it without a word.

use crate::support::{Fault, Lock, Project, Proxy, Trap, hear, rest, with_a_long_drain};

/// The operations that write a lock.
const WRITES: &[&str] = &["ssm:PutParameter"];

/// Swaps roles while the first attempt of every write of the lock fails: taking it, every renewal, and releasing it.
async fn swap_through(project: &mut Project, fault: Fault, (from, to): (&str, &str)) {
    project.swap(from, to);
    let proxy = Proxy::start(project.endpoint(), Trap::Of(WRITES, fault)).await;
    let mut child = project.spawn(proxy.url(), &["apply", "--auto-approve"]);
    let errors = hear(&mut child, "for the last request under the old role").await;
    // Another run does not get the lock, even though the holder does not know the results of its own writes.
    let before = Lock::read(project).await.unwrap();
    project.apply().await.ends_with(1).says("is held");
    // The drain is longer than the time between two renewals.
    let code = child.wait().await.unwrap().code();
    let said = rest(errors).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("warning: the lock"), "{said}");
    let after = Lock::read(project).await.unwrap();
    assert_eq!((&after["held"], &after["holder"]["session"]), (&false.into(), &before["holder"]["session"]));
    let held = proxy
        .writes()
        .iter()
        .filter(|write| write.contains("held\\\":true") || write.contains("held\":true"))
        .count();
    assert!(held >= 2, "there was no renewal: {held}");
    project.is_settled().await;
}

#[tokio::test]
async fn a_lock_is_neither_shared_nor_lost() {
    let mut project = with_a_long_drain().await;
    let swaps = [("encrypt-test", "encrypt-prod"), ("encrypt-prod", "encrypt-test")];
    swap_through(&mut project, Fault::LosesAnswer, swaps[0]).await;
    swap_through(&mut project, Fault::Fails(503), swaps[1]).await;
    project.round_trip("hello").await;
}

#[tokio::test]
async fn a_lock_that_cannot_be_released_is_told_and_taken_over() {
    let mut project = Project::deployed().await;
    project.edit("rate: 50", "rate: 40");
    let proxy = Proxy::start(project.endpoint(), Trap::LockFailsAfter(1)).await;
    let run = project.run_at(proxy.url(), &["apply", "--auto-approve"]).await.ok();
    run.says("warning: failed to release the lock; it expires 1 min 0 s after its last heartbeat");
    assert_eq!(Lock::read(&project).await.unwrap()["held"], true);
    project.edit("rate: 40", "rate: 50");
    project.apply().await.ok().says("taking over the lock of a run that is gone");
    Lock::is_free(&project).await;
    project.is_settled().await;
}

#[tokio::test]
async fn a_lock_that_cannot_be_written_is_told_with_the_permission() {
    let mut project = Project::deployed().await;
    let keys = project.user_without("ssm:PutParameter").await;
    project.edit("rate: 50", "rate: 40");
    let before = Lock::read(&project).await;
    let proxy = Proxy::start(project.endpoint(), Trap::Open).await;
    let run = project.run_as(proxy.url(), &keys, &["apply", "--auto-approve"]).await.ends_with(1);
    run.says("AccessDenied").says("`ssm:PutParameter`").says("parameter/lockstep/*").says("--no-lock");
    assert_eq!(proxy.changes(), [""; 0]);
    assert_eq!(Lock::read(&project).await, before);
    project.run_as(proxy.url(), &keys, &["apply", "--auto-approve", "--no-lock"]).await.ok();
    project.is_settled().await;
}
