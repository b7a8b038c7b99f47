//! Gates: the conditions that must be met before a plan takes anything away, and the rollback if they are not.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Step;
use crate::kinds::{Action, Kind, Name, Op, ResourceId, World, function, key, role};
use crate::stack::desired::{Desired, Probe};

/// Conditions to wait for between phases, or after the last phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Probes that must succeed, by function.
    pub probes: Vec<(Name, Probe)>,
    /// Seconds until the last request under an old role has ended: the longest timeout of its functions plus the time
    /// that they may take to start.
    pub drain: u32,
    /// The rollback if a probe fails.
    pub rollback: Vec<Rollback>,
}

/// The rollback of one function: to the role, the settings and the versions that it had before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollback {
    /// The function.
    pub function: Name,
    /// ARN of the role that it returns to.
    pub role: String,
    /// Operations, in order.
    pub ops: Vec<Op>,
}

/// The gates of a plan.
pub struct Gates {
    /// The gate before the narrowing phase.
    pub before_narrowing: Option<Gate>,
    /// The gate after a plan that only widens.
    pub proof: Option<Gate>,
}

/// The input from which gates are derived.
pub struct GateContext<'a> {
    /// The stack.
    pub desired: &'a Desired,
    /// The world before the plan or, if `seen` is false, before this part of it.
    pub world: &'a World,
    /// `true` if this world was observed; otherwise the plan leads to it, and version numbers are not known.
    pub seen: bool,
    /// Every resource that the plan changes.
    pub touched: &'a BTreeSet<ResourceId>,
}

/// Returns the gates between the widening and the narrowing steps.
pub fn gates(context: &GateContext<'_>, (widen, narrow): (&[Step], &[Step]), drain: u32) -> Gates {
    let probes = probes(context);
    let rollback = rollback(context, widen);
    let takes_use = narrow.iter().any(takes_use);
    let before_narrowing = Gate { probes: probes.clone(), drain, rollback: rollback.clone() };
    let wanted = takes_use || !widen.is_empty();
    Gates {
        before_narrowing: (wanted && !before_narrowing.is_idle()).then_some(before_narrowing),
        proof: (!probes.is_empty()).then_some(Gate { probes, drain: 0, rollback }),
    }
}

impl Gate {
    fn is_idle(&self) -> bool {
        self.probes.is_empty() && self.drain == 0
    }
}

/// Lists the probes of every function that is touched or has a touched key or role, and of all functions if an API is
/// touched.
fn probes(context: &GateContext<'_>) -> Vec<(Name, Probe)> {
    let touched = |kind, name: &Name| context.touched.contains(&ResourceId::new(kind, name));
    let affected = context.desired.functions.iter().filter(|(name, want)| {
        let role = context.desired.role_by_arn(&want.spec.config.role);
        touched(Kind::Function, name)
            || want.uses.keys().any(|key| touched(Kind::Key, key))
            || role.is_some_and(|role| touched(Kind::Role, role))
            || context.desired.apis.keys().any(|api| touched(Kind::Api, api))
    });
    affected.filter_map(|(name, want)| Some((name.clone(), want.probe.clone()?))).collect()
}

/// Returns whether a step takes permissions from a role that a function may rely on.
fn takes_use(step: &Step) -> bool {
    match &step.op {
        Op::Key { op: key::Op::PutPolicy { .. }, .. } => {
            step.access.iter().any(|change| !change.loses.is_empty())
        }
        Op::Role {
            op: role::Op::PutBoundary { .. } | role::Op::Detach { .. } | role::Op::DeleteInline { .. },
            ..
        } => true,
        _ => false,
    }
}

