//! Builds a connected stack from the command line: file, account, desired state, observed state.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lockstep::aws::{self, Aws, Identity};
use lockstep::build::BuildOptions;
use lockstep::engine::{self, Engine, Sources};
use lockstep::kinds::World;
use lockstep::local::{self, LocalConfig};
use lockstep::stack::desired::{Desired, Place};
use lockstep::stack::{self, Inputs, Source, StackFile};

use super::Context;
use super::error::CliError;

/// Placeholder for the account of a stack that is checked without asking AWS.
const NO_ACCOUNT: &str = "000000000000";

/// A stack file that was read.
pub struct File {
    /// Folder that relative paths are resolved against.
    pub root: PathBuf,
    /// Path as the user named it.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Its parsed content.
    pub stack: StackFile,
}

/// A stack in one environment, with its connection to AWS.
pub struct Session {
    /// The file.
    pub file: File,
    /// The engine.
    pub engine: Engine,
}

/// The AWS of an environment.
pub struct Reached {
    /// The environment.
    pub env: String,
    /// The connection.
    pub aws: Arc<Aws>,
    /// The identity of the caller.
    pub identity: Identity,
}

/// Returns the settings of the command line and the environment that complete the file.
fn inputs(context: &Context) -> Inputs {
    Inputs {
        env: context.global.env.clone(),
        vars: context.global.vars.iter().cloned().collect(),
        process_env: context.environment.all().clone(),
    }
}

/// Reads the stack file.
///
/// # Errors
///
/// The file cannot be read, or has errors.
pub fn open(context: &Context) -> Result<File, CliError> {
    let path = &context.global.file;
    let shown = path.display().to_string();
    let text = read(path).map_err(|error| {
        CliError::usage(format!("the stack file `{shown}` cannot be read"))
            .because(error)
            .hint("name it with --file, or write one with `lockstep init`")
    })?;
    let source = Source { file: &shown, text: &text };
    let stack = stack::parse(source)
        .map_err(|found| CliError::rendered(found.render(source, context.output.error_colour)))?;
    if !stack.warnings().is_empty() {
        context.output.note(&stack.warnings().render(source, context.output.error_colour));
    }
    let root =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
    Ok(File { root, path: shown, text, stack })
}

