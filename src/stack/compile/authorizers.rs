//! Authorizers.

use std::collections::BTreeMap;

use super::apis::part_name;
use super::context::{Context, Path};
use super::integrations::invocation;
use super::values::{Range, SECOND, is_arn, is_header};
use crate::kinds::api::{self, Part, PartId};
use crate::stack::model::{Api, Authorizer, AuthorizerType, OneOrMany};

/// Maximum number of authorizers of an API by AWS's default quota; more require a quota increase.
const QUOTA: usize = 10;

pub(super) fn parts(cx: &Context<'_>, name: &str, api: &Api) -> BTreeMap<PartId, Part> {
    if api.authorizers.len() > QUOTA {
        let problem = format!("{} authorizers; an API has at most {QUOTA}", api.authorizers.len());
        cx.report(cx.about_key(&["apis", name, "authorizers"], "too-many", problem));
    }
    let part = |(authorizer, model): (&String, &Authorizer)| {
        let at = ["apis", name, "authorizers", authorizer];
        part_name(cx, &at, "-_", 128);
        if authorizer == "iam" || authorizer == "none" {
            let problem = format!("`{authorizer}` means something else where a route names its authorizer");
            cx.report(cx.about_key(&at, "bad-name", problem).help("give it another name"));
        }
        let part = Part::Authorizer(spec(cx, name, authorizer, model)?);
        Some((PartId::Authorizer(authorizer.clone()), part))
    };
    api.authorizers.iter().filter_map(part).collect()
}

/// Returns the type of an authorizer: the given one, or the one that its fields imply.
pub(super) fn kind_of(authorizer: &Authorizer) -> AuthorizerType {
    let shown =
        if authorizer.user_pools.is_empty() { AuthorizerType::Token } else { AuthorizerType::Cognito };
    authorizer.kind.unwrap_or(shown)
}

fn spec(cx: &Context<'_>, api: &str, name: &str, model: &Authorizer) -> Option<api::Authorizer> {
    let at = ["apis", api, "authorizers", name];
    let field = |field: &'static str| ["apis", api, "authorizers", name, field];
    let kind = kind_of(model);
    let ttl = cx.duration(&field("ttl"), model.ttl.as_deref(), Range::new(SECOND, 0, 3600)).unwrap_or(300);
    let identity = identity(cx, &field("identity"), model, kind);
    if kind == AuthorizerType::Request && identity.is_empty() && ttl > 0 {
        let problem = cx.about_key(
            &at,
            "missing-key",
            "a `request` authorizer whose answers are kept needs `identity`",
        );
        cx.report(problem.help("write it as in `identity: [Authorization]`, or `ttl: 0s`"));
    }
    if kind != AuthorizerType::Token && model.validation.is_some() && kind != AuthorizerType::Cognito {
        cx.report(cx.about_key(
            &field("validation"),
            "bad-value",
            "only `token` authorizers have a `validation`",
        ));
    }
    let cognito = kind == AuthorizerType::Cognito;
    if cognito && model.alias.is_some() {
        cx.report(cx.about_key(&field("alias"), "bad-value", "`alias` goes with `function` only"));
    }
    let right = if cognito {
        model.function.is_none() && !model.user_pools.is_empty()
    } else {
        model.function.is_some() && model.user_pools.is_empty()
    };
    if !right {
        let has = if cognito { "`user_pools` and no `function`" } else { "a `function` and no `user_pools`" };
        cx.report(cx.about_key(&at, "bad-value", format!("an authorizer of this type has {has}")));
        return None;
    }
    for (index, pool) in model.user_pools.iter().enumerate() {
        let at = ["apis", api, "authorizers", name, "user_pools", &index.to_string()];
        let right = "a user pool is written `arn:aws:cognito-idp:REGION:ACCOUNT:userpool/ID`";
        cx.require(is_arn(pool, "cognito-idp", "userpool/"), &at, right);
    }
    let uri = match &model.function {
        Some(function) => Some(invocation(cx, &at, function, model.alias.as_deref())?),
        None => None,
    };
    Some(api::Authorizer {
        kind: match kind {
            AuthorizerType::Token => "TOKEN".to_owned(),
            AuthorizerType::Request => "REQUEST".to_owned(),
            AuthorizerType::Cognito => "COGNITO_USER_POOLS".to_owned(),
        },
        uri,
        providers: model.user_pools.iter().cloned().collect(),
        identity,
        validation: model.validation.clone(),
        ttl,
        credentials: credentials(cx, &field("credentials"), model.credentials.as_deref()),
    })
}

/// Parses identity sources; a bare word is the name of a header.
fn identity(cx: &Context<'_>, at: Path<'_>, model: &Authorizer, kind: AuthorizerType) -> Vec<String> {
    let given = match &model.identity {
        Some(OneOrMany::One(one)) => vec![one.clone()],
        Some(OneOrMany::Many(several)) => several.clone(),
        None if kind == AuthorizerType::Request => Vec::new(),
        None => vec!["Authorization".to_owned()],
    };
    let single = kind != AuthorizerType::Request;
    if single && given.len() != 1 {
        cx.report(cx.about_key(at, "bad-value", "an authorizer of this type has one `identity`, a header"));
    }
    let mut sources = Vec::new();
    for source in given {
        let header = source.strip_prefix("method.request.header.");
        let other = ["method.request.querystring.", "stageVariables.", "context."]
            .iter()
            .any(|prefix| source.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()));
        match header {
            Some(header) if is_header(header) => sources.push(source),
            None if other && !single => sources.push(source),
            None if !other && is_header(&source) && !source.contains('.') => {
                sources.push(format!("method.request.header.{source}"));
            }
            _ => {
                let problem = cx.about(at, "bad-value", format!("`{source}` is not a valid identity source"));
                let help = if single {
                    "write the name of a header, such as `Authorization`"
                } else {
                    "write the name of a header, or `method.request.querystring.NAME`, `stageVariables.NAME` or \
                     `context.NAME`"
                };
                cx.report(problem.help(help));
            }
        }
    }
    sources
}

/// Checks the role that API Gateway assumes.
pub(super) fn credentials(cx: &Context<'_>, at: Path<'_>, text: Option<&str>) -> Option<String> {
    let text = text?;
    let caller = text.starts_with("arn:") && text.ends_with(":iam::*:user/*");
    let right = "credentials are the ARN of a role";
    cx.require(caller || is_arn(text, "iam", "role/"), at, right).then(|| text.to_owned())
}
