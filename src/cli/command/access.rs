//! `lockstep access`: who may do what with the keys of a stack, and tests of access.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use lockstep::access::{self, Checked};
use lockstep::kinds::{Name, World};
use lockstep::plan::prove::{AccessContext, Evidence};
use lockstep::report::Paint;
use lockstep::report::access::Document;
use lockstep::report::plan::Style;
use lockstep::why::{Moment, matrix};

use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::input;
use crate::cli::session::{self, Session};

/// Options of `access`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    verb: Option<Verb>,

    /// One key of the stack file only
    #[arg(long, value_name = "KEY")]
    key: Option<String>,

    /// As AWS has it now; the default
    #[arg(long, conflicts_with = "planned")]
    live: bool,

    /// As it will be after `lockstep apply`
    #[arg(long)]
    planned: bool,

    /// Form of the matrix
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    format: Format,
}

/// Subcommands of `access`.
#[derive(Subcommand, Debug)]
enum Verb {
    /// Decide cases of access, one JSON object a line; needs no AWS. Exits with 1 where `expect` does not hold
    Check {
        /// File with the cases, or `-`
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Forms of the matrix.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// A page for a browser
    Html,
}

/// Prints the matrix, or decides cases.
///
/// # Errors
///
/// Missing credentials and no answer; a key that the stack does not have; lines that are not valid cases.
pub async fn run(context: &Context, options: Options) -> Result<Exit, CliError> {
    if let Some(Verb::Check { file }) = &options.verb {
        return check(context, file);
    }
    let session = session::connect(context, session::open(context)?).await?;
    let live = session.observe(context).await?;
    let (moment, world) = match options.planned {
        true => (Moment::Planned, session.engine.planned(&live)?),
        false => (Moment::Live, live),
    };
    let only = options.key.as_deref().map(|key| known(&session, &world, key)).transpose()?;
    let evidence = evidence(&session, &world, only.as_ref()).await?;
    let scene = AccessContext { desired: &session.engine.desired, world: &world, evidence: &evidence };
    let document = Document::new(&session.engine.desired, moment, matrix::matrix(scene, only.as_ref()));
    let style = Style { paint: Paint { colour: context.output.colour }, verbose: context.global.verbose };
    context.output.result(&match options.format {
        Format::Text => document.text(style),
        Format::Json => document.json(),
        Format::Html => document.html(),
    });
    Ok(Exit::Success)
}

fn known(session: &Session, world: &World, key: &str) -> Result<Name, CliError> {
    let name = Name::new(key.strip_prefix("keys.").unwrap_or(key));
    if world.keys.contains_key(&name) {
        return Ok(name);
    }
    let declared: Vec<&str> = session.engine.desired.keys.keys().map(Name::as_str).collect();
    let what = match session.engine.desired.keys.contains_key(&name) {
        true => format!("keys.{name} does not exist yet"),
        false => format!("the stack has no key `{key}`"),
    };
    Err(CliError::usage(what)
        .hint(format!("its keys are {}; --planned shows those to come", declared.join(", "))))
}

/// Reads principals outside the stack that policies name, and the grants.
async fn evidence(session: &Session, world: &World, only: Option<&Name>) -> Result<Evidence, CliError> {
    let grants = session.engine.grants(world, only).await?;
    let mut evidence = Evidence { grants, ..Evidence::default() };
    let scene = AccessContext { desired: &session.engine.desired, world, evidence: &evidence };
    let asked = matrix::outsiders(scene, only);
    evidence.outsiders = lockstep::kinds::aws::outsiders(&session.engine.aws, asked).await?;
    Ok(evidence)
}

fn check(context: &Context, path: &Path) -> Result<Exit, CliError> {
    let (mut decided, mut wrong) = (0_usize, 0_usize);
    for line in input::lines(path)? {
        let (number, line) = line?;
        let Checked { answer, mismatch } =
            access::check_line(&line).map_err(|error| input::broken(path, number, error))?;
        context.output.result(&answer);
        decided += 1;
        if let Some(mismatch) = mismatch {
            wrong += 1;
            context.output.note(&format!("{}:{number}: {mismatch}", path.display()));
        }
    }
    if wrong > 0 {
        return Err(CliError::failed(format!("{wrong} of {decided} cases do not come out as expected")));
    }
    Ok(Exit::Success)
}
