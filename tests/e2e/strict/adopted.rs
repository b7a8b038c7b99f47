//! Resources that a run does not know of, and must not create a second time.

use super::{APPLY, BOOTSTRAP, RULES, WHOLE, has, is_whole, scaled};
use crate::support::{End, Fault, Inventory, Project, Rules, Trap, key_of_texts};

/// Creations that AWS cannot tell from a second one.
static CREATIONS: [&str; 4] =
    ["kms:CreateKey", "apigateway:CreateRestApi", "apigateway:CreateDeployment", "apigateway:CreateApiKey"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_made_without_an_answer_is_found_again() {
    let mut project = Project::strict(RULES).await;
    let stage = "stage: { name: v1, throttle: { rate: 50, burst: 100 } }\n";
    project.edit(stage, &format!("{stage}    api_keys: {{ caller: {{}} }}\n"));
    project.arm(Trap::Of(&CREATIONS, Fault::LosesAnswer));
    project.run(&BOOTSTRAP).await.ok();
    let changes = project.changes();
    for (creation, count) in CREATIONS.into_iter().zip([2, 1, 1, 1]) {
        let made = changes.iter().filter(|change| change.starts_with(&format!("{creation} "))).count();
        assert_eq!(made, count, "{creation}: {changes:#?}");
    }
    project.is_settled().await;
    let found = Inventory::take(&project.sdk).await;
    has(&found, &WHOLE.map(|(kind, count)| (kind, if kind == "key-for-callers" { 1 } else { count })));
    assert_eq!(found.count("deployment"), 1);
    project.round_trip("hello").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_not_every_read_knows_yet_is_not_made_twice() {
    let project = Project::strict(Rules { reads: scaled(360), ..RULES }).await;
    let end = project.run_into(Trap::SilentAfterThe("kms:CreateKey"), &BOOTSTRAP).await;
    assert!(matches!(end, End::Killed(_)), "{end:?}");
    // Every other read finds no key. With this plan, that read is the last one before a resource is created.
    project.run(&["plan"]).await.ok();
    project.run(&BOOTSTRAP).await.ok();
    is_whole(&project).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_waits_for_its_deletion_is_taken_back() {
    let project = Project::strict(RULES).await;
    project.run(&BOOTSTRAP).await.ok();
    let before = Inventory::take(&project.sdk).await;
    let key = key_of_texts(&project).await;
    project.sdk.kms.schedule_key_deletion().key_id(&key).send().await.unwrap();

    project.run(&["plan"]).await.ok().says("keys.text");
    project.run(&APPLY).await.ok();
    is_whole(&project).await;
    Inventory::take(&project.sdk).await.is(&before);
}
