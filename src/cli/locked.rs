//! Carries out a plan under the lock of its environment: the same for apply, bootstrap and destroy.

use lockstep::aws::Archives;
use lockstep::kinds::World;
use lockstep::plan::saved::Moved;

use super::Context;
use super::actor::archives;
use super::changes::Change;
use super::error::CliError;
use super::exit::Exit;
use super::lock::{Lock, LockOptions};
use super::saved;
use super::signals::Stop;

/// On what terms a plan is carried out.
pub struct Terms<'a> {
    /// The command, for those who wait for it.
    pub verb: &'static str,
    /// How the lock is taken.
    pub lock: &'a LockOptions,
    /// Whether nobody is asked.
    pub auto: bool,
    /// Whether it is this very plan or nothing.
    pub fixed: bool,
    /// What may be deleted in a protected environment; `None` where everything may.
    pub named: Option<&'a [String]>,
    /// Whether the environment is no more afterwards.
    pub removes: bool,
}

impl Terms<'_> {
    /// Asks for what the plan needs before it is carried out.
    ///
    /// # Errors
    ///
    /// What is protected and not named, nobody to ask, and a no.
    pub fn agree(&self, change: &Change<'_>) -> Result<(), CliError> {
        if let Some(named) = self.named {
            change.check_protection(named)?;
        }
        change.approve(self.auto)
    }
}

/// Takes the lock, looks once more, runs the plan, and lets go of the lock.
///
/// # Errors
///
/// A build that fails, a lock that somebody else holds, and a plan that does not fit any more; all of these
/// before the first change.
pub async fn carry_out(context: &Context, change: &Change<'_>, terms: &Terms<'_>) -> Result<Exit, CliError> {
    let stop = Stop::listen(context.output, change.session.aws.clone())?;
    // A build takes minutes, and nobody has to wait for it.
    let archives = stop.unless_asked(archives(context, change.session, &change.plan)).await?;
    if terms.lock.no_lock {
        let world = stop.unless_asked(change.session.observe(context)).await?;
        return run(context, (change, terms), (&world, archives), &stop).await;
    }
    let lock = Lock::take(context, change.session, (terms.lock, terms.verb), &stop).await?;
    let ended = match stop.unless_asked(change.session.observe(context)).await {
        Ok(world) => run(context, (change, terms), (&world, archives), &stop).await,
        Err(error) => Err(error),
    };
    lock.leave(context, terms.removes && matches!(ended, Ok(Exit::Success))).await;
    ended
}

/// Runs the plan where what it was made from is still there; otherwise plans again.
async fn run(
    context: &Context,
    (change, terms): (&Change<'_>, &Terms<'_>),
    (world, built): (&World, Archives),
    stop: &Stop,
) -> Result<Exit, CliError> {
    let moved = lockstep::plan::saved::moved(change.world, world);
    if moved.is_empty() {
        return change.run(context, built, stop).await;
    }
    if terms.fixed {
        let since = change.session.aws.began();
        return Err(saved::stale(change.session, world, &moved, since).await);
    }
    let again = stop.unless_asked(Change::plan(context, change.session, (change.desired, world))).await?;
    if again.plan == change.plan {
        return again.run(context, built, stop).await;
    }
    let moved: Vec<String> = moved.iter().map(Moved::text).collect();
    context
        .output
        .note(&format!("changed since the plan was shown, so it was made again: {}", moved.join(", ")));
    context.output.result(&again.text(context));
    if again.plan.is_empty() {
        return Ok(Exit::Success);
    }
    terms.agree(&again)?;
    let built = stop.unless_asked(archives(context, again.session, &again.plan)).await?;
    again.run(context, built, stop).await
}
