//! Edits by hand on the example, made past the command: each is found and classed by what it does to requests, and one
//! apply takes it back.

use aws_sdk_apigateway::types::{Op, PatchOperation};
use aws_sdk_kms::types::GrantOperation;
use serde_json::{Value, json};

use crate::support::{FUNCTION, Project, Run, key_of_texts};

const ROLE: &str = "text-encryption-test-encrypt-test";
const TEXT: &str = "alias/text-encryption-test-text";
const TOKEN: &str = "alias/text-encryption-test-token";

/// What drift found: rank, resource and what differs.
async fn findings(project: &Project) -> Vec<(String, String, String)> {
    found_by(project.run(&["drift", "--format", "json"]).await)
}

fn found_by(run: Run) -> Vec<(String, String, String)> {
    let run = run.ends_with(2);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap().iter();
    findings.map(|one| (text(one, "rank"), text(one, "resource"), text(one, "what"))).collect()
}

/// Demands a finding of a rank that says something.
#[track_caller]
fn expect(findings: &[(String, String, String)], rank: &str, resource: &str, what: &str) {
    let found = findings.iter().any(|(a, b, c)| a == rank && b == resource && c.contains(what));
    assert!(found, "{rank} {resource} {what}: {findings:#?}");
}

/// Demands that no request is said to fail.
#[track_caller]
fn works(findings: &[(String, String, String)]) {
    assert!(findings.iter().all(|(rank, ..)| rank != "breaks"), "{findings:#?}");
}

async fn restored(project: &Project) {
    project.apply().await.ok();
    project.is_settled().await;
    project.run(&["drift"]).await.ok();
}

/// Edits the key policy of the texts' key: every statement is passed through, and one may be added.
async fn policy(project: &Project, edit: impl Fn(&mut Value), more: Option<Value>) {
    let (kms, key) = (&project.sdk.kms, key_of_texts(project).await);
    let read = kms.get_key_policy().key_id(&key).policy_name("default").send().await.unwrap();
    let mut policy: Value = serde_json::from_str(&read.policy.unwrap()).unwrap();
    let statements = policy["Statement"].as_array_mut().unwrap();
    statements.iter_mut().filter(|one| one["Sid"] == "UseByEncrypt").for_each(edit);
    statements.extend(more);
    kms.put_key_policy().key_id(key).policy_name("default").policy(policy.to_string()).send().await.unwrap();
}

