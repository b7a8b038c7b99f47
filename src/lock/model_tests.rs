//! Every interleaving of contenders on a model of SSM.
//!
//! Each state of the whole is visited once; from each, every contender that lives makes its next call, and,
//! as long as the budget of faults lasts, gets no answer to it, has it repeated by the way, has it arrive when
//! nobody waits for it any more, or dies.

use std::collections::HashSet;
use std::time::Duration;

use super::log::{Answer, Call, Found, Steps};
use super::{Ask, EXPIRY, Entry, Holder, Intent, StoreReply, Turn, Verdict};

/// A parameter as SSM keeps it: the versions, of which none ever changes; empty when there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Ssm(Vec<Entry>);

impl Ssm {
    fn found(&self, version: u64, dead: &[String]) -> Answer {
        let place = version.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        let Some(entry) = place.and_then(|place| self.0.get(place)).cloned() else { return Answer::Absent };
        // What a dead contender wrote is old, everything else is fresh.
        let age = if dead.contains(&entry.holder.session) { EXPIRY } else { Duration::ZERO };
        Answer::Found(Box::new(Found { version, entry: Some(entry), age }))
    }

    /// Carries out a call.
    fn make(&mut self, call: &Call, dead: &[String]) -> Answer {
        let newest = self.0.len() as u64;
        match call {
            Call::Newest => self.found(newest, dead),
            Call::Version(version) => self.found(*version, dead),
            Call::Create(_) if newest > 0 => Answer::Exists,
            Call::Create(entry) | Call::Append(entry) => {
                self.0.push(entry.as_ref().clone());
                Answer::Written(newest + 1)
            }
            Call::Delete if newest == 0 => Answer::Absent,
            Call::Delete => {
                self.0.clear();
                Answer::Deleted
            }
        }
    }

    /// Returns the entry that counts, without the help of a turn.
    fn state(&self) -> Option<&Entry> {
        let counts = |at: &usize| {
            let before = at.checked_sub(1).map(|before| &self.0[before]);
            self.0[*at].counts(*at as u64 + 1, before)
        };
        (0..self.0.len()).rev().find(counts).map(|at| &self.0[at])
    }
}

/// Returns whether a call may change something.
fn writes(call: &Call) -> bool {
    !matches!(call, Call::Newest | Call::Version(_))
}

/// Returns whether a call may be made a second time, or arrive late, when nobody knows what became of it.
fn may_recur(call: &Call) -> bool {
    writes(call) && *call != Call::Delete
}

/// What a contender is doing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Doing {
    /// A turn, and the calls of what it asks.
    Turn(Box<(Turn, Steps)>),
    Over,
    Dead,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Contender {
    name: String,
    /// What it does after this, last first.
    plan: Vec<Intent>,
    doing: Doing,
    /// Whether it may change the stack.
    holds: bool,
}

fn holder(name: &str) -> Holder {
    Holder { session: name.to_owned(), ..Holder::default() }
}

fn begin(turn: Turn) -> Doing {
    let steps = Steps::new(&turn.ask());
    Doing::Turn(Box::new((turn, steps)))
}

fn contender(name: &str, intents: &[Intent]) -> Contender {
    let mut plan: Vec<Intent> = intents.iter().rev().cloned().collect();
    let first = plan.pop().unwrap();
    let doing = begin(Turn::new(first, holder(name), 0));
    Contender { name: name.to_owned(), plan, doing, holds: false }
}

/// Has a contender take the answer to its call.
fn take(world: &mut World, place: usize, answer: Answer) {
    let strayed = world.strayed;
    let contender = &mut world.contenders[place];
    let Doing::Turn(doing) = &mut contender.doing else { return };
    let (turn, steps) = doing.as_mut();
    let Some(reply) = steps.answer(answer) else { return };
    let Some(verdict) = turn.answer(reply) else {
        *steps = Steps::new(&turn.ask());
        return;
    };
    // What a stray append leaves at the end of a log follows upon nothing, and two contenders may then go on to
    // spoil each other's appends for as long as they keep exactly in step: neither gets in.
    let unclear = verdict == Verdict::Unclear;
    assert!(!unclear || strayed, "{contender:?}");
    let serial = turn.serial();
    let held = matches!(verdict, Verdict::Held(_));
    // A lock that was held, of a contender that lives, is never lost.
    assert!(held || unclear || !contender.holds, "{contender:?} lost its lock: {verdict:?}");
    contender.holds = held;
    contender.doing = match contender.plan.pop() {
        Some(intent) if held => {
            // Whoever lets go changes nothing any more.
            contender.holds = intent == Intent::Keep;
            begin(Turn::new(intent, holder(&contender.name), serial))
        }
        _ => Doing::Over,
    };
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    store: Ssm,
    contenders: Vec<Contender>,
    /// Calls that nobody waits for any more, and that may still arrive.
    late: Vec<Call>,
    /// Whether one did arrive. It may write a lock of somebody who is gone, which ends by itself.
    strayed: bool,
    faults: Faults,
}

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Faults {
    /// How many times.
    left: u32,
    /// Whether calls may arrive late.
    late: bool,
}

