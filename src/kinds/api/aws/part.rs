//! Creates, changes and deletes the parts of an API's editable tree.

use aws_sdk_apigateway::types::{AuthorizerType, GatewayResponseType};

use super::perform::Api;
use super::usage::{number, some};
use super::{patch, tree};
use crate::aws::{AwsError, ErrorKind};
use crate::kinds::Ids;
use crate::kinds::api::{Authorizer, GatewayResponse, Part, PartId};
use crate::kinds::aws::perform::{done_if_absent, known};

impl Api<'_> {
    /// Creates one part. A part of the same name that exists already counts as created: an attempt before this one
    /// succeeded, but its answer was lost.
    pub async fn add_part(&self, id: &PartId, spec: &Part) -> Result<Ids, AwsError> {
        match (id, spec) {
            (PartId::Authorizer(name), Part::Authorizer(spec)) => {
                let made = self.create_authorizer(name, spec).await;
                let find = || async {
                    let all = tree::authorizers(self.aws, &self.id).await?.into_iter();
                    Ok(all.filter(|it| it.name() == Some(name)).find_map(|it| it.id))
                };
                Ok(self.made("authorizers", name, or_found(made, find).await?))
            }
            (PartId::Validator(name), Part::Validator { body, parameters }) => {
                let made = self.create_validator(name, *body, *parameters).await;
                let find = || async {
                    let all = tree::validators(self.aws, &self.id).await?.into_iter();
                    Ok(all.filter(|it| it.name() == Some(name)).find_map(|it| it.id))
                };
                Ok(self.made("validators", name, or_found(made, find).await?))
            }
            (PartId::Model(name), Part::Model { content_type, schema, description }) => {
                let schema = schema.to_string();
                let create = || {
                    let call = self.aws.write.apigateway.create_model().rest_api_id(&self.id).name(name);
                    let call = call.content_type(content_type).schema(&schema);
                    call.set_description(some(description)).send()
                };
                let made = self.aws.call("apigateway:CreateModel", create).await.map(|model| model.id);
                let find = || async {
                    let get = || {
                        let call = self.aws.read.apigateway.get_model().rest_api_id(&self.id);
                        call.model_name(name).send()
                    };
                    Ok(self.aws.call("apigateway:GetModel", get).await?.id)
                };
                Ok(self.made("models", name, or_found(made, find).await?))
            }
            (PartId::GatewayResponse(kind), Part::GatewayResponse(spec)) => {
                self.put_gateway_response(kind, spec).await.map(|()| Ids::default())
            }
            (PartId::Resource(path), Part::Resource) => {
                let made = self.create_resource(path).await;
                let find = || tree::resource_id(self.aws, &self.id, path);
                Ok(self.made("resources", path, or_found(made, find).await?))
            }
            (PartId::Method(path, verb), Part::Method(spec)) => {
                self.method(path, verb)?.add(spec).await.map(|()| Ids::default())
            }
            _ => Err(mismatch(id)),
        }
    }

    /// Changes one part in place.
    pub async fn update_part(&self, id: &PartId, from: &Part, to: &Part) -> Result<(), AwsError> {
        let gateway = &self.aws.write.apigateway;
        match (id, from, to) {
            (PartId::Authorizer(name), Part::Authorizer(from), Part::Authorizer(to)) => {
                let authorizer = self.part_id("authorizers", name)?;
                let patches = patch::authorizer(from, to);
                let update = || {
                    let call = gateway.update_authorizer().rest_api_id(&self.id).authorizer_id(&authorizer);
                    call.set_patch_operations(Some(patches.clone())).send()
                };
                self.aws.call("apigateway:UpdateAuthorizer", update).await.map(drop)
            }
            (
                PartId::Validator(name),
                Part::Validator { body, parameters },
                Part::Validator { body: to_body, parameters: to_parameters },
            ) => {
                let validator = self.part_id("validators", name)?;
                let patches = patch::validator((*body, *parameters), (*to_body, *to_parameters));
                let update = || {
                    let call = gateway.update_request_validator().rest_api_id(&self.id);
                    let call = call.request_validator_id(&validator);
                    call.set_patch_operations(Some(patches.clone())).send()
                };
                self.aws.call("apigateway:UpdateRequestValidator", update).await.map(drop)
            }
            (
                PartId::Model(name),
                Part::Model { schema, description, .. },
                Part::Model { schema: to_schema, description: to_description, .. },
            ) => {
                let patches = patch::model((schema, description), (to_schema, to_description));
                let update = || {
                    let call = gateway.update_model().rest_api_id(&self.id).model_name(name);
                    call.set_patch_operations(Some(patches.clone())).send()
                };
                self.aws.call("apigateway:UpdateModel", update).await.map(drop)
            }
            (PartId::GatewayResponse(kind), _, Part::GatewayResponse(to)) => {
                self.put_gateway_response(kind, to).await
            }
            (PartId::Resource(_), Part::Resource, Part::Resource) => Ok(()),
            (PartId::Method(path, verb), Part::Method(from), Part::Method(to)) => {
                self.method(path, verb)?.update(from, to).await
            }
            _ => Err(mismatch(id)),
        }
    }

    /// Deletes one part; one that is gone counts as deleted.
    pub async fn remove_part(&self, id: &PartId) -> Result<(), AwsError> {
        let gateway = &self.aws.write.apigateway;
        let api = &self.id;
        let answer = match id {
            PartId::Authorizer(name) => {
                let part = self.part_id("authorizers", name)?;
                let delete = || gateway.delete_authorizer().rest_api_id(api).authorizer_id(&part).send();
                self.aws.call("apigateway:DeleteAuthorizer", delete).await.map(drop)
            }
            PartId::Validator(name) => {
                let part = self.part_id("validators", name)?;
                let delete =
                    || gateway.delete_request_validator().rest_api_id(api).request_validator_id(&part).send();
                self.aws.call("apigateway:DeleteRequestValidator", delete).await.map(drop)
            }
            PartId::Model(name) => {
                let delete = || gateway.delete_model().rest_api_id(api).model_name(name).send();
                self.aws.call("apigateway:DeleteModel", delete).await.map(drop)
            }
            PartId::GatewayResponse(kind) => {
                let kind = GatewayResponseType::from(kind.as_str());
                let delete =
                    || gateway.delete_gateway_response().rest_api_id(api).response_type(kind.clone()).send();
                self.aws.call("apigateway:DeleteGatewayResponse", delete).await.map(drop)
            }
            PartId::Resource(path) => {
                let part = self.resource_id(path)?;
                let delete = || gateway.delete_resource().rest_api_id(api).resource_id(&part).send();
                self.aws.call("apigateway:DeleteResource", delete).await.map(drop)
            }
            PartId::Method(path, verb) => self.method(path, verb)?.delete().await,
        };
        done_if_absent(answer)
    }

    /// Looks up the id of a resource by its path.
    pub fn resource_id(&self, path: &str) -> Result<String, AwsError> {
        match path {
            "/" => known(self.ids, &format!("apis.{}.root", self.name)),
            path => self.part_id("resources", path),
        }
    }

    /// Looks up the id of a part by its name.
    pub fn part_id(&self, section: &str, name: &str) -> Result<String, AwsError> {
        known(self.ids, &format!("apis.{}.{section}.{name}", self.name))
    }

    async fn create_resource(&self, path: &str) -> Result<Option<String>, AwsError> {
        let (parent, last) = path.rsplit_once('/').unwrap_or_default();
        let parent = self.resource_id(if parent.is_empty() { "/" } else { parent })?;
        let create = || {
            let call = self.aws.write.apigateway.create_resource().rest_api_id(&self.id);
            call.parent_id(&parent).path_part(last).send()
        };
        Ok(self.aws.call("apigateway:CreateResource", create).await?.id)
    }

    async fn create_authorizer(&self, name: &str, spec: &Authorizer) -> Result<Option<String>, AwsError> {
        let Authorizer { kind, uri, providers, identity, validation, ttl, credentials } = spec;
        let identity = some(&identity.join(","));
        let providers: Vec<String> = providers.iter().cloned().collect();
        let create = || {
            let call = self.aws.write.apigateway.create_authorizer().rest_api_id(&self.id).name(name);
            call.r#type(AuthorizerType::from(kind.as_str()))
                .set_authorizer_uri(uri.clone())
                .set_authorizer_credentials(credentials.clone())
                .set_identity_source(identity.clone())
                .set_identity_validation_expression(validation.clone())
                .authorizer_result_ttl_in_seconds(number(*ttl))
                .set_provider_arns((!providers.is_empty()).then(|| providers.clone()))
                .send()
        };
        Ok(self.aws.call("apigateway:CreateAuthorizer", create).await?.id)
    }

    async fn create_validator(
        &self,
        name: &str,
        body: bool,
        parameters: bool,
    ) -> Result<Option<String>, AwsError> {
        let create = || {
            let call = self.aws.write.apigateway.create_request_validator().rest_api_id(&self.id).name(name);
            call.validate_request_body(body).validate_request_parameters(parameters).send()
        };
        Ok(self.aws.call("apigateway:CreateRequestValidator", create).await?.id)
    }

    /// Replaces the whole response, so this both creates and changes it.
    async fn put_gateway_response(&self, kind: &str, spec: &GatewayResponse) -> Result<(), AwsError> {
        let GatewayResponse { status, parameters, templates } = spec;
        let put = || {
            let call = self.aws.write.apigateway.put_gateway_response().rest_api_id(&self.id);
            call.response_type(GatewayResponseType::from(kind))
                .set_status_code(status.clone())
                .set_response_parameters(Some(parameters.clone().into_iter().collect()))
                .set_response_templates(
                    (!templates.is_empty()).then(|| templates.clone().into_iter().collect()),
                )
                .send()
        };
        self.aws.call("apigateway:PutGatewayResponse", put).await.map(drop)
    }
}

/// Returns the id of what was created, or of what already exists in its place.
async fn or_found<Sought>(
    made: Result<Option<String>, AwsError>,
    find: impl Fn() -> Sought,
) -> Result<String, AwsError>
where
    Sought: Future<Output = Result<Option<String>, AwsError>>,
{
    match made {
        Ok(id) => Ok(id.unwrap_or_default()),
        // API Gateway gives either code for a name that is taken.
        Err(error)
            if error.kind() == ErrorKind::Conflict
                || (error.kind() == ErrorKind::Invalid && error.says("already exist")) =>
        {
            find().await?.ok_or(error)
        }
        Err(error) => Err(error),
    }
}

fn mismatch(id: &PartId) -> AwsError {
    AwsError::new(
        "changing an API",
        ErrorKind::Invalid,
        format!("`{id}` is described as a part of another kind"),
    )
    .with_hint("plan again")
}
