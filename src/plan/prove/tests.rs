use super::*;
use crate::access::{PolicyKind, Statement};
use crate::kinds::outsider::Identity;
use crate::kinds::{Outsider, World};
use crate::plan::small_worlds::fixtures::{
    ACCOUNT, api, empty, function, key, nothing, permission, role, role_arn,
};
use crate::plan::{after, plan};

const APPLIER: &str = "arn:aws:iam::111122223333:user/ci";

/// Returns a stack in which the function `f`, behind the API `a`, uses the key `k` under a role.
fn stack(runs_as: &str) -> Desired {
    let mut desired = empty();
    desired.keys.insert("k".into(), key());
    for name in ["one", "two"] {
        let mut spec = role(name);
        spec.managed.clear();
        desired.roles.insert(name.into(), spec);
    }
    let mut f = function("f", runs_as, &["k"]);
    f.spec.permissions.insert("lockstep-a".to_owned(), permission("a", None));
    desired.functions.insert("f".into(), f);
    desired.apis.insert("a".into(), api("f"));
    desired
}

fn made(desired: &Desired) -> World {
    let world = nothing();
    after(&plan(desired, &world).unwrap(), desired, &world).unwrap()
}

/// Returns evidence about the principal that applies the plan, which IAM allows everything on keys.
fn evidence() -> Evidence {
    let all = Statement::allow("All").actions(["kms:*"]).resource("*");
    let identity = Identity {
        arn: APPLIER.to_owned(),
        unique_id: "AIDACI".to_owned(),
        tags: Default::default(),
        policies: Ok([("all".to_owned(), PolicyDocument::new([all]))].into()),
        boundary: Ok(None),
    };
    let there = Outsider::There(Box::new(identity));
    Evidence { outsiders: [(APPLIER.to_owned(), there)].into(), ..Evidence::default() }
}

fn problems(desired: &Desired, world: &World, plan: &Plan, evidence: &Evidence) -> Vec<String> {
    let course = ProofInput { desired, world, plan, applier: APPLIER };
    unproved(course, evidence).unwrap().into_iter().map(|one| one.problem).collect()
}

/// Lists the statements that are not proved when the stack is created from nothing.
fn of_making(desired: &Desired, evidence: &Evidence) -> Vec<String> {
    let world = nothing();
    problems(desired, &world, &plan(desired, &world).unwrap(), evidence)
}

#[test]
fn a_swap_is_proved_in_every_phase_and_a_wrong_order_is_not() {
    let (from, to) = (stack("one"), stack("two"));
    let world = made(&from);
    let mut swap = plan(&to, &world).unwrap();
    assert_eq!(problems(&to, &world, &swap, &evidence()), Vec::<String>::new());
    // Without the step that widens the key policy, the function runs under a role that the key policy does not name.
    let [widen, _] = swap.phases.as_mut_slice() else { panic!("a swap has two phases") };
    let of_key = |step: &Step| matches!(step.op, Op::Key { .. });
    widen.steps.retain(|step| !of_key(step));
    assert_eq!(
        problems(&to, &world, &swap, &evidence()),
        [
            "after phase 1 of the plan: two is not proved to be allowed Decrypt, Encrypt on keys.k: implicit deny"
        ]
    );
}

#[test]
fn what_is_broken_before_the_plan_may_be_broken_on_the_way() {
    let desired = stack("one");
    let mut world = made(&desired);
    let deny =
        Statement::deny("ByHand").principal_aws([role_arn("one")]).actions(["kms:Encrypt"]).resource("*");
    let spec = &mut world.keys.get_mut(&Name::from("k")).unwrap().spec;
    spec.policy = PolicyDocument::new(spec.policy.statements().iter().cloned().chain([deny]));
    let repair = plan(&desired, &world).unwrap();
    assert_eq!(problems(&desired, &world, &repair, &evidence()), Vec::<String>::new());
}

#[test]
fn nobody_puts_a_policy_that_locks_him_out() {
    let mut desired = stack("one");
    assert_eq!(of_making(&desired, &evidence()), Vec::<String>::new());
    let found = of_making(&desired, &Evidence::default());
    assert!(found.len() == 1 && found[0].contains("is not known"), "{found:?}");

    let admin = format!("arn:aws:iam::{ACCOUNT}:role/admin");
    let only = Statement::allow("Admins").principal_aws([&admin]).actions(["kms:*"]).resource("*");
    desired.keys.get_mut(&Name::from("k")).unwrap().spec.policy = PolicyDocument::new([only]);
    let world = nothing();
    let plan = plan(&desired, &world).unwrap();
    let course = ProofInput { desired: &desired, world: &world, plan: &plan, applier: APPLIER };
    assert_eq!(outsiders(course), [admin.clone(), APPLIER.to_owned()].into());
    let mut known = evidence();
    known.outsiders.insert(admin, Outsider::Gone);
    let found = problems(&desired, &world, &plan, &known);
    assert!(found[0].contains("comes out as implicit deny"), "{found:?}");
    assert!(found[1].contains("nobody who is known to exist after the apply"), "{found:?}");
    assert_eq!(found.len(), 2);
}

#[test]
fn lambda_must_be_able_to_take_the_role() {
    let mut desired = stack("one");
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let role = desired.roles.get_mut(&Name::from("one")).unwrap();
    role.trust = PolicyDocument::parse(trust, PolicyKind::Trust { partition: "aws" }).unwrap();
    let found = of_making(&desired, &evidence());
    assert_eq!(
        found,
        ["functions.f runs under it, and whether Lambda may assume it comes out as implicit deny"]
    );
}

#[test]
fn api_gateway_must_be_allowed_what_routes_call() {
    let mut desired = stack("one");
    desired.functions.get_mut(&Name::from("f")).unwrap().spec.permissions.clear();
    let found = of_making(&desired, &evidence());
    assert_eq!(found, ["API Gateway may not invoke functions.f: no statement of its policy allows it"]);
}

#[test]
fn an_unchanged_stack_asks_for_nobody() {
    let desired = stack("one");
    let world = made(&desired);
    let plan = plan(&desired, &world).unwrap();
    let course = ProofInput { desired: &desired, world: &world, plan: &plan, applier: APPLIER };
    assert!(plan.is_empty() && outsiders(course).is_empty());
}

/// The plan creates the temporary role, so no outside principal has to be looked up for it.
#[test]
fn a_way_by_a_stand_in_is_proved_for_keys_that_are_not_left_to_the_account() {
    let mut desired = stack("one");
    let env = &mut desired.functions.get_mut(&Name::from("f")).unwrap().spec.config.env;
    env.insert("KEY".to_owned(), "k".to_owned());
    let key = &mut desired.keys.get_mut(&Name::from("k")).unwrap().spec;
    let actions = ["kms:PutKeyPolicy", "kms:GetKeyPolicy", "kms:DescribeKey"];
    key.policy = PolicyDocument::new([Statement::allow("Administer")
        .principal_aws([APPLIER])
        .actions(actions)
        .resource("*")]);
    let mut world = made(&desired);
    world.roles.get_mut(&Name::from("one")).unwrap().role_id = "AROANEW".to_owned();
    let way = plan(&desired, &world).unwrap();
    assert_eq!(way.phases.len(), 3);
    let course = ProofInput { desired: &desired, world: &world, plan: &way, applier: APPLIER };
    assert_eq!(outsiders(course), BTreeSet::from([APPLIER.to_owned()]));
    assert_eq!(problems(&desired, &world, &way, &evidence()), Vec::<String>::new());
}
