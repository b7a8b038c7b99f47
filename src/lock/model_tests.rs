//! Every interleaving of contenders on models of SSM and of S3.
//!
//! Each state of the whole is visited once; from each, every contender that lives makes its next call, and,
//! as long as the budget of faults lasts, gets no answer to it, has it repeated by the way, has it arrive when
//! nobody waits for it any more, or dies.

mod stores;

use std::collections::HashSet;
use std::time::Duration;

use self::stores::{Object, Plain, Ssm, Store};
use super::log::{Call, Steps};
use super::{Ask, Holder, Intent, Turn, Verdict};

/// What a contender is doing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Doing<M, C> {
    /// A turn, and the calls of what it asks.
    Turn(Box<(Turn<M>, C)>),
    Over,
    Dead,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Contender<M, C> {
    name: String,
    /// What it does after this, last first.
    plan: Vec<Intent>,
    doing: Doing<M, C>,
    /// Whether it may change the stack.
    holds: bool,
}

fn holder(name: &str) -> Holder {
    Holder { session: name.to_owned(), ..Holder::default() }
}

type ContenderOn<S> = Contender<<S as Store>::Mark, <S as Store>::Steps>;

fn begin<S: Store>(turn: Turn<S::Mark>) -> Doing<S::Mark, S::Steps> {
    let steps = S::begin(&turn.ask());
    Doing::Turn(Box::new((turn, steps)))
}

fn contender<S: Store>(name: &str, intents: &[Intent]) -> ContenderOn<S> {
    let mut plan: Vec<Intent> = intents.iter().rev().cloned().collect();
    let first = plan.pop().unwrap();
    let doing = begin::<S>(Turn::new(first, holder(name), 0));
    Contender { name: name.to_owned(), plan, doing, holds: false }
}

/// Has a contender take the answer to its call.
fn take<S: Store>(world: &mut WorldOn<S>, place: usize, answer: S::Answer) {
    let strayed = world.strayed;
    let contender = &mut world.contenders[place];
    let Doing::Turn(doing) = &mut contender.doing else { return };
    let (turn, steps) = doing.as_mut();
    let Some(told) = S::answer(steps, answer) else { return };
    let Some(verdict) = turn.answer(told) else {
        *steps = S::begin(&turn.ask());
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
            begin::<S>(Turn::new(intent, holder(&contender.name), serial))
        }
        _ => Doing::Over,
    };
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World<S, M, C, L> {
    store: S,
    contenders: Vec<Contender<M, C>>,
    /// Calls that nobody waits for any more, and that may still arrive.
    late: Vec<L>,
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

type WorldOn<S> = World<S, <S as Store>::Mark, <S as Store>::Steps, <S as Store>::Call>;

fn check<S: Store>(world: &WorldOn<S>) {
    let holding: Vec<&str> =
        world.contenders.iter().filter(|one| one.holds).map(|one| one.name.as_str()).collect();
    assert!(holding.len() <= 1, "{holding:?} hold the lock at the same time: {world:#?}");
    let state = world.store.state().filter(|entry| entry.held).map(|entry| entry.holder.session.as_str());
    assert!(holding.is_empty() || holding == Vec::from_iter(state), "{world:#?}");
    let over = world.contenders.iter().all(|one| one.doing == Doing::Over);
    assert!(!over || world.strayed || state.is_none(), "a lock is left behind: {world:#?}");
}

fn next<S: Store>(world: &WorldOn<S>) -> Vec<WorldOn<S>> {
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
        let call = S::call(&doing.1);
        let mut plain = world.clone();
        let answer = plain.store.make(&call, &dead);
        take::<S>(&mut plain, place, answer);
        next.push(plain);
        let Some(left) = world.faults.left.checked_sub(1) else { continue };
        let faults = Faults { left, ..world.faults };
        let mut dying = world.clone();
        dying.contenders[place].doing = Doing::Dead;
        dying.contenders[place].holds = false;
        next.push(World { faults, ..dying });
        if !S::writes(&call) {
            continue;
        }
        let unheard = |times: u32| {
            let mut faulty = world.clone();
            let answers: Vec<S::Answer> = (0..times).map(|_| faulty.store.make(&call, &dead)).collect();
            let last = answers.into_iter().last().filter(|_| times > 1);
            take::<S>(&mut faulty, place, last.unwrap_or(S::LOST));
            World { faults, ..faulty }
        };
        // It never arrived; its answer got lost; it was made again, and only the second answer came.
        next.extend([unheard(0), unheard(1)]);
        if S::may_recur(&call) {
            next.push(unheard(2));
        }
        if world.faults.late && S::may_recur(&call) {
            let mut late = unheard(0);
            late.late.push(call);
            next.push(late);
        }
    }
    next
}

