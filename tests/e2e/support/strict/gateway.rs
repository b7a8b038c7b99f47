//! Calls through an API: only deployed routes can be called, and only functions that allow the gateway.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::types::Resource;
use lockstep::access::arn_like;
use serde_json::{Value, json};

use super::{Answer, Operation, Request, Strict};

/// A function, or the version that one of its aliases leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    pub name: String,
    pub alias: Option<String>,
}

/// A method of an API as it was deployed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    api: String,
    verb: String,
    path: String,
    function: Target,
    /// The id of an authorizer and its function.
    authorizer: Option<(String, Target)>,
}

#[derive(Default)]
pub struct Gateway {
    /// The routes of each deployment, by API and id.
    deployments: BTreeMap<(String, String), Vec<Route>>,
    /// The deployment of each stage, by API and name.
    stages: BTreeMap<(String, String), String>,
    /// The sources that may call each function.
    sources: BTreeMap<Target, Vec<String>>,
}

impl Gateway {
    /// Returns every route that some stage serves.
    pub fn served(&self) -> BTreeSet<Route> {
        let deployed = |((api, _), deployment): (&(String, String), &String)| {
            self.deployments.get(&(api.clone(), deployment.clone())).cloned().unwrap_or_default()
        };
        self.stages.iter().flat_map(deployed).collect()
    }

    /// Returns whether the functions of a route allow the gateway.
    pub fn may_call(&self, route: &Route) -> bool {
        let Route { api, verb, path, function, authorizer } = route;
        let lets = |target: &Target, source: String| {
            let sources = self.sources.get(target).into_iter().flatten();
            sources.into_iter().any(|pattern| arn_like(pattern, &source))
        };
        let arn = |rest: String| format!("arn:aws:execute-api:ap-northeast-1:000000000000:{api}/{rest}");
        lets(function, arn(format!("v1/{verb}{path}")))
            && authorizer.as_ref().is_none_or(|(id, target)| lets(target, arn(format!("authorizers/{id}"))))
    }

    fn route(&self, path: &str, verb: &str) -> Option<&Route> {
        let mut parts = path.trim_start_matches('/').splitn(5, '/').skip(1);
        let (api, stage, rest) = (parts.next()?, parts.next()?, parts.nth(1)?);
        let deployment = self.stages.get(&(api.to_owned(), stage.to_owned()))?;
        let routes = self.deployments.get(&(api.to_owned(), deployment.clone()))?;
        routes.iter().find(|route| route.verb == verb && route.path.trim_start_matches('/') == rest)
    }
}

impl Route {
    /// Returns the functions of the route.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        std::iter::once(&self.function).chain(self.authorizer.as_ref().map(|(_, target)| target))
    }
}

/// Reads `.../functions/ARN[:ALIAS]/invocations`.
fn target(uri: &str) -> Option<Target> {
    let arn = uri.split("/functions/").nth(1)?.split('/').next()?;
    let mut parts = arn.split(':').skip(6);
    Some(Target { name: parts.next()?.to_owned(), alias: parts.next().map(str::to_owned) })
}

/// Returns the sources from which a resource policy allows the gateway to call.
fn sources(policy: &str) -> Vec<String> {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = policy["Statement"].as_array().into_iter().flatten();
    let ours = statements.filter(|it| it["Principal"]["Service"] == "apigateway.amazonaws.com");
    let source = |statement: &Value| {
        let by = statement["Condition"]["ArnLike"].as_object()?;
        let (_, source) = by.iter().find(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn"))?;
        source.as_str().map(str::to_owned)
    };
    ours.filter_map(source).collect()
}

impl Strict {
    pub(super) fn request_refusal(&self, request: &Request) -> Option<(&'static str, Answer)> {
        let state = self.state.lock().unwrap();
        let path = request.path().split('?').next().unwrap_or_default();
        let message = |status, text: &str| Answer::json(status, &json!({ "message": text }));
        match state.gateway.route(path, request.verb()) {
            None => Some(("undeployed", message(403, "Missing Authentication Token"))),
            Some(route) if !state.gateway.may_call(route) => {
                Some(("forbidden", message(500, "Internal server error")))
            }
            // Lambda answers the gateway with KMSAccessDeniedException.
            Some(route) if !route.targets().all(|target| state.decrypts(target)) => {
                Some(("KMSAccessDeniedException", message(502, "Internal server error")))
            }
            Some(_) => None,
        }
    }

    /// Records the content of a deployment.
    pub(super) async fn learn_gateway(&self, operation: &Operation, answer: &Answer) {
        if operation.name == "apigateway:CreateDeployment" {
            let (api, made) = (operation.arg(0), answer.read_json());
            let deployment = made["id"].as_str().unwrap().to_owned();
            let routes = self.routes(api).await;
            let deployments = &mut self.state.lock().unwrap().gateway.deployments;
            deployments.insert((api.to_owned(), deployment), routes);
        }
    }

    async fn routes(&self, api: &str) -> Vec<Route> {
        let gateway = &self.sdk.apigateway;
        let found = gateway.get_authorizers().rest_api_id(api).send().await.unwrap();
        let authorizers: BTreeMap<String, Target> = found
            .items()
            .iter()
            .filter_map(|it| Some((it.id()?.to_owned(), target(it.authorizer_uri()?)?)))
            .collect();
        let resources = gateway.get_resources().rest_api_id(api).embed("methods").send().await.unwrap();
        let routes = |resource: &Resource| {
            let methods = resource.resource_methods().into_iter().flatten();
            let routes = methods.filter_map(|(verb, method)| {
                let authorizer = method.authorizer_id().filter(|id| !id.is_empty());
                Some(Route {
                    api: api.to_owned(),
                    verb: verb.clone(),
                    path: resource.path()?.to_owned(),
                    function: target(method.method_integration()?.uri()?)?,
                    authorizer: authorizer.and_then(|id| Some((id.to_owned(), authorizers.get(id)?.clone()))),
                })
            });
            routes.collect::<Vec<_>>()
        };
        resources.items().iter().flat_map(routes).collect()
    }

    /// Reads again which deployments the stages serve, and who may call their functions.
    pub(super) async fn look_at_routes(&self) {
        let gateway = &self.sdk.apigateway;
        let mut stages = BTreeMap::new();
        for api in gateway.get_rest_apis().send().await.unwrap().items() {
            let id = api.id().unwrap();
            for stage in gateway.get_stages().rest_api_id(id).send().await.unwrap().item() {
                let served = (id.to_owned(), stage.stage_name().unwrap().to_owned());
                stages.insert(served, stage.deployment_id().unwrap().to_owned());
            }
        }
        let routes = {
            let gateway = &mut self.state.lock().unwrap().gateway;
            gateway.stages = stages;
            gateway.served()
        };
        let mut found = BTreeMap::new();
        for target in routes.iter().flat_map(Route::targets) {
            let get = self.sdk.lambda.get_policy().function_name(&target.name);
            let policy = get.set_qualifier(target.alias.clone()).send().await.ok();
            let text = policy.and_then(|policy| policy.policy).unwrap_or_default();
            found.insert(target.clone(), sources(&text));
        }
        self.state.lock().unwrap().gateway.sources = found;
    }
}
