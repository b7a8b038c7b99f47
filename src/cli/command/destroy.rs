//! `lockstep destroy`: removes an environment.

use clap::Args;

use crate::cli::Context;
use crate::cli::changes::Run;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::lock::LockOptions;
use crate::cli::session;

/// Options of `destroy`.
#[derive(Args, Debug)]
pub struct Options {
    /// Do not ask
    #[arg(long)]
    auto_approve: bool,

    /// Name of a protected environment, to remove it all the same
    #[arg(long, value_name = "ENV")]
    protected: Option<String>,

    #[command(flatten)]
    lock: LockOptions,
}

/// Removes everything that carries the tags of the environment. Keys are scheduled for deletion.
///
/// # Errors
///
/// A protected environment, and anything that cannot be read.
pub async fn run(context: &Context, options: Options) -> Result<Exit, CliError> {
    let session = session::connect(context, session::open(context)?).await?;
    let env = &session.engine.desired.env;
    if session.engine.desired.protect && options.protected.as_ref() != Some(env) {
        return Err(CliError::failed(format!("the environment `{env}` is protected"))
            .hint(format!("if you mean it: lockstep destroy --protected {env}")));
    }
    let desired = session.engine.desired.emptied();
    let run = Run {
        context,
        session: &session,
        desired: &desired,
        verb: "destroy",
        lock: &options.lock,
        auto: options.auto_approve,
        saved: None,
        named: None,
        removes: true,
    };
    let (exit, world) = run.apply().await?;
    if exit == Exit::Success && !world.keys.is_empty() {
        context.output.note(
            "Keys are pending deletion and can be taken back: `lockstep apply` cancels the deletion and uses them again.",
        );
    }
    Ok(exit)
}