fn first<S: Store>(contenders: Vec<ContenderOn<S>>, faults: Faults) -> WorldOn<S> {
    World { store: S::default(), contenders, late: Vec::new(), strayed: false, faults }
}

/// Visits every state, and returns how many there are.
fn explore<S: Store>(runs: &[(&str, &[Intent])], faults: Faults) -> usize {
    let contenders = runs.iter().map(|(name, run)| contender::<S>(name, run)).collect();
    let first = first::<S>(contenders, faults);
    let mut seen = HashSet::from([first.clone()]);
    let mut waiting = vec![first];
    while let Some(world) = waiting.pop() {
        check::<S>(&world);
        for next in next::<S>(&world) {
            if seen.insert(next.clone()) {
                waiting.push(next);
            }
        }
    }
    seen.len()
}

/// Goes one way through the states, which the seed chooses, and returns how many there were.
fn walk<S: Store>(runs: &[(&str, &[Intent])], faults: Faults, seed: u64) -> usize {
    let contenders = runs.iter().map(|(name, run)| contender::<S>(name, run)).collect();
    let mut world = first::<S>(contenders, faults);
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for steps in 1.. {
        check::<S>(&world);
        let mut ways = next::<S>(&world);
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
    let prompt = explore::<Ssm>(&runs, Faults::prompt(2));
    let late = explore::<Ssm>(&runs, Faults::late(1));
    let object = explore::<Object>(&runs, Faults::late(2));
    assert!(prompt > 10_000 && late > 1_000 && object > 1_000, "{prompt}, {late}, {object}");
}

#[test]
fn three_contenders_never_hold_the_lock_at_the_same_time() {
    let runs = [("a", SHORT), ("b", SHORT), ("c", SHORT)];
    // On a log, faults of three at once are a hundred times as many states: those are walked through below.
    let states = (explore::<Ssm>(&runs, Faults::prompt(0)), explore::<Object>(&runs, Faults::late(1)));
    assert!(states.0 > 1_000 && states.1 > 1_000, "{states:?}");
}

#[test]
fn three_contenders_stay_apart_whatever_goes_wrong_on_many_ways() {
    let runs = [("a", RUN), ("b", RUN), ("c", RUN)];
    let removes = [("a", REMOVES), ("b", RUN), ("c", RUN)];
    let mut states = 0;
    for seed in 1..=20_000 {
        let faults = Faults::late(4);
        states += walk::<Ssm>(&runs, faults, seed) + walk::<Object>(&runs, faults, seed);
        states += walk::<Object>(&removes, faults, seed);
    }
    assert!(states > 100_000, "{states}");
}

#[test]
fn what_is_deleted_in_between_lets_nobody_in_twice() {
    let runs = [("a", REMOVES), ("b", SHORT), ("c", SHORT)];
    let states = (explore::<Ssm>(&runs, Faults::prompt(1)), explore::<Object>(&runs, Faults::late(1)));
    assert!(states.0 > 10_000 && states.1 > 1_000, "{states:?}");
}

/// Runs one turn to its end.
fn alone<S: Store>(store: &mut S, mut turn: Turn<S::Mark>, dead: &[String]) -> Verdict {
    loop {
        let mut steps = S::begin(&turn.ask());
        let told = loop {
            let answer = store.make(&S::call(&steps), dead);
            if let Some(told) = S::answer(&mut steps, answer) {
                break told;
            }
        };
        if let Some(verdict) = turn.answer(told) {
            return verdict;
        }
    }
}

fn turn<M: Plain>(session: &str, intent: Intent, serial: u64) -> Turn<M> {
    Turn::new(intent, holder(session), serial)
}

fn on_both(check: (impl Fn(Ssm), impl Fn(Object))) {
    check.0(Ssm::default());
    check.1(Object::default());
}

#[test]
fn a_holder_that_was_taken_for_dead_finds_out_and_takes_nothing_back() {
    on_both((taken_for_dead, taken_for_dead));
}

fn taken_for_dead<S: Store>(mut store: S) {
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
    on_both((taken_away, taken_away));
}

fn taken_away<S: Store>(mut store: S) {
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
        let mut steps = Steps::new(&late.ask());
        let told = loop {
            if let Some(told) = steps.answer(ssm.make(&steps.call(), &[])) {
                break told;
            }
        };
        assert_eq!(late.answer(told), None);
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
