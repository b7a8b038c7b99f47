//! Every interleaving of contenders on a model of SSM.
//!
//! Each state of the whole is visited once; from each, every contender that lives makes its next call, and,
//! as long as the budget of faults lasts, gets no answer to it, has it repeated by the way, or dies.

use std::collections::HashSet;
use std::time::Duration;

use super::{Answer, Call, EXPIRY, Entry, Found, Holder, Intent, Turn, Verdict};

/// A parameter as SSM keeps it: the versions, of which none ever changes; empty when there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Ssm(Vec<Entry>);

impl Ssm {
    fn found(&self, version: u64, dead: &[String]) -> Answer {
        let place = version.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        let Some(entry) = place.and_then(|place| self.0.get(place)).cloned() else { return Answer::Absent };
        // What a dead contender wrote last ages; what a living one wrote is always fresh.
        let age = if dead.contains(&entry.holder.session) { EXPIRY } else { Duration::ZERO };
        Answer::Found(Box::new(Found { version, entry: Some(entry), age }))
    }

    fn make(&mut self, call: &Call, dead: &[String]) -> Answer {
        let newest = self.0.len() as u64;
        match call {
            Call::Newest => self.found(newest, dead),
            Call::Version(version) => self.found(*version, dead),
            Call::Create(_) if newest > 0 => Answer::Exists,
            Call::Create(entry) | Call::Append(entry) => {
                self.0.push(entry.clone());
                Answer::Written(newest + 1)
            }
            Call::Delete if newest == 0 => Answer::Absent,
            Call::Delete => {
                self.0.clear();
                Answer::Deleted
            }
        }
    }

    /// The newest entry that counts, without the help of a turn.
    fn state(&self) -> Option<&Entry> {
        let counts = |at: &usize| {
            let before = at.checked_sub(1).map(|before| &self.0[before]);
            self.0[*at].counts(*at as u64 + 1, before)
        };
        (0..self.0.len()).rev().find(counts).map(|at| &self.0[at])
    }
}

/// What a contender is doing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Doing {
    Turn(Box<Turn>),
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

impl Contender {
    fn new(name: &str, intents: &[Intent]) -> Self {
        let mut plan: Vec<Intent> = intents.iter().rev().cloned().collect();
        let me = Holder { session: name.to_owned(), ..Holder::default() };
        let first = plan.pop().unwrap();
        let doing = Doing::Turn(Box::new(Turn::new(first, me, 0)));
        Self { name: name.to_owned(), plan, doing, holds: false }
    }

    fn turn(&self) -> Option<&Turn> {
        if let Doing::Turn(turn) = &self.doing { Some(turn) } else { None }
    }

    /// Takes the answer to the call.
    fn answer(&mut self, answer: Answer) {
        let Doing::Turn(turn) = &mut self.doing else { return };
        let Some(verdict) = turn.answer(answer) else { return };
        assert_ne!(verdict, Verdict::Unclear);
        let serial = turn.serial();
        let held = matches!(verdict, Verdict::Held(_));
        // A lock that was held, of a contender that lives, is never lost.
        assert!(held || !self.holds, "{self:?} lost its lock: {verdict:?}");
        self.holds = held;
        self.doing = match self.plan.pop() {
            Some(intent) if held => {
                // Whoever lets go changes nothing any more.
                self.holds = intent == Intent::Keep;
                let me = Holder { session: self.name.clone(), ..Holder::default() };
                Doing::Turn(Box::new(Turn::new(intent, me, serial)))
            }
            _ => Doing::Over,
        };
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    ssm: Ssm,
    contenders: Vec<Contender>,
    faults: u32,
}

impl World {
    fn check(&self) {
        let holding: Vec<&str> =
            self.contenders.iter().filter(|one| one.holds).map(|one| one.name.as_str()).collect();
        assert!(holding.len() <= 1, "{holding:?} hold the lock at the same time: {self:#?}");
        let state = self.ssm.state().filter(|entry| entry.held).map(|entry| entry.holder.session.as_str());
        assert!(holding.is_empty() || holding == Vec::from_iter(state), "{self:#?}");
        let over = self.contenders.iter().all(|one| one.doing == Doing::Over);
        assert!(!over || state.is_none(), "a lock is left behind: {self:#?}");
    }

