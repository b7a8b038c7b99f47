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

/// The conditions under which a plan is carried out.
pub struct Terms<'a> {
    /// The command, which is shown to others who wait for the lock.
    pub verb: &'static str,
    /// The options for taking the lock.
    pub lock: &'a LockOptions,
    /// Whether the plan is carried out without asking.
    pub auto: bool,
    /// Whether exactly this plan is carried out or nothing.
    pub fixed: bool,
    /// Resources that may be deleted in a protected environment; `None` if all of them may.
    pub named: Option<&'a [String]>,
    /// Whether the environment no longer exists afterwards.
    pub removes: bool,
}

impl Terms<'_> {
    /// Asks for the approval that the plan needs before it is carried out.
    ///
    /// # Errors
    ///
    /// Protected resources that are not named, no terminal to ask on, and the answer no.
    pub fn agree(&self, change: &Change<'_>) -> Result<(), CliError> {
        if let Some(named) = self.named {
            change.check_protection(named)?;
        }
        change.approve(self.auto)
    }
}

/// Takes the lock, reads AWS again, runs the plan, and releases the lock.
///
/// # Errors
///
/// A build that fails, a lock that someone else holds, and a plan that no longer fits. All of these occur before the
/// first change.
pub async fn carry_out(context: &Context, change: &Change<'_>, terms: &Terms<'_>) -> Result<Exit, CliError> {
    let stop = Stop::listen(context.output, change.session.aws.clone())?;
    // A build takes minutes, so it runs before the lock is taken.
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

/// Runs the plan if the state that it was made from is unchanged; otherwise plans again.
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
