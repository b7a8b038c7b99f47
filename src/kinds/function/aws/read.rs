//! Translates the answers of Lambda into the terms of the stack.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_lambda::types::{
    AliasConfiguration, AliasRoutingConfiguration, FunctionConfiguration, TracingMode,
};
use serde_json::Value;

use crate::kinds::function::{ALIAS_MARK, Config, Marks, Permission, RoleMark, SeenAlias, Vpc};
use crate::kinds::{Tags, tag};

/// Prefix of the statement ids of lockstep; all other statements are left unchanged.
const OUR_SIDS: &str = "lockstep-";

/// Returns the log group that a function uses by default.
pub(super) fn default_log_group(function: &str) -> String {
    format!("/aws/lambda/{function}")
}

/// Reads the configuration of a function or version. Variables that AWS could not decrypt are read as an empty map: the
/// caller has to check [`env_error`].
pub(super) fn config(name: &str, from: &FunctionConfiguration) -> Config {
    let number =
        |value: Option<i32>, default| value.and_then(|value| value.try_into().ok()).unwrap_or(default);
    let vpc = from.vpc_config().map(|vpc| Vpc {
        subnets: vpc.subnet_ids().iter().cloned().collect(),
        security_groups: vpc.security_group_ids().iter().cloned().collect(),
    });
    let log_group = from.logging_config().and_then(|logging| logging.log_group());
    Config {
        role: from.role().unwrap_or_default().to_owned(),
        description: from.description().unwrap_or_default().to_owned(),
        runtime: from.runtime().map(|runtime| runtime.as_str()).unwrap_or_default().to_owned(),
        handler: from.handler().unwrap_or_default().to_owned(),
        memory: number(from.memory_size(), 128),
        timeout: number(from.timeout(), 3),
        env: from.environment().and_then(|env| env.variables()).map(sorted).unwrap_or_default(),
        env_key: from.kms_key_arn().filter(|arn| !arn.is_empty()).map(str::to_owned),
        ephemeral_storage: number(from.ephemeral_storage().map(|storage| storage.size()), 512),
        layers: from.layers().iter().filter_map(|layer| layer.arn()).map(str::to_owned).collect(),
        // A function that was detached from its VPC still has a configuration with two empty lists.
        vpc: vpc.filter(|vpc| !vpc.subnets.is_empty() || !vpc.security_groups.is_empty()),
        tracing: from.tracing_config().and_then(|tracing| tracing.mode()) == Some(&TracingMode::Active),
        log_group: log_group.map_or_else(|| default_log_group(name), str::to_owned),
    }
}

/// Returns why the environment variables could not be read.
pub(super) fn env_error(from: &FunctionConfiguration) -> Option<String> {
    let error = from.environment()?.error()?;
    let code = error.error_code().unwrap_or("an error");
    Some(format!("{code}: {}", error.message().unwrap_or("AWS gives no reason")))
}

/// Returns the architecture of a function's code.
pub(super) fn architecture(from: &FunctionConfiguration) -> String {
    from.architectures().first().map_or("x86_64", |architecture| architecture.as_str()).to_owned()
}

/// Removes the tags of lockstep from the tags of a function, and returns them.
pub(super) fn marks(tags: &mut Tags) -> Marks {
    Marks {
        source: tags.remove(tag::SOURCE),
        code: tags.remove(tag::CODE),
        role: tags.remove(tag::ROLE_ID).map(|text| RoleMark::parse(&text)),
    }
}

/// Reads the second version of an alias and its share of the traffic in millionths.
pub(super) fn share(routing: Option<&AliasRoutingConfiguration>) -> Option<(String, u32)> {
    let weights = routing.and_then(|routing| routing.additional_version_weights())?;
    weights.iter().next().map(|(version, weight)| (version.clone(), millionths(*weight)))
}

/// Reads an alias; `None` for one without a name or version, which Lambda does not have.
pub(super) fn alias(from: &AliasConfiguration) -> Option<(String, SeenAlias)> {
    let seen = SeenAlias {
        version: from.function_version()?.to_owned(),
        additional: share(from.routing_config()),
        managed: from.description() == Some(ALIAS_MARK),
        revision: from.revision_id().unwrap_or_default().to_owned(),
    };
    Some((from.name()?.to_owned(), seen))
}

/// Reads the statements of a resource policy that lockstep may have written, by statement id.
///
/// # Errors
///
/// The policy is not valid JSON.
pub(super) fn permissions(
    arn: &str,
    policy: &str,
) -> Result<BTreeMap<String, Permission>, serde_json::Error> {
    let policy: Value = serde_json::from_str(policy)?;
    let statements = policy.get("Statement").and_then(Value::as_array).into_iter().flatten();
    Ok(statements.filter_map(|statement| permission(arn, statement)).collect())
}

