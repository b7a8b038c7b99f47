//! AWS answers that no AWS gives.

use std::collections::BTreeMap;

use lockstep::aws::ErrorKind;
use lockstep::kinds::World;

use crate::checks::answers::{check, healthy, look, run, there};
use crate::checks::service::{Answers, connect};
use crate::mutation::{corpus, mutations};

/// A listing of each service, and those whose pages lockstep goes through itself: each page names another one.
const ENDLESS: [(&str, &str); 8] = [
    ("tag:GetResources", r#"{"PaginationToken":"@@NUMBER@@","ResourceTagMappingList":[]}"#),
    ("kms:ListAliases", r#"{"Aliases":[],"Truncated":true,"NextMarker":"@@NUMBER@@"}"#),
    ("logs:DescribeLogGroups", r#"{"logGroups":[],"nextToken":"@@NUMBER@@"}"#),
    ("GET/functions/*/versions", r#"{"Versions":[],"NextMarker":"@@NUMBER@@"}"#),
    ("GET/functions/*/aliases", r#"{"Aliases":[],"NextMarker":"@@NUMBER@@"}"#),
    ("GET/restapis/*/authorizers", r#"{"item":[],"position":"@@NUMBER@@"}"#),
    ("GET/restapis/*/requestvalidators", r#"{"item":[],"position":"@@NUMBER@@"}"#),
    ("iam:ListRoles", "<Roles></Roles>"),
];

/// Calls whose answer is only asked for beside a stack, not for it.
const BESIDE: [&str; 14] = [
    "sts:GetCallerIdentity",
    "kms:ListGrants",
    "kms:ListKeys",
    "iam:GetRolePolicy",
    "iam:GetUser",
    "iam:GetUserPolicy",
    "iam:GetGroupPolicy",
    "iam:ListAttachedGroupPolicies",
    "iam:ListAttachedUserPolicies",
    "iam:ListGroupPolicies",
    "iam:ListGroupsForUser",
    "iam:ListUserPolicies",
    "GET/functions",
    "GET/tags/*",
];

fn observed(answers: Answers) -> Result<World, lockstep::aws::AwsError> {
    run(async || look(&connect(answers, usize::MAX)).await)
}

fn asked_for_a_stack() -> Vec<String> {
    let healthy = healthy();
    let asked = healthy
        .operations()
        .filter(|operation| !BESIDE.contains(operation) && *operation != "ssm:GetParameter");
    asked.map(str::to_owned).collect()
}

#[test]
fn answers_of_the_corpus() {
    for (name, data) in corpus("answers") {
        mutations(&name, &data, 4).iter().for_each(|data| check(data));
    }
}

#[test]
fn a_healthy_aws_has_the_stack() {
    let world = observed(healthy()).unwrap();
    assert_eq!(world.unread, BTreeMap::new());
    let all = ["apis.a", "functions.f", "keys.text", "log_groups.f", "roles.app", "roles.other"];
    assert_eq!(there(&world), all.map(str::to_owned).into());
}

/// Every answer, one at a time, ends somewhere: that is an error, or nothing that counts was cut off.
#[test]
fn an_answer_that_breaks_off_is_no_absence() {
    let whole = observed(healthy()).unwrap();
    for operation in asked_for_a_stack() {
        let body = healthy().body(&operation).to_vec();
        let step = (body.len() / 8).max(1);
        for end in (0..body.len()).step_by(step).chain([body.len() - 1]) {
            let answers = healthy().with(&operation, 200, &body[..end]);
            let Ok(world) = observed(answers) else { continue };
            assert_eq!(world, whole, "{operation}: {}", String::from_utf8_lossy(&body[..end]));
        }
    }
}

/// Whoever may not look is told so: nothing reads as absent.
#[test]
fn an_answer_that_is_denied_is_no_absence() {
    let whole = observed(healthy()).unwrap();
    let denied = br#"{"__type":"AccessDeniedException","message":"no"}"#;
    let denied_xml =
        b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
    for operation in asked_for_a_stack() {
        let body = if operation.starts_with("iam:") { &denied_xml[..] } else { &denied[..] };
        let world = observed(healthy().with(&operation, 403, body)).unwrap();
        let unread = world.unread.keys().map(ToString::to_string);
        let known: std::collections::BTreeSet<String> = there(&world).into_iter().chain(unread).collect();
        assert!(there(&whole).is_subset(&known), "{operation}: {known:?}");
    }
}

#[test]
fn a_listing_without_an_end_is_given_up() {
    for (operation, body) in ENDLESS {
        let body = match operation.split_once(':') {
            Some(("iam", name)) => format!(
                "<{name}Response><{name}Result>{body}<IsTruncated>true</IsTruncated><Marker>@@NUMBER@@</Marker>\
                 </{name}Result></{name}Response>"
            ),
            _ => body.to_owned(),
        };
        let error = observed(healthy().with(operation, 200, body.as_bytes())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{operation}: {error}");
        assert!(error.to_string().contains("requests AWS still names another page"), "{operation}: {error}");
        assert!(error.hint().is_some());
    }
}

/// AWS says how long to wait, and may say anything.
#[test]
fn a_wait_of_half_an_eternity_is_not_waited() {
    for seconds in ["18446744073709551615", "-1", "1e30", "", "9223372036854775807"] {
        let head = format!("%% kms:DescribeKey 429 retry-after={seconds} x-amz-retry-after={seconds}\n");
        let body = r#"{"__type":"ThrottlingException","message":"slow down"}"#;
        let answers = healthy().over(Answers::parse((head + body).as_bytes()));
        observed(answers).unwrap_err();
    }
}
