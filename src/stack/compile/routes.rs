//! Routes: methods, and the permissions that they need.

use std::collections::{BTreeMap, BTreeSet};

use super::authorizers::kind_of;
use super::context::{Context, Path};
use super::integrations::integration;
use super::values::{is_media_type, is_word};
use crate::kinds::api::{Method, Part, PartId};
use crate::kinds::function::Permission;
use crate::kinds::{Name, ids};
use crate::stack::desired::FunctionWant;
use crate::stack::diagnostics::Diagnostic;
use crate::stack::model::{self, Api, AuthorizerType};
use crate::stack::suggest;

const VERBS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "ANY"];

/// A method and a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Route {
    pub verb: String,
    pub path: String,
}

impl Route {
    /// Parses `POST /encrypt`; `key` is `true` if it is a key in the file.
    pub fn read(cx: &Context<'_>, at: Path<'_>, text: &str, key: bool) -> Option<Self> {
        let about = |message: String| {
            if key { cx.about_key(at, "bad-route", message) } else { cx.about(at, "bad-route", message) }
        };
        let Some((verb, path)) = text.split_once(' ') else {
            let problem = about(format!("`{text}` is not a valid route"));
            cx.report(problem.help("write a method and a path, such as `POST /encrypt`"));
            return None;
        };
        if !VERBS.contains(&verb) {
            let problem = about(format!("`{verb}` is no HTTP method"));
            cx.report(problem.maybe_help(suggest::advice(verb, VERBS)));
            return None;
        }
        if let Err(wrong) = check_path(path) {
            cx.report(about(format!("`{path}` is not a valid path: {wrong}")));
            return None;
        }
        Some(Self { verb: verb.to_owned(), path: path.to_owned() })
    }
}

fn check_path(path: &str) -> Result<(), String> {
    let Some(rest) = path.strip_prefix('/') else { return Err("it starts with `/`".to_owned()) };
    if rest.is_empty() {
        return Ok(());
    }
    let parts: Vec<&str> = rest.split('/').collect();
    let mut parameters = BTreeSet::new();
    for (index, part) in parts.iter().enumerate() {
        let parameter = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        let name = match parameter {
            Some(name) => name.strip_suffix('+').unwrap_or(name),
            None => part,
        };
        if name.is_empty() {
            return Err("a part between two `/` is empty".to_owned());
        }
        if !is_word(name, "._-:", 255) {
            return Err(format!(
                "`{part}` has more than letters, digits and `._-:`, or is no `{{parameter}}`"
            ));
        }
        if let Some(parameter) = parameter {
            if !parameters.insert(name) {
                return Err(format!("the parameter `{name}` stands in it twice"));
            }
            if parameter.ends_with('+') && index + 1 < parts.len() {
                return Err(format!("`{part}` takes the rest of the path, so it comes last"));
            }
        }
    }
    Ok(())
}

/// Lists the routes of an API as they are written in the file.
pub(super) fn api_routes<'a>(cx: &Context<'a>, api: &str) -> Vec<&'a str> {
    cx.names_in(&["apis", api, "routes"]).collect()
}

/// Compiles the resources and methods of an API.
pub(super) fn parts(cx: &Context<'_>, name: &str, api: &Api) -> BTreeMap<PartId, Part> {
    let mut parts = BTreeMap::new();
    // Two parameters at the same place would be two resources for the same requests.
    let mut parameters: BTreeMap<&str, &str> = BTreeMap::new();
    if cx.names_in(&["apis", name, "routes"]).next().is_none() {
        let problem =
            cx.about_key(&["apis", name, "routes"], "bad-value", format!("the API `{name}` has no route"));
        cx.report(problem.help("an API without a method cannot be deployed"));
    }
    for (text, route) in &api.routes {
        let at = ["apis", name, "routes", text];
        let Some(Route { verb, path }) = Route::read(cx, &at, text, true) else { continue };
        for (parent, part) in ancestors(text.split_once(' ').map_or("/", |(_, path)| path)) {
            if part.starts_with('{')
                && let Some(other) = parameters.insert(parent, part)
                && other != part
            {
                let problem = format!("`{part}` and `{other}` stand at the same place under `{parent}/`");
                cx.report(cx.about_key(&at, "bad-route", problem).help("name them alike"));
            }
        }
        for resource in resources(&path) {
            parts.insert(PartId::Resource(resource), Part::Resource);
        }
        if let Some(method) = method(cx, name, (text, route), &path) {
            parts.insert(PartId::Method(path, verb), Part::Method(Box::new(method)));
        }
    }
    // API Gateway counts the root as well.
    let count = parts.keys().filter(|id| matches!(id, PartId::Resource(_))).count() + 1;
    if count > 300 {
        let problem = format!("the API `{name}` has {count} resources; at most 300");
        cx.report(cx.about_key(&["apis", name, "routes"], "too-many", problem));
    }
    parts
}

/// Lists the parts of a path, each with the path before it.
pub(super) fn ancestors(path: &str) -> impl Iterator<Item = (&str, &str)> {
    path.match_indices('/').filter_map(move |(at, _)| {
        let (before, rest) = path.split_at(at);
        let part = rest.trim_start_matches('/').split('/').next()?;
        (!part.is_empty()).then_some((before, part))
    })
}