impl Faults {
    const fn prompt(left: u32) -> Self {
        Self { left, late: false }
    }

    const fn late(left: u32) -> Self {
        Self { left, late: true }
    }
}

fn check(world: &World) {
    let holding: Vec<&str> =
        world.contenders.iter().filter(|one| one.holds).map(|one| one.name.as_str()).collect();
    assert!(holding.len() <= 1, "{holding:?} hold the lock at the same time: {world:#?}");
    let state = world.store.state().filter(|entry| entry.held).map(|entry| entry.holder.session.as_str());
    assert!(holding.is_empty() || holding == Vec::from_iter(state), "{world:#?}");
    let over = world.contenders.iter().all(|one| one.doing == Doing::Over);
    assert!(!over || world.strayed || state.is_none(), "a lock is left behind: {world:#?}");
}

fn next(world: &World) -> Vec<World> {
    let mut next = Vec::new();
    let dead = world.contenders.iter().filter(|one| one.doing == Doing::Dead);
    let dead: Vec<String> = dead.map(|one| one.name.clone()).collect();
    for place in 0..world.late.len() {
        let mut arrived = world.clone();
        let call = arrived.late.remove(place);
        arrived.store.make(&call, &dead);
        next.push(World { strayed: true, ..arrived });
    }
    for (place, contender) in world.contenders.iter().enumerate() {
        let Doing::Turn(doing) = &contender.doing else { continue };
        let call = doing.1.call();
        let mut plain = world.clone();
        let answer = plain.store.make(&call, &dead);
        take(&mut plain, place, answer);
        next.push(plain);
        let Some(left) = world.faults.left.checked_sub(1) else { continue };
        let faults = Faults { left, ..world.faults };
        let mut dying = world.clone();
        dying.contenders[place].doing = Doing::Dead;
        dying.contenders[place].holds = false;
        next.push(World { faults, ..dying });
        if !writes(&call) {
            continue;
        }
        let unheard = |times: u32| {
            let mut faulty = world.clone();
            let answers: Vec<Answer> = (0..times).map(|_| faulty.store.make(&call, &dead)).collect();
            let last = answers.into_iter().last().filter(|_| times > 1);
            take(&mut faulty, place, last.unwrap_or(Answer::Lost));
            World { faults, ..faulty }
        };
        // It never arrived; its answer got lost; it was made again, and only the second answer came.
        next.extend([unheard(0), unheard(1)]);
        if may_recur(&call) {
            next.push(unheard(2));
        }
        if world.faults.late && may_recur(&call) {
            let mut late = unheard(0);
            late.late.push(call);
            next.push(late);
        }
    }
    next
}

fn first(contenders: Vec<Contender>, faults: Faults) -> World {
    World { store: Ssm::default(), contenders, late: Vec::new(), strayed: false, faults }
}

/// Visits every state, and returns how many there are.
fn explore(runs: &[(&str, &[Intent])], faults: Faults) -> usize {
    let contenders = runs.iter().map(|(name, run)| contender(name, run)).collect();
    let first = first(contenders, faults);
    let mut seen = HashSet::from([first.clone()]);
    let mut waiting = vec![first];
    while let Some(world) = waiting.pop() {
        check(&world);
        for next in next(&world) {
            if seen.insert(next.clone()) {
                waiting.push(next);
            }
        }
    }
    seen.len()
}

/// Goes one way through the states, which the seed chooses, and returns how many there were.
fn walk(runs: &[(&str, &[Intent])], faults: Faults, seed: u64) -> usize {
    let contenders = runs.iter().map(|(name, run)| contender(name, run)).collect();
    let mut world = first(contenders, faults);
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for steps in 1.. {
        check(&world);
        let mut ways = next(&world);
        if ways.is_empty() {
            return steps;
        }
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        world = ways.swap_remove(usize::try_from(random % ways.len() as u64).unwrap());
    }
    0
}

const TAKE: Intent = Intent::Take { gone: None };
const RUN: &[Intent] = &[TAKE, Intent::Keep, Intent::Leave];
const SHORT: &[Intent] = &[TAKE, Intent::Leave];
const REMOVES: &[Intent] = &[TAKE, Intent::Remove];

#[test]
fn two_contenders_never_hold_the_lock_at_the_same_time() {
    let runs = [("a", RUN), ("b", RUN)];
    let prompt = explore(&runs, Faults::prompt(2));
    let late = explore(&runs, Faults::late(1));
    assert!(prompt > 10_000 && late > 1_000, "{prompt}, {late}");
}

