//! Backends of routes: functions, URLs, or mock integrations.

use std::collections::BTreeMap;

use super::apis::{check_header, header_value};
use super::authorizers::credentials;
use super::context::{Context, Path};
use super::routes::ancestors;
use super::values::{MILLISECOND, Range};
use crate::kinds::api::{Integration, MethodResponse};
use crate::stack::model::{HttpMethod, Mock, Route};

type Answers = BTreeMap<String, MethodResponse>;

pub(super) fn integration(
    cx: &Context<'_>,
    at: Path<'_>,
    route: &Route,
    path: &str,
) -> Option<(Integration, Answers)> {
    let field = |field: &'static str| at.iter().copied().chain([field]).collect::<Vec<_>>();
    let range = Range::new(MILLISECOND, 50, 29_000);
    let timeout_ms = cx.duration(&field("timeout"), route.timeout.as_deref(), range).unwrap_or(29_000);
    let credentials = credentials(cx, &field("credentials"), route.credentials.as_deref());
    let base = Integration { timeout_ms, credentials, ..blank("AWS_PROXY") };
    if route.function.is_none() && route.alias.is_some() {
        cx.report(cx.about_key(&field("alias"), "bad-value", "`alias` goes with `function` only"));
    }
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
            // Lambda is always called by POST, whatever the method of the route.
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

/// Returns an integration with the defaults of AWS.
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
    (route, url, path): (&Route, &str, &str),
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
    // Path parameters that occur in the URL are passed on by default.
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

/// Returns the name of an HTTP method.
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

/// Completes a mock integration.
pub(super) fn mock_integration(status: &str, base: Integration) -> Integration {
    let template = format!("{{\"statusCode\": {status}}}");
    Integration {
        kind: "MOCK".to_owned(),
        request_templates: BTreeMap::from([("application/json".to_owned(), template)]),
        ..base
    }
}

/// Returns the URI by which API Gateway invokes a function.
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
        let known = cx.names_in(&["functions", function, "aliases"]).collect();
        cx.one_of(&at, alias, &format!("`{function}` has no alias"), known);
        arn = format!("{arn}:{alias}");
    }
    let place = cx.names.place;
    Some(format!(
        "arn:{}:apigateway:{}:lambda:path/2015-03-31/functions/{arn}/invocations",
        place.partition, place.region
    ))
}
