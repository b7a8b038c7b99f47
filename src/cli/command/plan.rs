//! `lockstep plan`: shows what `lockstep apply` would do.

use std::path::PathBuf;

use clap::Args;

use crate::cli::Context;
use crate::cli::changes::View;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::saved::Saved;
use crate::cli::session;

/// Options of `plan`.
#[derive(Args, Debug)]
pub struct Options {
    /// Save the plan for `lockstep apply FILE`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Exit with 2 when there are changes
    #[arg(long)]
    detailed_exitcode: bool,

    /// Print the plan as JSON
    #[arg(long)]
    json: bool,

    /// Plan the removal of everything
    #[arg(long)]
    destroy: bool,
}

/// Plans, prints the plan, and saves it if `--out` names a file.
///
/// # Errors
///
/// Anything that blocks the plan.
pub async fn run(context: &Context, options: Options) -> Result<Exit, CliError> {
    let session = session::connect(context, session::open(context)?).await?;
    let engine = &session.engine;
    let desired = if options.destroy { engine.desired.emptied() } else { engine.desired.clone() };
    let world = session.observe(context).await?;
    let change = engine.plan(&desired, &world).await?;
    let view = View::new(context, &change);
    view.check_proof()?;
    if options.json {
        context.output.result(&serde_json::to_string_pretty(&view.json()).unwrap_or_default());
    } else {
        context.output.result(&view.text());
    }
    if let Some(out) = &options.out {
        Saved::new(engine, &view, options.destroy).write(out)?;
        let shown = out.display();
        context.output.note(&format!("saved: `lockstep apply {shown}` does exactly this, or nothing"));
    }
    let changes = options.detailed_exitcode && !change.plan.is_empty();
    Ok(if changes { Exit::Changes } else { Exit::Success })
}
