//! Reads the editable tree of one API, its stages and its deployments.

use std::collections::BTreeMap;

use aws_sdk_apigateway::operation::get_authorizers::GetAuthorizersError;
use aws_sdk_apigateway::operation::get_request_validators::GetRequestValidatorsError;
use aws_sdk_apigateway::types;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use futures::try_join;

use super::read::{self, Names};
use crate::aws::{Aws, AwsError};
use crate::kinds::api::{Deployment, GatewayResponse, Part, PartId, SeenStage, Spec};
use crate::kinds::{Ids, Name};

/// Models that API Gateway creates with every API.
const OWN_MODELS: [&str; 2] = ["Empty", "Error"];

/// Everything below one API.
pub(super) struct Tree {
    resources: Vec<types::Resource>,
    authorizers: Vec<types::Authorizer>,
    validators: Vec<types::RequestValidator>,
    models: Vec<types::Model>,
    gateway_responses: Vec<types::GatewayResponse>,
    stages: Vec<types::Stage>,
    deployments: Vec<types::Deployment>,
}

/// Reads everything below an API, all lists concurrently.
pub(super) async fn read(aws: &Aws, api: &str) -> Result<Tree, AwsError> {
    let gateway = &aws.read.apigateway;
    let (resources, authorizers, validators, models, gateway_responses, stages, deployments) = try_join!(
        resources(aws, api),
        authorizers(aws, api),
        validators(aws, api),
        aws.call("apigateway:GetModels", || {
            gateway.get_models().rest_api_id(api).limit(500).into_paginator().items().send().try_collect()
        }),
        gateway_responses(aws, api),
        aws.call("apigateway:GetStages", || gateway.get_stages().rest_api_id(api).send()),
        deployments(aws, api),
    )?;
    let stages = stages.item.unwrap_or_default();
    Ok(Tree { resources, authorizers, validators, models, gateway_responses, stages, deployments })
}

/// Lists the resources of an API with their methods.
pub(super) async fn resources(aws: &Aws, api: &str) -> Result<Vec<types::Resource>, AwsError> {
    let list = || {
        let call = aws.read.apigateway.get_resources().rest_api_id(api).embed("methods").limit(500);
        call.into_paginator().items().send().try_collect()
    };
    aws.call("apigateway:GetResources", list).await
}

/// Finds a resource of an API by its path.
pub(super) async fn resource_id(aws: &Aws, api: &str, path: &str) -> Result<Option<String>, AwsError> {
    let resources = resources(aws, api).await?.into_iter();
    Ok(resources.filter(|resource| resource.path() == Some(path)).find_map(|resource| resource.id))
}

/// Lists the deployments of an API.
pub(super) async fn deployments(aws: &Aws, api: &str) -> Result<Vec<types::Deployment>, AwsError> {
    let list = || {
        let call = aws.read.apigateway.get_deployments().rest_api_id(api).limit(500);
        call.into_paginator().items().send().try_collect()
    };
    aws.call("apigateway:GetDeployments", list).await
}

/// Lists the authorizers of an API. All pages are one call, so that they are counted together.
pub(super) async fn authorizers(aws: &Aws, api: &str) -> Result<Vec<types::Authorizer>, AwsError> {
    let list = || async {
        let (mut all, mut position) = (Vec::new(), None);
        loop {
            let call = aws.read.apigateway.get_authorizers().rest_api_id(api).limit(500);
            let page = call.set_position(position).send().await?;
            all.extend(page.items.unwrap_or_default());
            position = page.position;
            if position.is_none() {
                return Ok::<_, SdkError<GetAuthorizersError, HttpResponse>>(all);
            }
        }
    };
    aws.call("apigateway:GetAuthorizers", list).await
}

/// Lists the request validators of an API, also as one call.
pub(super) async fn validators(aws: &Aws, api: &str) -> Result<Vec<types::RequestValidator>, AwsError> {
    let list = || async {
        let (mut all, mut position) = (Vec::new(), None);
        loop {
            let call = aws.read.apigateway.get_request_validators().rest_api_id(api).limit(500);
            let page = call.set_position(position).send().await?;
            all.extend(page.items.unwrap_or_default());
            position = page.position;
            if position.is_none() {
                return Ok::<_, SdkError<GetRequestValidatorsError, HttpResponse>>(all);
            }
        }
    };
    aws.call("apigateway:GetRequestValidators", list).await
}

