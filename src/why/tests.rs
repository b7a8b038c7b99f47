use super::*;
use crate::access::{PolicyDocument, Statement};
use crate::kinds::World;
use crate::plan::prove::Evidence;
use crate::plan::small_worlds::fixtures::{empty, function, key, nothing, role, role_arn};
use crate::plan::{after, plan};

/// Returns a stack in which the function `f` uses the key `k` under one of two roles.
pub(super) fn stack(runs_as: &str) -> Desired {
    let mut desired = empty();
    desired.keys.insert("k".into(), key());
    for name in ["test", "prod"] {
        let mut spec = role(name);
        spec.managed.clear();
        desired.roles.insert(name.into(), spec);
    }
    desired.functions.insert("f".into(), function("f", runs_as, &["k"]));
    let places = ["functions.f", "functions.f.role", "functions.f.keys.k", "keys.k", "roles.prod"];
    desired.lines = places
        .iter()
        .zip(1..)
        .map(|(path, line)| ((*path).to_owned(), Line { file: "stack.yaml".to_owned(), line, column: 1 }))
        .collect();
    desired
}

pub(super) fn made(desired: &Desired) -> World {
    let world = nothing();
    after(&plan(desired, &world).unwrap(), desired, &world).unwrap()
}

fn asked(desired: &Desired, world: &World, (who, action): (&str, &str)) -> Explanation {
    let evidence = Evidence::default();
    let planned = plan(desired, world).and_then(|plan| after(&plan, desired, world)).ok();
    let scene = |world| AccessContext { desired, world, evidence: &evidence };
    let known = Known { live: scene(world), planned: planned.as_ref().map(scene) };
    let question = Question {
        principal: role_arn(who),
        action: format!("kms:{action}"),
        key: "k".into(),
        encryption_context: BTreeMap::new(),
        context: BTreeMap::new(),
    };
    explain(&question, Moment::Live, known).unwrap()
}

fn told(desired: &Desired, world: &World, question: (&str, &str)) -> (String, String) {
    let Explanation { cause, remedy, .. } = asked(desired, world, question);
    let remedy = remedy.map(|Remedy { what, line }| format!("{what} @{}", line.map_or(0, |line| line.line)));
    (cause, remedy.unwrap_or_default())
}

#[test]
fn the_swap_that_was_not_applied_is_the_cause() {
    let world = made(&stack("test"));
    let (cause, remedy) = told(&stack("prod"), &world, ("prod", "Decrypt"));
    assert_eq!(
        cause,
        "prod may not kms:Decrypt on keys.k: the key policy does not name it (UseByF names test); it has no IAM \
         policy, and one would not count, for the key policy does not leave Decrypt to IAM"
    );
    assert_eq!(remedy, "functions.f.role changed: run lockstep apply @2");
}

#[test]
fn a_managed_policy_without_the_action_is_named() {
    let desired = stack("prod");
    let mut world = made(&stack("test"));
    let arn = "arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser";
    let prod = world.roles.get_mut(&Name::from("prod")).unwrap();
    prod.spec.managed.insert(arn.to_owned());
    let create = Statement::allow("Create").actions(["kms:CreateKey", "kms:TagResource"]).resource("*");
    world.managed_documents.insert(arn.to_owned(), PolicyDocument::new([create]));
    let (cause, remedy) = told(&desired, &world, ("prod", "Decrypt"));
    assert!(
        cause.ends_with(
            "AWSKeyManagementServicePowerUser has no Decrypt, and would not count, for the key policy does not leave Decrypt to IAM"
        ),
        "{cause}"
    );
    assert_eq!(remedy, "functions.f.role changed: run lockstep apply @2");
}

#[test]
fn a_swap_by_hand_is_told_from_one_in_the_file() {
    let desired = stack("test");
    let mut world = made(&desired);
    world.functions.get_mut(&Name::from("f")).unwrap().config.role = role_arn("prod");
    let (_, remedy) = told(&desired, &world, ("prod", "Decrypt"));
    assert_eq!(
        remedy,
        "functions.f was moved to it outside the stack file: run lockstep apply to put it back to test, or change \
         that line to prod and apply @2"
    );
}

