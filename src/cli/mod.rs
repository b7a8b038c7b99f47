//! The command line: turns arguments into settings, calls the library once, and prints the result.

mod attribution;
mod changes;
mod command;
mod confirm;
mod crash;
mod error;
mod exit;
mod input;
mod lock;
mod output;
mod progress;
mod saved;
mod session;
mod settings;
mod signals;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use error::CliError;
use exit::Exit;
use output::Output;
use settings::{Environment, Global};

const EXIT_CODES: &str = "\
Exit codes:
  0    done, or nothing to do
  1    something failed
  2    plan --detailed-exitcode: there are changes; drift, parity: something differs
  64   the command line or a setting is wrong
  130  stopped by a signal";

/// Provisions API Gateway -> Lambda -> KMS with IAM roles from one stack file, and always moves the key policy
/// together with the role.
#[derive(Parser, Debug)]
#[command(name = "lockstep", version, about, after_help = EXIT_CODES, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    global: Global,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Write a stack that works, to start from
    Init(command::init::Options),
    /// Go from nothing to a working environment: check, build, plan, ask, apply, probe
    Bootstrap(command::bootstrap::Options),
    /// Check a stack file without credentials
    Validate(command::validate::Options),
    /// Show what apply would do
    Plan(command::plan::Options),
    /// Make AWS what the stack file says
    Apply(command::apply::Options),
    /// Remove everything of an environment; keys are scheduled for deletion
    Destroy(command::destroy::Options),
    /// Report what differs between the stack file and AWS; changes nothing
    Drift(command::drift::Options),
    /// Tell why somebody may or may not do something with a key, and what to change
    Why(command::why::Options),
    /// List who may do what with each key and by which statement, or check cases of access
    Access(command::access::Options),
    /// Tell whether two roles may do the same, also across environments
    Parity(command::parity::Options),
    /// Compare policy documents by what they mean
    #[command(subcommand)]
    Policy(command::policy::Verb),
    /// Show who holds the lock of an environment, and take it away
    Unlock(command::unlock::Options),
    /// Call a deployed route with a token minted for it
    Call(command::call::Options),
    /// Print a short-lived token for a route
    Token(command::token::Options),
    /// Print the JSON Schema of the stack file
    Schema,
    /// Start, stop and look at the local AWS
    #[command(subcommand)]
    Local(command::local::Verb),
}

/// The arguments, settings and output that every command receives.
struct Context {
    global: Global,
    environment: Environment,
    output: Output,
}

impl Context {
    /// Returns the same context for an environment of the stack file.
    fn in_environment(&self, env: Option<String>) -> Self {
        let global = Global { env, ..self.global.clone() };
        Self { global, environment: self.environment.clone(), output: self.output }
    }

    /// Returns the same context with the credentials of another profile.
    fn with_profile(&self, profile: &str) -> Self {
        let global = Global { profile: Some(profile.to_owned()), ..self.global.clone() };
        Self { global, environment: self.environment.clone(), output: self.output }
    }
}

/// Runs the command line and returns the exit code.
pub fn main() -> ExitCode {
    let cli = match parse() {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    let environment = Environment::read();
    let output = Output::new(cli.global.color, &environment);
    crash::install(output);
    let context = Context { global: cli.global, environment, output };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.note(
                &CliError::failed("the runtime cannot start").because(error).render(output.error_colour),
            );
            return Exit::Error.into();
        }
    };
    let result = runtime.block_on(dispatch(&context, cli.command));
    // Blocking work that is still running belongs to a command that has ended.
    runtime.shutdown_background();
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            output.note(&error.render(output.error_colour));
            error.exit().into()
        }
    }
}

async fn dispatch(context: &Context, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::Init(options) => command::init::run(context, &options),
        Command::Bootstrap(options) => command::bootstrap::run(context, options).await,
        Command::Validate(options) => command::validate::run(context, &options),
        Command::Plan(options) => command::plan::run(context, options).await,
        Command::Apply(options) => command::apply::run(context, options).await,
        Command::Destroy(options) => command::destroy::run(context, options).await,
        Command::Drift(options) => command::drift::run(context, options).await,
        Command::Why(options) => command::why::run(context, options).await,
        Command::Access(options) => command::access::run(context, options).await,
        Command::Parity(options) => command::parity::run(context, options).await,
        Command::Policy(verb) => command::policy::run(context, &verb),
        Command::Unlock(options) => command::unlock::run(context, options).await,
        Command::Call(options) => command::call::run(context, options).await,
        Command::Token(options) => command::token::run(context, options).await,
        Command::Schema => command::schema::run(context),
        Command::Local(verb) => command::local::run(context, verb).await,
    }
}

/// Reads the command line. Usage errors exit with 64, because 2 means changes.
fn parse() -> Result<Cli, Exit> {
    let matches = Cli::command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    matches.map_err(|error| {
        let exit = if error.use_stderr() { Exit::Usage } else { Exit::Success };
        let _ = error.print();
        exit
    })
}
