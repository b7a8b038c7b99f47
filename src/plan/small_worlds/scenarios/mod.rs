//! Scenarios that lead from one rich stack to another, each of which depends on some order of its steps.

mod apis;
mod domains;
mod keys;

use std::collections::BTreeMap;

use super::fixtures::{empty, function, log_group, permission, role, role_arn, uri};
use super::made;
use super::rich::{function_of, key_of, n, rich, rich_api};

use crate::access::{PolicyDocument, Statement};
use crate::kinds::api::Part;
use crate::kinds::{World, ids};
use crate::stack::desired::Desired;

use apis::redeploy;
pub use apis::*;
pub use domains::*;
pub use keys::*;

/// A change from one stack to another.
pub struct Scenario {
    pub name: &'static str,
    pub from: Desired,
    pub to: Desired,
    /// The changes that happened to the world of the first stack in the meantime.
    pub drift: fn(&mut World),
}

impl Scenario {
    /// Returns the world in which the scenario starts.
    pub fn start(&self) -> World {
        let mut world = made(&self.from);
        (self.drift)(&mut world);
        world
    }
}

/// Returns a scenario from the rich stack to the result of `change`.
fn changed(name: &'static str, change: impl FnOnce(&mut Desired)) -> Scenario {
    between(name, |_| (), change)
}

/// Returns a scenario between two variants of the rich stack.
fn between(
    name: &'static str,
    before: impl FnOnce(&mut Desired),
    after: impl FnOnce(&mut Desired),
) -> Scenario {
    let (mut from, mut to) = (rich(), rich());
    before(&mut from);
    after(&mut to);
    Scenario { name, from, to, drift: |_| () }
}

/// Returns a scenario back to the rich stack after its world has changed.
fn drifted(name: &'static str, drift: fn(&mut World)) -> Scenario {
    Scenario { drift, ..changed(name, |_| ()) }
}

/// Moves a function to another role of the stack.
fn swap(stack: &mut Desired, function: &str, to: &str) {
    stack.roles.entry(to.into()).or_insert_with(|| role(to));
    function_of(stack, function).spec.config.role = role_arn(to);
}

pub fn creation() -> Scenario {
    Scenario { name: "everything is made", from: empty(), to: rich(), drift: |_| () }
}

pub fn destruction() -> Scenario {
    Scenario { name: "everything goes", from: rich(), to: empty(), drift: |_| () }
}

pub fn role_swap() -> Scenario {
    changed("a function moves to a new role, and the old one goes", |to| {
        swap(to, "first", "c");
        to.roles.remove(&n("a"));
    })
}

/// A scenario in which traffic through an alias stays on the old version and its role until the alias is deleted.
pub fn alias_dropped() -> Scenario {
    changed("a function moves to a new role and loses its alias", |to| {
        swap(to, "first", "c");
        to.roles.remove(&n("a"));
        let first = &mut function_of(to, "first").spec;
        first.aliases.clear();
        first.permissions = BTreeMap::from([("api".to_owned(), permission("api", None))]);
        let mut plain = rich_api();
        for part in plain.parts.values_mut() {
            if let Part::Method(method) = part {
                method.integration.uri = Some(uri("first"));
            }
        }
        redeploy(&mut plain, "plain");
        to.apis.insert("api".into(), plain);
    })
}

/// A scenario in which a run stopped before the alias moved, and someone removed the new role from the key policy.
pub fn alias_behind() -> Scenario {
    let drift = |world: &mut World| {
        let policy = made(&rich()).keys.remove(&n("text")).unwrap().spec.policy;
        world.keys.get_mut(&n("text")).unwrap().spec.policy = policy;
        let first = world.functions.get_mut(&n("first")).unwrap();
        let new = first.versions["1"].clone();
        first.versions.get_mut("1").unwrap().config.role = role_arn("a");
        first.versions.insert("2".to_owned(), new);
    };
    let swapped = |stack: &mut Desired| swap(stack, "first", "c");
    Scenario { drift, ..between("an alias follows to a role that lost its access", swapped, swapped) }
}

pub fn code_and_configuration() -> Scenario {
    changed("a function gets new code that reads a new variable", |to| {
        let first = &mut function_of(to, "first").spec;
        first.code.source = "2".to_owned();
        first.config.env.insert("NEW".to_owned(), "1".to_owned());
    })
}