/// Lists the steps, by index, that remove changes made by hand: policies and trust policies of roles, permissions of
/// functions, statements of key policies. A step that takes access to a key from the role of a live function is not one
/// of these, even if the stack file no longer grants that access.
pub fn cleanup(world: &World, narrow: &[Step]) -> BTreeSet<usize> {
    let live: BTreeSet<&str> = world.functions.values().flat_map(function::Seen::live_roles).collect();
    let runs = |principal: &str| {
        let mut roles = world.roles.iter().filter(|(_, role)| live.contains(role.spec.arn.as_str()));
        live.contains(principal) || roles.any(|(name, _)| name.as_str() == principal)
    };
    let cleans = |step: &Step| match &step.op {
        Op::Role { op, .. } => matches!(
            op,
            role::Op::PutTrust { .. }
                | role::Op::PutBoundary { .. }
                | role::Op::Detach { .. }
                | role::Op::PutInline { .. }
                | role::Op::DeleteInline { .. }
        ),
        Op::Function { op, .. } => matches!(op, function::Op::RemovePermission { .. }),
        Op::Key { op: key::Op::PutPolicy { .. }, .. } => {
            !step.access.iter().any(|change| !change.loses.is_empty() && runs(&change.principal))
        }
        Op::Key { .. } | Op::LogGroup { .. } | Op::Api { .. } | Op::Domain { .. } => false,
    };
    let found = narrow.iter().enumerate().filter(|(_, step)| step.action == Action::Update && cleans(step));
    found.map(|(place, _)| place).collect()
}

/// Returns the seconds to wait until every request that began under an old role has ended: at the latest after the
/// start and the timeout of its function.
pub fn drain(context: &GateContext<'_>, narrow: &[Step]) -> u32 {
    let mut seconds = 0;
    for step in narrow.iter().filter(|step| takes_use(step)) {
        for (name, seen) in &context.world.functions {
            // A function that is being deleted does not serve anyone any more.
            let Some(want) = context.desired.functions.get(name) else { continue };
            let uses_key = match &step.op {
                Op::Key { name: key, .. } => want.uses.contains_key(key),
                Op::Role { name: role, .. } => context
                    .world
                    .roles
                    .get(role)
                    .is_some_and(|role| seen.live_roles().contains(role.spec.arn.as_str())),
                _ => false,
            };
            if uses_key {
                // A request that arrived right before the change may have had to start the function first.
                seconds = seconds.max(seen.config.timeout + context.desired.place.longest_init);
            }
        }
    }
    seconds
}

fn updates_code(function: &Name, widen: &[Step]) -> bool {
    widen.iter().any(
        |step| matches!(&step.op, Op::Function { name, op: function::Op::UpdateCode { .. } } if name == function),
    )
}

fn rollback(context: &GateContext<'_>, widen: &[Step]) -> Vec<Rollback> {
    let moved = widen.iter().filter_map(|step| match &step.op {
        Op::Function { name, op: function::Op::Configure { config } } => {
            let before = context.world.functions.get(name)?;
            (before.config.role != config.role).then_some((name, config, before))
        }
        _ => None,
    });
    let mut ways: Vec<Rollback> = moved
        .map(|(name, config, before)| {
            // New code may need its new settings, and variables that could not be read cannot be restored.
            let config = if updates_code(name, widen) || !before.unread.is_empty() {
                function::Config { role: before.config.role.clone(), ..config.clone() }
            } else {
                before.config.clone()
            };
            let op = function::Op::Configure { config };
            Rollback {
                function: name.clone(),
                role: before.config.role.clone(),
                ops: vec![Op::Function { name: name.clone(), op }],
            }
        })
        .collect();
    // Aliases carry the traffic, so they are rolled back first.
    for step in widen {
        let Op::Function { name, op: function::Op::MoveAlias { alias, .. } } = &step.op else { continue };
        let Some(before) = context.world.functions.get(name) else { continue };
        let Some(has) = before.aliases.get(alias) else { continue };
        let of_function = |op| Op::Function { name: name.clone(), op };
        if !context.seen {
            let latest =
                function::Alias { version: function::Version::Latest, additional: has.additional.clone() };
            if let Some(way) = ways.iter_mut().find(|way| way.function == *name) {
                way.ops.push(of_function(function::Op::Publish));
                way.ops.push(of_function(function::Op::MoveAlias { alias: alias.clone(), target: latest }));
            }
            continue;
        }
        let target = function::Alias {
            version: function::Version::Number(has.version.clone()),
            additional: has.additional.clone(),
        };
        let op = of_function(function::Op::MoveAlias { alias: alias.clone(), target });
        match ways.iter_mut().find(|way| way.function == *name) {
            Some(way) => way.ops.insert(0, op),
            None => ways.push(Rollback {
                function: name.clone(),
                role: before.config.role.clone(),
                ops: vec![op],
            }),
        }
    }
    ways
}
