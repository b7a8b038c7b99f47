//! Edits by hand in the middle of a run: a change that someone else has made is not overwritten, and the next plan
//! shows it.

use serde_json::{Value, json};

use super::{APPLY, BOOTSTRAP, ROLES, RULES, is_whole};
use crate::support::{End, FUNCTION, Load, Project, Run, Trap, key_of_texts, until};

/// Memory that someone gives the function by hand.
const BY_HAND: i32 = 1769;

/// Swaps with a run that is held at some call while someone else edits. The run stops as stale.
async fn edited(project: &mut Project, trap: Trap, edit: impl AsyncFnOnce(&Project)) -> Run {
    project.run(&BOOTSTRAP).await.ok();
    let load = Load::start(project).await;
    project.swap(ROLES[0], ROLES[1]);
    let run = held(project, trap, edit).await;
    load.stop().await;
    run
}

/// Applies with a run that is held at some call while someone else edits. The run stops as stale.
async fn held(project: &Project, trap: Trap, edit: impl AsyncFnOnce(&Project)) -> Run {
    let meanwhile = async {
        project.sprung().await;
        edit(project).await;
        project.release();
    };
    let (end, ()) = tokio::join!(project.run_into(trap, &APPLY), meanwhile);
    let End::Finished(run) = end else { panic!("{end:?}") };
    run.ends_with(1).says("changed since the plan").says("again")
}

async fn give_memory(project: &Project) {
    let lambda = &project.sdk.lambda;
    lambda.update_function_configuration().function_name(FUNCTION).memory_size(BY_HAND).send().await.unwrap();
    until("the edit is through", async || {
        let config = lambda.get_function_configuration().function_name(FUNCTION).send().await.unwrap();
        (config.last_update_status.unwrap().as_str() == "Successful").then_some(())
    })
    .await;
}

/// The memory and the role of the function.
async fn function(project: &Project) -> (Option<i32>, String) {
    let config =
        project.sdk.lambda.get_function_configuration().function_name(FUNCTION).send().await.unwrap();
    (config.memory_size, config.role.unwrap())
}

/// Asserts that the edit of the function is still there and that a plan shows it; another run reverts it.
async fn is_shown_and_mended(project: &Project) {
    let (memory, role) = function(project).await;
    assert!(memory == Some(BY_HAND) && role.ends_with(ROLES[0]), "{memory:?} {role}");
    project.run(&["plan"]).await.ok().says(&BY_HAND.to_string());
    project.run(&APPLY).await.ok();
    is_whole(project).await;
    let (memory, role) = function(project).await;
    assert!(memory != Some(BY_HAND) && role.ends_with(ROLES[1]), "{memory:?} {role}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_between_its_read_and_its_write() {
    let mut project = Project::strict(RULES).await;
    let update = Trap::Before("lambda:UpdateFunctionConfiguration");
    edited(&mut project, update, give_memory).await.says("PreconditionFailedException");
    assert_eq!(project.rules().refused("PreconditionFailedException"), 1);
    is_shown_and_mended(&project).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_between_the_plan_and_its_read() {
    let mut project = Project::strict(RULES).await;
    // The policy comes first.
    edited(&mut project, Trap::Before("kms:PutKeyPolicy"), give_memory).await;
    assert_eq!(project.rules().refused("PreconditionFailedException"), 0);
    is_shown_and_mended(&project).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_policy_between_its_two_changes() {
    let mut project = Project::strict(RULES).await;
    let policy = async |project: &Project| {
        let key = key_of_texts(project).await;
        let get = project.sdk.kms.get_key_policy().key_id(key).policy_name("default").send().await;
        get.unwrap().policy.unwrap()
    };
    let role = "arn:aws:iam::000000000000:role/lockstep/text-encryption/test/text-encryption-test-authorizer";
    let add = async |project: &Project| {
        let mut edited: Value = serde_json::from_str(&policy(project).await).unwrap();
        edited["Statement"].as_array_mut().unwrap().push(json!({
            "Sid": "ByHand", "Effect": "Allow", "Principal": { "AWS": role },
            "Action": "kms:DescribeKey", "Resource": "*"
        }));
        project.rules().put_by_hand(&key_of_texts(project).await, &edited.to_string()).await;
    };
    // The function is updated between the two.
    edited(&mut project, Trap::Before("lambda:UpdateFunctionConfiguration"), add).await;
    let left = policy(&project).await;
    assert!(
        left.contains("ByHand") && ROLES.iter().all(|role| left.contains(&format!("{role}\""))),
        "{left}"
    );
    project.rules().has_no_gap();
    project.run(&["plan"]).await.ok().says("authorizer loses DescribeKey");
    project.run(&APPLY).await.ok();
    is_whole(&project).await;
    assert!(!policy(&project).await.contains("ByHand"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_of_a_role_before_it_goes() {
    const OWN: &str = "  encrypt-test:\n    managed_policies: [service-role/AWSLambdaBasicExecutionRole]\n";
    let more = |action: &str| format!(r#"[{{ "Effect": "Allow", "Action": "{action}", "Resource": "*" }}]"#);
    let with = format!("{OWN}    inline_policies: {{ more: {{ Statement: {} }} }}\n", more("s3:GetObject"));
    let mut project = Project::strict(RULES).await;
    project.edit(OWN, &with);
    project.run(&BOOTSTRAP).await.ok();
    // It is updated last, after the key policy has changed.
    project.edit(&with, OWN);
    project.swap(ROLES[0], ROLES[1]);
    let name = "text-encryption-test-encrypt-prod";
    let edit = async |project: &Project| {
        let edited = format!(r#"{{ "Version": "2012-10-17", "Statement": {} }}"#, more("s3:PutObject"));
        let put = project.sdk.iam.put_role_policy().role_name(name).policy_name("more");
        put.policy_document(edited).send().await.unwrap();
    };
    held(&project, Trap::Before("kms:PutKeyPolicy"), edit).await.says("the policy `more` of the role");
    let left = project.sdk.iam.get_role_policy().role_name(name).policy_name("more").send().await.unwrap();
    assert!(left.policy_document().contains("PutObject"), "{left:?}");
    project.run(&["plan"]).await.ok().says("roles.encrypt-prod");
    project.run(&APPLY).await.ok();
    is_whole(&project).await;
    project.sdk.iam.get_role_policy().role_name(name).policy_name("more").send().await.unwrap_err();
}
