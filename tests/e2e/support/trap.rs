//! The failures of the calls of one run, as data.

use std::collections::BTreeSet;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::watch;

use super::http::Answer;
use super::operation::Operation;

/// The calls that fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// No call fails.
    Open,
    /// After this number of calls that changed something, no call is answered any more, including the last of them.
    SilentAfter(usize),
    /// The same after the first call of this operation.
    SilentAfterThe(&'static str),
    /// The first attempt of each call that changes something fails, except for calls for the lock.
    Each(Fault),
    /// The first attempt of each call of these operations fails.
    Of(&'static [&'static str], Fault),
    /// The first call of this operation is held until it is released, so that resources may change before it.
    Before(&'static str),
    /// After this number of writes of the lock, AWS fails at all further ones, and does nothing.
    LockFailsAfter(usize),
}

impl Trap {
    /// Returns whether a run with this trap is left without answers, and has to be killed.
    pub fn kills(self) -> bool {
        matches!(self, Self::SilentAfter(_) | Self::SilentAfterThe(_))
    }
}

/// The failure of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// AWS fails with this status and does nothing.
    Fails(u16),
    /// AWS refuses the call, and repeats this text in its message.
    Repeats(&'static str),
    /// AWS limits the rate and does nothing.
    Throttles,
    /// The connection breaks before AWS receives the call.
    Breaks,
    /// AWS carries out the call, and the answer is lost.
    LosesAnswer,
    /// AWS carries out the call, and answers with 500.
    FailsAfter,
    /// AWS takes this time.
    Slow(Duration),
}

/// The handling of a call.
pub enum ProofInput {
    /// It is made, and its answer arrives.
    Made,
    /// It is answered without being made.
    Answered(Answer),
    /// It is made, and this arrives in place of its answer, or nothing if it is `None`.
    Instead(Option<Answer>),
}

/// The calls of one run.
pub struct Calls {
    trap: Trap,
    changes: Mutex<Vec<String>>,
    /// Calls that have failed once already, and do not have to fail again.
    sprung_for: Mutex<BTreeSet<String>>,
    /// All calls that have failed.
    faults: Mutex<BTreeSet<String>>,
    silent: watch::Sender<bool>,
    held: watch::Sender<bool>,
    over: watch::Sender<bool>,
    sprung: watch::Sender<bool>,
}

impl Calls {
    pub fn new(trap: Trap) -> Self {
        Self {
            trap,
            changes: Mutex::default(),
            sprung_for: Mutex::default(),
            faults: Mutex::default(),
            silent: watch::Sender::new(trap == Trap::SilentAfter(0)),
            held: watch::Sender::new(true),
            over: watch::Sender::new(false),
            sprung: watch::Sender::new(false),
        }
    }

    /// Returns the calls that changed something so far.
    pub fn changes(&self) -> Vec<String> {
        self.changes.lock().unwrap().clone()
    }

    /// Returns how many different calls failed so far.
    pub fn faults(&self) -> usize {
        self.faults.lock().unwrap().len()
    }

    /// Waits until the trap has sprung.
    pub async fn sprung(&self) {
        self.sprung.subscribe().wait_for(|sprung| *sprung).await.unwrap();
    }

    /// Answers again, including the calls that arrived in between.
    pub fn release(&self) {
        self.held.send_replace(false);
        self.silent.send_replace(false);
    }

    /// Ends the run: calls that still wait for an answer get none.
    pub fn end(&self) {
        self.over.send_replace(true);
    }

    /// Waits as long as no call is answered.
    pub async fn silence(&self) -> io::Result<()> {
        self.until_not(&self.silent).await
    }

    async fn until_not(&self, state: &watch::Sender<bool>) -> io::Result<()> {
        let (mut state, mut over) = (state.subscribe(), self.over.subscribe());
        tokio::select! {
            biased;
            _ = over.wait_for(|over| *over) => Err(io::ErrorKind::ConnectionAborted.into()),
            _ = state.wait_for(|state| !state) => Ok(()),
        }
    }

    /// Decides the handling of a call before it is made.
    pub async fn course(&self, operation: &Operation, change: &str) -> io::Result<ProofInput> {
        let fault = match self.trap {
            Trap::Each(fault) if !operation.is_of_lock() => fault,
            Trap::Of(operations, fault) if operations.contains(&operation.name.as_str()) => fault,
            Trap::Before(held) if held == operation.name => {
                self.sprung.send_replace(true);
                return self.until_not(&self.held).await.map(|()| ProofInput::Made);
            }
            _ => return Ok(ProofInput::Made),
        };
        if !self.sprung_for.lock().unwrap().insert(change.to_owned()) {
            return Ok(ProofInput::Made);
        }
        self.faults.lock().unwrap().insert(change.to_owned());
        Ok(match fault {
            Fault::Fails(status) => ProofInput::Answered(failure(operation, status, "InternalFailure")),
            Fault::Repeats(text) => {
                let message =
                    format!("Value '{{{text}=}}' at 'environment.variables' failed to satisfy constraint");
                ProofInput::Answered(Answer::refusal(400, "ValidationException", &message))
            }
            Fault::Throttles => ProofInput::Answered(failure(operation, 429, "TooManyRequestsException")),
            Fault::Breaks => return Err(io::ErrorKind::ConnectionReset.into()),
            Fault::LosesAnswer => ProofInput::Instead(None),
            Fault::FailsAfter => ProofInput::Instead(Some(failure(operation, 500, "InternalFailure"))),
            Fault::Slow(time) => {
                tokio::time::sleep(time).await;
                ProofInput::Made
            }
        })
    }

    /// Decides the handling of a write of the lock, given the number of earlier writes.
    pub async fn course_of_lock(
        &self,
        operation: &Operation,
        change: &str,
        made: usize,
    ) -> io::Result<ProofInput> {
        match self.trap {
            Trap::LockFailsAfter(most) if made >= most => {
                Ok(ProofInput::Answered(failure(operation, 503, "InternalFailure")))
            }
            _ => self.course(operation, change).await,
        }
    }

    /// Lets the next attempt of a change fail as well, because AWS refused this one by itself.
    pub fn refused(&self, change: &str) {
        self.sprung_for.lock().unwrap().remove(change);
    }

    /// Records a change.
    pub fn made(&self, change: String) {
        let count = {
            let mut changes = self.changes.lock().unwrap();
            changes.push(change.clone());
            changes.len()
        };
        let springs = match self.trap {
            Trap::SilentAfter(most) => count >= most,
            Trap::SilentAfterThe(operation) => change.starts_with(&format!("{operation} ")),
            _ => false,
        };
        if springs {
            self.silent.send_replace(true);
            self.sprung.send_replace(true);
        }
    }
}

fn failure(operation: &Operation, status: u16, code: &str) -> Answer {
    if operation.name.starts_with("iam:") {
        let code = if status == 429 { "Throttling" } else { code };
        return Answer::iam_refusal(status, code, "no");
    }
    Answer::refusal(status, code, "no")
}
