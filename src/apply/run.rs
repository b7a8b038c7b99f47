//! Runs plans.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use tokio::time::Instant;

use super::schedule::Schedule;
use super::{Actor, Event, Failure, Outcome, Unproved};
use crate::aws::{AwsError, ErrorKind};
use crate::kinds::{Ids, Name, Op, function};
use crate::plan::{Gate, Phase, Plan};
use crate::stack::desired::Probe;

/// Runs a plan. `ids` are those of the world that the plan was made for.
///
/// Errors are part of the outcome: steps that are done stay done, and another run continues.
pub async fn run(actor: &impl Actor, plan: &Plan, ids: Ids, watch: &mut dyn FnMut(Event<'_>)) -> Outcome {
    let mut outcome = Outcome { ids, ..Outcome::default() };
    let broken = broken(actor, plan, &outcome.ids).await;
    for (number, phase) in plan.phases.iter().enumerate() {
        if outcome.stopped(actor) {
            outcome.remaining.extend((0..phase.steps.len()).map(|place| (number, place)));
            continue;
        }
        watch(Event::Phase(number, phase));
        if let Some(gate) = &phase.gate {
            pass(actor, (gate, &broken), &mut outcome, watch).await;
        }
        let was_broken = outcome.unproved.as_ref().is_some_and(|unproved| unproved.before);
        if outcome.stopped(actor) && !(was_broken && outcome.is_well() && !actor.interrupted()) {
            outcome.remaining.extend((0..phase.steps.len()).map(|place| (number, place)));
            continue;
        }
        steps(actor, (number, phase), &mut outcome, watch).await;
        if let Some(proof) = phase.proof.as_ref().filter(|_| !outcome.stopped(actor)) {
            pass(actor, (proof, &broken), &mut outcome, watch).await;
        }
    }
    let left = !outcome.remaining.is_empty() || !outcome.failed.is_empty() || !outcome.unseen.is_empty();
    outcome.interrupted = actor.interrupted() && left;
    outcome
}

impl Outcome {
    fn stopped(&self, actor: &impl Actor) -> bool {
        !self.is_well() || self.unproved.is_some() || actor.interrupted()
    }

    fn is_well(&self) -> bool {
        self.failed.is_empty() && self.unseen.is_empty()
    }
}

/// Returns the functions that do not work before the first step. Only functions that exist already are tried, and only
/// if the result matters.
async fn broken(actor: &impl Actor, plan: &Plan, ids: &Ids) -> BTreeSet<Name> {
    let made: BTreeSet<&Name> = plan
        .steps()
        .filter_map(|step| match &step.op {
            Op::Function { name, op: function::Op::Create { .. } } => Some(name),
            _ => None,
        })
        .collect();
    let cleans = plan.phases.iter().any(|phase| !phase.cleanup.is_empty());
    let gates = plan.phases.iter().flat_map(|phase| phase.gate.iter().chain(&phase.proof));
    let matters = gates.filter(|gate| cleans || !gate.rollback.is_empty());
    let probes: BTreeMap<&Name, &Probe> =
        matters.flat_map(|gate| &gate.probes).map(|(function, probe)| (function, probe)).collect();
    let tries = probes.into_iter().filter(|(function, _)| !made.contains(function));
    let tries = tries.map(|(function, probe)| async move {
        (!actor.works(ids, function, probe).await).then(|| function.clone())
    });
    join_all(tries).await.into_iter().flatten().collect()
}

async fn steps(
    actor: &impl Actor,
    (number, phase): (usize, &Phase),
    outcome: &mut Outcome,
    watch: &mut dyn FnMut(Event<'_>),
) {
    let mut schedule = Schedule::new(&phase.steps);
    if outcome.unproved.is_some() {
        schedule = schedule.only(&phase.cleanup);
    }
    let mut running = FuturesUnordered::new();
    loop {
        while outcome.is_well() && !actor.interrupted() {
            let Some((place, step)) = schedule.next() else { break };
            watch(Event::Started(step));
            // Earlier steps have returned the ids that it needs, so the ids known now are enough.
            let ids = outcome.ids.clone();
            running.push(async move {
                let begun = Instant::now();
                (place, step, perform(actor, &ids, &step.op).await, begun.elapsed())
            });
        }
        let Some((place, step, result, time)) = running.next().await else { break };
        schedule.ended(place, result.is_ok());
        match result {
            Ok(learnt) => {
                outcome.ids.extend(learnt);
                outcome.done.push((number, place));
                watch(Event::Done(step, time));
            }
            Err(error) => {
                watch(Event::Failed(step, &error));
                if error.kind() == ErrorKind::Halted {
                    outcome.unseen.push((number, place));
                    continue;
                }
                outcome.failed.push(Failure { step: (number, place), error });
            }
        }
    }
    outcome.remaining.extend(schedule.waiting().map(|place| (number, place)));
}

async fn perform(actor: &impl Actor, ids: &Ids, op: &Op) -> Result<Ids, AwsError> {
    let filled = ids.resolve(op).map_err(|error| {
        AwsError::new(
            "filling in ids",
            ErrorKind::Invalid,
            format!("the operation cannot be written: {error}"),
        )
    })?;
    actor.perform(ids, &filled).await
}

/// Passes a gate, or records why it did not open.
async fn pass(
    actor: &impl Actor,
    (gate, broken): (&Gate, &BTreeSet<Name>),
    outcome: &mut Outcome,
    watch: &mut dyn FnMut(Event<'_>),
) {
    watch(Event::Gate(gate));
    for (function, probe) in &gate.probes {
        watch(Event::Probing(function, probe));
        let seen = actor.probe(&outcome.ids, function, probe).await;
        watch(Event::Probed(function, &seen));
        // A stop during a probe is not a failure of the function: nothing is moved back because of it.
        if actor.interrupted() {
            return;
        }
        if !seen.succeeded {
            let before = broken.contains(function);
            let mut unproved = Unproved {
                function: function.clone(),
                outcome: seen,
                before,
                moved_back: Vec::new(),
                stuck: Vec::new(),
            };
            if !before {
                roll_back(actor, gate, outcome, (&mut unproved, watch)).await;
            }
            outcome.unproved = Some(unproved);
            return;
        }
    }
    if gate.drain > 0 {
        let time = Duration::from_secs(gate.drain.into());
        watch(Event::Draining(time));
        actor.drain(time).await;
    }
}

async fn roll_back(
    actor: &impl Actor,
    gate: &Gate,
    outcome: &mut Outcome,
    (unproved, watch): (&mut Unproved, &mut dyn FnMut(Event<'_>)),
) {
    for way in &gate.rollback {
        watch(Event::RollingBack(way));
        match one_by_one(actor, &way.ops, outcome).await {
            Ok(()) => unproved.moved_back.push((way.function.clone(), way.role.clone())),
            Err(error) => unproved.stuck.push((Name::clone(&way.function), error)),
        }
    }
}

async fn one_by_one(actor: &impl Actor, ops: &[Op], outcome: &mut Outcome) -> Result<(), AwsError> {
    for op in ops {
        let learnt = perform(actor, &outcome.ids, op).await?;
        outcome.ids.extend(learnt);
    }
    Ok(())
}
