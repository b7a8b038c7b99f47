//! Makes a live function wait, before it changes, until the policies of its keys are in effect everywhere.

use crate::kinds::{Action, Draft, Edge, Kind, Name, Op, Target, World, function, key};
use crate::kinds::{ResourceId, step::Aspect};
use crate::stack::desired::{Desired, FunctionWant};

/// Makes a function that serves traffic wait for the policies of the keys that it uses.
///
/// A policy takes effect some time after it was put, and no read shows when. A run that died after putting a policy
/// leaves one that reads correctly but may not be in effect yet, and a read may still show a policy that has been
/// replaced. So where a function changes to another role, the policy is always put and waited for. Nothing is waited
/// for if the function cannot work now anyway.
pub fn before_moves(desired: &Desired, world: &World, wide: &Target, drafts: &mut Vec<Draft>) {
    let moving = desired.functions.iter().filter(|(name, _)| drafts.iter().any(|draft| starts(draft, name)));
    let keys = moving.flat_map(|(name, want)| {
        let moves = moves(world, name, want, drafts);
        let waits = |key: &&Name| works(world, name, key) && (moves || puts_policy(drafts, key));
        want.uses.keys().filter(waits).cloned().collect::<Vec<_>>()
    });
    let mut keys: Vec<Name> = keys.collect();
    keys.sort();
    keys.dedup();
    for name in keys {
        let Some(spec) = wide.keys.get(&name) else { continue };
        let draft = |op| {
            let op = Op::Key { name: name.clone(), op };
            Draft::new(ResourceId::new(Kind::Key, &name), op, Action::Update)
        };
        let policy = spec.policy.clone();
        if !puts_policy(drafts, &name) {
            let put = draft(key::Op::PutPolicy { policy: policy.clone() });
            drafts.push(put.gives(Aspect::KeyPolicy));
        }
        drafts.push(
            draft(key::Op::AwaitPolicy { policy })
                .needs(Edge::PutBeforeAwait, Aspect::KeyPolicy)
                .gives(Aspect::KeyPolicy),
        );
    }
}

/// Returns whether a step changes the code, configuration or version that traffic runs on.
fn starts(draft: &Draft, function: &Name) -> bool {
    let Op::Function { name, op } = &draft.op else { return false };
    name == function
        && matches!(
            op,
            function::Op::Configure { .. } | function::Op::UpdateCode { .. } | function::Op::MoveAlias { .. }
        )
}

fn moves(world: &World, function: &Name, want: &FunctionWant, drafts: &[Draft]) -> bool {
    let seen = world.functions.get(function);
    let by_alias = |draft: &Draft| matches!(&draft.op, Op::Function { name, op: function::Op::MoveAlias { .. } } if name == function);
    seen.is_some_and(|seen| seen.live_roles().iter().any(|role| *role != want.spec.config.role))
        || drafts.iter().any(by_alias)
}

fn puts_policy(drafts: &[Draft], key: &Name) -> bool {
    drafts
        .iter()
        .any(|draft| matches!(&draft.op, Op::Key { name, op: key::Op::PutPolicy { .. } } if name == key))
}

/// Returns whether the key policy names a role that traffic runs under now.
fn works(world: &World, function: &Name, key: &Name) -> bool {
    let (Some(function), Some(key)) = (world.functions.get(function), world.keys.get(key)) else {
        return false;
    };
    let named = key::policy::named_arns(&key.spec.policy);
    !key.unread.contains_key("policy") && function.live_roles().iter().any(|role| named.contains(role))
}
