//! What must be seen before a plan takes anything away, and the way back where it is not.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Step;
use crate::kinds::{Action, Kind, Name, Op, ResourceId, World, function, key, role};
use crate::stack::desired::{Desired, Probe};

/// Conditions that are waited for between phases, or after the last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Probes that must succeed, by function.
    pub probes: Vec<(Name, Probe)>,
    /// Seconds until the last request under an old role is over: the longest timeout of its functions, and the
    /// time that they may take to start.
    pub drain: u32,
    /// What is done when a probe fails.
    pub rollback: Vec<Rollback>,
}

/// The way back for one function: to the role, the settings and the versions that it ran under before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollback {
    /// The function.
    pub function: Name,
    /// ARN of the role that it goes back to.
    pub role: String,
    /// Operations, one after the other.
    pub ops: Vec<Op>,
}

/// The gates of a plan.
pub struct Gates {
    /// Before the narrowing phase.
    pub before_narrowing: Option<Gate>,
    /// After a plan that only widens.
    pub proof: Option<Gate>,
}

/// What gates are made from.
pub struct Surroundings<'a> {
    /// What the stack wants.
    pub desired: &'a Desired,
    /// What AWS has.
    pub world: &'a World,
    /// Whether that was seen; otherwise it is what the plan makes, and the numbers of versions are not known.
    pub seen: bool,
    /// Every resource that the plan changes.
    pub touched: &'a BTreeSet<ResourceId>,
}

/// Makes the gates between the widening and the narrowing steps.
pub fn gates(around: &Surroundings<'_>, (widen, narrow): (&[Step], &[Step]), drain: u32) -> Gates {
    let probes = probes(around);
    let rollback = rollback(around, widen);
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

/// Every function that is touched, uses something that is, or is called by an API that is.
fn probes(around: &Surroundings<'_>) -> Vec<(Name, Probe)> {
    let touched = |kind, name: &Name| around.touched.contains(&ResourceId::new(kind, name));
    let affected = around.desired.functions.iter().filter(|(name, want)| {
        let role = around.desired.role_by_arn(&want.spec.config.role);
        touched(Kind::Function, name)
            || want.uses.keys().any(|key| touched(Kind::Key, key))
            || role.is_some_and(|role| touched(Kind::Role, role))
            || around.desired.apis.keys().any(|api| touched(Kind::Api, api))
    });
    affected.filter_map(|(name, want)| Some((name.clone(), want.probe.clone()?))).collect()
}

/// Returns whether a step takes from a role what a function may run on.
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

/// Lists the steps, by their place, that take away what was put on resources by hand: policies and trust of roles,
/// permissions of functions, statements of key policies. A statement that a role of a live function has is none of
/// these, even where the stack file gives it no longer.
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
        Op::Key { .. } | Op::LogGroup { .. } | Op::Api { .. } => false,
    };
    let found = narrow.iter().enumerate().filter(|(_, step)| step.action == Action::Update && cleans(step));
    found.map(|(place, _)| place).collect()
}

/// Requests that began under an old role end at the latest with the start and the timeout of their function.
pub fn drain(around: &Surroundings<'_>, narrow: &[Step]) -> u32 {
    let mut seconds = 0;
    for step in narrow.iter().filter(|step| takes_use(step)) {
        for (name, seen) in &around.world.functions {
            // A function that is deleted serves nobody any more.
            let Some(want) = around.desired.functions.get(name) else { continue };
            let uses_key = match &step.op {
                Op::Key { name: key, .. } => want.uses.contains_key(key),
                Op::Role { name: role, .. } => around
                    .world
                    .roles
                    .get(role)
                    .is_some_and(|role| seen.live_roles().contains(role.spec.arn.as_str())),
                _ => false,
            };
            if uses_key {
                // One that came right before the move may have had to start the function first.
                seconds = seconds.max(seen.config.timeout + around.desired.place.longest_init);
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

fn rollback(around: &Surroundings<'_>, widen: &[Step]) -> Vec<Rollback> {
    let moved = widen.iter().filter_map(|step| match &step.op {
        Op::Function { name, op: function::Op::Configure { config } } => {
            let before = around.world.functions.get(name)?;
            (before.config.role != config.role).then_some((name, config, before))
        }
        _ => None,
    });
    let mut ways: Vec<Rollback> = moved
        .map(|(name, config, before)| {
            // New code may need its new settings, and variables that could not be read cannot be put back.
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
    // Aliases carry the traffic, so they go back first.
    for step in widen {
        let Op::Function { name, op: function::Op::MoveAlias { alias, .. } } = &step.op else { continue };
        let Some(before) = around.world.functions.get(name) else { continue };
        let Some(has) = before.aliases.get(alias) else { continue };
        let of_function = |op| Op::Function { name: name.clone(), op };
        if !around.seen {
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
