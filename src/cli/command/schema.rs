//! `lockstep schema`: prints the JSON Schema of the stack file.

use lockstep::stack;

use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;

/// Prints the schema.
///
/// # Errors
///
/// None in practice: the schema is generated from types.
pub fn run(context: &Context) -> Result<Exit, CliError> {
    let text = serde_json::to_string_pretty(&stack::schema())
        .map_err(|error| CliError::failed("the schema cannot be written").because(error))?;
    context.output.result(&text);
    Ok(Exit::Success)
}
