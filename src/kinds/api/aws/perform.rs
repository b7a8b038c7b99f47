//! Performs one operation on an API.

use aws_sdk_apigateway::operation::create_rest_api::CreateRestApiOutput;
use aws_sdk_apigateway::types::{
    ApiKeySourceType, ApiStatus, EndpointConfiguration, EndpointType, PatchOperation, RestApi,
};

use super::usage::{number, same, some};
use super::{address, patch, tree};
use crate::aws::wait::until;
use crate::aws::{Aws, AwsError, ErrorKind, Halt, Pace};
use crate::kinds::api::{Op, Settings};
use crate::kinds::aws::perform::{done_if_absent, known};
use crate::kinds::tags::{Retag, retag};
use crate::kinds::{Ids, Name, Tags, ids};

/// Performs one operation on an API and waits until its effect can be relied upon.
///
/// Returns the ids of what was created: `apis.NAME.id`, `apis.NAME.root`, `apis.NAME.url`, and those of parts,
/// deployments, usage plans and API keys (`apis.NAME.resources./path`, `apis.NAME.deployments.FINGERPRINT`).
///
/// # Errors
/// Errors of AWS, and effects that do not show in time.
pub async fn perform(aws: &Aws, ids: &Ids, name: &Name, op: &Op) -> Result<Ids, AwsError> {
    if let Op::Create { settings } = op {
        return create(aws, name, settings).await;
    }
    let id = known(ids, &format!("apis.{name}.id"))?;
    let api = Api { aws, ids, name, id };
    match op {
        Op::Create { .. } => {}
        Op::Update { from, to } => api.update(from, to).await?,
        Op::AddPart { part, spec } => return api.add_part(part, spec).await,
        Op::UpdatePart { part, from, to } => api.update_part(part, from, to).await?,
        Op::RemovePart { part } => api.remove_part(part).await?,
        Op::Deploy { fingerprint } => return api.deploy(fingerprint).await,
        Op::CreateStage { stage, fingerprint } => return api.create_stage(stage, fingerprint).await,
        Op::MoveStage { stage, fingerprint } => api.move_stage(stage, fingerprint).await?,
        Op::UpdateStage { from, to } => api.update_stage(from, to).await?,
        Op::DeleteStage { stage } => api.delete_stage(stage).await?,
        Op::DeleteDeployment { id } => api.delete_deployment(id).await?,
        Op::AddUsagePlan { plan, spec } => return api.add_usage_plan(plan, spec).await,
        Op::UpdateUsagePlan { plan, from, to } => api.update_usage_plan(plan, from, to).await?,
        Op::RemoveUsagePlan { plan, from } => api.remove_usage_plan(plan, from).await?,
        Op::AddApiKey { key, spec } => return api.add_api_key(key, spec).await,
        Op::UpdateApiKey { key, from, to } => api.update_api_key(key, from, to).await?,
        Op::RemoveApiKey { key } => api.remove_api_key(key).await?,
        Op::Delete => api.delete().await?,
    }
    Ok(Ids::default())
}

/// One API that exists.
pub(super) struct Api<'a> {
    pub aws: &'a Aws,
    pub ids: &'a Ids,
    pub name: &'a Name,
    pub id: String,
}

impl Api<'_> {
    /// Records the id of something that was created.
    pub fn made(&self, section: &str, name: &str, id: impl Into<String>) -> Ids {
        let mut ids = Ids::default();
        ids.set(format!("apis.{}.{section}.{name}", self.name), id);
        ids
    }

    async fn update(&self, from: &Settings, to: &Settings) -> Result<(), AwsError> {
        patch_api(self.aws, &self.id, patch::settings(from, to)).await?;
        available(self.aws, &self.id).await?;
        retagged(self.aws, &format!("/restapis/{}", self.id), &from.tags, &to.tags).await
    }

    async fn delete(&self) -> Result<(), AwsError> {
        let delete = || self.aws.write.apigateway.delete_rest_api().rest_api_id(&self.id).send();
        done_if_absent(self.aws.call("apigateway:DeleteRestApi", delete).await)?;
        let look = || async {
            let get = || self.aws.read.apigateway.get_rest_api().rest_api_id(&self.id).send();
            match self.aws.call("apigateway:GetRestApi", get).await {
                Err(error) if error.is_not_found() => Ok(Some(())),
                Err(error) => Err(error),
                Ok(_) => Ok(None),
            }
        };
        self.aws.until(&format!("API `{}` is gone", self.id), Pace::TWO_MINUTES, look).await
    }
}

