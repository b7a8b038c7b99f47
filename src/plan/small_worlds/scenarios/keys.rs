//! Scenarios for keys and their aliases.

use std::collections::BTreeSet;

use super::super::fixtures;
use super::super::rich::{function_of, key_of, key_with_alias, logs_may_use, n};
use super::{Scenario, add_third, between, changed, drifted, swap};
use crate::access::{PolicyDocument, Statement};
use crate::kinds::key::State;
use crate::kinds::{World, ids};
use crate::stack::desired::Desired;

pub fn key_pending() -> Scenario {
    drifted("a key is pending deletion", |world| {
        let key = world.keys.get_mut(&n("text")).unwrap();
        key.state = State::PendingDeletion(None);
        key.spec.enabled = false;
        key.spec.rotation = None;
        key.spec.description = "old".to_owned();
        key.spec.aliases.clear();
        key.spec.policy = fixtures::key().spec.policy;
    })
}

fn disable_token(world: &mut World) {
    let key = world.keys.get_mut(&n("token")).unwrap();
    key.state = State::Disabled;
    key.spec.enabled = false;
}

pub fn rotation_of_disabled() -> Scenario {
    let rotated = |to: &mut Desired| key_of(to, "token").spec.rotation = Some(90);
    Scenario { drift: disable_token, ..changed("a disabled key is enabled to rotate", rotated) }
}

pub fn new_user_of_disabled() -> Scenario {
    let third = |to: &mut Desired| add_third(to, &["token"]);
    Scenario { drift: disable_token, ..changed("a new function uses a key that was disabled", third) }
}

pub fn logs_of_disabled() -> Scenario {
    let keyed = |stack: &mut Desired| logs_may_use(key_of(stack, "token"));
    let logs = |to: &mut Desired| {
        keyed(to);
        encrypt_logs(to);
    };
    Scenario {
        drift: disable_token,
        ..between("logs are encrypted with a key that was disabled", keyed, logs)
    }
}

pub fn logs_encrypted() -> Scenario {
    changed("logs are encrypted with a key that did not know them", |to| {
        logs_may_use(key_of(to, "token"));
        encrypt_logs(to);
    })
}

fn encrypt_logs(to: &mut Desired) {
    to.log_groups.get_mut(&n("second")).unwrap().kms_key = Some(ids::to("keys.token.arn"));
}

pub fn key_removed() -> Scenario {
    let third = |stack: &mut Desired| {
        stack.keys.insert("third".into(), key_with_alias("third"));
        add_third(stack, &["third"]);
    };
    between("a function goes, with the key that only it used", third, |_| ())
}

pub fn key_alias_moved() -> Scenario {
    changed("a function goes on with another key under the old alias", alias_moves)
}

pub fn key_alias_moved_and_role() -> Scenario {
    changed("a function goes on with another key under the old alias, and with another role", |to| {
        alias_moves(to);
        swap(to, "first", "c");
    })
}

fn alias_moves(to: &mut Desired) {
    let alias = "alias/s-e-text".to_owned();
    key_of(to, "text").spec.aliases = BTreeSet::from(["alias/s-e-old".to_owned()]);
    key_of(to, "token").spec.aliases.insert(alias);
    let uses = &mut function_of(to, "first").uses;
    let actions = uses.remove(&n("text")).unwrap();
    uses.insert("token".into(), actions);
}

pub fn key_replaced() -> Scenario {
    changed("a function moves to a new key under the old alias, and the old key goes", key_goes)
}

pub fn key_replaced_and_role() -> Scenario {
    changed("a function moves to a new key under the old alias, and to another role", |to| {
        key_goes(to);
        swap(to, "first", "c");
    })
}

fn key_goes(to: &mut Desired) {
    let mut fresh = to.keys.remove(&n("text")).unwrap();
    fresh.spec.description = "fresh".to_owned();
    to.keys.insert("fresh".into(), fresh);
    let arn = ids::to("keys.fresh.arn");
    to.log_groups.get_mut(&n("first")).unwrap().kms_key = Some(arn.clone());
    let own = Statement::allow("Own").actions(["kms:Decrypt"]).resource(arn.clone());
    to.roles.get_mut(&n("a")).unwrap().inline.insert("own".to_owned(), PolicyDocument::new([own]));
    let first = function_of(to, "first");
    first.spec.config.env.insert("KEY".to_owned(), arn);
    let actions = first.uses.remove(&n("text")).unwrap();
    first.uses.insert("fresh".into(), actions);
}
