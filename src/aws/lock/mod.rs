//! The lock of an environment in a parameter of SSM.

mod clock;
mod parameter;

use self::parameter::{Log, Parameter};
use super::clients::Aws;
use super::error::{AwsError, ErrorKind};
use crate::lock::log::{Answer, Call, Steps};
use crate::lock::{self, Holder, Intent, Turn, Verdict};

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// Time after which no further call of a turn begins.
const LONGEST_TURN: Duration = Duration::from_secs(90);

/// Plays a turn to its end.
async fn play(log: &impl Log, mut turn: Turn) -> Result<Verdict, AwsError> {
    let begun = Instant::now();
    let mut steps = Steps::new(&turn.ask());
    loop {
        let call = steps.call();
        let answer = match log.make(&call).await {
            Ok(answer) => answer,
            Err(error) if is_lost(&error) && !matches!(call, Call::Newest | Call::Version(_)) => Answer::Lost,
            Err(error) => return Err(error),
        };
        let Some(reply) = steps.answer(answer) else { continue };
        if let Some(verdict) = turn.answer(reply) {
            return Ok(verdict);
        }
        // Every call has its own patience; all of them together have this.
        if begun.elapsed() > LONGEST_TURN {
            return Ok(Verdict::Unclear);
        }
        steps = Steps::new(&turn.ask());
    }
}

/// Returns whether a write may have been carried out: then what is there decides.
fn is_lost(error: &AwsError) -> bool {
    matches!(error.kind(), ErrorKind::Unknown | ErrorKind::Transient)
}

/// The lock of one environment.
#[derive(Clone)]
pub struct Locker(Parameter);

impl Locker {
    /// Names the lock of an environment.
    pub fn new(aws: Arc<Aws>, stack: &str, env: &str) -> Self {
        Self(Parameter { aws, name: lock::parameter(stack, env) })
    }

    /// Plays one turn: `me` is for `intent`, and no entry of this session has a number from `serial` on.
    ///
    /// # Errors
    /// What AWS refuses, and reads without an answer.
    pub async fn turn(&self, intent: Intent, me: Holder, serial: u64) -> Result<Verdict, AwsError> {
        play(&self.0, Turn::new(intent, me, serial)).await
    }

    /// Returns the name of the parameter.
    pub fn name(&self) -> String {
        format!("the parameter `{}`", self.0.name)
    }

    /// Returns the command that deletes it.
    pub fn removal(&self) -> String {
        format!("aws ssm delete-parameter --name {}", self.0.name)
    }
}
