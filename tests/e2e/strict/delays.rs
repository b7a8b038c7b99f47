//! Changes that take time to propagate: no request fails in between, and nothing is removed too early.

use std::time::Duration;

use super::{APPLY, BOOTSTRAP, ROLES, RULES, SETTLE, WHOLE, has, is_whole, scaled};
use crate::support::{Inventory, Load, Project, Rules};

/// Delays in seconds of AWS.
#[derive(Clone, Copy)]
struct Delays {
    principals: u64,
    policies: u64,
    updates: u64,
    reads: u64,
}

impl From<Delays> for Rules {
    fn from(Delays { principals, policies, updates, reads }: Delays) -> Self {
        Self {
            principals: scaled(principals),
            policies: scaled(policies),
            updates: scaled(updates),
            reads: scaled(reads),
            rates: Duration::ZERO,
            settle: SETTLE,
        }
    }
}

/// Swaps to a role that the same run creates, and back with a run that deletes it, while the API is called.
async fn swapped(rules: Rules) -> Project {
    let mut project = Project::strict(rules).await;
    project.run(&BOOTSTRAP).await.ok();
    is_whole(&project).await;
    let load = Load::start(&project).await;
    let (roles, more) = ("  authorizer:\n    managed", "  encrypt-next: { twin_of: encrypt-test }\n");
    project.edit(roles, &format!("{more}{roles}"));
    project.swap(ROLES[0], "encrypt-next");
    project.run(&APPLY).await.ok();
    project.round_trip("there").await;
    let one_more = WHOLE.map(|(kind, count)| (kind, if kind == "role" { count + 1 } else { count }));
    has(&Inventory::take(&project.sdk).await, &one_more);
    project.swap("encrypt-next", ROLES[0]);
    project.edit(more, "");
    project.run(&APPLY).await.ok();
    is_whole(&project).await;
    load.stop().await;
    project
}

/// Asserts that a rule refused a call if its delay is a minute or more, and none if there is no delay.
#[track_caller]
fn stood(project: &Project, code: &str, takes: u64, first: bool) {
    let refused = project.rules().refused(code);
    match takes {
        0 => assert_eq!(refused, 0, "{code}"),
        60.. if first => assert!(refused > 0, "{code}"),
        _ => {}
    }
}

macro_rules! delays {
    ($($name:ident: [$principals:expr, $policies:expr, $updates:expr, $reads:expr];)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let [principals, policies, updates, reads] = [$principals, $policies, $updates, $reads];
                let project = swapped(Delays { principals, policies, updates, reads }.into()).await;
                // Long delays have caused refusals.
                stood(&project, "MalformedPolicyDocumentException", principals, reads <= 10);
                stood(&project, "NoSuchEntity", reads, true);
            }
        )*
    };
}

// The delays in seconds: principals become known, policies take effect, updates end, reads stop being stale.
delays! {
    nothing_takes_any_time: [0, 0, 0, 0];
    policies_take_as_long_as_is_promised: [0, 120, 0, 0];
    principals_take_two_minutes: [120, 10, 10, 10];
    updates_take_a_minute_and_a_half: [0, 30, 90, 10];
    reads_are_stale_for_a_minute: [60, 60, 30, 60];
    everything_takes_half_a_minute: [30, 30, 30, 20];
    everything_takes_two_minutes: [120, 120, 120, 60];
}

/// Without this test, the others might pass with a layer that notices nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_that_take_longer_than_is_waited_are_noticed() {
    let mut project = Project::strict(Rules { policies: scaled(1800), ..RULES }).await;
    project.run(&BOOTSTRAP).await.ok();
    let load = Load::start(&project).await;
    // Waits until the policies of the bootstrap are in effect.
    tokio::time::sleep(project.rules().rules.policies).await;
    project.rules().has_no_gap();
    project.swap(ROLES[0], ROLES[1]);
    // Whether the run succeeds or the probe has the function moved back, the failures in between were noticed.
    project.run(&APPLY).await;
    let gaps = project.rules().gaps();
    let broken = format!("{}-test-{} without kms:Encrypt", "text-encryption", ROLES[1]);
    assert!(gaps.iter().any(|gap| gap.contains(&broken)), "{gaps:#?}");
    assert!(!load.end().await.failures.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_limited_to_the_rates_of_aws() {
    let second = Duration::from_secs(1);
    let project = Project::strict(Rules { rates: second, ..RULES }).await;
    project.run(&BOOTSTRAP).await.ok();
    is_whole(&project).await;
    assert!(project.rules().refused("TooManyRequestsException") > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_right_after_a_swap_has_nothing_to_do() {
    // Every other read of the key policy returns the previous one.
    let rules = Rules { reads: Duration::from_secs(5), ..RULES };
    let mut project = Project::strict(rules).await;
    project.run(&BOOTSTRAP).await.ok();
    project.swap(ROLES[0], ROLES[1]);
    project.apply().await.ok();
    for _ in 0..2 {
        project.is_settled().await;
    }
}
