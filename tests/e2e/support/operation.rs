//! The AWS operation of a request.

use std::fmt;

use percent_encoding::percent_decode_str;

use super::http::Request;

/// Verb, path with a `*` for its variable parts, and the operation; `lambda` paths without their date.
static REST: &[(&str, &str, &str)] = &[
    ("POST", "functions", "lambda:CreateFunction"),
    ("GET", "functions", "lambda:ListFunctions"),
    ("GET", "functions/*", "lambda:GetFunction"),
    ("DELETE", "functions/*", "lambda:DeleteFunction"),
    ("GET", "functions/*/configuration", "lambda:GetFunctionConfiguration"),
    ("PUT", "functions/*/configuration", "lambda:UpdateFunctionConfiguration"),
    ("PUT", "functions/*/code", "lambda:UpdateFunctionCode"),
    ("POST", "functions/*/versions", "lambda:PublishVersion"),
    ("POST", "functions/*/aliases", "lambda:CreateAlias"),
    ("PUT", "functions/*/aliases/*", "lambda:UpdateAlias"),
    ("DELETE", "functions/*/aliases/*", "lambda:DeleteAlias"),
    ("GET", "functions/*/policy", "lambda:GetPolicy"),
    ("POST", "functions/*/policy", "lambda:AddPermission"),
    ("DELETE", "functions/*/policy/*", "lambda:RemovePermission"),
    ("PUT", "functions/*/concurrency", "lambda:PutFunctionConcurrency"),
    ("DELETE", "functions/*/concurrency", "lambda:DeleteFunctionConcurrency"),
    ("POST", "functions/*/invocations", "lambda:Invoke"),
    // API Gateway uses PUT for tags.
    ("POST", "tags/*", "lambda:TagResource"),
    ("POST", "restapis", "apigateway:CreateRestApi"),
    ("PATCH", "restapis/*", "apigateway:UpdateRestApi"),
    ("DELETE", "restapis/*", "apigateway:DeleteRestApi"),
    ("GET", "restapis/*/resources", "apigateway:GetResources"),
    ("POST", "restapis/*/resources/*", "apigateway:CreateResource"),
    ("DELETE", "restapis/*/resources/*", "apigateway:DeleteResource"),
    ("PUT", "restapis/*/resources/*/methods/*", "apigateway:PutMethod"),
    ("PATCH", "restapis/*/resources/*/methods/*", "apigateway:UpdateMethod"),
    ("DELETE", "restapis/*/resources/*/methods/*", "apigateway:DeleteMethod"),
    ("PUT", "restapis/*/resources/*/methods/*/integration", "apigateway:PutIntegration"),
    ("PATCH", "restapis/*/resources/*/methods/*/integration", "apigateway:UpdateIntegration"),
    ("POST", "restapis/*/authorizers", "apigateway:CreateAuthorizer"),
    ("PATCH", "restapis/*/authorizers/*", "apigateway:UpdateAuthorizer"),
    ("DELETE", "restapis/*/authorizers/*", "apigateway:DeleteAuthorizer"),
    ("POST", "restapis/*/deployments", "apigateway:CreateDeployment"),
    ("DELETE", "restapis/*/deployments/*", "apigateway:DeleteDeployment"),
    ("POST", "restapis/*/stages", "apigateway:CreateStage"),
    ("PATCH", "restapis/*/stages/*", "apigateway:UpdateStage"),
    ("DELETE", "restapis/*/stages/*", "apigateway:DeleteStage"),
    ("DELETE", "restapis/*/stages/*/cache/authorizers", "apigateway:FlushStageAuthorizersCache"),
    ("POST", "usageplans", "apigateway:CreateUsagePlan"),
    ("PATCH", "usageplans/*", "apigateway:UpdateUsagePlan"),
    ("DELETE", "usageplans/*", "apigateway:DeleteUsagePlan"),
    ("POST", "usageplans/*/keys", "apigateway:CreateUsagePlanKey"),
    ("DELETE", "usageplans/*/keys/*", "apigateway:DeleteUsagePlanKey"),
    ("POST", "apikeys", "apigateway:CreateApiKey"),
    ("PATCH", "apikeys/*", "apigateway:UpdateApiKey"),
    ("DELETE", "apikeys/*", "apigateway:DeleteApiKey"),
];

