//! `lockstep call`: calls a deployed route with a token minted for it.

use clap::Args;
use lockstep::call::{Http, Route};
use lockstep::kinds::Name;
use serde_json::Value;

use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session::{self, Session};

/// Options of `call`.
#[derive(Args, Debug)]
pub struct Options {
    /// Verb of the route, such as POST
    method: String,

    /// Path of the route, such as /encrypt
    path: String,

    /// JSON body; `-` reads it from standard input
    #[arg(long, short, value_name = "JSON")]
    data: Option<String>,

    /// API of the stack file; may be left out where there is only one
    #[arg(long, value_name = "API")]
    api: Option<String>,

    /// Send this token instead of minting one
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,

    /// One more header
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,

    /// One more scope for the minted token
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,

    /// Print the status and the headers of the answer too
    #[arg(long, short)]
    include: bool,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Sends one request and prints the answer. If the status of the answer is 400 or above, the exit code is 1.
///
/// # Errors
///
/// The route does not exist, the token cannot be minted, or there is no answer.
pub async fn run(context: &Context, options: Options) -> Result<Exit, CliError> {
    let session = session::connect(context, session::open(context)?).await?;
    let body = options.data.as_deref().map(body).transpose()?.unwrap_or(Value::Null);
    let route = Route {
        api: api(&session, options.api.as_deref())?,
        method: options.method.to_ascii_uppercase(),
        path: options.path.clone(),
    };
    let world = session.observe(context).await?;
    let http = Http::new()?;
    let caller = session.engine.api_caller(&http, &world.ids);
    let mut headers = options.headers.clone();
    match &options.token {
        Some(token) => headers.push(("authorization".to_owned(), format!("Bearer {token}"))),
        None => {
            let scopes = options.scopes.iter().cloned().collect();
            headers.extend(caller.token(&route, &scopes).await?.map(|token| token.header()));
        }
    }
    let answer = caller.send(&route, &headers, &body).await?;
    if options.include {
        let lines = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
        context.output.result(&format!("{}\n{}", answer.status, lines.collect::<String>()));
    }
    context.output.result(&answer.text());
    Ok(if answer.status < 400 { Exit::Success } else { Exit::Error })
}

fn body(data: &str) -> Result<Value, CliError> {
    let text = if data == "-" {
        std::io::read_to_string(std::io::stdin())
            .map_err(|error| CliError::failed("standard input cannot be read").because(error))?
    } else {
        data.to_owned()
    };
    serde_json::from_str(&text).map_err(|error| {
        CliError::usage("--data is no JSON").because(error).hint(r#"for example: --data '{"text":"hello"}'"#)
    })
}

/// Returns the API to use: the named one, or the only one.
///
/// # Errors
///
/// No API is named, and the stack has none or several.
pub fn api(session: &Session, named: Option<&str>) -> Result<Name, CliError> {
    let known: Vec<&Name> = session.engine.desired.apis.keys().collect();
    match (named, known.as_slice()) {
        (Some(name), _) => Ok(Name::from(name)),
        (None, [only]) => Ok((*only).clone()),
        (None, _) => {
            let list: Vec<String> = known.iter().map(ToString::to_string).collect();
            Err(CliError::usage("the stack has no API, or several")
                .hint(format!("name one with --api: {}", list.join(", "))))
        }
    }
}
