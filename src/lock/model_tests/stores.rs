//! Models of what a lock is kept in: a parameter of SSM, and an object of S3.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

use crate::lock::log::{Answer, Call, Found, Steps, Version};
use crate::lock::{Ask, EXPIRY, Entry, Told};

/// What a test needs of a value.
pub trait Plain: Clone + Debug + Eq + Hash {}
impl<T: Clone + Debug + Eq + Hash> Plain for T {}

/// A store, and how it is asked: call by call, for everything may happen between two calls.
pub trait Store: Plain + Default {
    type Mark: Plain;
    /// The calls that one ask takes, as far as they are made.
    type Steps: Plain;
    type Call: Plain;
    type Answer: Plain;
    /// The answer when nothing came back.
    const LOST: Self::Answer;

    fn begin(ask: &Ask<Self::Mark>) -> Self::Steps;
    fn call(steps: &Self::Steps) -> Self::Call;
    fn answer(steps: &mut Self::Steps, answer: Self::Answer) -> Option<Told<Self::Mark>>;
    /// Whether a call may change something.
    fn writes(call: &Self::Call) -> bool;
    /// Whether it may be made a second time, or arrive late, when nobody knows what became of it.
    fn may_recur(call: &Self::Call) -> bool;
    /// Carries out a call. What a dead contender wrote is old, everything else is fresh.
    fn make(&mut self, call: &Self::Call, dead: &[String]) -> Self::Answer;
    /// The entry that counts, without the help of a turn.
    fn state(&self) -> Option<&Entry>;
}

fn age(entry: &Entry, dead: &[String]) -> Duration {
    if dead.contains(&entry.holder.session) { EXPIRY } else { Duration::ZERO }
}

/// A parameter as SSM keeps it: the versions, of which none ever changes; empty when there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ssm(pub Vec<Entry>);

impl Ssm {
    fn found(&self, version: u64, dead: &[String]) -> Answer {
        let place = version.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        let Some(entry) = place.and_then(|place| self.0.get(place)).cloned() else { return Answer::Absent };
        let age = age(&entry, dead);
        Answer::Found(Box::new(Found { version, entry: Some(entry), age }))
    }
}

impl Store for Ssm {
    type Mark = Version;
    type Steps = Steps;
    type Call = Call;
    type Answer = Answer;
    const LOST: Answer = Answer::Lost;

    fn begin(ask: &Ask<Version>) -> Steps {
        Steps::new(ask)
    }

    fn call(steps: &Steps) -> Call {
        steps.call()
    }

    fn answer(steps: &mut Steps, answer: Answer) -> Option<Told<Version>> {
        steps.answer(answer)
    }

    fn writes(call: &Call) -> bool {
        !matches!(call, Call::Newest | Call::Version(_))
    }

    fn may_recur(call: &Call) -> bool {
        Self::writes(call) && *call != Call::Delete
    }

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

    fn state(&self) -> Option<&Entry> {
        let counts = |at: &usize| {
            let before = at.checked_sub(1).map(|before| &self.0[before]);
            self.0[*at].counts(*at as u64 + 1, before)
        };
        (0..self.0.len()).rev().find(counts).map(|at| &self.0[at])
    }
}

/// An object as S3 keeps it. Its tag stands for its contents, which are never the same twice: the entry's id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Object(pub Option<Entry>);

impl Object {
    fn tag(&self) -> Option<&String> {
        self.0.as_ref().map(|entry| &entry.id)
    }
}

impl Store for Object {
    type Mark = String;
    /// One call each.
    type Steps = Ask<String>;
    type Call = Ask<String>;
    type Answer = Told<String>;
    const LOST: Told<String> = Told::Unsure;

    fn begin(ask: &Ask<String>) -> Ask<String> {
        ask.clone()
    }

    fn call(steps: &Ask<String>) -> Ask<String> {
        steps.clone()
    }

    fn answer(_: &mut Ask<String>, answer: Told<String>) -> Option<Told<String>> {
        Some(answer)
    }

    fn writes(call: &Ask<String>) -> bool {
        *call != Ask::Look
    }

    fn may_recur(call: &Ask<String>) -> bool {
        Self::writes(call)
    }

    fn make(&mut self, call: &Ask<String>, dead: &[String]) -> Told<String> {
        match call {
            Ask::Look => {
                let last = self.0.clone().map(|entry| {
                    let age = age(&entry, dead);
                    Box::new((entry, age))
                });
                Told::Seen { at: self.tag().cloned(), last }
            }
            Ask::Swap { from, entry } if self.tag() == from.as_ref() => {
                self.0 = Some(entry.as_ref().clone());
                Told::Swapped
            }
            Ask::Remove { at } if self.tag() == Some(at) => {
                self.0 = None;
                Told::Removed
            }
            Ask::Swap { .. } | Ask::Remove { .. } => Told::Unsure,
        }
    }

    fn state(&self) -> Option<&Entry> {
        self.0.as_ref()
    }
}
