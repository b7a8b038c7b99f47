//! `lockstep apply`: brings AWS to the state of the stack file.

use std::path::PathBuf;

use clap::Args;

use crate::cli::Context;
use crate::cli::changes::Run;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::lock::LockOptions;
use crate::cli::saved::Saved;
use crate::cli::session;

/// Options of `apply`.
#[derive(Args, Debug)]
pub struct Options {
    /// A plan saved by `lockstep plan --out FILE`
    #[arg(value_name = "PLAN")]
    saved: Option<PathBuf>,

    /// Do not ask
    #[arg(long)]
    auto_approve: bool,

    /// Delete this in a protected environment, such as keys.text; once for each
    #[arg(long, value_name = "RESOURCE")]
    delete: Vec<String>,

    #[command(flatten)]
    lock: LockOptions,
}

/// Plans, asks and applies; with a saved plan, applies exactly that plan or nothing.
///
/// # Errors
///
/// Anything that blocks the plan, and a saved plan that no longer fits because AWS or the stack file has changed.
pub async fn run(context: &Context, options: Options) -> Result<Exit, CliError> {
    let saved = options.saved.as_deref().map(Saved::read).transpose()?;
    // A saved plan contains its environment.
    let env = context.global.env.clone().or_else(|| saved.as_ref().map(|saved| saved.env().to_owned()));
    let mut context = context.in_environment(env);
    if let Some(reason) = saved.as_ref().and_then(Saved::allow_unproved) {
        context.global.allow_unproved.get_or_insert_with(|| reason.to_owned());
    }
    let context = &context;
    let file = session::open(context)?;
    let session = session::connect(context, file).await?;
    let removes = saved.as_ref().is_some_and(Saved::destroys);
    let desired = if removes { session.engine.desired.emptied() } else { session.engine.desired.clone() };
    let run = Run {
        context,
        session: &session,
        desired: &desired,
        verb: "apply",
        lock: &options.lock,
        auto: options.auto_approve || saved.is_some(),
        saved: saved.as_ref(),
        named: Some(&options.delete),
        removes,
    };
    let (exit, _) = run.apply().await?;
    Ok(exit)
}
