//! What a lock is kept in: a parameter of SSM, or an object of S3.

mod heads;
mod object;
mod parameter;

use self::object::Object;
use self::parameter::Parameter;
use super::clients::Aws;
use super::error::{AwsError, ErrorKind};
use crate::lock::{self, Ask, Holder, Intent, Told, Turn, Verdict};

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// Time after which no further call of a turn begins.
const LONGEST_TURN: Duration = Duration::from_secs(90);

/// A store that changes what was read, and nothing else.
trait Store {
    /// Marks what was read.
    type Mark: Clone + Send + Sync;

    /// Asks it.
    fn ask(&self, ask: Ask<Self::Mark>) -> impl Future<Output = Result<Told<Self::Mark>, AwsError>> + Send;
}

/// Plays a turn to its end.
async fn play<S: Store + Sync>(store: &S, mut turn: Turn<S::Mark>) -> Result<Verdict, AwsError> {
    let begun = Instant::now();
    loop {
        if let Some(verdict) = turn.answer(store.ask(turn.ask()).await?) {
            return Ok(verdict);
        }
        // Every call has its own patience; all of them together have this.
        if begun.elapsed() > LONGEST_TURN {
            return Ok(Verdict::Unclear);
        }
    }
}

/// Whether a write may have been carried out: then what is there decides.
fn is_lost(error: &AwsError) -> bool {
    matches!(error.kind(), ErrorKind::Unknown | ErrorKind::Transient)
}

/// Where the lock of an environment is kept.
#[derive(Clone)]
pub struct Locker(Kept);

#[derive(Clone)]
enum Kept {
    Parameter(Parameter),
    Object(Object),
}

impl Locker {
    /// Keeps it in a bucket, or, where none is named, in a parameter.
    pub fn new(aws: Arc<Aws>, (stack, env): (&str, &str), bucket: Option<&str>) -> Self {
        Self(match bucket {
            None => Kept::Parameter(Parameter { aws, name: lock::parameter(stack, env) }),
            Some(bucket) => {
                Kept::Object(Object { aws, bucket: bucket.to_owned(), key: lock::object(stack, env) })
            }
        })
    }

    /// Plays one turn: `me` is for `intent`, and no entry of this session has a number from `serial` on.
    ///
    /// # Errors
    /// What AWS refuses, and reads without an answer.
    pub async fn turn(&self, intent: Intent, me: Holder, serial: u64) -> Result<Verdict, AwsError> {
        match &self.0 {
            Kept::Parameter(parameter) => play(parameter, Turn::new(intent, me, serial)).await,
            Kept::Object(object) => play(object, Turn::new(intent, me, serial)).await,
        }
    }

    /// Names it.
    pub fn name(&self) -> String {
        match &self.0 {
            Kept::Parameter(Parameter { name, .. }) => format!("the parameter `{name}`"),
            Kept::Object(Object { bucket, key, .. }) => format!("the object `s3://{bucket}/{key}`"),
        }
    }

    /// Returns the command that deletes it.
    pub fn removal(&self) -> String {
        match &self.0 {
            Kept::Parameter(Parameter { name, .. }) => format!("aws ssm delete-parameter --name {name}"),
            Kept::Object(Object { bucket, key, .. }) => format!("aws s3 rm s3://{bucket}/{key}"),
        }
    }
}
