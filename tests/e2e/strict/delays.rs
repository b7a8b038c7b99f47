//! Changes that take their time to arrive: no request fails meanwhile, and nothing is taken away too early.

use std::time::Duration;

use super::{BOOTSTRAP, ROLES, RULES, is_whole};
use crate::support::{Load, Project, Rules};

/// Swaps there and back.
async fn swapped(rules: Rules) -> Project {
    let mut project = Project::strict(rules).await;
    project.run(&BOOTSTRAP).await.ok();
    is_whole(&project).await;
    let load = Load::start(&project).await;
    for (from, to) in [(ROLES[0], ROLES[1]), (ROLES[1], ROLES[0])] {
        project.swap(from, to);
        project.apply().await.ok();
    }
    is_whole(&project).await;
    load.stop().await;
    project
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_takes_any_time() {
    swapped(Rules::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_takes_its_time() {
    let project = swapped(Rules { policies: Duration::from_millis(2500), ..RULES }).await;
    for code in ["MalformedPolicyDocumentException", "NoSuchEntity"] {
        assert!(project.rules().refused(code) > 0, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_limited_to_the_rates_of_aws() {
    let second = Duration::from_secs(1);
    let project = Project::strict(Rules { rates: second, ..RULES }).await;
    project.run(&BOOTSTRAP).await.ok();
    is_whole(&project).await;
    assert!(project.rules().refused("TooManyRequestsException") > 0);
}