pub fn code_by_alias() -> Scenario {
    let drift = |world: &mut World| world.keys.get_mut(&n("token")).unwrap().spec.aliases.clear();
    let code = |to: &mut Desired| function_of(to, "second").spec.code.source = "2".to_owned();
    Scenario { drift, ..changed("new code finds its key by an alias that somebody deleted", code) }
}

pub fn role_gone() -> Scenario {
    drifted("somebody deleted a role", |world| {
        let arn = "arn:aws:iam::aws:policy/service-role/Basic".to_owned();
        for op in [crate::kinds::role::Op::Detach { arn }, crate::kinds::role::Op::Delete] {
            world.apply(&crate::kinds::Op::Role { name: "b".into(), op }).unwrap();
        }
    })
}

/// Deletes a role by hand, so that only its ID remains in key policies.
fn delete_role(world: &mut World, name: &str) -> crate::kinds::role::Seen {
    let role = world.roles.remove(&n(name)).unwrap();
    for key in world.keys.values_mut() {
        crate::kinds::key::policy::replace_arn_with_unique_id(
            &mut key.spec.policy,
            &role.spec.arn,
            &role.role_id,
        );
    }
    role
}

/// Deletes a role by hand and re-creates it, identical except for its ID.
fn recreate(world: &mut World, name: &str) {
    let role = delete_role(world, name);
    world
        .roles
        .insert(name.into(), crate::kinds::role::Seen { role_id: format!("id of another {name}"), ..role });
}

pub fn role_recreated() -> Scenario {
    drifted("somebody re-created a role that traffic runs under by an alias", |world| recreate(world, "a"))
}

pub fn roles_recreated() -> Scenario {
    let way = between(
        "somebody re-created two roles, one behind an environment, and new code comes",
        |from| drop(function_of(from, "second").spec.config.env.insert("KEY".to_owned(), "k".to_owned())),
        |to| {
            function_of(to, "second").spec.config.env.insert("KEY".to_owned(), "k".to_owned());
            function_of(to, "second").spec.code.source = "2".to_owned();
        },
    );
    let drift = |world: &mut World| ["a", "b"].into_iter().for_each(|name| recreate(world, name));
    Scenario { drift, ..way }
}

pub fn role_recreated_without_environment() -> Scenario {
    drifted("somebody re-created a role that Lambda holds no grant for", |world| recreate(world, "b"))
}

/// A scenario in which someone began the repair by hand.
pub fn role_recreated_and_moved() -> Scenario {
    let drift = |world: &mut World| {
        recreate(world, "a");
        world.functions.get_mut(&n("first")).unwrap().config.role = role_arn("b");
    };
    Scenario { drift, ..drifted("somebody re-created a role and moved its function, not the alias", |_| ()) }
}

/// A scenario in which there was no grant to lose until now.
pub fn role_recreated_and_environment() -> Scenario {
    let drift = |world: &mut World| recreate(world, "b");
    let env = |to: &mut Desired| {
        drop(function_of(to, "second").spec.config.env.insert("KEY".to_owned(), "k".to_owned()))
    };
    Scenario { drift, ..changed("somebody re-created a role, and its function gets an environment", env) }
}

/// A scenario with statements that name the role, in a key policy and in a trust policy.
pub fn role_recreated_with_statements() -> Scenario {
    let named = |stack: &mut Desired| {
        let arn = role_arn("a");
        let key = &mut key_of(stack, "token").spec;
        let more =
            Statement::allow("More").principal_aws([arn.clone()]).actions(["kms:Verify"]).resource("*");
        key.policy =
            PolicyDocument::new(key.policy.statements().iter().cloned().chain([more]).collect::<Vec<_>>());
        let trust = &mut stack.roles.get_mut(&n("b")).unwrap().trust;
        let assume = Statement::allow("Assume").principal_aws([arn]).actions(["sts:AssumeRole"]);
        *trust = PolicyDocument::new(trust.statements().iter().cloned().chain([assume]).collect::<Vec<_>>());
    };
    let drift = |world: &mut World| recreate(world, "a");
    Scenario { drift, ..between("somebody re-created a role that statements name", named, named) }
}

/// A scenario in which another function changes to another role at the same time, and its old role is deleted.
pub fn role_recreated_and_other_swap() -> Scenario {
    let drift = |world: &mut World| recreate(world, "a");
    let way = changed("somebody re-created a role, and another function moves on", |to| {
        swap(to, "second", "c");
        to.roles.remove(&n("b"));
    });
    Scenario { drift, ..way }
}

