//! The steps of a plan, as a document.

mod text;

use serde::{Deserialize, Serialize};

use super::problem::{self, Problem};
use super::short::{self, Names};
use super::{AccessLine, FORMAT_VERSION, Place, PlanView, Summary, value};
use crate::kinds::{Action, Change, Name, Op, ResourceId, role};
use crate::plan::prove::{AccessContext, Evidence};
use crate::plan::{AccessChange, Blocked, Gate, Phase, Plan, Purpose, Step};
use crate::stack::desired::{Probe, ProbeTarget};

pub(super) use text::heading;
pub use text::{Style, text};

/// A plan for people and programs. No field contains a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// `1.0`.
    pub format_version: String,
    /// Stack, environment and place.
    #[serde(flatten)]
    pub place: Place,
    /// Problems that exist before the plan.
    pub problems: Vec<Problem>,
    /// The phases, in order.
    pub phases: Vec<PhaseDocument>,
    /// The access of functions to keys afterwards.
    pub access: Vec<AccessLine>,
    /// Claims that are not proved, and the reason for which the plan may be applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unproved: Option<Unproved>,
    /// Numbers of resources.
    pub summary: Summary,
    /// Names in the stack file by ARN.
    pub names: Names,
}

/// The claims that are not proved, for a plan that may be applied nevertheless.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unproved {
    /// The reason for applying the plan, as the user gave it.
    pub reason: String,
    /// The claims that are not proved.
    pub findings: Vec<Blocked>,
}

impl Document {
    /// Writes the plan as JSON.
    pub fn json(&self) -> String {
        super::json(self)
    }
}

/// One phase of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseDocument {
    /// The purpose of the phase.
    pub purpose: Aim,
    /// The gate before the phase.
    pub gate: Option<GateDocument>,
    /// The changes, by resource.
    pub resources: Vec<ResourceDocument>,
    /// The gate after the phase.
    pub proof: Option<GateDocument>,
}

/// The purpose of a phase, as people read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// Everything is new.
    Create,
    /// Nothing is removed, and no other phase follows.
    Change,
    /// Nothing is removed yet.
    Widen,
    /// Functions return from temporary roles to their own.
    Return,
    /// Access and settings are removed.
    Narrow,
    /// Resources are deleted.
    Remove,
}

/// The conditions that are waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateDocument {
    /// Requests that must succeed.
    pub probes: Vec<ProbeDocument>,
    /// Seconds until the last request under an old role is over.
    pub drain_seconds: u32,
}

/// The requests that show whether a function works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeDocument {
    /// The function.
    pub function: Name,
    /// Verb and path of each request, in order; for a direct invocation `invoke NAME`.
    pub requests: Vec<String>,
    /// The number of consecutive times that all of them must succeed.
    pub successes: u32,
    /// Seconds after which the probe counts as failed.
    pub timeout_seconds: u32,
}

/// The changes that one phase makes to one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResourceDocument {
    /// Address in the stack file, such as `keys.text`.
    pub resource: String,
    /// The action on it.
    pub action: Action,
    /// The principals that gain and lose access to it.
    pub access: Vec<AccessChange>,
    /// The fields that change.
    pub changes: Vec<Change>,
    /// The operations, in order, by the names that the plan gives them, such as `PutPolicy`.
    pub calls: Vec<String>,
}

/// Describes a plan.
pub fn document(view: &PlanView<'_>) -> Document {
    let PlanView { desired, world, plan, access, unproved } = *view;
    let evidence = Evidence::default();
    Document {
        format_version: FORMAT_VERSION.to_owned(),
        place: Place::of(desired),
        problems: problem::problems(AccessContext { desired, world, evidence: &evidence }, false),
        phases: plan.phases.iter().map(|phase| phase_document(plan, phase)).collect(),
        access: access.to_vec(),
        unproved: unproved.cloned(),
        summary: Summary::of(plan),
        names: short::names(desired, world).into_iter().chain(made(plan)).collect(),
    }
}

/// Returns the names of the roles that a plan creates: temporary roles appear nowhere else.
fn made(plan: &Plan) -> impl Iterator<Item = (String, String)> + '_ {
    plan.steps().filter_map(|step| match &step.op {
        Op::Role { name, op: role::Op::Create { spec } } => Some((spec.arn.clone(), name.to_string())),
        _ => None,
    })
}

fn phase_document(plan: &Plan, phase: &Phase) -> PhaseDocument {
    let resources = resources(&phase.steps);
    PhaseDocument {
        purpose: aim(phase.purpose, &resources, plan.phases.len() == 1),
        gate: phase.gate.as_ref().map(gate_document),
        resources,
        proof: phase.proof.as_ref().map(gate_document),
    }
}

fn aim(purpose: Purpose, resources: &[ResourceDocument], alone: bool) -> Aim {
    let all = |action| resources.iter().all(|resource| resource.action == action);
    match purpose {
        Purpose::Widen if all(Action::Create) => Aim::Create,
        Purpose::Widen if alone => Aim::Change,
        Purpose::Widen => Aim::Widen,
        Purpose::Return => Aim::Return,
        Purpose::Narrow if all(Action::Delete) => Aim::Remove,
        Purpose::Narrow => Aim::Narrow,
    }
}

/// Groups steps by resource, in the order in which plans show them.
fn resources(steps: &[Step]) -> Vec<ResourceDocument> {
    let mut resources: std::collections::BTreeMap<&ResourceId, ResourceDocument> = Default::default();
    for step in steps {
        let resource = resources.entry(&step.resource).or_insert_with(|| ResourceDocument {
            resource: step.resource.to_string(),
            action: step.action,
            access: Vec::new(),
            changes: Vec::new(),
            calls: Vec::new(),
        });
        if step.action != Action::Update {
            resource.action = step.action;
        }
        resource.access.extend(step.access.iter().cloned());
        // A field that stays unset has not changed.
        let set = step.changes.iter().filter(|change| change.before.is_some() || change.after.is_some());
        resource.changes.extend(set.flat_map(value::visible_changes));
        resource.calls.extend(call(step));
    }
    resources.into_values().collect()
}

/// Returns the name of the operation of a step, as the plan file contains it.
pub fn call(step: &Step) -> Option<String> {
    let op = serde_json::to_value(&step.op).ok()?;
    op.get("op")?.get("call")?.as_str().map(str::to_owned)
}

fn gate_document(gate: &Gate) -> GateDocument {
    let probes = gate.probes.iter().map(|(function, probe)| probe_document(function, probe));
    GateDocument { probes: probes.collect(), drain_seconds: gate.drain }
}

fn probe_document(function: &Name, probe: &Probe) -> ProbeDocument {
    ProbeDocument {
        function: function.clone(),
        requests: probe_requests(function, probe),
        successes: probe.successes,
        timeout_seconds: probe.timeout,
    }
}

/// Lists the requests of a probe, in order: `POST /encrypt`, or for a direct invocation `invoke NAME`.
pub fn probe_requests(function: &Name, probe: &Probe) -> Vec<String> {
    let first = match &probe.target {
        ProbeTarget::Route { method, path, .. } => format!("{method} {path}"),
        ProbeTarget::Invoke => format!("invoke {function}"),
    };
    let then = probe.then.iter().map(|step| format!("{} {}", step.method, step.path));
    std::iter::once(first).chain(then).collect()
}