async fn create(aws: &Aws, name: &Name, settings: &Settings) -> Result<Ids, AwsError> {
    let policy = settings.policy.as_ref().map(|policy| policy.to_json());
    // A policy may name the API's own id, which is not known yet.
    let (later, now) = policy.into_iter().partition::<Vec<_>, _>(|policy| ids::is_open(policy));
    let create = || async {
        let answer = send_create(aws, settings, now.first()).await?;
        Ok((answer.id.unwrap_or_default(), answer.root_resource_id))
    };
    let find = || async {
        let apis = aws.call("apigateway:GetRestApis", || {
            aws.read.apigateway.get_rest_apis().limit(500).into_paginator().items().send().try_collect()
        });
        let apis: Vec<RestApi> = apis.await?;
        let ours = apis.into_iter().find(|api| same(api.tags(), &settings.tags));
        Ok(ours.and_then(|api| Some((api.id?, api.root_resource_id))))
    };
    let (id, root) = once(&aws.halt, create, find).await?;
    available(aws, &id).await?;
    let mut made = Ids::default();
    made.set(format!("apis.{name}.id"), &id);
    for policy in later {
        patch_api(aws, &id, vec![patch::policy(&made.fill(&policy))]).await?;
        available(aws, &id).await?;
    }
    let root = match root {
        Some(root) => Some(root),
        None => tree::resource_id(aws, &id, "/").await?,
    };
    made.set(format!("apis.{name}.root"), root.unwrap_or_default());
    Ok(made)
}

async fn send_create(
    aws: &Aws,
    settings: &Settings,
    policy: Option<&String>,
) -> Result<CreateRestApiOutput, AwsError> {
    let Settings {
        api_name,
        description,
        endpoint_type,
        vpc_endpoints,
        binary_types,
        policy: _,
        min_compression,
        api_key_source,
        disable_execute_api,
        tags,
    } = settings;
    let mut endpoint = EndpointConfiguration::builder().types(EndpointType::from(endpoint_type.as_str()));
    if !vpc_endpoints.is_empty() {
        endpoint = endpoint.set_vpc_endpoint_ids(Some(vpc_endpoints.iter().cloned().collect()));
    }
    let endpoint = endpoint.build();
    let create = || {
        let call = aws.write.apigateway.create_rest_api().name(api_name);
        call.set_description(some(description))
            .endpoint_configuration(endpoint.clone())
            .set_binary_media_types(Some(binary_types.iter().cloned().collect()))
            .set_policy(policy.cloned())
            .set_minimum_compression_size(min_compression.map(number))
            .api_key_source(ApiKeySourceType::from(api_key_source.as_str()))
            .disable_execute_api_endpoint(*disable_execute_api)
            .set_tags(Some(tags.clone().into_iter().collect()))
            .send()
    };
    aws.call("apigateway:CreateRestApi", create).await
}

/// Waits until a change of the settings of an API has finished.
async fn available(aws: &Aws, id: &str) -> Result<(), AwsError> {
    let operation = "apigateway:GetRestApi";
    let look = || async {
        let get = || aws.read.apigateway.get_rest_api().rest_api_id(id).send();
        let api = aws.call(operation, get).await?;
        match api.api_status() {
            Some(ApiStatus::Failed) => {
                let why = api.api_status_message().unwrap_or("AWS gives no reason");
                Err(AwsError::new(operation, ErrorKind::Invalid, format!("API `{id}` failed: {why}")))
            }
            Some(ApiStatus::Updating | ApiStatus::Pending) => Ok(None),
            // Regions that do not show the status have no such changes.
            Some(_) | None => Ok(Some(())),
        }
    };
    aws.until(&format!("API `{id}` is available"), Pace::TWO_MINUTES, look).await
}

