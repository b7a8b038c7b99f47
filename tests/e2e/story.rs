//! The outage that lockstep prevents: a role is swapped by hand, and the key policy is not changed with it.

use serde_json::json;

use crate::support::{Load, Project, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_by_hand_is_named_and_repaired() {
    let project = Project::deployed().await;
    let token = project.token().await;
    let encrypt = async || project.call(&token, "/encrypt", &json!({ "text": "hello" })).await;
    assert_eq!(encrypt().await.status, 200);

    let load = Load::start(&project).await;
    project.move_by_hand("encrypt-prod").await;

    let refused = until("the API fails", async || Some(encrypt().await).filter(|it| it.status != 200)).await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.json().unwrap()["error"]["code"], "key_access_denied");

    // Shows that the other scenarios would notice failures.
    let failures = load.end().await.failures;
    assert!(failures.iter().any(|failure| failure.contains("key_access_denied")), "{failures:#?}");

    let cause = "functions.encrypt runs as encrypt-prod, which the policy of keys.text does not allow";
    project.run(&["drift"]).await.ends_with(2).says(cause).says("every request fails");
    project
        .run(&["plan", "--detailed-exitcode"])
        .await
        .ends_with(2)
        .says("functions.encrypt")
        .says("encrypt-prod -> encrypt-test");
    project.apply().await.ok();
    until("the API works", async || (encrypt().await.status == 200).then_some(())).await;
    project.round_trip("hello").await;
    project.is_settled().await;
    project.run(&["drift"]).await.ok().says("No drift");
}
