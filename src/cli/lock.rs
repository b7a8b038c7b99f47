//! Takes the lock of an environment, keeps it while a plan is carried out, and lets go of it.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use lockstep::aws::{Aws, AwsError, Locker};
use lockstep::local::ThisProcess;
use lockstep::lock::{self, BEAT, EXPIRY, FENCE, Holder, Intent, Verdict};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::Context;
use super::error::CliError;
use super::session::Session;
use super::signals::Stop;

/// Time between two looks at a lock that somebody else holds.
const LOOK: Duration = Duration::from_secs(2);
/// How long one renewal may take, and letting go.
const PATIENCE: Duration = Duration::from_secs(10);
const LEAVING: Duration = Duration::from_secs(2);
/// More entries than one turn can write.
const SERIALS: u64 = 1000;

/// Options of commands that change something.
#[derive(Args, Debug)]
pub struct LockOptions {
    /// Wait this long for another run that holds the lock of the environment, such as 10m
    #[arg(
        long,
        env = "LOCKSTEP_LOCK_TIMEOUT",
        default_value = "0s",
        value_name = "DURATION",
        value_parser = duration
    )]
    pub lock_timeout: Duration,

    /// Go on without the lock: only where nothing else can change the environment meanwhile
    #[arg(long)]
    pub no_lock: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a valid duration: write 30s, 10m or 1h");
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let factor = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let seconds = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    // A day is longer than any pipeline; beyond it lies what a clock cannot count.
    seconds.filter(|seconds| *seconds <= 86_400).map(Duration::from_secs).ok_or_else(wrong)
}

/// The environment that a lock is of.
#[derive(Clone, Copy)]
pub struct LockPlace<'a> {
    /// Name of the stack.
    pub stack: &'a str,
    /// Name of the environment.
    pub env: &'a str,
}

/// One who may hold the lock of an environment.
#[derive(Clone)]
pub struct Contender {
    locker: Locker,
    me: Holder,
    process: ThisProcess,
    serial: Arc<AtomicU64>,
}

impl Contender {
    /// Makes one for this run.
    pub async fn new(context: &Context, aws: Arc<Aws>, place: LockPlace<'_>, verb: &str) -> Self {
        let process = ThisProcess::look().await;
        let random = || RandomState::new().hash_one(process.pid);
        let me = Holder {
            session: format!("{:016x}{:016x}", random(), random()),
            verb: verb.to_owned(),
            who: aws.identity().await.map(|identity| identity.arn.clone()).unwrap_or_default(),
            since: seconds(),
            host: process.host.clone(),
            pid: process.pid,
            process: process.identity(),
            pipeline: context.environment.pipeline(),
        };
        let LockPlace { stack, env } = place;
        let locker = Locker::new(aws, stack, env);
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

    /// Says that what is there is no lock, or tells nothing.
    pub fn unreadable(&self, verdict: &Verdict) -> CliError {
        let (name, removal) = (self.locker.name(), self.locker.removal());
        match verdict {
            Verdict::Foreign => CliError::failed(format!("{name} holds no lock of lockstep")).hint(format!(
                "if nothing else needs it: {removal}; or another version of lockstep wrote it"
            )),
            _ => CliError::failed(format!("{name} cannot be made sense of"))
                .hint(format!("run this again; if it stays so: {removal}")),
        }
    }
}

/// Returns the seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "people want to know since when a lock is held")]
fn seconds() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map(|since| since.as_secs()).unwrap_or_default()
}

/// A lock that is held, with its heartbeat. Dropped without [`Lock::leave`] it ends by itself.
pub struct Lock {
    contender: Contender,
    beat: JoinHandle<()>,
}

impl Lock {
    /// Takes the lock of the session's environment.
    ///
    /// # Errors
    ///
    /// Somebody else holds it for longer than is waited; AWS refuses; somebody asks to stop.
    pub async fn take(
        context: &Context,
        session: &Session,
        (options, verb): (&LockOptions, &str),
        stop: &Stop,
    ) -> Result<Self, CliError> {
        let desired = &session.desired;
        let place = LockPlace { stack: &desired.stack, env: &desired.env };
        let contender = Contender::new(context, Arc::clone(&session.aws), place, verb).await;
        let deadline = Instant::now() + options.lock_timeout;
        let (mut gone, mut told) = (None, false);
        let begun = loop {
            let mut begun = Instant::now();
            let (holder, silent) = match contender.turn(Intent::Take { gone: gone.take() }).await? {
                Verdict::Held(dead) => {
                    // An entry that took long to show may have ended before it was seen.
                    if begun.elapsed() >= BEAT {
                        begun = Instant::now();
                        match contender.turn(Intent::Keep).await? {
                            Verdict::Held(_) => {}
                            _ => continue,
                        }
                    }
                    if let Some(dead) = dead {
                        context.output.note(&format!(
                            "taking over the lock of a run that is gone: lockstep {} by {} on {}, process {}",
                            dead.verb, dead.who, dead.host, dead.pid
                        ));
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
                return Err(held(place, &holder, silent));
            }
            if !told {
                told = true;
                context.output.note(&format!(
                    "waiting up to {} for the lock of {}/{}, which is held\n{}",
                    lock::span(options.lock_timeout),
                    place.stack,
                    place.env,
                    lock::describe(&holder, silent)
                ));
            }
            stop.unless_asked(async {
                sleep(LOOK).await;
                Ok(())
            })
            .await?;
        };
        let beat = tokio::spawn(keep(contender.clone(), begun, stop.clone()));
        Ok(Self { contender, beat })
    }

    /// Lets go of the lock; `remove` deletes its parameter too, for an environment that is no more.
    pub async fn leave(self, context: &Context, remove: bool) {
        let Self { contender, beat } = self;
        beat.abort();
        let leave = async {
            if remove {
                // Nobody takes a lock that was just renewed, so what is deleted is this one.
                contender.turn(Intent::Keep).await?;
                contender.turn(Intent::Remove).await
            } else {
                contender.turn(Intent::Leave).await
            }
        };
        let left = timeout(if remove { PATIENCE } else { LEAVING }, leave).await;
        if !matches!(left, Ok(Ok(Verdict::Free(_) | Verdict::Busy(..)))) {
            let after = lock::span(EXPIRY);
            context.output.note(&format!(
                "warning: failed to release the lock; it expires {after} after its last heartbeat"
            ));
        }
    }
}

fn held(LockPlace { stack, env }: LockPlace<'_>, holder: &Holder, silent: Duration) -> CliError {
    let text = lock::describe(holder, silent);
    let end = lock::span(EXPIRY);
    CliError::failed(format!("error: the lock of {stack}/{env} is held\n{text}"))
        .hint("wait for it: --lock-timeout 10m")
        .hint(format!("if that run is gone: its lock ends by itself {end} after it was last seen"))
        .hint(format!("to take it away all the same: lockstep unlock --env {env}"))
}

/// Renews a lock until it is lost, or this is aborted.
async fn keep(contender: Contender, begun: Instant, stop: Stop) {
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

    #[test]
    fn durations_are_read_with_their_unit() {
        let seconds = |text| duration(text).map(|duration| duration.as_secs());
        assert_eq!([seconds("0s"), seconds("10m"), seconds("2h")], [Ok(0), Ok(600), Ok(7200)]);
        for wrong in ["", "10", "m", "-1s", "25h", "1d", "99999999999999999999s"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_holder_stops_before_others_may_take_its_lock() {
        // A renewal that began in time may take its patience, and a call that is under way its grace.
        assert!(BEAT + PATIENCE < FENCE && FENCE + PATIENCE < EXPIRY);
    }
}
