//! `lockstep drift`: reports what differs between the stack file and AWS.

use clap::{Args, ValueEnum};
use futures::try_join;
use lockstep::plan::prove::{AccessContext, Evidence};
use lockstep::plan::{self, PlanError};
use lockstep::report::drift::Observed;
use lockstep::report::plan::Style;
use lockstep::report::{Drift, Paint};

use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session;

/// Options of `drift`.
#[derive(Args, Debug)]
pub struct Options {
    /// Form of the report
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    format: Format,
}

/// Forms of a drift report.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// For comments on pull requests
    Markdown,
}

/// Compares and reports; changes nothing. Exits with 2 if something differs or could not be read.
///
/// # Errors
///
/// Missing credentials and no answer.
pub async fn run(context: &Context, options: Options) -> Result<Exit, CliError> {
    let session = session::connect(context, session::open(context)?).await?;
    let world = session.observe(context).await?;
    let blocked = match plan::plan(&session.engine.desired, &world) {
        Err(PlanError::Blocked(blocked)) => blocked,
        _ => Vec::new(),
    };
    let (claims, grants) =
        try_join!(session.engine.broken_claims(&world), session.engine.grants(&world, None))?;
    let evidence = Evidence { grants, ..Evidence::default() };
    let scene = AccessContext { desired: &session.engine.desired, world: &world, evidence: &evidence };
    let drift = Drift::new(Observed { scene, blocked: &blocked, claims: &claims });
    let text = match options.format {
        Format::Text => drift
            .text(Style { paint: Paint { colour: context.output.colour }, verbose: context.global.verbose }),
        Format::Json => drift.json(),
        Format::Markdown => drift.markdown(),
    };
    context.output.result(&text);
    Ok(if drift.is_empty() { Exit::Success } else { Exit::Changes })
}
