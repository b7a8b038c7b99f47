//! Steps that restore access by taking something away: a policy that denies, or a boundary that restricts.
//!
//! The evaluator decides whether a step narrows, based on the worlds before and after it, not on whether something is
//! removed. A step that lifts a denial from a function that serves traffic goes first, because a probe cannot succeed
//! before it.

use crate::access::{Effect, PolicyDocument};
use crate::kinds::{Draft, Name, Op, World, role};
use crate::stack::desired::Desired;

use super::invariant;
use super::prove::{AccessContext, Evidence};

/// Moves steps that lift denials from a role into the widening phase, if together they restore access to a function and
/// no declared use is lost by them.
pub fn denials_first(desired: &Desired, world: &World, drafts: &mut [Draft]) {
    let evidence = Evidence::default();
    let gaps = |world: &World| invariant::gaps(AccessContext { desired, world, evidence: &evidence });
    let before = gaps(world);
    if before.is_empty() {
        return;
    }
    for (name, seen) in &world.roles {
        if !before.iter().any(|gap| gap.role == seen.spec.arn) {
            continue;
        }
        let mut after = world.clone();
        let lifts = |draft: &Draft| draft.narrows && lifts_denial(world, (name, seen), &draft.op);
        let applied = drafts.iter().filter(|draft| lifts(draft)).all(|draft| after.apply(&draft.op).is_ok());
        let left = gaps(&after);
        let lost = left.iter().any(|gap| !before.contains(gap));
        if !applied || lost || left.len() >= before.len() {
            continue;
        }
        for draft in drafts.iter_mut().filter(|draft| lifts(draft)) {
            draft.narrows = false;
        }
    }
}

/// Returns whether an operation removes a policy with a denial from a role, or changes its boundary.
fn lifts_denial(world: &World, (name, seen): (&Name, &role::Seen), op: &Op) -> bool {
    let Op::Role { name: changed, op } = op else { return false };
    let denies = |policy: &PolicyDocument| {
        policy.statements().iter().any(|statement| statement.effect == Effect::Deny)
    };
    changed == name
        && match op {
            role::Op::DeleteInline { policy } => seen.spec.inline.get(policy).is_some_and(denies),
            role::Op::Detach { arn } => world.managed_documents.get(arn).is_some_and(denies),
            role::Op::PutBoundary { .. } => true,
            _ => false,
        }
}
