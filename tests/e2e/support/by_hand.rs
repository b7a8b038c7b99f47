//! Changes that someone makes without the command, as in the console.

use aws_sdk_iam::operation::create_role::builders::CreateRoleFluentBuilder;
use aws_sdk_lambda::types::LastUpdateStatus;
use percent_encoding::percent_decode_str;

use super::{FUNCTION, Project, until};

impl Project {
    /// Moves the function to another role as in the console, and leaves the key policy unchanged.
    pub async fn move_by_hand(&self, role: &str) {
        let role = format!("text-encryption-test-{role}");
        let role = self.sdk.iam.get_role().role_name(role).send().await.unwrap();
        let update = self.sdk.lambda.update_function_configuration().function_name(FUNCTION);
        // If only the role changes, the running function of the emulator stays under the old one.
        update.role(role.role().unwrap().arn()).timeout(3).send().await.unwrap();
        until("the function is updated", async || {
            let config = self.sdk.lambda.get_function_configuration().function_name(FUNCTION).send().await;
            (config.unwrap().last_update_status() == Some(&LastUpdateStatus::Successful)).then_some(())
        })
        .await;
    }

    /// Deletes a role as in the console, and returns the call that re-creates it.
    pub async fn delete_role(&self, role: &str) -> CreateRoleFluentBuilder {
        let iam = self.by_hand().await.iam;
        let name = format!("text-encryption-test-{role}");
        let was = self.sdk.iam.get_role().role_name(&name).send().await.unwrap().role.unwrap();
        let attached = self.sdk.iam.list_attached_role_policies().role_name(&name).send().await.unwrap();
        for policy in attached.attached_policies() {
            let arn = policy.policy_arn().unwrap();
            iam.detach_role_policy().role_name(&name).policy_arn(arn).send().await.unwrap();
        }
        until("the role is deleted", async || iam.delete_role().role_name(&name).send().await.ok()).await;
        self.rules().forgive().await;
        let trust = was.assume_role_policy_document().unwrap();
        let trust = percent_decode_str(trust).decode_utf8().unwrap().into_owned();
        let create = iam.create_role().role_name(name).path(was.path()).assume_role_policy_document(trust);
        create.set_description(was.description.clone()).set_tags(was.tags.clone())
    }

    /// Deletes a role and re-creates it unchanged: under the same name, and with another id.
    pub async fn recreate(&self, role: &str) {
        let before = self.sdk.iam.list_attached_role_policies();
        let attached = before.role_name(format!("text-encryption-test-{role}")).send().await.unwrap();
        let made = self.delete_role(role).await.send().await.unwrap().role.unwrap();
        for policy in attached.attached_policies() {
            let attach = self.sdk.iam.attach_role_policy().role_name(made.role_name());
            attach.policy_arn(policy.policy_arn().unwrap()).send().await.unwrap();
        }
        self.rules().forgive().await;
    }

    /// Deletes a role and re-creates it without its tags, as someone does who does not know about them.
    pub async fn recreate_without_tags(&self, role: &str) {
        self.recreate(role).await;
        let name = format!("text-encryption-test-{role}");
        let tags = self.sdk.iam.list_role_tags().role_name(&name).send().await.unwrap();
        let keys = tags.tags().iter().map(|tag| tag.key().to_owned()).collect();
        self.sdk.iam.untag_role().role_name(name).set_tag_keys(Some(keys)).send().await.unwrap();
    }
}
