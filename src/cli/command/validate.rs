//! `lockstep validate`: checks a stack file offline.

use clap::Args;

use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session;

/// Options of `validate`.
#[derive(Args, Debug)]
pub struct Options {}

/// Checks the chosen environment, or all of them.
///
/// # Errors
///
/// Everything that is wrong in the file.
pub fn run(context: &Context, _options: &Options) -> Result<Exit, CliError> {
    let file = session::open(context)?;
    // Reading checks every environment; compiling the chosen one also requires the values of its variables.
    if context.global.env.is_some() {
        let env = file.environment(context)?;
        file.compile(context, &file.no_place(&env))?;
    }
    let environments = file.stack.environments();
    context.output.result(&format!(
        "{} is valid: {} ({})",
        file.path,
        file.stack.name(),
        environments.join(", ")
    ));
    Ok(Exit::Success)
}
