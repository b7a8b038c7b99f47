//! The consequence of a difference: the kinds of findings, and the severity of each of them.

use super::Rank;
use crate::access::{self, PolicyDocument, PolicyKind};
use crate::kinds::{Action, Change, Draft, Kind, Op, Without, World, function, key, role};
use crate::plan::original;
use crate::stack::desired::Desired;

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Effect {
    pub rank: Rank,
    /// The first part of the id of the finding.
    pub rule: &'static str,
    pub consequence: &'static str,
    pub remedy: &'static str,
}

const RESTORES: &str = "lockstep apply restores it";
const REMOVES: &str = "lockstep apply takes it away, or declare it in the stack file";

const fn effect(rank: Rank, rule: &'static str, consequence: &'static str, remedy: &'static str) -> Effect {
    Effect { rank, rule, consequence, remedy }
}

const MISSING_FUNCTION: Effect =
    effect(Rank::Breaks, "missing", "every request that reaches it fails", "lockstep apply makes it");
const MISSING_API: Effect = effect(Rank::Breaks, "missing", "every request fails", "lockstep apply makes it");
const MISSING: Effect =
    effect(Rank::Changed, "missing", "resources that depend on it will fail", "lockstep apply makes it");
const EXTRA: Effect =
    effect(Rank::Changed, "extra", "it costs, and may be used", "lockstep apply removes it, or declare it");
const LEFT: Effect = effect(
    Rank::Changed,
    "left-stand-in",
    "a run ended before it was done with renewing a grant of Lambda",
    "lockstep apply finishes it",
);
const UNDER: Effect = effect(
    Rank::Changed,
    "under-stand-in",
    "a run ended before it was done with renewing a grant of Lambda",
    "lockstep apply finishes it",
);
const NOT_INVOKED: Effect =
    effect(Rank::Breaks, "not-invoked", "requests that the API sends to it fail", RESTORES);
const MORE_ACCESS: Effect =
    effect(Rank::Security, "more-access", "more is allowed than the stack file says", REMOVES);
const MORE_INVOKE: Effect =
    effect(Rank::Security, "more-invoke", "others than the stack file says may invoke it", REMOVES);
const OTHER_ROLE: Effect =
    effect(Rank::Security, "other-role", "it runs with other rights than the stack file says", RESTORES);
const OTHER_CODE: Effect =
    effect(Rank::Security, "other-code", "code runs that this stack did not upload", RESTORES);
const OTHER_GUARD: Effect = effect(
    Rank::Security,
    "other-guard",
    "requests are let in by other rules than the stack file's",
    RESTORES,
);
const LESS_ACCESS: Effect =
    effect(Rank::Changed, "less-access", "less is allowed than the stack file says", RESTORES);
const PRINCIPAL_GONE: Effect = effect(
    Rank::Changed,
    "principal-gone",
    "a role re-created under that name has no access by it",
    "lockstep apply takes it away",
);
const CHANGED: Effect =
    effect(Rank::Changed, "changed", "it works differently than the stack file says", RESTORES);
/// The effect of steps that change no field: tags that record the deployed state, and versions that are published.
pub const KEPT: Effect = effect(Rank::Cosmetic, "kept", "no request is affected", RESTORES);
const COSMETIC: Effect = effect(Rank::Cosmetic, "cosmetic", "no request is affected", RESTORES);

/// Returns the effect of a resource that is missing, or that the stack does not want.
pub fn of_whole(draft: &Draft) -> Option<Effect> {
    match draft.action {
        Action::Create => Some(missing(draft.resource.kind)),
        Action::Delete if original(&draft.resource.name).is_some() => Some(LEFT),
        Action::Delete => Some(EXTRA),
        Action::Update | Action::Replace => None,
    }
}

/// Returns the effect of one difference between two states of a resource.
pub fn of(desired: &Desired, world: &World, draft: &Draft, change: &Change) -> Effect {
    if is_cosmetic(&change.field) {
        return COSMETIC;
    }
    match &draft.op {
        Op::Key { name, op: key::Op::PutPolicy { policy } } => match world.keys.get(name) {
            Some(seen) => key_policy(desired, &seen.spec.policy, policy),
            None => CHANGED,
        },
        Op::Role { name, op } => role(desired, world, (world.roles.get(name), op)),
        Op::Function { name, op } => {
            let seen = world.functions.get(name);
            let runs_as = seen.map(|seen| seen.config.role.as_str());
            let under = world.roles.iter().find(|(_, role)| Some(role.spec.arn.as_str()) == runs_as);
            if change.field == "role" && under.is_some_and(|(role, _)| original(role).is_some()) {
                return UNDER;
            }
            let wanted = desired.functions.get(name).map(|want| want.spec.code.source.as_str());
            let recorded = seen.and_then(|seen| seen.marks.source.as_deref());
            function(op, change, recorded.is_some() && recorded == wanted)
        }
        Op::Api { .. } if guards(change) => OTHER_GUARD,
        Op::Api { .. } | Op::Key { .. } | Op::LogGroup { .. } | Op::Domain { .. } => CHANGED,
    }
}

