//! lockstep swaps a role while the API is called twenty times per second: no request fails.

use crate::support::{End, Fault, Load, Project, Proxy, Trap};

const APPLY: [&str; 2] = ["apply", "--auto-approve"];
const ROLES: [&str; 2] = ["encrypt-test", "encrypt-prod"];

/// Deploys a function whose traffic goes to a published version through an alias.
async fn deployed_behind_an_alias() -> Project {
    let mut project = Project::new().await;
    project.call_by_an_alias();
    project.run(&["bootstrap", "--auto-approve"]).await.ok();
    project
}

async fn there_and_back(mut project: Project) {
    let load = Load::start(&project).await;
    for (from, to) in [(ROLES[0], ROLES[1]), (ROLES[1], ROLES[0])] {
        project.swap(from, to);
        let proxy = Proxy::start(project.endpoint(), Trap::Open).await;
        project.run_at(proxy.url(), &APPLY).await.ok().says("2 changed");
        project.is_settled().await;
    }
    load.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_and_back_by_the_function_itself() {
    there_and_back(Project::deployed().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_and_back_by_an_alias() {
    there_and_back(deployed_behind_an_alias().await).await;
}

/// Swaps with runs that are killed after one change, after two, and so on; each of them is run again.
async fn killed_after_each_change(mut project: Project, at_least: usize) {
    let load = Load::start(&project).await;
    let (mut from, mut to) = (ROLES[0], ROLES[1]);
    let mut whole = 0;
    for changes in 1.. {
        // One run swaps, and the next one swaps back: both directions with every number of changes.
        for _ in ROLES {
            project.swap(from, to);
            match project.run_until(changes, &APPLY).await {
                End::Killed(done) => assert_eq!(done.len(), changes),
                End::Finished(run) => {
                    run.ok();
                    whole += 1;
                }
            }
            project.apply().await.ok();
            project.is_settled().await;
            (from, to) = (to, from);
        }
        if whole > 0 {
            assert!(whole == 2 && changes > at_least, "a swap has {} changes", changes - 1);
            break;
        }
    }
    load.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_each_change_of_the_function() {
    // The policy twice, the function and its tags.
    killed_after_each_change(Project::deployed().await, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_each_change_of_the_alias() {
    // These, a version, and the alias.
    killed_after_each_change(deployed_behind_an_alias().await, 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_get_lost() {
    let mut project = Project::deployed().await;
    let load = Load::start(&project).await;
    for (from, to) in [(ROLES[0], ROLES[1]), (ROLES[1], ROLES[0])] {
        project.swap(from, to);
        let proxy = Proxy::start(project.endpoint(), Trap::Each(Fault::LosesAnswer)).await;
        project.run_at(proxy.url(), &APPLY).await.ok();
        project.is_settled().await;
    }
    load.stop().await;
}