    fn next(&self) -> Vec<Self> {
        let mut next = Vec::new();
        let dead = self.contenders.iter().filter(|one| one.doing == Doing::Dead);
        let dead: Vec<String> = dead.map(|one| one.name.clone()).collect();
        for (place, contender) in self.contenders.iter().enumerate() {
            let Some(call) = contender.turn().map(Turn::call) else { continue };
            let mut plain = self.clone();
            let answer = plain.ssm.make(&call, &dead);
            plain.contenders[place].answer(answer);
            let unheard = |faults: u32, times: u32| {
                let mut faulty = self.clone();
                let answers: Vec<Answer> = (0..times).map(|_| faulty.ssm.make(&call, &dead)).collect();
                let last = answers.into_iter().last().filter(|_| times > 1);
                faulty.contenders[place].answer(last.unwrap_or(Answer::Lost));
                Self { faults, ..faulty }
            };
            next.push(plain);
            let Some(faults) = self.faults.checked_sub(1) else { continue };
            let mut dying = self.clone();
            dying.contenders[place].doing = Doing::Dead;
            dying.contenders[place].holds = false;
            next.push(Self { faults, ..dying });
            if !matches!(call, Call::Newest | Call::Version(_)) {
                // It never arrived; its answer got lost; it was made again, and only the second answer came.
                next.extend([unheard(faults, 0), unheard(faults, 1)]);
                if call != Call::Delete {
                    next.push(unheard(faults, 2));
                }
            }
        }
        next
    }
}

/// Visits every state, and returns how many there are.
fn explore(contenders: Vec<Contender>, faults: u32) -> usize {
    let first = World { ssm: Ssm::default(), contenders, faults };
    let mut seen = HashSet::from([first.clone()]);
    let mut waiting = vec![first];
    while let Some(world) = waiting.pop() {
        world.check();
        for next in world.next() {
            if seen.insert(next.clone()) {
                waiting.push(next);
            }
        }
    }
    seen.len()
}

const TAKE: Intent = Intent::Take { gone: None };

#[test]
fn two_contenders_never_hold_the_lock_at_the_same_time() {
    let run = [TAKE, Intent::Keep, Intent::Leave];
    let states = explore(vec![Contender::new("a", &run), Contender::new("b", &run)], 2);
    assert!(states > 1_000, "{states}");
}

#[test]
fn three_contenders_never_hold_the_lock_at_the_same_time() {
    let run = [TAKE, Intent::Leave];
    let contenders = ["a", "b", "c"].map(|name| Contender::new(name, &run));
    // Faults of three at once are a hundred times as many states, and those of two are covered above.
    let states = explore(contenders.to_vec(), 0);
    assert!(states > 1_000, "{states}");
}

#[test]
fn a_parameter_that_is_deleted_in_between_lets_nobody_in_twice() {
    let run = [TAKE, Intent::Leave];
    let removes = [TAKE, Intent::Remove];
    let contenders = [("a", &removes), ("b", &run), ("c", &run)].map(|(name, run)| Contender::new(name, run));
    let states = explore(contenders.to_vec(), 1);
    assert!(states > 10_000, "{states}");
}

/// Runs one turn to its end.
fn alone(ssm: &mut Ssm, mut turn: Turn, dead: &[String]) -> Verdict {
    loop {
        let call = turn.call();
        let answer = ssm.make(&call, dead);
        if let Some(verdict) = turn.answer(answer) {
            return verdict;
        }
    }
}

fn turn(session: &str, intent: Intent, serial: u64) -> Turn {
    Turn::new(intent, Holder { session: session.to_owned(), ..Holder::default() }, serial)
}

#[test]
fn a_holder_that_was_taken_for_dead_finds_out_and_takes_nothing_back() {
    let (a, b) = ("a".to_owned(), "b".to_owned());
    let mut ssm = Ssm::default();
    assert_eq!(alone(&mut ssm, turn(&a, TAKE, 0), &[]), Verdict::Held(None));
    let busy = |session: &str| {
        Verdict::Busy(Holder { session: session.to_owned(), ..Holder::default() }, Duration::ZERO)
    };
    assert_eq!(alone(&mut ssm, turn(&b, TAKE, 0), &[]), busy("a"));
    let silent = [a.clone()];
    let dead = Holder { session: a.clone(), ..Holder::default() };
    assert_eq!(alone(&mut ssm, turn(&b, TAKE, 10), &silent), Verdict::Held(Some(dead.clone())));
    for intent in [Intent::Keep, Intent::Leave, Intent::Remove] {
        assert_eq!(alone(&mut ssm, turn(&a, intent, 20), &[]), busy("b"));
    }
    assert_eq!(alone(&mut ssm, turn(&b, Intent::Keep, 20), &[]), Verdict::Held(None));
    // One whose process is known to be gone is not waited for.
    let gone = Intent::Take { gone: Some(b.clone()) };
    assert!(matches!(alone(&mut ssm, turn(&a, gone, 30), &[]), Verdict::Held(Some(_))));
}

#[test]
fn who_takes_a_lock_away_takes_that_of_one_session_only() {
    let mut ssm = Ssm::default();
    alone(&mut ssm, turn("a", TAKE, 0), &[]);
    let of = |session: &str| Intent::Break { session: session.to_owned() };
    assert!(matches!(alone(&mut ssm, turn("x", of("b"), 0), &[]), Verdict::Busy(..)));
    assert_eq!(alone(&mut ssm, turn("x", of("a"), 10), &[]), Verdict::Free(None));
    let last = |verdict| matches!(verdict, Verdict::Free(Some(Holder { session, .. })) if session == "x");
    assert!(last(alone(&mut ssm, turn("a", Intent::Keep, 10), &[])));
    assert!(last(alone(&mut ssm, turn("x", Intent::Look, 20), &[])));
}

#[test]
fn a_writer_that_slept_through_a_deletion_does_not_get_in_by_the_right_number() {
    let mut ssm = Ssm::default();
    for round in 0..2 {
        alone(&mut ssm, turn("a", TAKE, round * 10), &[]);
        alone(&mut ssm, turn("a", Intent::Leave, round * 10 + 5), &[]);
    }
    let mut late = turn("late", TAKE, 0);
    while !matches!(late.call(), Call::Append(_)) {
        let answer = ssm.make(&late.call(), &[]);
        assert_eq!(late.answer(answer), None);
    }
    ssm.0.clear();
    alone(&mut ssm, turn("b", TAKE, 0), &[]);
    for beat in 1..4 {
        alone(&mut ssm, turn("b", Intent::Keep, beat * 10), &[]);
    }
    assert_eq!(ssm.0.len(), 4);
    assert!(matches!(alone(&mut ssm, late, &[]), Verdict::Busy(Holder { session, .. }, _) if session == "b"));
    assert_eq!(ssm.state().unwrap().holder.session, "b");
}