const fn missing(kind: Kind) -> Effect {
    match kind.without() {
        Without::NoRequestsToIt => MISSING_FUNCTION,
        Without::NoRequests => MISSING_API,
        Without::NoDependents => MISSING,
    }
}

fn is_cosmetic(field: &str) -> bool {
    ["description", "tags", "stage.description", "stage.tags"].contains(&field) || field.starts_with("tags.")
}

fn key_policy(desired: &Desired, seen: &PolicyDocument, wanted: &PolicyDocument) -> Effect {
    let without_dead = key::policy::widened(&PolicyDocument::new([]), seen, |principal| {
        !matches!(principal, access::Principal::UniqueId(_))
    });
    let more = direction(seen, wanted, PolicyKind::Key { partition: &desired.place.partition });
    let dead = !key::policy::dead_ids(seen).is_empty();
    let alive = direction(&without_dead, wanted, PolicyKind::Key { partition: &desired.place.partition });
    if dead && more == MORE_ACCESS && alive != MORE_ACCESS { PRINCIPAL_GONE } else { more }
}

/// Returns the effect of two policies that differ, by which one allows more; `seen` is the one that AWS has.
fn direction(seen: &PolicyDocument, wanted: &PolicyDocument, kind: PolicyKind<'_>) -> Effect {
    match access::compare(seen, wanted, kind).1 {
        access::Change::None => COSMETIC,
        access::Change::Widens => LESS_ACCESS,
        access::Change::Narrows | access::Change::Mixed => MORE_ACCESS,
    }
}

fn role(desired: &Desired, world: &World, (seen, op): (Option<&role::Seen>, &role::Op)) -> Effect {
    match op {
        role::Op::PutTrust { trust } => match seen {
            Some(seen) => {
                direction(&seen.spec.trust, trust, PolicyKind::Trust { partition: &desired.place.partition })
            }
            None => CHANGED,
        },
        role::Op::DeleteInline { policy }
            if seen.and_then(|seen| seen.spec.inline.get(policy)).is_some_and(only_denies) =>
        {
            LESS_ACCESS
        }
        role::Op::Detach { arn } if world.managed_documents.get(arn).is_some_and(only_denies) => LESS_ACCESS,
        role::Op::PutInline { policy, document } => {
            match seen.and_then(|seen| seen.spec.inline.get(policy)) {
                Some(has) => direction(has, document, PolicyKind::Identity),
                None => LESS_ACCESS,
            }
        }
        role::Op::Attach { .. } | role::Op::DeleteBoundary => LESS_ACCESS,
        role::Op::Detach { .. } | role::Op::DeleteInline { .. } | role::Op::PutBoundary { .. } => MORE_ACCESS,
        _ => CHANGED,
    }
}

/// Returns whether a policy only denies, so that its removal would give access back.
fn only_denies(policy: &PolicyDocument) -> bool {
    !policy.statements().is_empty()
        && policy.statements().iter().all(|statement| statement.effect == access::Effect::Deny)
}

fn function(op: &function::Op, change: &Change, recorded_as_wanted: bool) -> Effect {
    match op {
        function::Op::RemovePermission { .. } => MORE_INVOKE,
        function::Op::AddPermission { .. } => NOT_INVOKED,
        function::Op::Configure { .. } if change.field == "role" => OTHER_ROLE,
        // The tags say that the wanted code was uploaded, but the function has other code.
        function::Op::UpdateCode { .. } if change.field == "code" && recorded_as_wanted => OTHER_CODE,
        _ => CHANGED,
    }
}

/// Returns whether a field of an API decides who may call it.
fn guards(change: &Change) -> bool {
    let Change { field, before: _, after } = change;
    let of_route = ["authorization", "authorizer", "scopes", "api_key_required"];
    let last = field.rsplit('.').next().unwrap_or(field);
    match field.as_str() {
        "policy" | "disable_execute_api" => true,
        _ if field.starts_with("authorizers.") => true,
        _ if field.starts_with("routes ") => after.is_none() || of_route.contains(&last),
        _ => false,
    }
}
