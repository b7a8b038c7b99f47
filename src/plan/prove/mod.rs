//! Proof that every statement of the stack about access holds in every world that a plan passes through, by AWS's
//! evaluation rules rather than by searching for names in a policy.

pub mod evidence;
mod keys;
mod wiring;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::checks::Blocked;
use super::{Phase, Plan, PlanError, Step, claims};
use crate::access::{Clause, Decision, Outcome, PolicyDocument, Principal, Request, decide};
use crate::kinds::{Kind, Name, Op, ResourceId, World, key, role};
use crate::stack::desired::Desired;

pub use evidence::{AccessContext, Evidence, caller, facts};

/// The outcome for actions on a key that the stack declares for a function, under one role of that function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Proof {
    /// The function.
    pub function: Name,
    /// ARN of a role that it runs under.
    pub role: String,
    /// The key.
    pub key: Name,
    /// The actions with the same outcome, without `kms:`.
    pub actions: BTreeSet<String>,
    /// `allow`, `implicit_deny`, `explicit_deny` or `unknown`.
    pub decision: String,
    /// The deciding statements.
    pub statements: BTreeSet<String>,
    /// The unknown facts, for an unknown outcome.
    pub unknowns: BTreeSet<String>,
}

impl Proof {
    /// Returns whether the use is certainly allowed.
    pub fn holds(&self) -> bool {
        self.decision == Outcome::Allow.as_str()
    }
}

/// Evaluates every use that the stack declares, for every role that its functions run under.
pub fn uses(scene: AccessContext<'_>) -> Vec<Proof> {
    let AccessContext { desired, world, evidence: _ } = scene;
    let mut proofs = Vec::new();
    for (function, want) in &desired.functions {
        let Some(seen) = world.functions.get(function) else { continue };
        for (name, actions) in &want.uses {
            let Some(key) = world.keys.get(name) else { continue };
            for role in seen.live_roles() {
                proofs.extend(used(scene, (function, role), (name, key), actions));
            }
        }
    }
    proofs
}

/// Evaluates the use of one key by one function under one role; actions with the same outcome are grouped.
fn used(
    scene: AccessContext<'_>,
    (function, role): (&Name, &str),
    (name, key): (&Name, &key::Seen),
    actions: &BTreeSet<String>,
) -> Vec<Proof> {
    let (caller, facts) = (scene.caller(role), scene.key(name, key));
    let mut alike: Vec<Proof> = Vec::new();
    for action in actions {
        let Decision { outcome, statements, unknowns, .. } =
            decide(&caller, &Request::new(action, &caller, &facts), &facts);
        let short = action.strip_prefix("kms:").unwrap_or(action).to_owned();
        let same = alike.iter_mut().find(|proof| {
            proof.decision == outcome.as_str() && proof.statements == statements && proof.unknowns == unknowns
        });
        match same {
            Some(proof) => drop(proof.actions.insert(short)),
            None => alike.push(Proof {
                function: function.clone(),
                role: role.to_owned(),
                key: name.clone(),
                actions: BTreeSet::from([short]),
                decision: outcome.as_str().to_owned(),
                statements,
                unknowns,
            }),
        }
    }
    alike
}

/// A plan to prove, with its surroundings.
#[derive(Clone, Copy, Debug)]
pub struct ProofInput<'a> {
    /// The stack.
    pub desired: &'a Desired,
    /// The world before the plan.
    pub world: &'a World,
    /// The plan.
    pub plan: &'a Plan,
    /// ARN of the principal that applies it.
    pub applier: &'a str,
}

/// Lists the principals outside the stack that a proof needs to know, by ARN.
pub fn outsiders(course: ProofInput<'_>) -> BTreeSet<String> {
    let ProofInput { desired, world, plan, applier } = course;
    let puts: Vec<&PolicyDocument> = plan.steps().filter_map(put_policy).map(|(_, policy)| policy).collect();
    let mut asked: BTreeSet<String> = desired.assertions.iter().map(|one| one.principal.clone()).collect();
    if !puts.is_empty() {
        asked.insert(applier.to_owned());
    }
    // If the account itself administers a key, no other principal needs to be proved able to.
    let kept = world.keys.values().map(|key| &key.spec.policy);
    for policy in puts.into_iter().chain(kept).filter(|policy| !keys::left_to_account(policy, desired)) {
        asked.extend(named_directly(policy));
    }
    let made: BTreeSet<&str> = plan
        .steps()
        .filter_map(|step| match &step.op {
            Op::Role { op: role::Op::Create { spec }, .. } => Some(spec.arn.as_str()),
            _ => None,
        })
        .collect();
    let known = |arn: &String| {
        let resource = crate::access::Arn::split(arn).map(|arn| arn.resource);
        // There is nothing to read about services and the root user.
        resource.is_none_or(|resource| resource == "root")
            || desired.role_by_arn(arn).is_some()
            || made.contains(arn.as_str())
            || world.roles.values().any(|role| role.spec.arn == *arn)
    };
    asked.retain(|arn| !known(arn));
    asked
}

