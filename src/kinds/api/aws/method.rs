//! Methods with their integrations and responses.

use aws_sdk_apigateway::types::IntegrationType;

use super::patch::{self, MethodRefs};
use super::perform::Api;
use super::usage::number;
use crate::aws::{AwsError, ErrorKind};
use crate::kinds::api::{Integration, Method, MethodResponse};
use crate::kinds::aws::perform::done_if_absent;

/// One method of one API.
pub(super) struct MethodAt<'a> {
    api: &'a Api<'a>,
    resource: String,
    verb: &'a str,
}

/// Starts a call on a method.
macro_rules! on {
    ($method:expr, $call:ident) => {
        $method
            .api
            .aws
            .write
            .apigateway
            .$call()
            .rest_api_id(&$method.api.id)
            .resource_id(&$method.resource)
            .http_method($method.verb)
    };
}

impl<'a> Api<'a> {
    /// Addresses a method of a resource that exists.
    pub fn method(&'a self, path: &str, verb: &'a str) -> Result<MethodAt<'a>, AwsError> {
        Ok(MethodAt { api: self, resource: self.resource_id(path)?, verb })
    }
}

impl MethodAt<'_> {
    /// `PutMethod`, `PutIntegration` and the responses.
    pub async fn add(&self, spec: &Method) -> Result<(), AwsError> {
        match self.put(spec).await {
            // An attempt before this one was not answered, or a run died before it put the integration: the settings of
            // this method are unknown. No deployment holds it.
            Err(error) if error.kind() == ErrorKind::Conflict => {
                self.delete().await?;
                self.put(spec).await?;
            }
            answer => answer?,
        }
        self.put_integration(&spec.integration).await?;
        for (status, response) in &spec.responses {
            self.put_method_response(status, response).await?;
            self.put_integration_response(status, response).await?;
        }
        Ok(())
    }

    /// Changes what differs. The integration is put as a whole, which drops its responses, so that no field of it can
    /// be left behind. All of this happens in the editable tree, which serves no requests.
    pub async fn update(&self, from: &Method, to: &Method) -> Result<(), AwsError> {
        let part = |section, name: &Option<String>| {
            name.as_ref().map(|name| self.api.part_id(section, name)).transpose()
        };
        let authorizer = part("authorizers", &to.authorizer)?;
        let validator = part("validators", &to.validator)?;
        let refs = MethodRefs { authorizer: authorizer.as_deref(), validator: validator.as_deref() };
        let patches = patch::method(from, to, &refs);
        if !patches.is_empty() {
            let update = || on!(self, update_method).set_patch_operations(Some(patches.clone())).send();
            self.api.aws.call("apigateway:UpdateMethod", update).await?;
        }
        let changed =
            |(status, before): &(&String, &MethodResponse)| to.responses.get(*status) != Some(before);
        for (status, _) in from.responses.iter().filter(changed) {
            self.delete_responses(status).await?;
        }
        let replaced = from.integration != to.integration;
        if replaced {
            self.put_integration(&to.integration).await?;
        }
        for (status, response) in &to.responses {
            let kept = from.responses.get(status) == Some(response);
            if !kept {
                self.put_method_response(status, response).await?;
            }
            if replaced || !kept {
                self.put_integration_response(status, response).await?;
            }
        }
        Ok(())
    }

    /// `DeleteMethod`, with everything below it; one that is gone counts as deleted.
    pub async fn delete(&self) -> Result<(), AwsError> {
        let delete = || on!(self, delete_method).send();
        done_if_absent(self.api.aws.call("apigateway:DeleteMethod", delete).await)
    }

    async fn put(&self, spec: &Method) -> Result<(), AwsError> {
        // Destructured so that a new field cannot be forgotten.
        let Method {
            authorization,
            authorizer,
            scopes,
            api_key_required,
            validator,
            request_models,
            request_parameters,
            integration: _,
            responses: _,
        } = spec;
        let part = |section, name: &Option<String>| {
            name.as_ref().map(|name| self.api.part_id(section, name)).transpose()
        };
        let authorizer = part("authorizers", authorizer)?;
        let validator = part("validators", validator)?;
        let put = || {
            on!(self, put_method)
                .authorization_type(authorization)
                .set_authorizer_id(authorizer.clone())
                .set_authorization_scopes((!scopes.is_empty()).then(|| scopes.iter().cloned().collect()))
                .api_key_required(*api_key_required)
                .set_request_validator_id(validator.clone())
                .set_request_models(Some(request_models.clone().into_iter().collect()))
                .set_request_parameters(Some(request_parameters.clone().into_iter().collect()))
                .send()
        };
        self.api.aws.call("apigateway:PutMethod", put).await.map(drop)
    }

    async fn put_integration(&self, spec: &Integration) -> Result<(), AwsError> {
        let Integration {
            kind,
            uri,
            http_method,
            credentials,
            timeout_ms,
            request_parameters,
            request_templates,
            passthrough,
        } = spec;
        let put = || {
            on!(self, put_integration)
                .r#type(IntegrationType::from(kind.as_str()))
                .set_uri(uri.clone())
                .set_integration_http_method(http_method.clone())
                .set_credentials(credentials.clone())
                .timeout_in_millis(number(*timeout_ms))
                .set_request_parameters(Some(request_parameters.clone().into_iter().collect()))
                .set_request_templates(Some(request_templates.clone().into_iter().collect()))
                .passthrough_behavior(passthrough)
                .send()
        };
        self.api.aws.call("apigateway:PutIntegration", put).await.map(drop)
    }

    async fn put_method_response(&self, status: &str, spec: &MethodResponse) -> Result<(), AwsError> {
        let put = || {
            // The value says whether a client may rely on the header, which has no effect.
            let headers = spec.headers.keys().map(|header| (header.clone(), false)).collect();
            on!(self, put_method_response).status_code(status).set_response_parameters(Some(headers)).send()
        };
        match self.api.aws.call("apigateway:PutMethodResponse", put).await {
            // An attempt before this one has put it.
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            answer => answer.map(drop),
        }
    }

    async fn put_integration_response(&self, status: &str, spec: &MethodResponse) -> Result<(), AwsError> {
        let MethodResponse { headers, templates, selection } = spec;
        let put = || {
            on!(self, put_integration_response)
                .status_code(status)
                .set_selection_pattern(selection.clone())
                .set_response_parameters(Some(headers.clone().into_iter().collect()))
                .set_response_templates(Some(templates.clone().into_iter().collect()))
                .send()
        };
        self.api.aws.call("apigateway:PutIntegrationResponse", put).await.map(drop)
    }

    /// Deletes the response of the integration first, because it depends on that of the method.
    async fn delete_responses(&self, status: &str) -> Result<(), AwsError> {
        let delete = || on!(self, delete_integration_response).status_code(status).send();
        done_if_absent(self.api.aws.call("apigateway:DeleteIntegrationResponse", delete).await)?;
        let delete = || on!(self, delete_method_response).status_code(status).send();
        done_if_absent(self.api.aws.call("apigateway:DeleteMethodResponse", delete).await)
    }
}