fn document(effect: &str, action: &str) -> String {
    let statement = json!({ "Effect": effect, "Action": action, "Resource": "*" });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_key_policy_break_only_what_is_denied() {
    let project = Project::deployed().await;

    policy(&project, |one| one["Action"] = json!("kms:*"), None).await;
    let found = findings(&project).await;
    works(&found);
    expect(&found, "security", "keys.text", "lets encrypt-test *, which the stack file does not");
    assert!(found.iter().all(|(_, _, what)| !what.contains("does not let")), "{found:#?}");
    restored(&project).await;

    let arn = project.sdk.iam.get_role().role_name(ROLE).send().await.unwrap().role.unwrap().arn;
    let conditional = |one: &mut Value| {
        one["Principal"] = json!({ "AWS": "*" });
        one["Condition"] = json!({ "ArnEquals": { "aws:PrincipalArn": arn } });
    };
    policy(&project, conditional, None).await;
    works(&findings(&project).await);
    restored(&project).await;

    let deny = json!({ "Sid": "NoDecrypt", "Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*" });
    policy(&project, |_| {}, Some(deny)).await;
    let found = findings(&project).await;
    expect(&found, "breaks", "functions.encrypt", "is explicitly denied Decrypt on keys.text");
    restored(&project).await;
    project.round_trip("hello").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_role_are_named_by_what_they_stop() {
    let project = Project::deployed().await;
    let iam = &project.sdk.iam;
    let made = async |name: &str, document: String| {
        let made = iam.create_policy().policy_name(name).policy_document(document).send().await.unwrap();
        made.policy.unwrap().arn.unwrap()
    };

    // A denial, and what gives too much beside it: a policy, and a foreign account that may assume the role.
    let admin = made("admin", document("Allow", "*")).await;
    let put = iam.put_role_policy().role_name(ROLE).policy_name("mine");
    put.policy_document(document("Deny", "kms:Encrypt")).send().await.unwrap();
    iam.attach_role_policy().role_name(ROLE).policy_arn(&admin).send().await.unwrap();
    let trust = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::999999999999:root" }, "Action": "sts:AssumeRole" },
        { "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole" },
    ] });
    let update = iam.update_assume_role_policy().role_name(ROLE).policy_document(trust.to_string());
    update.send().await.unwrap();
    let found = findings(&project).await;
    expect(
        &found,
        "breaks",
        "functions.encrypt",
        "is explicitly denied Encrypt on keys.text (by identity:mine/#0)",
    );
    expect(&found, "security", "roles.encrypt-test", "admin");
    let plan = project.run(&["plan"]).await.ok();
    assert_eq!(plan.out.matches("999999999999").count(), 1, "{}", plan.out);
    restored(&project).await;
    project.round_trip("hello").await;

    let boundary = made("boundary", document("Allow", "logs:*")).await;
    iam.put_role_permissions_boundary().role_name(ROLE).permissions_boundary(boundary).send().await.unwrap();
    let found = findings(&project).await;
    expect(&found, "breaks", "functions.encrypt", "whose permissions boundary does not allow");
    restored(&project).await;

    let trust = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "Service": "ec2.amazonaws.com" }, "Action": "sts:AssumeRole" },
    ] });
    let update = iam.update_assume_role_policy().role_name(ROLE).policy_document(trust.to_string());
    update.send().await.unwrap();
    let found = findings(&project).await;
    expect(&found, "breaks", "functions.encrypt", "whose trust policy does not let Lambda assume it");
    restored(&project).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_functions_keys_and_stages_are_named_by_what_they_do() {
    let project = Project::deployed().await;
    let (kms, lambda) = (&project.sdk.kms, &project.sdk.lambda);

    let stop = lambda.put_function_concurrency().function_name(FUNCTION).reserved_concurrent_executions(0);
    stop.send().await.unwrap();
    let found = findings(&project).await;
    expect(&found, "breaks", "functions.encrypt", "has a reserved concurrency of 0");
    restored(&project).await;

    kms.delete_alias().alias_name(TEXT).send().await.unwrap();
    let found = findings(&project).await;
    expect(&found, "breaks", "functions.encrypt", "which leads to no key");
    restored(&project).await;

    // Another key of the account, which the stack knows nothing of.
    let other = kms.create_key().send().await.unwrap().key_metadata.unwrap().key_id;
    kms.update_alias().alias_name(TEXT).target_key_id(&other).send().await.unwrap();
    let found = findings(&project).await;
    expect(
        &found,
        "breaks",
        "functions.encrypt",
        &format!("which leads to the key arn:aws:kms:{}", "ap-northeast-1"),
    );
    expect(&found, "changed", "keys.text", "blocks planning");
    kms.delete_alias().alias_name(TEXT).send().await.unwrap();
    restored(&project).await;

    let config = lambda.get_function_configuration().function_name(FUNCTION).send().await.unwrap();
    let mut variables = config.environment.unwrap().variables.unwrap();
    variables.insert("KEY_ID".to_owned(), TOKEN.to_owned());
    let environment = aws_sdk_lambda::types::Environment::builder().set_variables(Some(variables)).build();
    let update = lambda.update_function_configuration().function_name(FUNCTION).environment(environment);
    update.send().await.unwrap();
    let found = findings(&project).await;
    expect(&found, "breaks", "functions.encrypt", "which leads to keys.token, on which encrypt-test may not");
    restored(&project).await;

    // The role that the function runs under is nobody whom the token's key should serve.
    let token = kms.describe_key().key_id(TOKEN).send().await.unwrap().key_metadata.unwrap().key_id;
    let arn = project.sdk.iam.get_role().role_name(ROLE).send().await.unwrap().role.unwrap().arn;
    let grant = kms.create_grant().key_id(&token).grantee_principal(arn).operations(GrantOperation::Sign);
    let grant = grant.send().await.unwrap().grant_id.unwrap();
    let found = findings(&project).await;
    works(&found);
    expect(&found, "security", "keys.token", "has a grant that lets encrypt-test Sign");
    kms.revoke_grant().key_id(&token).grant_id(grant).send().await.unwrap();
    restored(&project).await;

    let key = key_of_texts(&project).await;
    kms.untag_resource().key_id(&key).tag_keys("lockstep:id").send().await.unwrap();
    let found = findings(&project).await;
    works(&found);
    expect(&found, "changed", "keys.text", "does not carry the tags of this stack");
    let tag =
        aws_sdk_kms::types::Tag::builder().tag_key("lockstep:id").tag_value("keys.text").build().unwrap();
    kms.tag_resource().key_id(&key).tags(tag).send().await.unwrap();
    project.is_settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_stage_are_told_with_units_and_without_ids() {
    let project = Project::deployed().await;
    let gateway = &project.sdk.apigateway;
    let apis = gateway.get_rest_apis().send().await.unwrap();
    let api = apis.items()[0].id().unwrap();
    let patch = async |path: &str, value: &str| {
        let patch = PatchOperation::builder().op(Op::Replace).path(path).value(value).build();
        gateway
            .update_stage()
            .rest_api_id(api)
            .stage_name("v1")
            .patch_operations(patch)
            .send()
            .await
            .unwrap();
    };

    patch("/*/*/throttling/rateLimit", "5").await;
    let found = findings(&project).await;
    expect(&found, "changed", "apis.text", "stage throttle rate 5 requests/s instead of rate 50 requests/s");
    restored(&project).await;

    let deployment = gateway.create_deployment().rest_api_id(api).send().await.unwrap().id.unwrap();
    patch("/deploymentId", &deployment).await;
    let found = findings(&project).await;
    expect(&found, "changed", "apis.text", "serves a deployment that was not made from this file");
    restored(&project).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_read_is_unread_and_nothing_else_is_claimed() {
    let project = Project::deployed().await;
    for (action, resource) in [("kms:DescribeKey", "keys.text"), ("kms:ListGrants", "keys.text")] {
        let keys = project.user_without(action).await;
        let run = project.run_as(project.endpoint(), &keys, &["drift", "--format", "json"]).await;
        let found = found_by(run);
        assert!(found.iter().any(|(rank, of, _)| rank == "unread" && of == resource), "{found:#?}");
        assert!(found.iter().all(|(rank, ..)| rank == "unread"), "{found:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_function_that_did_not_work_before_hold_nothing_up() {
    let mut project = Project::deployed().await;
    project.edit("timeout: 20s", "timeout: 4s");
    project.edit("KEY_ID: \"${keys.text.alias}\"", "KEY_ID: alias/of-nothing");
    project.apply().await.ends_with(1).says("does not work after the change");
    let put = project.sdk.iam.put_role_policy().role_name(ROLE).policy_name("mine");
    put.policy_document(document("Allow", "s3:*")).send().await.unwrap();

    let run = project.apply().await.ends_with(1);
    run.says("functions.encrypt does not work after the change")
        .says("did not work before the first step either");
    let left = project.sdk.iam.list_role_policies().role_name(ROLE).send().await.unwrap();
    assert!(left.policy_names().is_empty(), "{left:?}");

    project.edit("KEY_ID: alias/of-nothing", "KEY_ID: \"${keys.text.alias}\"");
    project.edit("timeout: 4s", "timeout: 20s");
    restored(&project).await;
    project.round_trip("hello").await;
}
