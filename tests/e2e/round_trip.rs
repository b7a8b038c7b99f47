//! Creates a working API from nothing, and removes it.

use crate::support::{Inventory, Project};

#[tokio::test]
async fn bootstrap_encrypt_decrypt_destroy() {
    let project = Project::new().await;
    let before = Inventory::take(&project.sdk).await;
    project.run(&["bootstrap", "--auto-approve"]).await.ok().says("Apply complete: 10 added");
    project.is_settled().await;

    project.round_trip("hello").await;
    // Longer than the limit of one KMS call, with characters that take more bytes in JSON and UTF-8.
    let line = "all \"work\" and no play\n\u{3042}\u{1f511}";
    project.round_trip(&line.repeat(1024 * 1024 / line.len())).await;
    project.run(&["bootstrap"]).await.ok().says("No changes").says("is served at");

    project.run(&["destroy", "--auto-approve"]).await.ok().says("pending deletion");
    let after = Inventory::take(&project.sdk).await;
    let is_key = |name: &str| name.starts_with("key ");
    let keys = after.only(|name| is_key(name) && name.split(' ').count() == 2);
    assert_eq!(after.count("key"), 2);
    assert!(keys.all_say("PendingDeletion"), "{keys:?}");
    after.only(|name| !is_key(name)).is(&before);
    project.run(&["plan", "--destroy"]).await.ok().says("No changes");
}