/// Lists a path and the paths above it, without the root.
fn resources(path: &str) -> Vec<String> {
    ancestors(path).map(|(before, part)| format!("{before}/{part}")).collect()
}

fn method(cx: &Context<'_>, api: &str, (text, route): (&str, &model::Route), path: &str) -> Option<Method> {
    let at = ["apis", api, "routes", text];
    let field = |field: &'static str| ["apis", api, "routes", text, field];
    let model = cx.file.apis.get(api)?;
    let mut authorization = "NONE";
    let mut authorizer = None;
    match route.authorizer.as_deref() {
        None if !text.starts_with("OPTIONS ") && !model.authorizers.is_empty() => {
            let problem = Diagnostic::warning(cx.at(&at), "open-route", format!("anybody may call `{text}`"));
            cx.report(problem.help("name an authorizer, or write `authorizer: none` if that is meant"));
        }
        None | Some("none") => {}
        Some("iam") => authorization = "AWS_IAM",
        Some(name) => {
            let known = cx.names_in(&["apis", api, "authorizers"]).chain(["iam", "none"]).collect();
            if cx.one_of(&field("authorizer"), name, "the API has no authorizer", known) {
                let cognito = model.authorizers.get(name).map(kind_of) == Some(AuthorizerType::Cognito);
                authorization = if cognito { "COGNITO_USER_POOLS" } else { "CUSTOM" };
                authorizer = Some(name.to_owned());
            }
        }
    }
    if !route.scopes.is_empty() && authorization != "COGNITO_USER_POOLS" {
        let problem = "`scopes` are checked by Cognito authorizers only";
        cx.report(cx.about_key(&field("scopes"), "bad-value", problem).help("check them in the authorizer"));
    }
    if let Some(validator) = &route.validator {
        let known = cx.names_in(&["apis", api, "validators"]).collect();
        cx.one_of(&field("validator"), validator, "the API has no validator", known);
    }
    for (media, name) in &route.request_models {
        let at = ["apis", api, "routes", text, "request_models", media];
        if !is_media_type(media) {
            cx.report(cx.about_key(&at, "bad-value", format!("`{media}` is not a valid media type")));
        }
        // These two models exist in every API.
        let known = cx.names_in(&["apis", api, "models"]).chain(["Empty", "Error"]).collect();
        cx.one_of(&at, name, "the API has no model", known);
    }
    let called = integration(cx, &at, route, path);
    let parameters = route.request_parameters.iter().map(|(name, required)| {
        let at = ["apis", api, "routes", text, "request_parameters", name];
        let part = name.strip_prefix("method.request.").unwrap_or(name);
        let right = ["querystring.", "header.", "path."].iter().any(|kind| part.starts_with(kind));
        if !right {
            let problem = cx.about_key(&at, "bad-name", format!("`{name}` is not a request parameter"));
            cx.report(problem.help("write `querystring.NAME`, `header.NAME` or `path.NAME`"));
        }
        (format!("method.request.{part}"), *required)
    });
    let mut request_parameters: BTreeMap<String, bool> = parameters.collect();
    let (integration, responses) = called?;
    for source in integration.request_parameters.values() {
        if let Some(part) = source.strip_prefix("method.request.") {
            request_parameters.entry(source.clone()).or_insert(part.starts_with("path."));
        }
    }
    Some(Method {
        authorization: authorization.to_owned(),
        authorizer,
        scopes: route.scopes.iter().cloned().collect(),
        api_key_required: route.api_key_required,
        validator: route.validator.clone(),
        request_models: route.request_models.clone(),
        request_parameters,
        integration,
        responses,
    })
}

/// Allows every API to invoke the functions that it calls.
pub(super) fn permit(cx: &Context<'_>, functions: &mut BTreeMap<Name, FunctionWant>) {
    for (api, model) in &cx.file.apis {
        let routes = model.routes.values().map(|route| (&route.function, &route.alias, &route.credentials));
        let authorizers = model.authorizers.values().map(|one| (&one.function, &one.alias, &one.credentials));
        for (function, alias, credentials) in routes.chain(authorizers) {
            // A route with a role that API Gateway assumes needs no permission here.
            let (Some(function), None) = (function, credentials) else { continue };
            let Some(want) = functions.get_mut(&Name::from(function.as_str())) else { continue };
            let sid = match alias {
                Some(alias) => format!("lockstep-{api}-{alias}"),
                None => format!("lockstep-{api}"),
            };
            if sid.len() > 100 {
                let problem =
                    format!("the statement `{sid}` of `{function}` has a name of {} characters", sid.len());
                let problem = cx.about_key(&["apis", api], "too-long", problem);
                cx.report(problem.help("Lambda takes 100; shorten the name of the API or of the alias"));
            }
            let source = format!("{}/*", ids::to(&format!("apis.{api}.id")));
            let permission = Permission {
                principal: "apigateway.amazonaws.com".to_owned(),
                source_arn: cx.names.arn("execute-api", &source),
                alias: alias.clone(),
            };
            let twice = want.spec.permissions.insert(sid.clone(), permission.clone());
            if twice.is_some_and(|other| other != permission) {
                let problem = format!("two statements of `{function}` would be called `{sid}`");
                cx.report(cx.about_key(&["apis", api], "duplicate", problem).help("rename the API"));
            }
        }
    }
}