/// Lists the gateway responses of an API: one per type, in one page.
async fn gateway_responses(aws: &Aws, api: &str) -> Result<Vec<types::GatewayResponse>, AwsError> {
    let list = || aws.read.apigateway.get_gateway_responses().rest_api_id(api).limit(500).send();
    Ok(aws.call("apigateway:GetGatewayResponses", list).await?.items.unwrap_or_default())
}

impl Tree {
    /// Returns the parts of the tree, with names instead of ids.
    pub fn parts(&self, want: Option<&Spec>) -> BTreeMap<PartId, Part> {
        let mut parts = BTreeMap::new();
        let mut names = Names::default();
        let wanted = |part: &PartId| want.and_then(|want| want.parts.get(part));
        for authorizer in &self.authorizers {
            if let (Some(id), Some(name)) = (authorizer.id(), authorizer.name()) {
                names.authorizers.insert(id.to_owned(), name.to_owned());
                let part = Part::Authorizer(read::authorizer(authorizer));
                parts.insert(PartId::Authorizer(name.to_owned()), part);
            }
        }
        for validator in &self.validators {
            if let (Some(id), Some(name)) = (validator.id(), validator.name()) {
                names.validators.insert(id.to_owned(), name.to_owned());
                let body = validator.validate_request_body();
                let parameters = validator.validate_request_parameters();
                parts.insert(PartId::Validator(name.to_owned()), Part::Validator { body, parameters });
            }
        }
        for model in &self.models {
            let id = PartId::Model(model.name().unwrap_or_default().to_owned());
            let own = model.name().is_some_and(|name| OWN_MODELS.contains(&name));
            if !own || wanted(&id).is_some() {
                parts.insert(id, read::model(model));
            }
        }
        for response in self.gateway_responses.iter().filter(|response| !response.default_response()) {
            let Some(kind) = response.response_type() else { continue };
            let id = PartId::GatewayResponse(kind.as_str().to_owned());
            let want: Option<&GatewayResponse> = match wanted(&id) {
                Some(Part::GatewayResponse(want)) => Some(want),
                _ => None,
            };
            parts.insert(id, Part::GatewayResponse(read::gateway_response(response, want)));
        }
        for resource in &self.resources {
            let Some(path) = resource.path() else { continue };
            if path != "/" {
                parts.insert(PartId::Resource(path.to_owned()), Part::Resource);
            }
            for (verb, method) in resource.resource_methods().into_iter().flatten() {
                let part = Part::Method(Box::new(read::method(method, &names)));
                parts.insert(PartId::Method(path.to_owned(), verb.clone()), part);
            }
        }
        parts
    }

    /// Returns the deployments, newest first.
    pub fn deployments(&self) -> Vec<Deployment> {
        let mut deployments: Vec<&types::Deployment> = self.deployments.iter().collect();
        deployments.sort_by_key(|deployment| deployment.created_date().map(|date| date.as_nanos()));
        // Of deployments created in the same second, the last one listed counts as the newest.
        let newest_first = deployments.into_iter().rev();
        newest_first
            .filter_map(|deployment| {
                let id = deployment.id()?.to_owned();
                Some(Deployment { id, fingerprint: fingerprint(deployment).map(str::to_owned) })
            })
            .collect()
    }

    /// Returns the stages by name.
    pub fn stages(&self, want: Option<&Spec>) -> BTreeMap<String, SeenStage> {
        let read = |stage: &types::Stage| {
            let name = stage.stage_name()?.to_owned();
            let want = want.map(|want| &want.stage).filter(|want| want.stage_name == name);
            let deployment = stage.deployment_id().unwrap_or_default().to_owned();
            Some((name, SeenStage { deployment, spec: read::stage(stage, want) }))
        };
        self.stages.iter().filter_map(read).collect()
    }

