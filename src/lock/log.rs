//! Compare-and-swap on a log: what a parameter of SSM is.
//!
//! SSM has neither a conditional overwrite nor a conditional delete, but it numbers: every `PutParameter`
//! appends a version, the numbers have no gaps, and every version can be read by its number (`NAME:7`) as it
//! was written.
//!
//! Whoever wants to change the lock reads the newest version `n`, decides, and appends an [`Entry`] that says
//! what it was made from: `base: n`, and the id of the entry found there. It counts if it became version
//! `n + 1` and that entry is still the one before it; otherwise it changes nothing, **for every reader**, for
//! all readers go by the same rule ([`Entry::counts`]). Of several that append upon the same version just one
//! becomes the next, so this is a compare-and-swap; no clock is needed for it, and a loser that overwrites the
//! winner's value takes nothing away: the lock is not the newest version but the newest that counts.
//!
//! - A version, once written, stays as it is, so whether it counts is the same for everybody and for ever. A
//!   read that is late only makes an append fail.
//! - An answer that got lost is harmless: a repeated append does not count, and looking again shows whether
//!   the first did, by the session in it.
//! - A parameter that is deleted and made anew counts from 1 again. The id of the entry before keeps a writer
//!   that slept through that from hitting the right number by chance.
//! - To let go is an append too. Deleting is left to whoever removes a whole environment while holding a lock
//!   that was just renewed.

use std::time::Duration;

use super::{Ask, Entry, StoreReply};

/// A version of the log: its number, and the id of the entry there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    number: u64,
    id: String,
}

/// A call to SSM.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Reads the newest version.
    Newest,
    /// Reads one version.
    Version(u64),
    /// Writes the first version, unless there is a parameter already.
    Create(Box<Entry>),
    /// Appends a version.
    Append(Box<Entry>),
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

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Newest,
    /// Looks whether the entry at a version counts, by the one before it.
    Walk {
        top: Version,
        at: Box<Found>,
    },
    Write(Call),
    /// Looks whether what was appended follows upon what was read.
    Verify(Box<Entry>),
    Delete,
}

/// The calls that what is asked takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Steps(Phase);

impl Steps {
    /// Begins.
    pub fn new(ask: &Ask) -> Self {
        Self(match ask {
            Ask::Look => Phase::Newest,
            Ask::Swap { from: None, entry } => Phase::Write(Call::Create(entry.clone())),
            Ask::Swap { from: Some(Version { number, id }), entry } => {
                let follows = entry.as_ref().clone().after(*number, id.clone());
                Phase::Write(Call::Append(Box::new(follows)))
            }
            Ask::Remove { at: _ } => Phase::Delete,
        })
    }

    /// Returns the call to make.
    pub fn call(&self) -> Call {
        match &self.0 {
            Phase::Newest => Call::Newest,
            Phase::Walk { at, .. } => Call::Version(at.version.saturating_sub(1)),
            Phase::Write(call) => call.clone(),
            Phase::Verify(entry) => Call::Version(entry.base),
            Phase::Delete => Call::Delete,
        }
    }

    /// Takes the answer to the call, and ends or goes on.
    pub fn answer(&mut self, answer: Answer) -> Option<StoreReply> {
        match (self.0.clone(), answer) {
            (Phase::Newest, Answer::Absent) => Some(StoreReply::Seen { at: None, last: None }),
            (Phase::Newest, Answer::Found(at)) => match &at.entry {
                None => Some(StoreReply::Foreign),
                Some(entry) => self.walk(Version { number: at.version, id: entry.id.clone() }, at),
            },
            (Phase::Walk { top, at }, Answer::Found(before)) => {
                let counts =
                    at.entry.as_ref().is_some_and(|entry| entry.counts(at.version, before.entry.as_ref()));
                if counts { Some(seen(top, Some(at))) } else { self.walk(top, before) }
            }
            (Phase::Write(Call::Create(_)), Answer::Written(1)) => Some(StoreReply::Swapped),
            (Phase::Write(Call::Append(entry)), Answer::Written(version)) if entry.base + 1 == version => {
                self.0 = Phase::Verify(entry);
                None
            }
            (Phase::Verify(entry), Answer::Found(before))
                if entry.counts(before.version + 1, before.entry.as_ref()) =>
            {
                Some(StoreReply::Swapped)
            }
            (Phase::Delete, Answer::Deleted | Answer::Absent) => Some(StoreReply::Removed),
            _ => Some(StoreReply::Unsure),
        }
    }

    /// Looks at an entry: the first version of a parameter has none before it.
    fn walk(&mut self, top: Version, at: Box<Found>) -> Option<StoreReply> {
        if at.version > 1 {
            self.0 = Phase::Walk { top, at };
            return None;
        }
        let counts = at.entry.as_ref().is_some_and(|entry| entry.counts(1, None));
        Some(seen(top, counts.then_some(at)))
    }
}

fn seen(top: Version, counting: Option<Box<Found>>) -> StoreReply {
    let last = counting.and_then(|found| Some(Box::new((found.entry?, found.age))));
    StoreReply::Seen { at: Some(top), last }
}