/// Reads one statement; `None` if its id is not one of lockstep. A statement with such an id but with content of
/// another shape is read with empty fields, so that it counts as changed.
fn permission(arn: &str, statement: &Value) -> Option<(String, Permission)> {
    let sid = statement.get("Sid")?.as_str()?;
    if !sid.starts_with(OUR_SIDS) {
        return None;
    }
    let qualifier = statement.get("Resource")?.as_str()?.strip_prefix(arn)?;
    let alias = qualifier.strip_prefix(':').map(str::to_owned);
    let (principal, source_arn) = content(statement).unwrap_or_default();
    Some((sid.to_owned(), Permission { principal, source_arn, alias }))
}

/// Reads the principal and source of a statement that lets one service invoke the function.
fn content(statement: &Value) -> Option<(String, String)> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let invokes = text(statement.get("Action"))? == "lambda:InvokeFunction";
    let allows = text(statement.get("Effect"))? == "Allow";
    let principal = text(statement.get("Principal")?.get("Service"))?;
    let condition = statement.get("Condition")?.as_object()?;
    let [(operator, keys)] = condition.iter().collect::<Vec<_>>().try_into().ok()?;
    let [(key, source)] = keys.as_object()?.iter().collect::<Vec<_>>().try_into().ok()?;
    let by_source = operator == "ArnLike" && key.eq_ignore_ascii_case("aws:SourceArn");
    Some((principal, text(Some(source))?)).filter(|_| invokes && allows && by_source)
}

/// Converts a share of the traffic into the number that Lambda expects.
pub(super) fn weight(millionths: u32) -> f64 {
    f64::from(millionths) / 1_000_000.0
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a weight is 0 to 1")]
fn millionths(weight: f64) -> u32 {
    (weight.clamp(0.0, 1.0) * 1_000_000.0).round() as u32
}

pub(super) fn sorted(map: &HashMap<String, String>) -> BTreeMap<String, String> {
    map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:lambda:eu-west-1:111122223333:function:f";

    fn policy(resource: &str, source: &str) -> String {
        format!(
            r#"{{"Version":"2012-10-17","Id":"default","Statement":[{{"Sid":"lockstep-api","Effect":"Allow",
            "Principal":{{"Service":"apigateway.amazonaws.com"}},"Action":"lambda:InvokeFunction",
            "Resource":"{resource}","Condition":{{"ArnLike":{{"AWS:SourceArn":"{source}"}}}}}},
            {{"Sid":"other","Effect":"Allow","Principal":"*","Action":"lambda:*","Resource":"{resource}"}}]}}"#
        )
    }

    #[test]
    fn reads_its_own_statements_only() {
        let read = permissions(ARN, &policy(&format!("{ARN}:live"), "arn:s")).unwrap();
        let expected = Permission {
            principal: "apigateway.amazonaws.com".into(),
            source_arn: "arn:s".into(),
            alias: Some("live".into()),
        };
        assert_eq!(read, BTreeMap::from([("lockstep-api".to_owned(), expected)]));
    }

    #[test]
    fn a_widened_statement_counts_as_changed() {
        let text = policy(ARN, "arn:s").replace("lambda:InvokeFunction", "lambda:*");
        let read = permissions(ARN, &text).unwrap();
        let expected = Permission { principal: String::new(), source_arn: String::new(), alias: None };
        assert_eq!(read, BTreeMap::from([("lockstep-api".to_owned(), expected)]));
    }

    #[test]
    fn weights_survive_the_way_there_and_back() {
        for share in [0, 1, 50_000, 333_333, 1_000_000] {
            assert_eq!(millionths(weight(share)), share);
        }
    }

    #[test]
    fn reads_defaults_where_lambda_is_silent() {
        let read = config("f", &FunctionConfiguration::builder().build());
        assert_eq!((read.memory, read.timeout, read.ephemeral_storage), (128, 3, 512));
        assert_eq!(read.log_group, "/aws/lambda/f");
        assert_eq!(read.vpc, None);
    }

    #[test]
    fn marks_are_no_tags() {
        let role = (tag::ROLE_ID, "AROAEXAMPLE s-test-encrypt");
        let mut tags: Tags = [(tag::SOURCE, "s"), (tag::CODE, "c"), role, ("team", "x")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        let read = marks(&mut tags);
        assert_eq!(
            (read.source.as_deref(), read.code.as_deref(), read.role),
            (
                Some("s"),
                Some("c"),
                Some(RoleMark::new("AROAEXAMPLE", "arn:aws:iam::1:role/x/s-test-encrypt"))
            )
        );
        assert_eq!(tags, Tags::from([("team".to_owned(), "x".to_owned())]));
    }
}
