//! `lockstep token`: prints a token for a route.

use std::collections::BTreeSet;

use clap::Args;
use lockstep::call::{Http, Route};

use super::call::api;
use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session;

/// Options of `token`.
#[derive(Args, Debug)]
pub struct Options {
    /// Verb of the route, such as POST
    method: String,

    /// Path of the route, such as /encrypt
    path: String,

    /// API of the stack file; may be left out where there is only one
    #[arg(long, value_name = "API")]
    api: Option<String>,

    /// One more scope
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
}

/// Mints a short-lived token with the caller's credentials and prints it.
///
/// # Errors
///
/// A route without an authorizer that accepts such tokens, and a key that the caller may not sign with.
pub async fn run(context: &Context, options: Options) -> Result<Exit, CliError> {
    let session = session::connect(context, session::open(context)?).await?;
    let route = Route {
        api: api(&session, options.api.as_deref())?,
        method: options.method.to_ascii_uppercase(),
        path: options.path.clone(),
    };
    let world = session.observe(context).await?;
    let http = Http::new()?;
    let scopes: BTreeSet<String> = options.scopes.iter().cloned().collect();
    let token = session.engine.api_caller(&http, &world.ids).token(&route, &scopes).await?;
    let token =
        token.ok_or_else(|| CliError::failed(format!("the route {route} is open: it takes no token")))?;
    context.output.result(token.value());
    Ok(Exit::Success)
}
