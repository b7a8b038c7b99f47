//! Routes: methods with their integrations, and the permissions that they need.

use std::collections::{BTreeMap, BTreeSet};

use super::apis::{check_header, header_value};
use super::authorizers::{credentials, kind_of};
use super::context::{Context, Path};
use super::values::{MILLISECOND, Range, is_media_type, is_word};
use crate::kinds::api::{Integration, Method, MethodResponse, Part, PartId};
use crate::kinds::function::Permission;
use crate::kinds::{Name, ids};
use crate::stack::desired::FunctionWant;
use crate::stack::model::{self, Api, AuthorizerType, HttpMethod, Mock};
use crate::stack::suggest;

const VERBS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "ANY"];

/// A method and a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Route {
    pub verb: String,
    pub path: String,
}

impl Route {
    /// Reads `POST /encrypt`; `key` tells whether it stands as a key in the file.
    pub fn read(cx: &Context<'_>, at: Path<'_>, text: &str, key: bool) -> Option<Self> {
        let about = |message: String| {
            if key { cx.about_key(at, "bad-route", message) } else { cx.about(at, "bad-route", message) }
        };
        let Some((verb, path)) = text.split_once(' ') else {
            let problem = about(format!("`{text}` is no route"));
            cx.report(problem.help("write a method and a path, such as `POST /encrypt`"));
            return None;
        };
        if !VERBS.contains(&verb) {
            let problem = about(format!("`{verb}` is no HTTP method"));
            cx.report(problem.maybe_help(suggest::advice(verb, VERBS)));
            return None;
        }
        if let Err(wrong) = check_path(path) {
            cx.report(about(format!("`{path}` is no path: {wrong}")));
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

/// Lists the routes of an API as they are written.
pub(super) fn api_routes<'a>(cx: &Context<'a>, api: &str) -> Vec<&'a str> {
    cx.file.apis.get(api).into_iter().flat_map(|api| api.routes.keys().map(String::as_str)).collect()
}

/// Compiles the resources and methods of an API.
pub(super) fn parts(cx: &Context<'_>, name: &str, api: &Api) -> BTreeMap<PartId, Part> {
    let mut parts = BTreeMap::new();
    // Two parameters at one place would be two resources for the same requests.
    let mut parameters: BTreeMap<&str, &str> = BTreeMap::new();
    if api.routes.is_empty() {
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

/// Lists the parts of a path, each with what stands before it.
fn ancestors(path: &str) -> impl Iterator<Item = (&str, &str)> {
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
        None | Some("none") => {}
        Some("iam") => authorization = "AWS_IAM",
        Some(name) => {
            let known = model.authorizers.keys().map(String::as_str).chain(["iam", "none"]).collect();
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
        let known = model.validators.keys().map(String::as_str).collect();
        cx.one_of(&field("validator"), validator, "the API has no validator", known);
    }
    for (media, name) in &route.request_models {
        let at = ["apis", api, "routes", text, "request_models", media];
        if !is_media_type(media) {
            cx.report(cx.about_key(&at, "bad-value", format!("`{media}` is no media type")));
        }
        // These two are part of every API.
        let known = model.models.keys().map(String::as_str).chain(["Empty", "Error"]).collect();
        cx.one_of(&at, name, "the API has no model", known);
    }
    let (integration, responses) = integration(cx, &at, route, path)?;
    let parameters = route.request_parameters.iter().map(|(name, required)| {
        let at = ["apis", api, "routes", text, "request_parameters", name];
        let part = name.strip_prefix("method.request.").unwrap_or(name);
        let right = ["querystring.", "header.", "path."].iter().any(|kind| part.starts_with(kind));
        if !right {
            let problem = cx.about_key(&at, "bad-name", format!("`{name}` is no parameter of a request"));
            cx.report(problem.help("write `querystring.NAME`, `header.NAME` or `path.NAME`"));
        }
        (format!("method.request.{part}"), *required)
    });
    let mut request_parameters: BTreeMap<String, bool> = parameters.collect();
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

type Answers = BTreeMap<String, MethodResponse>;

fn integration(
    cx: &Context<'_>,
    at: Path<'_>,
    route: &model::Route,
    path: &str,
) -> Option<(Integration, Answers)> {
    let field = |field: &'static str| at.iter().copied().chain([field]).collect::<Vec<_>>();
    let range = Range::new(MILLISECOND, 50, 29_000);
    let timeout_ms = cx.duration(&field("timeout"), route.timeout.as_deref(), range).unwrap_or(29_000);
    let credentials = credentials(cx, &field("credentials"), route.credentials.as_deref());
    let base = Integration { timeout_ms, credentials, ..blank("AWS_PROXY") };
    if route.http.is_none() {
        let strays = [
            ("http_method", route.http_method.is_some()),
            ("proxy", !route.proxy),
            ("integration_parameters", !route.integration_parameters.is_empty()),
            ("request_templates", !route.request_templates.is_empty()),
            ("responses", !route.responses.is_empty()),
        ];
        for (name, _) in strays.into_iter().filter(|(_, stray)| *stray) {
            let problem = format!("`{name}` goes with `http` only");
            cx.report(cx.about_key(&field(name), "bad-value", problem));
        }
    }
    match (&route.function, &route.http, &route.mock) {
        (Some(function), None, None) => {
            let uri = invocation(cx, at, function, route.alias.as_deref())?;
            // Lambda is called by POST, whatever the verb of the route.
            let http_method = Some("POST".to_owned());
            Some((Integration { uri: Some(uri), http_method, ..base }, Answers::new()))
        }
        (None, Some(url), None) => Some(http(cx, at, (route, url, path), base)),
        (None, None, Some(mock)) => Some(mocked(cx, at, mock, base)),
        _ => {
            let problem = "a route has exactly one of `function`, `http` and `mock`";
            cx.report(cx.about_key(at, "bad-value", problem).help("write it as in `{ function: encrypt }`"));
            None
        }
    }
}

/// Returns an integration as AWS shows it when nothing is set.
pub(super) fn blank(kind: &str) -> Integration {
    Integration {
        kind: kind.to_owned(),
        uri: None,
        http_method: None,
        credentials: None,
        timeout_ms: 29_000,
        request_parameters: BTreeMap::new(),
        request_templates: BTreeMap::new(),
        passthrough: "WHEN_NO_MATCH".to_owned(),
    }
}

fn http(
    cx: &Context<'_>,
    at: Path<'_>,
    (route, url, path): (&model::Route, &str, &str),
    base: Integration,
) -> (Integration, Answers) {
    let field = |field: &'static str| at.iter().copied().chain([field]).collect::<Vec<_>>();
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    let fits = !host.is_empty() && !host.starts_with('/') && !url.contains(char::is_whitespace);
    cx.require(fits, &field("http"), "a URL starts with `https://` or `http://`");
    let verb = at.last().and_then(|text| text.split_once(' ')).map_or("ANY", |(verb, _)| verb);
    let mut request_parameters = BTreeMap::new();
    for (target, source) in &route.integration_parameters {
        let target = target.strip_prefix("integration.request.").unwrap_or(target);
        let source = header_value(source, "method.request.");
        request_parameters.insert(format!("integration.request.{target}"), source);
    }
    // What the URL takes from the path is passed on without being said.
    for (_, part) in ancestors(path).filter(|(_, part)| part.starts_with('{')) {
        let name = part.trim_matches(['{', '}', '+']);
        if url.contains(&format!("{{{name}}}")) {
            request_parameters
                .entry(format!("integration.request.path.{name}"))
                .or_insert_with(|| format!("method.request.path.{name}"));
        }
    }
    let mut responses = Answers::new();
    for (status, response) in &route.responses {
        let at: Vec<&str> = at.iter().copied().chain(["responses", status]).collect();
        if status.len() != 3 || !status.bytes().all(|byte| byte.is_ascii_digit()) {
            cx.report(cx.about_key(&at, "bad-value", format!("`{status}` is no HTTP status")));
        }
        let header = |(name, value): (&String, &String)| {
            let at: Vec<&str> = at.iter().copied().chain(["headers", name]).collect();
            check_header(cx, &at, name);
            (format!("method.response.header.{name}"), header_value(value, "integration.response."))
        };
        responses.insert(
            status.clone(),
            MethodResponse {
                headers: response.headers.iter().map(header).collect(),
                templates: response.templates.clone(),
                selection: response.selection.clone(),
            },
        );
    }
    if route.proxy && !(responses.is_empty() && route.request_templates.is_empty()) {
        let problem = "`responses` and `request_templates` have no effect on a proxy";
        cx.report(cx.about_key(at, "bad-value", problem).help("write `proxy: false`, or take them out"));
    }
    if !route.proxy && responses.is_empty() {
        let empty = MethodResponse { headers: BTreeMap::new(), templates: BTreeMap::new(), selection: None };
        responses.insert("200".to_owned(), empty);
    }
    let integration = Integration {
        kind: if route.proxy { "HTTP_PROXY".to_owned() } else { "HTTP".to_owned() },
        uri: Some(url.to_owned()),
        http_method: Some(route.http_method.map_or_else(|| verb.to_owned(), verb_of)),
        request_parameters,
        request_templates: route.request_templates.clone(),
        ..base
    };
    (integration, responses)
}

/// Returns an HTTP method as it is written.
pub(super) fn verb_of(method: HttpMethod) -> String {
    format!("{method:?}").to_ascii_uppercase()
}

fn mocked(cx: &Context<'_>, at: Path<'_>, mock: &Mock, base: Integration) -> (Integration, Answers) {
    let status = mock.status.unwrap_or(200).to_string();
    let header = |(name, value): (&String, &String)| {
        let at: Vec<&str> = at.iter().copied().chain(["mock", "headers", name]).collect();
        check_header(cx, &at, name);
        (format!("method.response.header.{name}"), header_value(value, "integration.response."))
    };
    let content_type = mock.content_type.clone().unwrap_or_else(|| "application/json".to_owned());
    let templates = mock.body.iter().map(|body| (content_type.clone(), body.clone())).collect();
    let response =
        MethodResponse { headers: mock.headers.iter().map(header).collect(), templates, selection: None };
    (mock_integration(&status, base), Answers::from([(status, response)]))
}

/// Completes an integration that answers by itself.
pub(super) fn mock_integration(status: &str, base: Integration) -> Integration {
    let template = format!("{{\"statusCode\": {status}}}");
    Integration {
        kind: "MOCK".to_owned(),
        request_templates: BTreeMap::from([("application/json".to_owned(), template)]),
        ..base
    }
}

/// Writes the URI by which API Gateway invokes a function.
pub(super) fn invocation(
    cx: &Context<'_>,
    at: Path<'_>,
    function: &str,
    alias: Option<&str>,
) -> Option<String> {
    let function_at: Vec<&str> = at.iter().copied().chain(["function"]).collect();
    if !cx.declared(&function_at, "functions", function) {
        return None;
    }
    let mut arn = cx.names.function_arn(function);
    if let Some(alias) = alias {
        let at: Vec<&str> = at.iter().copied().chain(["alias"]).collect();
        let known = cx.file.functions.get(function).map(|function| &function.aliases);
        let known = known.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        cx.one_of(&at, alias, &format!("`{function}` has no alias"), known);
        arn = format!("{arn}:{alias}");
    }
    let place = cx.names.place;
    Some(format!(
        "arn:{}:apigateway:{}:lambda:path/2015-03-31/functions/{arn}/invocations",
        place.partition, place.region
    ))
}

/// Lets every API invoke the functions that it calls.
pub(super) fn permit(cx: &Context<'_>, functions: &mut BTreeMap<Name, FunctionWant>) {
    for (api, model) in &cx.file.apis {
        let routes = model.routes.values().map(|route| (&route.function, &route.alias, &route.credentials));
        let authorizers = model.authorizers.values().map(|one| (&one.function, &one.alias, &one.credentials));
        for (function, alias, credentials) in routes.chain(authorizers) {
            // A role that API Gateway assumes needs no permission here.
            let (Some(function), None) = (function, credentials) else { continue };
            let Some(want) = functions.get_mut(&Name::from(function.as_str())) else { continue };
            let sid = match alias {
                Some(alias) => format!("lockstep-{api}-{alias}"),
                None => format!("lockstep-{api}"),
            };
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
