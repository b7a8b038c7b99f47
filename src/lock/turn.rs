//! One try to take, keep or leave a lock: a machine that says what to ask of the store, and takes what it tells.

use std::time::Duration;

use super::log::Version;
use super::{EXPIRY, Entry, Holder};

/// How often a turn looks anew. Whoever loses a swap loses to somebody who won, so this is for what is wrong
/// with AWS, not for contenders.
const LOOKS: u32 = 30;

/// What a turn is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Intent {
    /// To get the lock, also from a holder that is silent for too long, or that is known to be gone.
    Take {
        /// Session of a holder that is known to be gone.
        gone: Option<String>,
    },
    /// To renew a lock that is held.
    Keep,
    /// To let go of it.
    Leave,
    /// To delete what it is kept in.
    Remove,
    /// To free it from somebody else, by session.
    Break {
        /// Session of the holder.
        session: String,
    },
    /// To see who holds it.
    Look,
}

/// A question to the parameter, or a change of what was read from it and of nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// What is there?
    Look,
    /// Put an entry in the place of what was read; `None` where there was nothing.
    Swap {
        /// What was read.
        from: Option<Version>,
        /// What comes in its place.
        entry: Box<Entry>,
    },
    /// Delete what was read.
    Remove {
        /// What was read.
        at: Version,
    },
}

/// The reply of the parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StoreReply {
    /// What is there.
    Seen {
        /// Marks it; `None` where there is nothing.
        at: Option<Version>,
        /// The entry that counts, and how old it is by AWS's clock alone.
        last: Option<Box<(Entry, Duration)>>,
    },
    /// What is there is no lock.
    Foreign,
    /// The entry is in place.
    Swapped,
    /// It is deleted, or was gone already.
    Removed,
    /// Somebody was quicker, it went meanwhile, or nothing came back: what is there now decides.
    Unsure,
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The lock is held. It was taken from this one, which is dead.
    Held(Option<Holder>),
    /// Somebody else has it.
    Busy(Holder, Duration),
    /// Nobody holds it; who did last.
    Free(Option<Holder>),
    /// The store holds something that is no lock.
    Foreign,
    /// AWS answers in a way that tells nothing.
    Unclear,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Look,
    Swap { from: Option<Version>, entry: Box<Entry>, dead: Option<Holder> },
    Remove { at: Version },
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Turn {
    intent: Intent,
    me: Holder,
    /// Ids of entries are unique by it.
    serial: u64,
    /// Serial number before the turn.
    began: u64,
    looks: u32,
    phase: Phase,
}

impl Turn {
    /// Begins. `serial` is counted up from turn to turn of a session, by [`Turn::serial`].
    pub const fn new(intent: Intent, me: Holder, serial: u64) -> Self {
        Self { intent, me, serial, began: serial, looks: 0, phase: Phase::Look }
    }

    /// Returns the serial number that the next turn begins with.
    pub const fn serial(&self) -> u64 {
        self.serial
    }

    /// Returns what to ask.
    pub fn ask(&self) -> Ask {
        match &self.phase {
            Phase::Look => Ask::Look,
            Phase::Swap { from, entry, .. } => Ask::Swap { from: from.clone(), entry: entry.clone() },
            Phase::Remove { at } => Ask::Remove { at: at.clone() },
        }
    }

    /// Takes what was reply, and ends or goes on.
    pub fn answer(&mut self, reply: StoreReply) -> Option<Verdict> {
        match (&self.phase, reply) {
            (Phase::Look, StoreReply::Seen { at, last }) => self.decide(at, last),
            (Phase::Look, StoreReply::Foreign) => Some(Verdict::Foreign),
            (Phase::Swap { dead, .. }, StoreReply::Swapped) => Some(match self.intent {
                Intent::Take { .. } | Intent::Keep => Verdict::Held(dead.clone()),
                _ => Verdict::Free(None),
            }),
            (Phase::Remove { .. }, StoreReply::Removed) => Some(Verdict::Free(None)),
            (Phase::Remove { .. }, _) => {
                // A second call might hit the lock of somebody else.
                self.intent = Intent::Leave;
                self.look()
            }
            _ => self.look(),
        }
    }

    fn look(&mut self) -> Option<Verdict> {
        self.looks += 1;
        self.phase = Phase::Look;
        (self.looks > LOOKS).then_some(Verdict::Unclear)
    }

    /// Decides by what is there.
    fn decide(&mut self, at: Option<Version>, last: Option<Box<(Entry, Duration)>>) -> Option<Verdict> {
        let renewed = last.as_ref().is_some_and(|last| self.wrote(&last.0.id));
        let (last, holder) = match last.map(|last| *last) {
            Some((entry, age)) if entry.held => (None, Some((entry.holder, age))),
            Some((entry, _)) => (Some(entry.holder), None),
            None => (None, None),
        };
        match (&self.intent, holder) {
            (Intent::Take { .. }, None) => self.swap(at, true, None),
            (Intent::Take { gone }, Some((holder, age))) => {
                // A swap of this session was made although its answer got lost.
                if holder.session == self.me.session {
                    return Some(Verdict::Held(None));
                }
                let dead = age >= EXPIRY || gone.as_ref() == Some(&holder.session);
                if dead { self.swap(at, true, Some(holder)) } else { Some(Verdict::Busy(holder, age)) }
            }
            (Intent::Look, holder) => Some(match holder {
                Some((holder, age)) => Verdict::Busy(holder, age),
                None => Verdict::Free(last),
            }),
            (Intent::Break { session }, Some((holder, age))) => {
                if holder.session == *session {
                    self.swap(at, false, None)
                } else {
                    Some(Verdict::Busy(holder, age))
                }
            }
            // It was deleted, by hand or late: nobody else has the lock, so it is written again.
            (Intent::Keep, None) if at.is_none() => self.swap(at, true, None),
            (_, None) => Some(Verdict::Free(last)),
            (_, Some((holder, age))) if holder.session != self.me.session => Some(Verdict::Busy(holder, age)),
            // A swap of this turn was made although its answer got lost.
            (Intent::Keep, Some(_)) if renewed => Some(Verdict::Held(None)),
            (Intent::Keep, Some(_)) => self.swap(at, true, None),
            (Intent::Remove, Some(_)) => match at {
                Some(at) => {
                    self.phase = Phase::Remove { at };
                    None
                }
                None => Some(Verdict::Free(None)),
            },
            (Intent::Leave, Some(_)) => self.swap(at, false, None),
        }
    }

    fn wrote(&self, id: &str) -> bool {
        (self.began + 1..=self.serial).any(|serial| id == self.id(serial))
    }

    fn id(&self, serial: u64) -> String {
        format!("{}.{serial}", self.me.session)
    }

    fn swap(&mut self, from: Option<Version>, held: bool, dead: Option<Holder>) -> Option<Verdict> {
        self.serial += 1;
        let entry = Box::new(Entry::new(self.id(self.serial), held, self.me.clone()));
        self.phase = Phase::Swap { from, entry, dead };
        None
    }
}
