//! Scenarios in which the plan itself is inspected.

use std::collections::BTreeSet;

use super::fixtures::empty;
use super::rich::{api_of, function_of, key_of, n, rich};
use super::scenarios::{self as way, Scenario};
use super::{BOTH, ProofInput, made, ops, settle};
use crate::kinds::key::State;
use crate::kinds::{Op, World, api, function, key, role};
use crate::plan::{Blocked, Plan, PlanError, plan};
use crate::stack::desired::Desired;

fn planned(way: &Scenario) -> Plan {
    plan(&way.to, &way.start()).unwrap()
}

fn key_ops(plan: &Plan) -> Vec<(&str, &key::Op)> {
    let mut calls = Vec::new();
    for (_, op) in ops(plan) {
        if let Op::Key { name, op } = op {
            calls.push((name.as_str(), op));
        }
    }
    calls
}

fn problems(desired: &Desired, world: &World) -> Vec<String> {
    let Err(PlanError::Blocked(found)) = plan(desired, world) else { return Vec::new() };
    found.into_iter().map(|Blocked { resource, problem, .. }| format!("{resource}: {problem}")).collect()
}

#[test]
fn an_alias_that_changes_keys_is_moved_in_one_call() {
    for (way, to) in [(way::key_alias_moved(), "token"), (way::key_replaced(), "fresh")] {
        let plan = planned(&way);
        let moves: Vec<_> = key_ops(&plan)
            .into_iter()
            .filter(|(_, op)| match op {
                key::Op::CreateAlias { alias }
                | key::Op::MoveAlias { alias }
                | key::Op::DeleteAlias { alias } => alias == "alias/s-e-text",
                _ => false,
            })
            .collect();
        assert_eq!(moves, [(to, &key::Op::MoveAlias { alias: "alias/s-e-text".to_owned() })], "{}", way.name);
    }
}

#[test]
fn an_alias_does_not_move_to_a_key_of_another_kind() {
    let mut to = way::key_alias_moved().to;
    let world = made(&rich());
    let token = &mut key_of(&mut to, "token").spec;
    token.key_spec = "ECC_NIST_P256".to_owned();
    let mut world_of_two_kinds = world.clone();
    world_of_two_kinds.keys.get_mut(&n("token")).unwrap().spec.key_spec = token.key_spec.clone();
    let found = problems(&to, &world_of_two_kinds);
    assert_eq!(
        found,
        [
            "keys.token: `alias/s-e-text` points to `text`, and KMS moves aliases only between keys of one spec and usage"
        ]
    );
}

#[test]
fn a_key_pending_deletion_is_kept_and_comes_back_enabled() {
    let plan = planned(&way::key_pending());
    let calls: Vec<&key::Op> = key_ops(&plan).into_iter().map(|(_, op)| op).collect();
    let place = |wanted: fn(&key::Op) -> bool| calls.iter().position(|op| wanted(op)).unwrap();
    let cancel = place(|op| matches!(op, key::Op::CancelDeletion));
    let enable = place(|op| matches!(op, key::Op::Enable));
    let alias = place(|op| matches!(op, key::Op::CreateAlias { .. }));
    let rotate = place(|op| matches!(op, key::Op::Rotate { .. }));
    assert!(cancel < enable && enable < alias && enable < rotate, "{calls:#?}");
    assert!(!calls.iter().any(|op| matches!(op, key::Op::Create { .. })));
}

#[test]
fn the_rotation_of_a_key_that_stays_disabled_is_left_alone() {
    let mut stack = rich();
    key_of(&mut stack, "token").spec.enabled = false;
    function_of(&mut stack, "second").uses.clear();
    let world = made(&stack);
    key_of(&mut stack, "token").spec.rotation = Some(90);
    assert_eq!(problems(&stack, &world), ["keys.token: KMS does not change the rotation of a disabled key"]);
    // AWS shows no rotation while the deletion is pending; it is back after the deletion is cancelled.
    let mut pending = world;
    pending.keys.get_mut(&n("token")).unwrap().state = State::PendingDeletion(None);
    let plan = plan(&stack, &pending).unwrap();
    assert_eq!(key_ops(&plan), [("token", &key::Op::CancelDeletion)]);
}

