//! One try to take, keep or leave a lock: a machine that says which call to make, and takes the answer.

use std::time::Duration;

use super::{EXPIRY, Entry, Holder};

/// How often a turn looks anew. Whoever loses an append loses to somebody who won, so this is for what is
/// wrong with AWS, not for contenders.
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
    /// To delete the parameter with it.
    Remove,
    /// To free it from somebody else, by session.
    Break {
        /// Session of the holder.
        session: String,
    },
    /// To see who holds it.
    Look,
}

/// A call to SSM.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Reads the newest version.
    Newest,
    /// Reads one version.
    Version(u64),
    /// Writes the first version, unless there is a parameter already.
    Create(Entry),
    /// Appends a version.
    Append(Entry),
    /// Deletes the parameter. It must not be repeated.
    Delete,
}

/// A version as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Found {
    /// Its number.
    pub version: u64,
    /// What it says; `None` when that is no lock.
    pub entry: Option<Entry>,
    /// How old it is, by AWS's clock alone.
    pub age: Duration,
}

/// What SSM answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// A version.
    Found(Box<Found>),
    /// There is no such parameter or version.
    Absent,
    /// There is a parameter already.
    Exists,
    /// The entry was written as this version.
    Written(u64),
    /// The parameter is deleted.
    Deleted,
    /// Nothing came back: the call may have been carried out or not.
    Lost,
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
    /// The parameter says something that is no lock.
    Foreign,
    /// SSM answers in a way that tells nothing.
    Unclear,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Newest,
    /// Looks whether the entry at a version counts, by the one before it.
    Walk {
        top: (u64, String),
        at: Box<Found>,
    },
    Write {
        call: Call,
        from: Option<Holder>,
    },
    /// Looks whether what was appended follows upon what was read.
    Verify {
        entry: Entry,
        from: Option<Holder>,
    },
    Delete,
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
        Self { intent, me, serial, began: serial, looks: 0, phase: Phase::Newest }
    }

    /// Returns the serial number that the next turn begins with.
    pub const fn serial(&self) -> u64 {
        self.serial
    }

    /// Returns the call to make.
    pub fn call(&self) -> Call {
        match &self.phase {
            Phase::Newest => Call::Newest,
            Phase::Walk { at, .. } => Call::Version(at.version.saturating_sub(1)),
            Phase::Write { call, .. } => call.clone(),
            Phase::Verify { entry, .. } => Call::Version(entry.base),
            Phase::Delete => Call::Delete,
        }
    }

    /// Takes the answer to the call, and ends or goes on.
    pub fn answer(&mut self, answer: Answer) -> Option<Verdict> {
        match (self.phase.clone(), answer) {
            (Phase::Newest, Answer::Absent) => self.decide(None, None),
            (Phase::Newest, Answer::Found(at)) => match &at.entry {
                None => Some(Verdict::Foreign),
                Some(entry) => self.walk((at.version, entry.id.clone()), at),
            },
            (Phase::Walk { top, at }, Answer::Found(before)) => {
                let counts =
                    at.entry.as_ref().is_some_and(|entry| entry.counts(at.version, before.entry.as_ref()));
                if counts { self.decide(Some(top), Some(at)) } else { self.walk(top, before) }
            }
            (Phase::Write { call: Call::Create(_), from }, Answer::Written(1)) => Some(self.written(from)),
            (Phase::Write { call: Call::Append(entry), from }, Answer::Written(version))
                if entry.base + 1 == version =>
            {
                self.phase = Phase::Verify { entry, from };
                None
            }
            (Phase::Verify { entry, from }, Answer::Found(before))
                if entry.counts(before.version + 1, before.entry.as_ref()) =>
            {
                Some(self.written(from))
            }
            (Phase::Delete, Answer::Deleted | Answer::Absent) => Some(Verdict::Free(None)),
            (Phase::Delete, _) => {
                // A second call might hit the lock of somebody else.
                self.intent = Intent::Leave;
                self.look()
            }
            // Somebody was quicker, the parameter went, or nothing came back: what is there now decides.
            _ => self.look(),
        }
    }

    fn look(&mut self) -> Option<Verdict> {
        self.looks += 1;
        self.phase = Phase::Newest;
        (self.looks > LOOKS).then_some(Verdict::Unclear)
    }

    /// Looks at an entry: the first version of a parameter has none before it.
    fn walk(&mut self, top: (u64, String), at: Box<Found>) -> Option<Verdict> {
        if at.version > 1 {
            self.phase = Phase::Walk { top, at };
            return None;
        }
        let counts = at.entry.as_ref().is_some_and(|entry| entry.counts(1, None));
        self.decide(Some(top), counts.then_some(at))
    }

    /// Decides by the newest version, and the newest that counts.
    fn decide(&mut self, top: Option<(u64, String)>, counting: Option<Box<Found>>) -> Option<Verdict> {
        let counting = counting.and_then(|found| Some((found.entry?, found.age)));
        let renewed = counting.as_ref().is_some_and(|(entry, _)| self.wrote(&entry.id));
        let (last, holder) = match counting {
            Some((entry, age)) if entry.held => (None, Some((entry.holder, age))),
            Some((entry, _)) => (Some(entry.holder), None),
            None => (None, None),
        };
        match (&self.intent, holder) {
            (Intent::Take { .. }, None) => self.write(top, true, None),
            (Intent::Take { gone }, Some((holder, age))) => {
                // An append of this session counted although its answer got lost.
                if holder.session == self.me.session {
                    return Some(Verdict::Held(None));
                }
                let dead = age >= EXPIRY || gone.as_ref() == Some(&holder.session);
                if dead { self.write(top, true, Some(holder)) } else { Some(Verdict::Busy(holder, age)) }
            }
            (Intent::Look, holder) => Some(match holder {
                Some((holder, age)) => Verdict::Busy(holder, age),
                None => Verdict::Free(last),
            }),
            (Intent::Break { session }, Some((holder, age))) => {
                if holder.session == *session {
                    self.write(top, false, None)
                } else {
                    Some(Verdict::Busy(holder, age))
                }
            }
            // The parameter was deleted, by hand or late: nobody else has the lock, so it is written again.
            (Intent::Keep, None) if top.is_none() => self.write(top, true, None),
            (_, None) => Some(Verdict::Free(last)),
            (_, Some((holder, age))) if holder.session != self.me.session => Some(Verdict::Busy(holder, age)),
            // An append of this turn counted although its answer got lost.
            (Intent::Keep, Some(_)) if renewed => Some(Verdict::Held(None)),
            (Intent::Keep, Some(_)) => self.write(top, true, None),
            (Intent::Remove, Some(_)) => {
                self.phase = Phase::Delete;
                None
            }
            (Intent::Leave, Some(_)) => self.write(top, false, None),
        }
    }

    fn wrote(&self, id: &str) -> bool {
        (self.began + 1..=self.serial).any(|serial| id == self.id(serial))
    }

    fn id(&self, serial: u64) -> String {
        format!("{}.{serial}", self.me.session)
    }

    fn write(&mut self, top: Option<(u64, String)>, held: bool, from: Option<Holder>) -> Option<Verdict> {
        self.serial += 1;
        let first = top.is_none();
        let id = self.id(self.serial);
        let entry = Entry::new(id, top, (held, self.me.clone()));
        let call = if first { Call::Create(entry) } else { Call::Append(entry) };
        self.phase = Phase::Write { call, from };
        None
    }

    fn written(&self, from: Option<Holder>) -> Verdict {
        match self.intent {
            Intent::Take { .. } | Intent::Keep => Verdict::Held(from),
            _ => Verdict::Free(None),
        }
    }
}