fn named_directly(policy: &PolicyDocument) -> impl Iterator<Item = String> + '_ {
    let named = policy.statements().iter().filter_map(|statement| match &statement.principals {
        Clause::Is(principals) => Some(principals),
        Clause::IsNot(_) | Clause::Absent => None,
    });
    named.flatten().filter_map(|principal| match principal {
        Principal::Arn(arn) => Some(arn.clone()),
        _ => None,
    })
}

/// Lists everything that cannot be proved of a plan.
///
/// A statement that did not hold before the plan need not hold on the way, because the plan may be the repair. A
/// statement that did hold must hold in every phase, and after the last phase all of them must hold.
///
/// # Errors
///
/// [`PlanError::Refused`] for a plan that was not made for this world.
pub fn unproved(course: ProofInput<'_>, evidence: &Evidence) -> Result<Vec<Blocked>, PlanError> {
    let ProofInput { desired, world, plan, applier } = course;
    let mut world = world.clone();
    world.role_arns.extend(desired.roles.values().map(|role| role.arn.clone()));
    let mut found: Vec<Blocked> = Vec::new();
    let before = broken(AccessContext { desired, world: &world, evidence });
    for (index, Phase { steps, .. }) in plan.phases.iter().enumerate() {
        for Step { op, .. } in steps {
            world.apply(op).map_err(PlanError::Refused)?;
            let put = put_policy_of(op).and_then(|name| Some((name, world.keys.get(name)?)));
            let scene = AccessContext { desired, world: &world, evidence };
            found.extend(put.and_then(|(name, key)| keys::locked_out(scene, (name, key), applier)));
        }
        if index + 1 < plan.phases.len() {
            let meanwhile = broken(AccessContext { desired, world: &world, evidence }).into_iter();
            found.extend(meanwhile.filter(|one| !before.contains(one)).map(|one| in_phase(one, index)));
        }
    }
    let scene = AccessContext { desired, world: &world, evidence };
    found.extend(broken(scene));
    found.extend(claims::twins(scene));
    found.extend(keys::unmanageable(scene));
    let mut seen = BTreeSet::new();
    found.retain(|one| seen.insert((one.resource.clone(), one.problem.clone())));
    Ok(found)
}

/// Lists the statements that do not hold in one world, except twins.
fn broken(scene: AccessContext<'_>) -> Vec<Blocked> {
    let failing = uses(scene).into_iter().filter(|proof| !proof.holds());
    let mut found: Vec<Blocked> = failing.map(|proof| unproved_use(scene.desired, &proof)).collect();
    found.extend(claims::assertions(scene));
    found.extend(wiring::broken(scene));
    found
}

fn in_phase(blocked: Blocked, index: usize) -> Blocked {
    let Blocked { resource, problem, remedy, line } = blocked;
    let problem = format!("after phase {} of the plan: {problem}", index + 1);
    Blocked { resource, problem, remedy, line }
}

fn unproved_use(desired: &Desired, proof: &Proof) -> Blocked {
    let Proof { function, role, key, actions, decision, statements, unknowns } = proof;
    let role = desired.role_by_arn(role).map_or(role.as_str(), |name| name.as_str());
    let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
    let why = match (unknowns.is_empty(), statements.is_empty()) {
        (false, _) => format!("unknown, because {}", unknowns.iter().cloned().collect::<Vec<_>>().join("; ")),
        (_, true) => decision.replace('_', " "),
        (_, false) => {
            let by: Vec<&str> = statements.iter().map(String::as_str).collect();
            format!("{} by {}", decision.replace('_', " "), by.join(", "))
        }
    };
    Blocked {
        resource: ResourceId::new(Kind::Function, function),
        problem: format!("{role} is not proved to be allowed {} on keys.{key}: {why}", actions.join(", ")),
        remedy: format!(
            "look at the boundary and the policies of {role}, and at the statements of keys.{key}; \
             `lockstep why {role} kms:{} --key {key} --planned` shows every layer",
            actions.first().copied().unwrap_or_default()
        ),
        line: desired.line_of(&format!("functions.{function}.keys.{key}")).cloned(),
    }
}

/// Returns the key and the policy that a step puts.
fn put_policy(step: &Step) -> Option<(&Name, &PolicyDocument)> {
    match &step.op {
        Op::Key { name, op: key::Op::Create { spec } } => Some((name, &spec.policy)),
        Op::Key { name, op: key::Op::PutPolicy { policy } } => Some((name, policy)),
        _ => None,
    }
}

fn put_policy_of(op: &Op) -> Option<&Name> {
    match op {
        Op::Key { name, op: key::Op::Create { .. } | key::Op::PutPolicy { .. } } => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
