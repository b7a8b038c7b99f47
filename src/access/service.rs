//! Decides what services may do with roles and functions.

use super::caller::{Caller, CallerKind};
use super::condition::{self, Scope, arn_includes};
use super::context::Context;
use super::decide::Outcome;
use super::document::{Effect, PolicyDocument};
use super::naming::naming;
use super::pattern::{literal, wild};
use super::statement::action_matches;
use super::tri::Tri;

/// Decides whether a service, such as `lambda.amazonaws.com`, may assume the role with this trust policy.
///
/// `source_arn` is the resource for which the service acts, such as the ARN of a function: services send it and
/// its account, and a trust policy may require both to prevent the confused deputy problem.
pub fn may_assume(trust: &PolicyDocument, service: &str, source_arn: &str, account: &str) -> Outcome {
    let caller = Caller::new(CallerKind::Service { name: service.to_owned() }, "");
    let mut context = Context::default();
    context.set("aws:PrincipalIsAWSService", "true");
    context.set("aws:PrincipalServiceName", service);
    context.set("aws:SourceAccount", account);
    context.set("aws:SourceArn", source_arn);
    let scope = Scope { context: &context, version: trust.language(), hidden_key: None };
    let matching = |effect: Effect| {
        Tri::any(trust.statements().iter().filter(|statement| statement.effect == effect).map(|statement| {
            let named = naming(&statement.principals, effect, &caller).any();
            let about = named && action_matches(&statement.actions, "sts:AssumeRole");
            if about { condition::all_hold(&statement.conditions, scope) } else { Tri::No }
        }))
    };
    match (matching(Effect::Allow), matching(Effect::Deny)) {
        (_, Tri::Yes) => Outcome::ExplicitDeny,
        (Tri::No, _) => Outcome::ImplicitDeny,
        (Tri::Yes, Tri::No) => Outcome::Allow,
        (Tri::Yes | Tri::Maybe, _) => Outcome::Unknown,
    }
}

/// Returns whether an ARN matches a pattern as with `ArnLike`: part by part; `*` and `?` never match across one of
/// the first five colons.
pub fn arn_like(pattern: &str, arn: &str) -> bool {
    arn_includes(&wild(pattern), &literal(arn))
}

#[cfg(test)]
mod tests {
    use super::super::{Operator, PolicyKind, Statement};
    use super::*;

    const FUNCTION: &str = "arn:aws:lambda:eu-west-1:111122223333:function:f";

    fn asked(statements: impl IntoIterator<Item = Statement>) -> Outcome {
        let trust = PolicyDocument::new(statements);
        // Parsed from JSON, as a policy that was read from AWS would be.
        let kind = PolicyKind::Trust { partition: "aws" };
        let trust = PolicyDocument::parse(&trust.to_json(), kind).unwrap();
        may_assume(&trust, "lambda.amazonaws.com", FUNCTION, "111122223333")
    }

    fn trusting(service: &str) -> Statement {
        Statement::allow("Trust").principal_service([service]).actions(["sts:AssumeRole"])
    }

    #[test]
    fn the_service_must_be_named_and_nothing_may_deny() {
        assert_eq!(asked([trusting("lambda.amazonaws.com")]), Outcome::Allow);
        assert_eq!(asked([trusting("ec2.amazonaws.com")]), Outcome::ImplicitDeny);
        let other = Statement::allow("Trust").principal_service(["lambda.amazonaws.com"]);
        assert_eq!(asked([other.actions(["sts:TagSession"])]), Outcome::ImplicitDeny);
        let deny = Statement::deny("No").principal_aws(["*"]).actions(["sts:*"]);
        assert_eq!(asked([trusting("lambda.amazonaws.com"), deny]), Outcome::ExplicitDeny);
    }

    #[test]
    fn a_pattern_stays_within_the_parts_of_an_arn() {
        let api = "arn:aws:execute-api:eu-west-1:111122223333:a1";
        assert!(arn_like(&format!("{api}/*"), &format!("{api}/v1/POST/encrypt")));
        assert!(!arn_like(&format!("{api}/v1/GET/*"), &format!("{api}/v1/POST/encrypt")));
        assert!(!arn_like("arn:aws:execute-api:*", &format!("{api}/v1/POST/encrypt")));
    }

    #[test]
    fn conditions_on_the_source_are_decided() {
        let from = |key: &str, value: &str| {
            let operator = Operator::parse("StringEquals").unwrap();
            asked([trusting("lambda.amazonaws.com").condition(operator, key, [value])])
        };
        assert_eq!(from("aws:SourceAccount", "111122223333"), Outcome::Allow);
        assert_eq!(from("aws:SourceArn", FUNCTION), Outcome::Allow);
        assert_eq!(from("aws:SourceAccount", "444455556666"), Outcome::ImplicitDeny);
        assert_eq!(from("sts:ExternalId", "x"), Outcome::ImplicitDeny);
    }
}
