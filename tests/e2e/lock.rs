//! One apply at a time: who comes second, who finds a dead one's lock, and who loses his own.

use rustix::process::Signal;

use crate::support::{Lock, Project, Proxy, Trap, hear, rest, send, with_a_long_drain};

#[tokio::test]
async fn the_second_is_told_who_was_first_and_can_wait_or_take_over() {
    let mut project = Project::deployed().await;
    Lock::is_free(&project).await;
    project.edit("rate: 50", "rate: 40");
    let entry = Lock::taken_elsewhere(&project).await;
    let proxy = Proxy::start(project.endpoint(), Trap::Open).await;
    let run = project.run_at(proxy.url(), &["apply", "--auto-approve"]).await.ends_with(1);
    let run =
        run.says("the lock of text-encryption/test is held").says("user/ann").says("2023-11-14 22:13:20");
    run.says("on ci-7, process 4242").says("https://ci.example/runs/7").says("lockstep unlock --env test");
    assert_eq!(proxy.writes(), [""; 0]);
    assert_eq!(Lock::read(&project).await.unwrap(), entry);
    // Plans need no lock.
    project.run(&["plan"]).await.ok();
    project.run(&["drift"]).await.ends_with(2);

    // Whoever waits gets it.
    let mut waiting =
        project.spawn(project.endpoint(), &["apply", "--auto-approve", "--lock-timeout", "10m"]);
    let errors = hear(&mut waiting, "last seen").await;
    project.run(&["unlock"]).await.ends_with(64).says("user/ann");
    project.run(&["unlock", "--auto-approve"]).await.ok().says("The lock is free");
    assert_eq!(waiting.wait().await.unwrap().code(), Some(0), "{}", rest(errors).await);
    project.run(&["unlock"]).await.ok().says("Nobody holds the lock of text-encryption/test");
    Lock::is_free(&project).await;
    project.is_settled().await;

    // What is not a lock is not written over.
    let kept = Lock::read(&project).await.unwrap();
    Lock::write(&project, "hello".to_owned()).await;
    project.edit("rate: 40", "rate: 50");
    let run = project.apply().await.ends_with(1).says("holds no lock of lockstep");
    run.says("aws ssm delete-parameter --name /lockstep/text-encryption/test/lock");
    Lock::write(&project, kept.to_string()).await;

    // What is gone leaves no lock behind.
    project.run(&["destroy", "--auto-approve"]).await.ok();
    assert_eq!(Lock::read(&project).await, None);
}

#[tokio::test]
async fn the_lock_of_a_killed_run_is_taken_over() {
    let mut project = Project::deployed().await;
    project.swap("encrypt-test", "encrypt-prod");
    let proxy = Proxy::start(project.endpoint(), Trap::SilentAfter(1)).await;
    let mut child = project.spawn(proxy.url(), &["apply", "--auto-approve"]);
    proxy.sprung().await;
    // Nobody else gets in meanwhile.
    project.apply().await.ends_with(1).says("is held").says("running   lockstep apply on");
    child.kill().await.unwrap();
    assert_eq!(Lock::read(&project).await.unwrap()["held"], true);
    project.apply().await.ok().says("taking over the lock of a run that is gone");
    Lock::is_free(&project).await;
    project.round_trip("hello").await;
    project.is_settled().await;
}

#[tokio::test]
async fn an_interrupt_while_draining_lets_go_of_the_lock() {
    let mut project = with_a_long_drain().await;
    project.swap("encrypt-test", "encrypt-prod");
    let mut child = project.spawn(project.endpoint(), &["apply", "--auto-approve"]);
    let errors = hear(&mut child, "for the last request under the old role").await;
    assert_eq!(Lock::read(&project).await.unwrap()["held"], true);
    send(&child, Signal::INT);
    let ended = tokio::time::timeout(std::time::Duration::from_secs(120), child.wait()).await;
    assert_eq!(ended.unwrap().unwrap().code(), Some(130));
    let said = rest(errors).await;
    assert!(said.contains("stopped as asked") && said.contains("remaining"), "{said}");
    Lock::is_free(&project).await;
    project.round_trip("hello").await;

    project.apply().await.ok();
    project.round_trip("hello").await;
    project.is_settled().await;
}

#[tokio::test]
async fn a_run_that_loses_its_lock_begins_nothing_more() {
    let mut project = with_a_long_drain().await;
    project.swap("encrypt-test", "encrypt-prod");
    let mut child = project.spawn(project.endpoint(), &["apply", "--auto-approve"]);
    let errors = hear(&mut child, "for the last request under the old role").await;
    Lock::taken_elsewhere(&project).await;
    let ended = tokio::time::timeout(std::time::Duration::from_secs(120), child.wait()).await;
    assert_eq!(ended.unwrap().unwrap().code(), Some(1));
    let said = rest(errors).await;
    assert!(
        said.contains("error: the lock was taken over: lockstep apply by") && said.contains("ci-7"),
        "{said}"
    );
    assert_eq!(Lock::read(&project).await.unwrap()["id"], "of-ann.1");
    project.run(&["unlock", "--force"]).await.ok();
    project.apply().await.ok();
    project.is_settled().await;
}
