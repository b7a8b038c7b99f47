//! `lockstep unlock`: frees a lock that someone holds.

use clap::Args;
use lockstep::engine::{Contender, LockPlace};
use lockstep::lock::{self, EXPIRY, Intent, Verdict};

use crate::cli::Context;
use crate::cli::confirm::confirm;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session;

/// Options of `unlock`.
#[derive(Args, Debug)]
pub struct Options {
    /// Do not ask
    #[arg(long, visible_alias = "force")]
    auto_approve: bool,
}

/// Shows who holds the lock of an environment, asks, and frees it.
///
/// # Errors
///
/// There is no terminal to ask on, the answer is no, or someone else took the lock in between.
pub async fn run(context: &Context, options: Options) -> Result<Exit, CliError> {
    let file = session::open(context)?;
    let reached = session::reach(context, &file).await?;
    let (stack, env) = (file.stack.name(), reached.env.as_str());
    let pipeline = context.environment.pipeline();
    let place = LockPlace { stack, env, verb: "unlock", pipeline: pipeline.as_deref() };
    let contender = Contender::new(reached.aws, place).await;
    let (holder, silent) = match contender.turn(Intent::Look).await? {
        Verdict::Busy(holder, silent) => (holder, silent),
        Verdict::Free(_) => {
            context.output.result(&format!("Nobody holds the lock of {stack}/{env}."));
            return Ok(Exit::Success);
        }
        verdict => return Err(contender.unreadable(&verdict).into()),
    };
    context.output.result(&format!("{stack}/{env} is locked\n{}", lock::describe(&holder, silent)));
    let warning = if silent < EXPIRY {
        "It shows signs of life: the run goes on until it notices. "
    } else {
        "It shows no signs of life. "
    };
    if !options.auto_approve && !confirm(format!("{warning}Take the lock away?")).await? {
        return Err(CliError::failed("not approved; the lock is still held"));
    }
    match contender.turn(Intent::Break { session: holder.session }).await? {
        Verdict::Free(_) => {
            context.output.result("The lock is free.");
            Ok(Exit::Success)
        }
        Verdict::Busy(other, silent) => Err(CliError::failed("someone else has taken the lock in between")
            .detail([lock::describe(&other, silent)])
            .hint("look again: lockstep unlock")),
        verdict => Err(contender.unreadable(&verdict).into()),
    }
}