#[test]
fn what_the_file_does_not_give_is_found_in_it() {
    let desired = stack("test");
    let world = made(&desired);
    let (_, remedy) = told(&desired, &world, ("test", "GenerateDataKey"));
    assert_eq!(remedy, "add `generate-data-key` to functions.f.keys.k, and run lockstep apply @3");
    let (_, remedy) = told(&desired, &world, ("prod", "Decrypt"));
    assert_eq!(
        remedy,
        "no function runs as prod: change the role of functions.f to prod if it should, and run lockstep apply @2"
    );
    let (_, remedy) = told(&desired, &world, ("prod", "PutKeyPolicy"));
    assert_eq!(remedy, "let a policy of it allow kms:PutKeyPolicy, or name it in keys.k.administrators @4");
}

#[test]
fn a_policy_edited_by_hand_is_put_back() {
    let desired = stack("test");
    let mut world = made(&desired);
    world.keys.get_mut(&Name::from("k")).unwrap().spec.policy = key().spec.policy;
    let (cause, remedy) = told(&desired, &world, ("test", "Decrypt"));
    assert!(
        cause.starts_with("test may not kms:Decrypt on keys.k: no statement of the key policy names it"),
        "{cause}"
    );
    assert_eq!(
        remedy,
        "AWS has another key policy than the stack file gives functions.f: run lockstep apply @3"
    );
}

#[test]
fn a_deny_is_named_and_a_disabled_key_is_apart() {
    let desired = stack("test");
    let mut world = made(&desired);
    let k = world.keys.get_mut(&Name::from("k")).unwrap();
    k.spec.enabled = false;
    k.state = key::State::Disabled;
    let Explanation { decision, cause, remedy, .. } = asked(&desired, &world, ("test", "Decrypt"));
    assert_eq!(decision, "allow");
    assert!(cause.ends_with("but the key is disabled, so every use of it fails"), "{cause}");
    assert_eq!(remedy.unwrap().what, "run lockstep apply, which enables it");
    let k = world.keys.get_mut(&Name::from("k")).unwrap();
    let deny = Statement::deny("Freeze").principal_aws(["*"]).actions(["kms:*"]).resource("*");
    k.spec.policy = PolicyDocument::new(k.spec.policy.statements().iter().cloned().chain([deny]));
    let (cause, _) = told(&desired, &world, ("test", "Decrypt"));
    assert_eq!(cause, "test may not kms:Decrypt on keys.k: Freeze of the key policy denies it");
}

#[test]
fn a_role_that_does_not_exist_can_do_nothing() {
    let desired = stack("test");
    let mut world = made(&desired);
    world.roles.remove(&Name::from("prod"));
    let (cause, _) = told(&desired, &world, ("prod", "Decrypt"));
    assert_eq!(cause, "prod does not exist, so it can do nothing");
}

#[test]
fn a_role_that_may_is_not_all_that_a_function_needs() {
    let mut desired = stack("test");
    let f = desired.functions.get_mut(&Name::from("f")).unwrap();
    f.spec.config.env.insert("KEY".to_owned(), "k".to_owned());
    let mut world = made(&desired);
    assert_eq!(told(&desired, &world, ("test", "Decrypt")).1, "");
    world.roles.get_mut(&Name::from("test")).unwrap().role_id = "AROANEW".to_owned();
    let (cause, remedy) = told(&desired, &world, ("test", "Decrypt"));
    assert_eq!(cause, "test may kms:Decrypt on keys.k: UseByF of the key policy");
    assert_eq!(
        remedy,
        "functions.f fails all the same: it was configured before the role was deleted and re-created, so Lambda \
         cannot decrypt its environment variables; lockstep apply moves it to a role that stands in, and back: only \
         that renews Lambda's grant @2"
    );
}
