//! Deployments, and the stages that serve them.

use std::collections::BTreeMap;

use super::perform::{Api, once, retagged};
use super::usage::some;
use super::{address, patch, tree};
use crate::aws::{AwsError, ErrorKind};
use crate::kinds::Ids;
use crate::kinds::api::Stage;
use crate::kinds::aws::perform::{done_if_absent, known};

impl Api<'_> {
    /// Calls `CreateDeployment` for the tree as it is now. The fingerprint in its description identifies the
    /// deployment.
    pub async fn deploy(&self, fingerprint: &str) -> Result<Ids, AwsError> {
        let create = || async {
            let create = || {
                let call = self.aws.write.apigateway.create_deployment().rest_api_id(&self.id);
                call.description(format!("fp={fingerprint}")).send()
            };
            let answer = self.aws.call("apigateway:CreateDeployment", create).await?;
            Ok(answer.id.unwrap_or_default())
        };
        let find = || async {
            let all = tree::deployments(self.aws, &self.id).await?.into_iter();
            Ok(all.filter(|it| tree::fingerprint(it) == Some(fingerprint)).find_map(|it| it.id))
        };
        Ok(self.made("deployments", fingerprint, once(&self.aws.halt, create, find).await?))
    }

    /// Deletes a deployment; one that is gone counts as deleted.
    pub async fn delete_deployment(&self, id: &str) -> Result<(), AwsError> {
        let delete =
            || self.aws.write.apigateway.delete_deployment().rest_api_id(&self.id).deployment_id(id).send();
        done_if_absent(self.aws.call("apigateway:DeleteDeployment", delete).await)
    }

    /// Calls `CreateStage`, then sets what that call does not take: access log and settings by method.
    pub async fn create_stage(&self, stage: &Stage, fingerprint: &str) -> Result<Ids, AwsError> {
        let deployment = self.deployment(fingerprint)?;
        let Stage { stage_name, description, variables, tracing, access_log: _, methods: _, tags } = stage;
        let create = || {
            let call = self.aws.write.apigateway.create_stage().rest_api_id(&self.id);
            call.stage_name(stage_name)
                .deployment_id(&deployment)
                .set_description(some(description))
                .set_variables(Some(variables.clone().into_iter().collect()))
                .tracing_enabled(*tracing)
                .set_tags(Some(tags.clone().into_iter().collect()))
                .send()
        };
        match self.aws.call("apigateway:CreateStage", create).await {
            // An attempt before this one succeeded, but its answer was lost.
            Err(error) if error.kind() == ErrorKind::Conflict => {
                if self.served(stage_name).await?.as_deref() != Some(&deployment) {
                    return Err(error);
                }
            }
            answer => drop(answer?),
        }
        let created = Stage { access_log: None, methods: BTreeMap::new(), ..stage.clone() };
        self.patch_stage(&created, stage).await?;
        let mut made = Ids::default();
        made.set(format!("apis.{}.url", self.name), address::url(self.aws, &self.id, stage_name));
        Ok(made)
    }

    /// Moves a stage to another deployment, and flushes the authorizer cache, whose results would outlive the move.
    pub async fn move_stage(&self, stage: &str, fingerprint: &str) -> Result<(), AwsError> {
        let patch = patch::deployment(&self.deployment(fingerprint)?);
        let update = || {
            let call = self.aws.write.apigateway.update_stage().rest_api_id(&self.id).stage_name(stage);
            call.patch_operations(patch.clone()).send()
        };
        self.aws.call("apigateway:UpdateStage", update).await?;
        let flush = || {
            let call = self.aws.write.apigateway.flush_stage_authorizers_cache();
            call.rest_api_id(&self.id).stage_name(stage).send()
        };
        match self.aws.call("apigateway:FlushStageAuthorizersCache", flush).await {
            // There is nothing to flush, or the call does not exist.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Invalid) => Ok(()),
            answer => answer.map(drop),
        }
    }

    pub async fn update_stage(&self, from: &Stage, to: &Stage) -> Result<(), AwsError> {
        self.patch_stage(from, to).await?;
        let path = format!("/restapis/{}/stages/{}", self.id, to.stage_name);
        retagged(self.aws, &path, &from.tags, &to.tags).await
    }

    /// Deletes a stage; one that is gone counts as deleted.
    pub async fn delete_stage(&self, stage: &str) -> Result<(), AwsError> {
        let delete =
            || self.aws.write.apigateway.delete_stage().rest_api_id(&self.id).stage_name(stage).send();
        done_if_absent(self.aws.call("apigateway:DeleteStage", delete).await)
    }

    async fn patch_stage(&self, from: &Stage, to: &Stage) -> Result<(), AwsError> {
        let patches = patch::stage(from, to);
        if patches.is_empty() {
            return Ok(());
        }
        let update = || {
            let call = self.aws.write.apigateway.update_stage().rest_api_id(&self.id);
            call.stage_name(&to.stage_name).set_patch_operations(Some(patches.clone())).send()
        };
        match self.aws.call("apigateway:UpdateStage", update).await {
            Err(error) if error.says("CloudWatch Logs role") => Err(error.with_hint(
                "give API Gateway a role that may write logs, once per account and region: \
                 `aws apigateway update-account --patch-operations op=replace,path=/cloudwatchRoleArn,value=ARN`",
            )),
            answer => answer.map(drop),
        }
    }

    fn deployment(&self, fingerprint: &str) -> Result<String, AwsError> {
        known(self.ids, &format!("apis.{}.deployments.{fingerprint}", self.name))
    }

    /// Returns the deployment that a stage serves.
    async fn served(&self, stage: &str) -> Result<Option<String>, AwsError> {
        let get = || self.aws.read.apigateway.get_stage().rest_api_id(&self.id).stage_name(stage).send();
        Ok(self.aws.call("apigateway:GetStage", get).await?.deployment_id)
    }
}