#[test]
fn three_contenders_never_hold_the_lock_at_the_same_time() {
    let runs = [("a", SHORT), ("b", SHORT), ("c", SHORT)];
    // On a log, faults of three at once are a hundred times as many states: those are walked through below.
    let states = explore(&runs, Faults::prompt(0));
    assert!(states > 1_000, "{states}");
}

#[test]
fn three_contenders_stay_apart_whatever_goes_wrong_on_many_ways() {
    let runs = [("a", RUN), ("b", RUN), ("c", RUN)];
    let states: usize = (1..=20_000).map(|seed| walk(&runs, Faults::late(4), seed)).sum();
    assert!(states > 100_000, "{states}");
}

#[test]
fn what_is_deleted_in_between_lets_nobody_in_twice() {
    let runs = [("a", REMOVES), ("b", SHORT), ("c", SHORT)];
    let states = explore(&runs, Faults::prompt(1));
    assert!(states > 10_000, "{states}");
}

/// Runs one turn to its end.
fn alone(ssm: &mut Ssm, mut turn: Turn, dead: &[String]) -> Verdict {
    loop {
        let reply = asked(ssm, &turn.ask(), dead);
        if let Some(verdict) = turn.answer(reply) {
            return verdict;
        }
    }
}

/// Makes the calls of one question.
fn asked(ssm: &mut Ssm, ask: &Ask, dead: &[String]) -> StoreReply {
    let mut steps = Steps::new(ask);
    loop {
        if let Some(reply) = steps.answer(ssm.make(&steps.call(), dead)) {
            return reply;
        }
    }
}

fn turn(session: &str, intent: Intent, serial: u64) -> Turn {
    Turn::new(intent, holder(session), serial)
}

#[test]
fn a_holder_that_was_taken_for_dead_finds_out_and_takes_nothing_back() {
    let mut store = Ssm::default();
    let (a, b) = ("a".to_owned(), "b".to_owned());
    assert_eq!(alone(&mut store, turn(&a, TAKE, 0), &[]), Verdict::Held(None));
    let busy = |session: &str| Verdict::Busy(holder(session), Duration::ZERO);
    assert_eq!(alone(&mut store, turn(&b, TAKE, 0), &[]), busy("a"));
    let silent = [a.clone()];
    let dead = holder("a");
    assert_eq!(alone(&mut store, turn(&b, TAKE, 10), &silent), Verdict::Held(Some(dead.clone())));
    for intent in [Intent::Keep, Intent::Leave, Intent::Remove] {
        assert_eq!(alone(&mut store, turn(&a, intent, 20), &[]), busy("b"));
    }
    assert_eq!(alone(&mut store, turn(&b, Intent::Keep, 20), &[]), Verdict::Held(None));
    // One whose process is known to be gone is not waited for.
    let gone = Intent::Take { gone: Some(b.clone()) };
    assert!(matches!(alone(&mut store, turn(&a, gone, 30), &[]), Verdict::Held(Some(_))));
}

#[test]
fn who_takes_a_lock_away_takes_that_of_one_session_only() {
    let mut store = Ssm::default();
    alone(&mut store, turn("a", TAKE, 0), &[]);
    let of = |session: &str| Intent::Break { session: session.to_owned() };
    assert!(matches!(alone(&mut store, turn("x", of("b"), 0), &[]), Verdict::Busy(..)));
    assert_eq!(alone(&mut store, turn("x", of("a"), 10), &[]), Verdict::Free(None));
    let last = |verdict| matches!(verdict, Verdict::Free(Some(Holder { session, .. })) if session == "x");
    assert!(last(alone(&mut store, turn("a", Intent::Keep, 10), &[])));
    assert!(last(alone(&mut store, turn("x", Intent::Look, 20), &[])));
}

#[test]
fn a_writer_that_slept_through_a_deletion_does_not_get_in_by_the_right_number() {
    let mut ssm = Ssm::default();
    for round in 0..2 {
        alone(&mut ssm, turn("a", TAKE, round * 10), &[]);
        alone(&mut ssm, turn("a", Intent::Leave, round * 10 + 5), &[]);
    }
    let mut late = turn("late", TAKE, 0);
    // It has read what it wants to replace.
    while !matches!(late.ask(), Ask::Swap { .. }) {
        let reply = asked(&mut ssm, &late.ask(), &[]);
        assert_eq!(late.answer(reply), None);
    }
    assert!(matches!(Steps::new(&late.ask()).call(), Call::Append(_)));
    ssm.0.clear();
    alone(&mut ssm, turn("b", TAKE, 0), &[]);
    for beat in 1..4 {
        alone(&mut ssm, turn("b", Intent::Keep, beat * 10), &[]);
    }
    assert_eq!(ssm.0.len(), 4);
    assert!(matches!(alone(&mut ssm, late, &[]), Verdict::Busy(Holder { session, .. }, _) if session == "b"));
    assert_eq!(ssm.state().unwrap().holder.session, "b");
}