#[test]
fn whatever_a_run_leaves_behind_goes_but_for_keys_pending_deletion() {
    for way in way::all() {
        let (start, none) = (way.start(), empty());
        let mut worlds = settle(&ProofInput::new(&way.from, &way.to), &start, BOTH[0]).unwrap();
        worlds.push(start);
        for (step, world) in worlds.iter().enumerate() {
            let course = ProofInput { to: &none, before: vec![&way.to, &way.from] };
            let passed = settle(&course, world, BOTH[step % 2])
                .unwrap_or_else(|fault| panic!("{}, stopped after step {step}: {fault:#?}", way.name));
            let World { keys, roles, log_groups, functions, apis, .. } = passed.last().unwrap_or(world);
            assert!(roles.is_empty() && log_groups.is_empty() && functions.is_empty() && apis.is_empty());
            assert!(keys.values().all(|key| {
                matches!(key.state, State::PendingDeletion(_)) && key.spec.aliases.is_empty()
            }));
        }
    }
}

#[test]
fn every_way_can_be_turned_back_anywhere() {
    for way in way::all() {
        let worlds = settle(&ProofInput::new(&way.from, &way.to), &way.start(), BOTH[1]).unwrap();
        for (step, world) in worlds.iter().enumerate() {
            let course = ProofInput { to: &way.from, before: vec![&way.to] };
            let back = settle(&course, world, BOTH[step % 2]);
            back.unwrap_or_else(|fault| panic!("{}, turned after step {step}: {fault:#?}", way.name));
        }
    }
}

#[test]
fn a_function_goes_with_its_role_and_log_group_and_nothing_else() {
    let plan = planned(&way::function_removed());
    let deleted: BTreeSet<String> = plan
        .actions()
        .into_iter()
        .filter(|(_, action)| action.glyph() == "-")
        .map(|(id, _)| id.to_string())
        .collect();
    let expected = ["functions.third", "log_groups.third", "roles.third"].map(str::to_owned);
    assert_eq!(deleted, BTreeSet::from(expected));
    assert!(plan.steps().all(|step| step.resource.kind != crate::kinds::Kind::Api), "no route changes");
}

#[test]
fn functions_outlive_their_api() {
    let plan = planned(&way::api_removed());
    let last =
        ops(&plan).iter().rposition(|(_, op)| matches!(op, Op::Api { op: api::Op::Delete, .. })).unwrap();
    let closed = ops(&plan)
        .iter()
        .position(|(_, op)| matches!(op, Op::Function { op: function::Op::RemovePermission { .. }, .. }));
    assert!(closed.unwrap() > last, "the functions let the API in until it is gone");
    assert!(!ops(&plan).iter().any(|(_, op)| matches!(op, Op::Function { op: function::Op::Delete, .. })));
}

#[test]
fn what_a_role_may_do_shrinks_only_at_the_end() {
    let way = way::role_narrowed();
    let plan = planned(&way);
    assert_eq!(plan.phases.len(), 2);
    let shrinks = |op: &Op| matches!(op, Op::Role { op, .. } if !matches!(op, role::Op::Tag { .. }));
    assert!(!plan.phases[0].steps.iter().any(|step| shrinks(&step.op)));
    assert_eq!(plan.phases[1].steps.iter().filter(|step| shrinks(&step.op)).count(), 4);
}

#[test]
fn what_cannot_be_read_is_not_made_again() {
    let stack = rich();
    let mut world = made(&stack);
    let key = world.keys.get_mut(&n("text")).unwrap();
    key.spec.aliases.clear();
    key.unread.insert("aliases".to_owned(), "denied".to_owned());
    let api = world.apis.get_mut(&n("api")).unwrap();
    api.usage_plans.clear();
    api.api_keys.clear();
    api.unread.insert("usage_plans".to_owned(), "denied".to_owned());
    assert!(plan(&stack, &world).unwrap().is_empty());
}

#[test]
fn without_versions_and_aliases_nobody_knows_which_roles_are_in_use() {
    let mut stack = rich();
    let mut world = made(&stack);
    let first = world.functions.get_mut(&n("first")).unwrap();
    first.unread.insert("aliases".to_owned(), "denied".to_owned());
    function_of(&mut stack, "first").spec.code.source = "2".to_owned();
    let found = problems(&stack, &world);
    assert!(
        found.iter().any(|found| found.starts_with("functions.first: its aliases could not be read")),
        "{found:?}"
    );
}

#[test]
fn a_stage_without_changes_is_left_alone() {
    let mut stack = rich();
    let world = made(&stack);
    api_of(&mut stack).settings.description = "new".to_owned();
    let plan = plan(&stack, &world).unwrap();
    let ops: Vec<&Op> = ops(&plan).into_iter().map(|(_, op)| op).collect();
    assert!(matches!(ops.as_slice(), [Op::Api { op: api::Op::Update { .. }, .. }]), "{ops:#?}");
}