pub fn role_recreated_and_swap() -> Scenario {
    let drift = |world: &mut World| recreate(world, "a");
    Scenario { drift, name: "somebody re-created a role, and the function moves on", ..role_swap() }
}

pub fn role_gone_with_environment() -> Scenario {
    drifted("somebody deleted a role that traffic runs under by an alias", |world| {
        delete_role(world, "a");
    })
}

fn add_third(to: &mut Desired, uses: &[&str]) {
    to.roles.insert("third".into(), role("third"));
    to.log_groups.insert("third".into(), log_group("third"));
    to.functions.insert("third".into(), function("third", "third", uses));
}

pub fn address_known() -> Scenario {
    let mut to = rich();
    add_third(&mut to, &[]);
    function_of(&mut to, "third").spec.config.env.insert("URL".to_owned(), ids::to("apis.api.url"));
    Scenario { name: "everything is made, and a function calls the API", to, ..creation() }
}

pub fn function_added() -> Scenario {
    changed("a function comes, with a role of its own", |to| add_third(to, &[]))
}

pub fn function_joined() -> Scenario {
    changed("a function comes, under a role that is there", |to| {
        add_third(to, &[]);
        to.roles.remove(&n("third"));
        swap(to, "third", "b");
    })
}

pub fn function_removed() -> Scenario {
    let third = |stack: &mut Desired| add_third(stack, &["text", "token"]);
    between("a function goes, with its role and log group", third, |_| ())
}

pub fn role_unused() -> Scenario {
    let spare = |stack: &mut Desired| drop(stack.roles.insert("spare".into(), role("spare")));
    between("a role goes that nobody used", spare, |_| ())
}

pub fn role_narrowed() -> Scenario {
    let wider = |stack: &mut Desired| {
        let role = stack.roles.get_mut(&n("a")).unwrap();
        role.managed.insert("arn:aws:iam::aws:policy/More".to_owned());
        let more = Statement::allow("More").actions(["s3:GetObject"]).resource("*");
        let edge = Statement::allow("Edge")
            .principal_service(["edgelambda.amazonaws.com"])
            .actions(["sts:AssumeRole"]);
        role.inline.insert("more".to_owned(), PolicyDocument::new([more.clone()]));
        for (policy, statement) in [(role.inline.get_mut("own").unwrap(), more), (&mut role.trust, edge)] {
            let statements = policy.statements().iter().cloned().chain([statement]);
            *policy = PolicyDocument::new(statements.collect::<Vec<_>>());
        }
    };
    let code = |to: &mut Desired| function_of(to, "first").spec.code.source = "2".to_owned();
    between("new code gets along with less", wider, code)
}

pub fn role_widened() -> Scenario {
    changed("a new variable needs a new policy of the role", |to| {
        let role = to.roles.get_mut(&n("b")).unwrap();
        role.managed.insert("arn:aws:iam::aws:policy/More".to_owned());
        function_of(to, "second").spec.config.env.insert("NEW".to_owned(), "1".to_owned());
    })
}

/// Lists all scenarios.
pub fn all() -> Vec<Scenario> {
    vec![
        domain_added(),
        domain_follows_its_stage(),
        domain_removed_with_its_api(),
        domain_removed(),
        creation(),
        destruction(),
        role_swap(),
        alias_dropped(),
        alias_behind(),
        code_and_configuration(),
        code_by_alias(),
        role_gone(),
        role_gone_with_environment(),
        role_recreated(),
        role_recreated_without_environment(),
        key_pending(),
        rotation_of_disabled(),
        new_user_of_disabled(),
        logs_of_disabled(),
        logs_encrypted(),
        address_known(),
        function_added(),
        function_joined(),
        log_added(),
        plan_added(),
        plan_renamed(),
        keys_swapped_between_plans(),
        key_moved_between_plans(),
        route_added(),
        parts_removed(),
        method_opened(),
        deployments_pruned(),
        stage_renamed(),
        stage_renamed_without_plan(),
        api_removed(),
        function_removed(),
        role_unused(),
        key_removed(),
        key_alias_moved(),
        key_alias_moved_and_role(),
        key_replaced_and_role(),
        key_replaced(),
        role_narrowed(),
        role_widened(),
    ]
}
