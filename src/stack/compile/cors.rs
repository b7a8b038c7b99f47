//! Cross-origin requests: a mock `OPTIONS` method on every path, and headers on API Gateway's own errors.

use std::collections::{BTreeMap, BTreeSet};

use super::apis::check_header;
use super::context::Context;
use super::integrations::{blank, mock_integration, verb_of};
use super::values::{Range, SECOND, is_word};
use crate::kinds::api::{GatewayResponse, Method, MethodResponse, Part, PartId};
use crate::stack::model::Cors;

/// Headers that callers of an API may send: those for tokens, signatures and API keys.
const HEADERS: &str = "Authorization,Content-Type,X-Amz-Date,X-Amz-Security-Token,X-Api-Key";

const PREFIX: &str = "Access-Control-";

pub(super) fn add(cx: &Context<'_>, api: &str, cors: &Cors, parts: &mut BTreeMap<PartId, Part>) {
    let field = |field: &'static str| ["apis", api, "cors", field];
    check_origins(cx, api, cors);
    let headers = match &cors.headers {
        None => HEADERS.to_owned(),
        Some(headers) => {
            for header in headers.iter().filter(|header| *header != "*") {
                check_header(cx, &field("headers"), header);
            }
            headers.join(",")
        }
    };
    let range = Range::new(SECOND, 0, 86_400);
    let max_age = cx.duration(&field("max_age"), cors.max_age.as_deref(), range);
    let mut verbs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for id in parts.keys() {
        if let PartId::Method(path, verb) = id {
            verbs.entry(path.clone()).or_default().insert(verb.clone());
        }
    }
    for (path, mut verbs) in verbs {
        // A path that handles OPTIONS itself is left alone.
        if verbs.contains("OPTIONS") || verbs.contains("ANY") {
            continue;
        }
        verbs.insert("OPTIONS".to_owned());
        let given = cors.methods.as_ref().map(|methods| methods.iter().copied().map(verb_of).collect());
        let verbs: Vec<String> = given.unwrap_or(verbs).into_iter().collect();
        let mut answer = vec![("Allow-Methods", verbs.join(",")), ("Allow-Headers", headers.clone())];
        answer.extend(max_age.map(|seconds| ("Max-Age", seconds.to_string())));
        let method = preflight(cors, answer);
        parts.insert(PartId::Method(path, "OPTIONS".to_owned()), Part::Method(Box::new(method)));
    }
    for kind in ["DEFAULT_4XX", "DEFAULT_5XX"] {
        let response = parts.entry(PartId::GatewayResponse(kind.to_owned())).or_insert_with(|| {
            let (parameters, templates) = (BTreeMap::new(), BTreeMap::new());
            Part::GatewayResponse(GatewayResponse { status: None, parameters, templates })
        });
        if let Part::GatewayResponse(response) = response {
            add_to_errors(cors, response);
        }
    }
}

fn check_origins(cx: &Context<'_>, api: &str, cors: &Cors) {
    let at = ["apis", api, "cors", "origins"];
    if cors.origins.is_empty() {
        cx.report(cx.about_key(&at, "bad-value", "no origin may call").help("name one, or take `cors` out"));
    }
    for (index, origin) in cors.origins.iter().enumerate() {
        let index = index.to_string();
        let at = ["apis", api, "cors", "origins", &index];
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let right = "an origin is written `https://app.example.com`, without a path, or `*` alone";
        let any = origin == "*" && cors.origins.len() == 1;
        cx.require(any || host.is_some_and(|host| is_word(host, ".-:", 253)), &at, right);
        if origin == "*" && cors.credentials {
            let problem =
                cx.about(&at, "bad-value", "browsers send no credentials where every origin may call");
            cx.report(problem.help("name the origins, or take `credentials` out"));
        }
    }
}

fn preflight(cors: &Cors, answer: Vec<(&str, String)>) -> Method {
    let mut headers: BTreeMap<String, String> = answer
        .into_iter()
        .map(|(name, value)| (format!("method.response.header.{PREFIX}{name}"), format!("'{value}'")))
        .collect();
    let origin = format!("method.response.header.{PREFIX}Allow-Origin");
    let mut templates = BTreeMap::new();
    match cors.origins.as_slice() {
        [only] => {
            headers.insert(origin, format!("'{only}'"));
        }
        several => {
            // The header allows only one origin, so the response names the caller's origin if it is in the list.
            headers.insert("method.response.header.Vary".to_owned(), "'Origin'".to_owned());
            templates.insert("application/json".to_owned(), origin_template(several));
            headers.insert(origin, "''".to_owned());
        }
    }
    if cors.credentials {
        headers.insert(format!("method.response.header.{PREFIX}Allow-Credentials"), "'true'".to_owned());
    }
    let response = MethodResponse { headers, templates, selection: None };
    Method {
        authorization: "NONE".to_owned(),
        authorizer: None,
        scopes: BTreeSet::new(),
        api_key_required: false,
        validator: None,
        request_models: BTreeMap::new(),
        request_parameters: BTreeMap::new(),
        integration: mock_integration("204", blank("MOCK")),
        responses: BTreeMap::from([("204".to_owned(), response)]),
    }
}

fn origin_template(origins: &[String]) -> String {
    let tests: Vec<String> = origins.iter().map(|origin| format!("$origin == \"{origin}\"")).collect();
    format!(
        "#set($origin = $input.params().header.get(\"Origin\"))\n\
         #if($origin == \"\")#set($origin = $input.params().header.get(\"origin\"))#end\n\
         #if({})#set($context.responseOverride.header.{PREFIX}Allow-Origin = $origin)#end\n",
        tests.join(" || ")
    )
}

/// Adds the headers without which a browser hides the error behind one of its own.
fn add_to_errors(cors: &Cors, response: &mut GatewayResponse) {
    let mut set = |name: &str, value: String| {
        response.parameters.entry(format!("gatewayresponse.header.{PREFIX}{name}")).or_insert(value);
    };
    match cors.origins.as_slice() {
        [only] => {
            set("Allow-Origin", format!("'{only}'"));
            if cors.credentials {
                set("Allow-Credentials", "'true'".to_owned());
            }
        }
        // A gateway response cannot select from a list. Naming any origin is safe without credentials.
        _ => set("Allow-Origin", "method.request.header.Origin".to_owned()),
    }
}