async fn patch_api(aws: &Aws, id: &str, patches: Vec<PatchOperation>) -> Result<(), AwsError> {
    if patches.is_empty() {
        return Ok(());
    }
    let update = || {
        let call = aws.write.apigateway.update_rest_api().rest_api_id(id);
        call.set_patch_operations(Some(patches.clone())).send()
    };
    aws.call("apigateway:UpdateRestApi", update).await.map(drop)
}

/// Sets and removes the tags that differ; `path` is the resource part of the ARN.
pub(super) async fn retagged(aws: &Aws, path: &str, from: &Tags, to: &Tags) -> Result<(), AwsError> {
    let arn = address::arn(aws, path);
    for (change, _) in retag(from, to) {
        match change {
            Retag::Set(tags) => {
                let tag = || {
                    let call = aws.write.apigateway.tag_resource().resource_arn(&arn);
                    call.set_tags(Some(tags.clone().into_iter().collect())).send()
                };
                aws.call("apigateway:TagResource", tag).await?;
            }
            Retag::Unset(keys) => {
                let untag = || {
                    let call = aws.write.apigateway.untag_resource().resource_arn(&arn);
                    call.set_tag_keys(Some(keys.iter().cloned().collect())).send()
                };
                aws.call("apigateway:UntagResource", untag).await?;
            }
        }
    }
    Ok(())
}

/// Creates something that would be created twice if the call were repeated blindly: when no answer arrives, looks for a
/// while for what may have been created before it tries again.
pub(super) async fn once<T, Created, Sought>(
    halt: &Halt,
    create: impl Fn() -> Created,
    find: impl Fn() -> Sought,
) -> Result<T, AwsError>
where
    Created: Future<Output = Result<T, AwsError>>,
    Sought: Future<Output = Result<Option<T>, AwsError>>,
{
    const TRIES: usize = 3;
    let mut tries = 1;
    loop {
        let error = match create().await {
            Err(error) if matches!(error.kind(), ErrorKind::Unknown | ErrorKind::Transient) => error,
            answer => return answer,
        };
        match until(halt, ("what may have been created shows", Pace::seconds(2, 10)), &find).await {
            Err(missing) if missing.kind() == ErrorKind::Timeout && tries < TRIES => tries += 1,
            Err(missing) if missing.kind() == ErrorKind::Timeout => return Err(error),
            found => return found,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn fails(kind: ErrorKind) -> AwsError {
        AwsError::new("apigateway:CreateRestApi", kind, "no")
    }

    #[tokio::test]
    async fn what_a_lost_answer_made_is_not_made_again() {
        let creations = Cell::new(0);
        let create = || async {
            creations.set(creations.get() + 1);
            Err::<&str, _>(fails(ErrorKind::Unknown))
        };
        let found = once(&Halt::default(), create, || async { Ok(Some("a1")) }).await;
        assert_eq!((found.unwrap(), creations.get()), ("a1", 1));
    }

    #[tokio::test]
    async fn a_refusal_is_final() {
        let find = || async { panic!("nothing can have been made") };
        let refused =
            once(&Halt::default(), || async { Err::<(), _>(fails(ErrorKind::Invalid)) }, find).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid);
    }

    #[tokio::test]
    async fn a_failing_search_does_not_lead_to_a_second_creation() {
        let creations = Cell::new(0);
        let create = || async {
            creations.set(creations.get() + 1);
            Err::<(), _>(fails(ErrorKind::Unknown))
        };
        let failed = once(&Halt::default(), create, || async { Err(fails(ErrorKind::Denied)) }).await;
        assert_eq!((failed.unwrap_err().kind(), creations.get()), (ErrorKind::Denied, 1));
    }
}
