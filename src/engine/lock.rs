//! Takes the lock of an environment, renews it while a plan is applied, and releases it.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::{EngineError, Event, Stop, now};
use crate::aws::{Aws, AwsError, Locker};
use crate::local::ThisProcess;
use crate::lock::{self, BEAT, FENCE, Holder, Intent, Verdict};

/// Time between two looks at a lock that someone else holds.
const LOOK: Duration = Duration::from_secs(2);
/// The longest time that one renewal may take, and the release of a lock that is removed.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest time that the release of a lock may take.
const LEAVING: Duration = Duration::from_secs(2);
/// More entries than one turn can write.
const SERIALS: u64 = 1000;

/// The environment that a lock is for, and the command that takes it.
#[derive(Clone, Copy, Debug)]
pub struct LockPlace<'a> {
    /// The name of the stack.
    pub stack: &'a str,
    /// The name of the environment.
    pub env: &'a str,
    /// The command, for those who wait for the lock.
    pub verb: &'a str,
    /// The address of the pipeline's run that this process is part of.
    pub pipeline: Option<&'a str>,
}

/// A run that may hold the lock of an environment.
#[derive(Clone)]
pub struct Contender {
    locker: Locker,
    me: Holder,
    process: ThisProcess,
    serial: Arc<AtomicU64>,
}

impl Contender {
    /// Creates one for this process.
    pub async fn new(aws: Arc<Aws>, place: LockPlace<'_>) -> Self {
        let process = ThisProcess::look().await;
        let random = || RandomState::new().hash_one(process.pid);
        let me = Holder {
            session: format!("{:016x}{:016x}", random(), random()),
            verb: place.verb.to_owned(),
            who: aws.identity().await.map(|identity| identity.arn.clone()).unwrap_or_default(),
            since: now(),
            host: process.host.clone(),
            pid: process.pid,
            process: process.identity(),
            pipeline: place.pipeline.map(str::to_owned),
        };
        let locker = Locker::new(aws, place.stack, place.env);
        Self { locker, me: me.shortened(), process, serial: Arc::default() }
    }

    /// Plays one turn.
    ///
    /// # Errors
    ///
    /// What AWS refuses.
    pub async fn turn(&self, intent: Intent) -> Result<Verdict, AwsError> {
        let serial = self.serial.fetch_add(SERIALS, Ordering::SeqCst);
        self.locker.turn(intent, self.me.clone(), serial).await
    }

    /// Describes a verdict that leaves no way to go on.
    pub fn unreadable(&self, verdict: &Verdict) -> EngineError {
        let (name, removal) = (self.locker.name(), self.locker.removal());
        match verdict {
            Verdict::Foreign => EngineError::ForeignLock { name, removal },
            Verdict::Held(_) | Verdict::Busy(..) | Verdict::Free(_) | Verdict::Unclear => {
                EngineError::UnclearLock { name, removal }
            }
        }
    }
}

/// A lock that is held and renewed. It expires if it is dropped without [`HeldLock::release`].
pub struct HeldLock {
    contender: Contender,
    beat: JoinHandle<()>,
}

impl HeldLock {
    /// Takes the lock of an environment, and waits up to `patience` for another holder.
    ///
    /// # Errors
    ///
    /// Someone else holds it for longer; AWS refuses; the run has to stop.
    pub async fn take(
        aws: Arc<Aws>,
        place: LockPlace<'_>,
        patience: Duration,
        (stop, watch): (&Stop, &(dyn Fn(Event<'_>) + Sync)),
    ) -> Result<Self, EngineError> {
        let contender = Contender::new(aws, place).await;
        let deadline = Instant::now() + patience;
        let (mut gone, mut announced) = (None, false);
        let begun = loop {
            let mut begun = Instant::now();
            let (holder, silent) = match contender.turn(Intent::Take { gone: gone.take() }).await? {
                Verdict::Held(dead) => {
                    // An entry that took long to appear may have expired before it was seen.
                    if begun.elapsed() >= BEAT {
                        begun = Instant::now();
                        match contender.turn(Intent::Keep).await? {
                            Verdict::Held(_) => {}
                            _ => continue,
                        }
                    }
                    if let Some(dead) = &dead {
                        watch(Event::TakingOver(dead));
                    }
                    break begun;
                }
                Verdict::Busy(holder, silent) => (holder, silent),
                verdict => return Err(contender.unreadable(&verdict)),
            };
            if let Some(identity) = &holder.process
                && contender.process.sees_the_end_of(holder.pid, identity).await
            {
                gone = Some(holder.session);
                continue;
            }
            if Instant::now() >= deadline {
                let (stack, env) = (place.stack.to_owned(), place.env.to_owned());
                return Err(EngineError::Locked { stack, env, holder: Box::new(holder), silent });
            }
            if !announced {
                announced = true;
                watch(Event::WaitingForLock { holder: &holder, silent, patience });
            }
            stop.unless_set(async {
                sleep(LOOK).await;
                Ok::<_, EngineError>(())
            })
            .await?;
        };
        let beat = tokio::spawn(renew(contender.clone(), begun, stop.clone()));
        Ok(Self { contender, beat })
    }

    /// Releases the lock, and returns whether that succeeded; `remove` deletes its parameter too, for an environment
    /// that no longer exists.
    pub async fn release(self, remove: bool) -> bool {
        let Self { contender, beat } = self;
        beat.abort();
        let leave = async {
            if remove {
                // Nobody takes a lock that was just renewed, so this one is deleted.
                contender.turn(Intent::Keep).await?;
                contender.turn(Intent::Remove).await
            } else {
                contender.turn(Intent::Leave).await
            }
        };
        let left = timeout(if remove { PATIENCE } else { LEAVING }, leave).await;
        matches!(left, Ok(Ok(Verdict::Free(_) | Verdict::Busy(..))))
    }
}

/// Renews a lock until it is lost or the task is aborted.
async fn renew(contender: Contender, begun: Instant, stop: Stop) {
    let mut last = begun;
    let mut pause = BEAT;
    loop {
        sleep(pause).await;
        let left = FENCE.saturating_sub(last.elapsed());
        if left.is_zero() {
            let silence = lock::span(FENCE);
            return stop.lock_lost(format!("the lock could not be renewed for {silence}"));
        }
        let begun = Instant::now();
        match timeout(left.min(PATIENCE), contender.turn(Intent::Keep)).await {
            Ok(Ok(Verdict::Held(_))) => {
                last = begun;
                pause = BEAT;
            }
            Ok(Ok(Verdict::Busy(holder, _))) => {
                let Holder { verb, who, host, .. } = holder;
                return stop
                    .lock_lost(format!("the lock was taken over: lockstep {verb} by {who} on {host}"));
            }
            Ok(Ok(Verdict::Free(by))) => {
                let by = by.map(|by| format!(" by {} on {}", by.who, by.host)).unwrap_or_default();
                return stop.lock_lost(format!("the lock was taken away{by}"));
            }
            // It is not lost yet.
            Ok(Ok(Verdict::Foreign | Verdict::Unclear) | Err(_)) | Err(_) => pause = LOOK,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::EXPIRY;

    #[test]
    fn a_holder_stops_before_others_may_take_its_lock() {
        // A renewal that began in time may take its patience, and a call in progress its grace.
        assert!(BEAT + PATIENCE < FENCE && FENCE + PATIENCE < EXPIRY);
    }
}
