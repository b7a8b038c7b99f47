//! A stack that is created and removed by runs that are all killed after their first change.

use crate::support::{End, Fault, Inventory, Project, Proxy, Trap};

/// Runs again and again, killed after the first change each time, until a run has nothing left to change.
async fn by_crashes(project: &Project, args: &[&str]) {
    for _ in 0..100 {
        if let End::Finished(run) = project.run_until(1, args).await {
            run.ok();
            return;
        }
    }
    panic!("{args:?} gets nowhere");
}

/// Asserts that there is one of each resource, and that the API works.
async fn is_whole(project: &Project) {
    project.is_settled().await;
    project.round_trip("hello").await;
    let found = Inventory::take(&project.sdk).await;
    assert_eq!((found.count("key"), found.count("api"), found.count("function")), (2, 1, 2), "{found:#?}");
}

#[tokio::test]
async fn bootstrap_and_destroy_arrive_through_crashes() {
    let project = Project::new().await;
    let before = Inventory::take(&project.sdk).await;
    by_crashes(&project, &["bootstrap", "--auto-approve"]).await;
    is_whole(&project).await;
    by_crashes(&project, &["destroy", "--auto-approve"]).await;
    let after = Inventory::take(&project.sdk).await;
    after.only(|name| !name.starts_with("key ")).is(&before);
    assert_eq!(after.count("key"), 2);
    project.run(&["plan", "--destroy"]).await.ok().says("No changes");
}

#[tokio::test]
async fn bootstrap_arrives_without_the_first_answers() {
    let project = Project::new().await;
    let proxy = Proxy::start(project.endpoint(), Trap::Each(Fault::LosesAnswer)).await;
    // Creations that AWS cannot tell from a second one are not retried, so a run may end there.
    for _ in 0..10 {
        if project.run_at(proxy.url(), &["bootstrap", "--auto-approve"]).await.succeeded() {
            return is_whole(&project).await;
        }
    }
    panic!("bootstrap gets nowhere");
}