/// Reads a file up to the size limit, because it may have no end. Returns a text that is too long for a larger file, so
/// that it is refused because of its length.
fn read(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(stack::MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > stack::MAX_BYTES {
        return Ok("#".repeat(bytes.len()));
    }
    String::from_utf8(bytes).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
}

impl File {
    /// Compiles the chosen environment for a place.
    ///
    /// # Errors
    ///
    /// The errors of the file for this environment.
    pub fn compile(&self, context: &Context, place: &Place) -> Result<Desired, CliError> {
        self.stack.compile(&inputs(context), place).map_err(|found| self.refused(context, &found))
    }

    /// Returns the environment that the command applies to.
    ///
    /// # Errors
    ///
    /// No environment is named and the file has several, or the named one is not in the file.
    pub fn environment(&self, context: &Context) -> Result<String, CliError> {
        self.stack.environment(context.global.env.as_deref()).map_err(|found| self.refused(context, &found))
    }

    fn refused(&self, context: &Context, found: &stack::Diagnostics) -> CliError {
        let source = Source { file: &self.path, text: &self.text };
        CliError::rendered(found.render(source, context.output.error_colour))
    }

    /// Returns a place for checks without AWS; a placeholder stands for the account if the file has none.
    pub fn no_place(&self, env: &str) -> Place {
        let account = self.stack.account_for(env).unwrap_or(NO_ACCOUNT);
        engine::nowhere(account, self.stack.region_for(env).unwrap_or("us-east-1"))
    }

    /// Returns the configuration of the local AWS of this project.
    ///
    /// # Errors
    ///
    /// There is no home folder, and so no cache.
    pub fn local(&self, context: &Context, region: &str) -> Result<LocalConfig, CliError> {
        local_config(context, &self.root, region)
    }
}

/// Returns the configuration of the local AWS of a project.
///
/// # Errors
///
/// There is no home folder, and so no cache.
pub fn local_config(context: &Context, root: &Path, region: &str) -> Result<LocalConfig, CliError> {
    let cache = context.environment.cache().ok_or_else(|| {
        CliError::usage("there is no folder to install the local AWS in").hint("set HOME or XDG_CACHE_HOME")
    })?;
    Ok(LocalConfig {
        dir: root.join(".lockstep").join("local"),
        cache,
        region: region.to_owned(),
        python: context.global.python.clone(),
    })
}

/// Connects, and compiles the chosen environment for the account of the credentials.
///
/// # Errors
///
/// Errors of the file, the credentials, the account, the region or the sources of the code.
pub async fn connect(context: &Context, file: File) -> Result<Session, CliError> {
    let reached = reach(context, &file).await?;
    let Reached { env: _, aws, identity } = reached;
    let desired = file.compile(context, &engine::place(&aws, &identity))?;
    let options = build_options(context, &aws);
    let sources = Sources { root: file.root.clone(), options };
    let engine = Engine::new(aws, desired, sources).await?;
    Ok(Session { file, engine })
}

/// Connects to the AWS of the chosen environment.
///
/// # Errors
///
/// Errors of the credentials, the account or the region.
pub async fn reach(context: &Context, file: &File) -> Result<Reached, CliError> {
    let env = file.environment(context)?;
    let named = context.global.region.as_deref().or_else(|| file.stack.region_for(&env));
    let region = named
        .or_else(|| context.environment.get("AWS_REGION"))
        .or_else(|| context.environment.get("AWS_DEFAULT_REGION"))
        .ok_or_else(|| {
            CliError::usage("no region is given").hint("write `region:` in the stack file, or pass --region")
        })?
        .to_owned();
    let mut settings = aws::Settings {
        region: region.clone(),
        endpoint: context.environment.get("AWS_ENDPOINT_URL").map(str::to_owned),
        profile: context.global.profile.clone(),
        policy_in_effect: context.global.settle.map(Duration::from_secs),
        static_credentials: None,
    };
    if context.global.local {
        let config = file.local(context, &region)?;
        let running = local::up(&config, &|line| context.output.note(line)).await?;
        settings.endpoint = Some(running.endpoint.clone());
        settings.profile = None;
        settings.static_credentials =
            Some((running.access_key_id.clone(), running.secret_access_key.expose().to_owned()));
    }
    let aws = Aws::connect(&settings).await?;
    let identity = aws.identity().await?.clone();
    check_account(context, file, &env, &identity.account)?;
    Ok(Reached { env, aws: Arc::new(aws), identity })
}

/// Checks that the credentials are of the account that the file names. The local AWS has no real account, so a stack
/// with an account can be tried out there.
fn check_account(context: &Context, file: &File, env: &str, account: &str) -> Result<(), CliError> {
    match file.stack.account_for(env) {
        Some(pinned) if pinned != account && !context.global.local => Err(CliError::failed(format!(
            "the environment `{env}` belongs to the account {pinned}, and these credentials to {account}"
        ))
        .hint("use credentials of that account, or another --env")),
        _ => Ok(()),
    }
}

/// Returns the options for building code. For an AWS on this machine, however it was named, the code runs on this
/// machine.
pub fn build_options(context: &Context, aws: &Aws) -> BuildOptions {
    BuildOptions { profile: context.global.cargo_profile.clone(), real_aws: aws.endpoint.is_none() }
}

impl Session {
    /// Reads the stack's part of AWS, and reports what could not be listed.
    ///
    /// # Errors
    ///
    /// No credentials or no answer. What may not be read is part of the world.
    pub async fn observe(&self, context: &Context) -> Result<World, CliError> {
        let begun = Instant::now();
        let world = self.engine.observe().await?;
        observed(context, &self.engine, (&world, begun.elapsed()));
        Ok(world)
    }
}

/// Reports what could not be listed and, if asked to, how long reading took.
pub fn observed(context: &Context, engine: &Engine, (world, time): (&World, Duration)) {
    if context.global.verbose {
        let calls = engine.aws.calls();
        let total: u64 = calls.values().sum();
        let list: Vec<String> = calls.iter().map(|(call, times)| format!("{call} {times}")).collect();
        let took = time.as_secs_f64();
        context.output.note(&format!("{total} calls, reading took {took:.2} s: {}", list.join(", ")));
    }
    for (listing, why) in world.hidden() {
        context.output.note(&format!(
            "warning: {listing} cannot be listed, so resources that the stack no longer wants would not appear: {why}"
        ));
    }
}