/// The service prefixes that belong to the target names of JSON and query services.
static TARGETS: &[(&str, &str)] = &[
    ("TrentService", "kms"),
    ("Logs_20140328", "logs"),
    ("ResourceGroupsTaggingAPI_20170126", "tag"),
    ("AmazonSSM", "ssm"),
    ("CloudTrail_20131101", "cloudtrail"),
];

/// Operations that read, or that use resources without changing them.
const UNCHANGING: &[&str] = &[
    "Get",
    "List",
    "Describe",
    "Lookup",
    "Simulate",
    "Sign",
    "Encrypt",
    "Decrypt",
    "Generate",
    "Invoke",
    "Request",
    "AssumeRole",
];

/// An operation with the variable parts of its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The name, such as `kms:PutKeyPolicy`; `VERB /path` if the operation is unknown.
    pub name: String,
    /// The variable parts of the path: the name of a function, the id of an API, …
    pub args: Vec<String>,
}

impl Operation {
    /// Returns the operation of a request.
    pub fn of(request: &Request) -> Self {
        let named = |name: String| Self { name, args: Vec::new() };
        if let Some((service, name)) = request.header("x-amz-target").and_then(|it| it.rsplit_once('.')) {
            let service = TARGETS.iter().find(|(target, _)| service.ends_with(target));
            return named(format!("{}:{name}", service.map_or("unknown", |(_, service)| *service)));
        }
        if let Some(action) = form(request, "Action") {
            let sts = action == "GetCallerIdentity" || action.starts_with("Assume");
            return named(format!("{}:{action}", if sts { "sts" } else { "iam" }));
        }
        let path = request.path().split('?').next().unwrap_or_default().trim_matches('/');
        if path.contains("/_user_request_/") {
            return named("execute-api:Request".to_owned());
        }
        let is_date = |part: &str| part.len() == 10 && part.bytes().filter(|byte| *byte == b'-').count() == 2;
        let parts: Vec<&str> = path.split('/').filter(|part| !is_date(part)).collect();
        let known = REST.iter().find_map(|(verb, pattern, name)| {
            let args = matched(pattern, &parts).filter(|_| *verb == request.verb())?;
            Some(Self { name: (*name).to_owned(), args })
        });
        known.unwrap_or_else(|| named(format!("{} /{}", request.verb(), parts.join("/"))))
    }

    /// Returns whether it may change something. An unknown operation counts as a change unless it reads.
    pub fn changes(&self) -> bool {
        let name = self.name.split_once(':').map_or(self.name.as_str(), |(_, name)| name);
        !(self.name.starts_with("GET ") || UNCHANGING.iter().any(|verb| name.starts_with(verb)))
    }

    /// Returns whether it concerns the lock of an environment, which is not part of the stack.
    pub fn is_of_lock(&self) -> bool {
        self.name.starts_with("ssm:")
    }

    /// Returns a variable part of the path; empty if there is none.
    pub fn arg(&self, place: usize) -> &str {
        self.args.get(place).map_or("", String::as_str)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.args.join(" "))
    }
}

fn matched(pattern: &str, parts: &[&str]) -> Option<Vec<String>> {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let fits = |(pattern, part): (&&str, &&str)| *pattern == "*" || pattern == part;
    if pattern.len() != parts.len() || !pattern.iter().zip(parts).all(fits) {
        return None;
    }
    let varies = pattern.iter().zip(parts).filter(|(pattern, _)| **pattern == "*");
    Some(varies.map(|(_, part)| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect())
}

/// Reads a field of a form.
pub fn form(request: &Request, name: &str) -> Option<String> {
    let body = std::str::from_utf8(&request.body).ok()?;
    let fields = body.split('&').filter_map(|field| field.split_once('='));
    let (_, value) = fields.into_iter().find(|(field, _)| *field == name)?;
    Some(percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned())
}