    /// Records the ids of the parts and deployments of the API `name`.
    pub fn ids(&self, name: &Name, ids: &mut Ids) {
        for resource in &self.resources {
            match (resource.path(), resource.id()) {
                (Some("/"), Some(id)) => ids.set(format!("apis.{name}.root"), id),
                (Some(path), Some(id)) => ids.set(format!("apis.{name}.resources.{path}"), id),
                _ => {}
            }
        }
        for part in &self.authorizers {
            set(ids, format!("apis.{name}.authorizers"), part.name(), part.id());
        }
        for part in &self.validators {
            set(ids, format!("apis.{name}.validators"), part.name(), part.id());
        }
        for part in &self.models {
            set(ids, format!("apis.{name}.models"), part.name(), part.id());
        }
        // The newest of those with the same fingerprint comes last and is kept.
        for deployment in self.deployments().iter().rev() {
            let fingerprint = deployment.fingerprint.as_deref();
            set(ids, format!("apis.{name}.deployments"), fingerprint, Some(&deployment.id));
        }
    }
}

fn set(ids: &mut Ids, section: String, name: Option<&str>, id: Option<&str>) {
    if let (Some(name), Some(id)) = (name, id) {
        ids.set(format!("{section}.{name}"), id);
    }
}

/// Reads the fingerprint that lockstep writes into the description of a deployment.
pub(super) fn fingerprint(deployment: &types::Deployment) -> Option<&str> {
    deployment.description()?.strip_prefix("fp=").filter(|hex| !hex.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Tree {
        Tree {
            resources: Vec::new(),
            authorizers: Vec::new(),
            validators: Vec::new(),
            models: Vec::new(),
            gateway_responses: Vec::new(),
            stages: Vec::new(),
            deployments: Vec::new(),
        }
    }

    fn deployment(id: &str, seconds: i64, description: &str) -> types::Deployment {
        let date = aws_sdk_apigateway::primitives::DateTime::from_secs(seconds);
        types::Deployment::builder().id(id).created_date(date).description(description).build()
    }

    #[test]
    fn deployments_come_newest_first_and_the_newest_of_a_fingerprint_counts() {
        let deployments = vec![
            deployment("d1", 10, "fp=aa"),
            deployment("d3", 30, "by hand"),
            deployment("d2", 20, "fp=aa"),
            deployment("d4", 30, "fp="),
        ];
        let tree = Tree { deployments, ..empty() };
        let read = tree.deployments();
        let read: Vec<_> = read.iter().map(|it| (it.id.as_str(), it.fingerprint.as_deref())).collect();
        assert_eq!(read, [("d4", None), ("d3", None), ("d2", Some("aa")), ("d1", Some("aa"))]);
        let mut ids = Ids::default();
        tree.ids(&Name::from("text"), &mut ids);
        assert_eq!(ids.get("apis.text.deployments.aa"), Some("d2"));
    }

    #[test]
    fn models_of_api_gateway_and_untouched_responses_are_no_parts() {
        let model = |name| types::Model::builder().name(name).schema("{}").build();
        let response = |kind, untouched| {
            types::GatewayResponse::builder().response_type(kind).default_response(untouched).build()
        };
        let tree = Tree {
            models: vec![model("Empty"), model("Error"), model("Text")],
            gateway_responses: vec![
                response(types::GatewayResponseType::Default4Xx, false),
                response(types::GatewayResponseType::Throttled, true),
            ],
            ..empty()
        };
        let parts: Vec<String> = tree.parts(None).keys().map(ToString::to_string).collect();
        assert_eq!(parts, ["models.Text", "gateway_responses.DEFAULT_4XX"]);
    }

    #[test]
    fn methods_hang_on_paths_and_the_root_is_no_part() {
        let resource = |id, path| types::Resource::builder().id(id).path(path);
        let tree = Tree {
            resources: vec![
                resource("r0", "/").resource_methods("GET", types::Method::builder().build()).build(),
                resource("r1", "/a").build(),
            ],
            ..empty()
        };
        let parts: Vec<String> = tree.parts(None).keys().map(ToString::to_string).collect();
        assert_eq!(parts, ["resources /a", "routes GET /"]);
        let mut ids = Ids::default();
        tree.ids(&Name::from("text"), &mut ids);
        assert_eq!((ids.get("apis.text.root"), ids.get("apis.text.resources./a")), (Some("r0"), Some("r1")));
    }
}
