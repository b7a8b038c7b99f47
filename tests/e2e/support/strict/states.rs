//! The operations that are allowed on a key that is disabled or scheduled for deletion.

use aws_sdk_kms::types::KeyState;
use serde_json::json;

use super::keys::{id, refusal};
use super::{Answer, Operation, Request, Strict};

/// Operations that require an enabled key. The emulator checks the state for most other uses of a key, but not for
/// these.
const ENABLED: &[&str] =
    &["kms:GetPublicKey", "kms:CreateGrant", "kms:EnableKeyRotation", "kms:DisableKeyRotation"];
/// Operations that require a key that is not scheduled for deletion. Its policy may still be changed, and its aliases
/// may be deleted.
const STAYING: &[&str] = &[
    "kms:CreateAlias",
    "kms:UpdateAlias",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateKeyDescription",
    "kms:EnableKey",
    "kms:DisableKey",
    "kms:ScheduleKeyDeletion",
];
const LEAVING: &[&str] = &["kms:CancelKeyDeletion"];

impl Strict {
    pub(super) async fn state_refusal(
        &self,
        request: &Request,
        operation: &Operation,
    ) -> Option<(&'static str, Answer)> {
        let is_of = |operations: &[&str]| operations.contains(&operation.name.as_str());
        if !is_of(ENABLED) && !is_of(STAYING) && !is_of(LEAVING) {
            return None;
        }
        let body = request.json();
        // An alias may be moved away from a key in any state, but not to one that is scheduled for deletion.
        let named = body["TargetKeyId"].as_str().or(body["KeyId"].as_str())?;
        let described = self.sdk.kms.describe_key().key_id(named).send().await.ok()?;
        let key = described.key_metadata?;
        let arn = key.arn.unwrap_or_default();
        match key.key_state? {
            KeyState::PendingDeletion if is_of(ENABLED) || is_of(STAYING) => {
                refusal("KMSInvalidStateException", &format!("{arn} is pending deletion."))
            }
            KeyState::Disabled if is_of(ENABLED) => {
                refusal("DisabledException", &format!("{arn} is disabled."))
            }
            state if is_of(LEAVING) && state != KeyState::PendingDeletion => {
                refusal("KMSInvalidStateException", &format!("{arn} is not pending deletion."))
            }
            _ => None,
        }
    }

    /// Makes a key that is scheduled for deletion read as one that does not rotate.
    pub(super) async fn learn_state(&self, request: &Request, operation: &Operation, answer: &mut Answer) {
        if operation.name != "kms:GetKeyRotationStatus" {
            return;
        }
        let body = request.json();
        let named = id(body["KeyId"].as_str().unwrap_or_default());
        let described = self.sdk.kms.describe_key().key_id(named).send().await.unwrap();
        if described.key_metadata.and_then(|key| key.key_state) == Some(KeyState::PendingDeletion) {
            let mut read = answer.read_json();
            read["KeyRotationEnabled"] = json!(false);
            answer.write_json(&read);
        }
    }
}
