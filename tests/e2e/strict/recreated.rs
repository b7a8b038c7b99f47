//! Roles that were deleted and re-created under their names, with other ids than those that policies and grants
//! contain.

use serde_json::json;

use super::{APPLY, BOOTSTRAP, ROLES, RULES, is_whole};
use crate::support::{End, Project};

/// Calls the API and returns the status.
async fn status(project: &Project) -> u16 {
    let token = project.token().await;
    project.call(&token, "/encrypt", &json!({ "text": "hello" })).await.status
}

async fn recreated() -> Project {
    let project = Project::strict(RULES).await;
    project.run(&BOOTSTRAP).await.ok();
    project.recreate(ROLES[0]).await;
    project
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recreated_role_is_told_and_mended() {
    let project = recreated().await;
    assert_eq!(status(&project).await, 502);
    let drift = project.run(&["drift"]).await.ends_with(2);
    drift.says("was configured with encrypt-test before that role was deleted and re-created");
    let plan = project.run(&["plan"]).await.ok();
    plan.says("+ roles.encrypt-test+stand-in").says("phase 2  return, after the probe");

    project.apply().await.ok().says("1 added, 2 changed, 1 destroyed");
    is_whole(&project).await;
    project.run(&["drift"]).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_recreated_without_its_tags_is_adopted_and_mended() {
    let project = Project::strict(RULES).await;
    project.run(&BOOTSTRAP).await.ok();
    project.recreate_without_tags(ROLES[0]).await;
    let drift = project.run(&["drift"]).await.ends_with(2);
    drift.says("was configured with encrypt-test before that role was deleted and re-created");
    project.run(&["plan"]).await.ok().says("tags.lockstep:stack");

    project.apply().await.ok();
    is_whole(&project).await;
    project.run(&["drift"]).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_is_gone_is_told_and_made_again() {
    let project = Project::strict(RULES).await;
    project.run(&BOOTSTRAP).await.ok();
    project.delete_role(ROLES[0]).await;
    let drift = project.run(&["drift"]).await.ends_with(2);
    drift.says("runs as encrypt-test, a role that does not exist: every request fails");

    project.apply().await.ok();
    is_whole(&project).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_that_is_killed_goes_on() {
    let project = recreated().await;
    for changes in [2, 5, 6, 9, 20] {
        let end = project.run_until(changes, &APPLY).await;
        project.apply().await.ok();
        is_whole(&project).await;
        if let End::Finished(run) = end {
            run.ok();
            return;
        }
        project.recreate(ROLES[0]).await;
    }
    panic!("a repair has no end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_that_show_for_a_moment_are_no_reason_to_worry() {
    let project = Project::strict(RULES).await;
    project.run(&BOOTSTRAP).await.ok();
    project.rules().shows_strange_ids(2);
    project.is_settled().await;
    // Ids that stay are believed.
    project.rules().shows_strange_ids(100);
    let plan = project.run(&["plan", "--detailed-exitcode"]).await.ends_with(2);
    plan.says("AROASTRANGE loses");
}
