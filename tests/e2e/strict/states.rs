//! Keys that are disabled or scheduled for deletion, and the operations that AWS refuses on them.

use aws_sdk_kms::types::KeyState;

use super::{APPLY, BOOTSTRAP, RULES, is_whole, update};
use crate::support::{Project, key_of_texts};

const REFUSALS: [&str; 2] = ["DisabledException", "KMSInvalidStateException"];

/// Changes a large part of the stack, including the rotation of the key, after the state of the key was changed.
async fn is_mended(project: &mut Project, key: &str) {
    // No call that requires another state of the key is made before the key is in that state.
    update(project, false);
    project.run(&APPLY).await.ok();
    for code in REFUSALS {
        assert_eq!(project.rules().refused(code), 0, "{code}");
    }
    is_whole(project).await;
    let status = project.sdk.kms.get_key_rotation_status().key_id(key).send().await.unwrap();
    assert_eq!((status.key_rotation_enabled(), status.rotation_period_in_days()), (true, Some(180)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_key_is_enabled_before_it_changes() {
    let mut project = Project::strict(RULES).await;
    project.run(&BOOTSTRAP).await.ok();
    let key = key_of_texts(&project).await;
    project.sdk.kms.disable_key().key_id(&key).send().await.unwrap();
    is_mended(&mut project, &key).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_taken_back_before_it_changes() {
    let mut project = Project::strict(RULES).await;
    project.run(&BOOTSTRAP).await.ok();
    let key = key_of_texts(&project).await;
    project.sdk.kms.schedule_key_deletion().key_id(&key).send().await.unwrap();
    is_mended(&mut project, &key).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_layer_refuses_what_the_state_of_a_key_forbids() {
    let project = Project::strict(RULES).await;
    project.run(&BOOTSTRAP).await.ok();
    let key = key_of_texts(&project).await;
    let kms = project.by_hand().await.kms;
    let rotate = async || kms.enable_key_rotation().key_id(&key).send().await.is_ok();
    let describe = async || kms.update_key_description().key_id(&key).description("x").send().await.is_ok();
    let enable = async || kms.enable_key().key_id(&key).send().await.is_ok();
    let cancel = async || kms.cancel_key_deletion().key_id(&key).send().await.is_ok();
    let rotates = async || {
        let status = kms.get_key_rotation_status().key_id(&key).send().await.unwrap();
        status.key_rotation_enabled()
    };
    assert_eq!(
        (rotate().await, describe().await, cancel().await, rotates().await),
        (true, true, false, true)
    );
    kms.disable_key().key_id(&key).send().await.unwrap();
    assert_eq!((rotate().await, describe().await, enable().await), (false, true, true));
    kms.schedule_key_deletion().key_id(&key).send().await.unwrap();
    assert_eq!(
        (rotate().await, describe().await, enable().await, rotates().await),
        (false, false, false, false)
    );
    assert!(kms.schedule_key_deletion().key_id(&key).send().await.is_err());
    assert!(cancel().await);
    let described = kms.describe_key().key_id(&key).send().await.unwrap();
    assert_eq!(described.key_metadata.unwrap().key_state, Some(KeyState::Disabled));
    assert_eq!(REFUSALS.map(|code| project.rules().refused(code)), [1, 5]);
}
