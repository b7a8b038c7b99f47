//! Builds a connected stack from the command line: file, account, desired state, observed state.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use lockstep::access::{Grant, Readable};
use lockstep::aws::{self, Aws, Identity};
use lockstep::build::{self, BuildOptions};
use lockstep::kinds::{Name, World};
use lockstep::local::{self, LocalConfig};
use lockstep::plan::prove::{self, Course, Evidence, Proof, Scene};
use lockstep::plan::{self, Blocked, Plan, PlanError, claims};
use lockstep::report::plan::Unproved;
use lockstep::report::{self, Paint};
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

/// A stack in one environment, with the AWS that it is deployed to.
pub struct Session {
    /// The file.
    pub file: File,
    /// The desired state.
    pub desired: Desired,
    /// The connection.
    pub aws: Arc<Aws>,
    /// ARN of the caller.
    pub caller: String,
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

/// Seconds after which Lambda ends the init phase of a function.
const LONGEST_INIT: u32 = 10;

impl Reached {
    /// Returns the place that the stack is deployed to.
    pub fn place(&self) -> Place {
        Place {
            partition: self.identity.partition.clone(),
            account: self.identity.account.clone(),
            region: self.aws.region.clone(),
            function_env: BTreeMap::new(),
            longest_init: if self.aws.endpoint.is_some() { 0 } else { LONGEST_INIT },
        }
    }
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
        .map_err(|found| CliError::failed(found.render(source, context.output.error_colour)))?;
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
        CliError::failed(found.render(source, context.output.error_colour))
    }

    /// Returns a place for checks without AWS; a placeholder stands for the account if the file has none.
    pub fn no_place(&self, env: &str) -> Place {
        Place {
            partition: "aws".to_owned(),
            account: self.stack.account_for(env).unwrap_or(NO_ACCOUNT).to_owned(),
            region: self.stack.region_for(env).unwrap_or("us-east-1").to_owned(),
            function_env: BTreeMap::new(),
            longest_init: LONGEST_INIT,
        }
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
    let place = reached.place();
    let Reached { env: _, aws, identity } = reached;
    let mut desired = file.compile(context, &place)?;
    hash_sources(&file, &mut desired, &build_options(context, &aws)).await?;
    Ok(Session { file, desired, aws, caller: identity.arn })
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

/// Computes the hash of the code of every function.
async fn hash_sources(file: &File, desired: &mut Desired, options: &BuildOptions) -> Result<(), CliError> {
    let jobs: Vec<_> = desired
        .functions
        .iter()
        .map(|(name, want)| {
            let (name, want, root, options) =
                (name.clone(), want.clone(), file.root.clone(), options.clone());
            tokio::task::spawn_blocking(move || (name, build::source_hash(&want, &root, &options)))
        })
        .collect();
    for job in jobs {
        let (name, hash) =
            job.await.map_err(|error| CliError::failed("hashing sources stopped").because(error))?;
        if let Some(want) = desired.functions.get_mut(&name) {
            want.spec.code.source = hash?;
        }
    }
    Ok(())
}

/// Returns the options for building code. For an AWS on this machine, however it was named, the code runs on this
/// machine.
pub fn build_options(context: &Context, aws: &Aws) -> BuildOptions {
    BuildOptions { profile: context.global.cargo_profile.clone(), real_aws: aws.endpoint.is_none() }
}

impl Session {
    /// Reads the state of AWS.
    ///
    /// # Errors
    ///
    /// Missing credentials and no answer. Anything that may not be read is recorded in the world.
    pub async fn observe(&self, context: &Context) -> Result<World, CliError> {
        let begun = std::time::Instant::now();
        let world = aws::observe(&self.aws, &self.desired).await?;
        if context.global.verbose {
            let calls = self.aws.calls();
            let total: u64 = calls.values().sum();
            let list: Vec<String> = calls.iter().map(|(call, times)| format!("{call} {times}")).collect();
            let took = begun.elapsed().as_secs_f64();
            context.output.note(&format!("{total} calls, reading took {took:.2} s: {}", list.join(", ")));
        }
        for (listing, why) in world.hidden() {
            context.output.note(&format!(
                "warning: {listing} cannot be listed, so what the stack no longer wants would not show: {why}"
            ));
        }
        Ok(world)
    }

    /// Plans the changes from `world` to `desired`.
    ///
    /// # Errors
    ///
    /// Everything that blocks the plan.
    pub fn plan(&self, context: &Context, desired: &Desired, world: &World) -> Result<Plan, CliError> {
        plan::plan(desired, world).map_err(|error| match error {
            PlanError::Blocked(blocked) => CliError::failed(blocked_text(context, &blocked)),
            other => CliError::failed("there is no plan")
                .because(other)
                .hint("this is a fault of lockstep: please report it with the stack file"),
        })
    }

    /// Returns the world as it will be after an apply.
    ///
    /// # Errors
    ///
    /// Everything that blocks the plan.
    pub fn planned(&self, context: &Context, world: &World) -> Result<World, CliError> {
        let plan = self.plan(context, &self.desired, world)?;
        plan::after(&plan, &self.desired, world)
            .map_err(|error| CliError::failed("the plan cannot be followed through").because(error))
    }

    /// Lists the claims of the stack about access, made by assertions and twins, that do not hold in AWS.
    ///
    /// # Errors
    ///
    /// No answer. Anything that may not be read is part of the list.
    pub async fn broken_claims(&self, world: &World) -> Result<Vec<Blocked>, CliError> {
        let (desired, nothing) = (&self.desired, Plan::default());
        let course = Course { desired, world, plan: &nothing, applier: &self.caller };
        let outsiders = aws::outsiders(&self.aws, prove::outsiders(course)).await?;
        let evidence = Evidence { outsiders, ..Evidence::default() };
        Ok(claims::broken(Scene { desired, world, evidence: &evidence }))
    }

    /// Reads the grants on the keys of a world, or on one of them.
    ///
    /// # Errors
    ///
    /// No answer. Grants that may not be read are unknown.
    pub async fn grants(
        &self,
        world: &World,
        only: Option<&Name>,
    ) -> Result<BTreeMap<Name, Readable<Vec<Grant>>>, CliError> {
        let keys = world.keys.iter().filter(|(name, _)| only.is_none_or(|only| only == *name));
        // A key that does not exist yet has no ARN and no grants.
        let reads = keys.filter(|(_, seen)| !seen.arn.is_empty()).map(|(name, seen)| async move {
            Ok::<_, CliError>((name.clone(), aws::grants(&self.aws, &seen.arn).await?))
        });
        Ok(try_join_all(reads).await?.into_iter().collect())
    }

    /// Proves that the claims of the stack about access hold in every state that a plan passes through.
    ///
    /// # Errors
    ///
    /// Every claim that is not proved, unless that was allowed with a reason.
    pub async fn prove(
        &self,
        context: &Context,
        (desired, world): (&Desired, &World),
        plan: &Plan,
    ) -> Result<Proved, CliError> {
        let course = Course { desired, world, plan, applier: &self.caller };
        let outsiders = aws::outsiders(&self.aws, prove::outsiders(course)).await?;
        let evidence = Evidence { outsiders, ..Evidence::default() };
        let cannot = |error| CliError::failed("the plan cannot be followed through").because(error);
        let after = plan::after(plan, desired, world).map_err(cannot)?;
        let uses = prove::uses(Scene { desired, world: &after, evidence: &evidence });
        let findings = prove::unproved(course, &evidence).map_err(cannot)?;
        let unproved = match (findings.is_empty(), &context.global.allow_unproved) {
            (true, _) => None,
            (false, Some(reason)) => Some(Unproved { reason: reason.clone(), findings }),
            (false, None) => {
                return Err(CliError::failed(blocked_text(context, &findings))
                    .hint("apply it all the same with --allow-unproved REASON, which the plan records"));
            }
        };
        Ok(Proved { uses, unproved })
    }
}

/// The access that is known once a plan is applied.
pub struct Proved {
    /// The access of functions to keys.
    pub uses: Vec<Proof>,
    /// Claims that are not proved, and the reason for which the plan may be applied.
    pub unproved: Option<Unproved>,
}

fn blocked_text(context: &Context, blocked: &[Blocked]) -> String {
    report::blocked::text(blocked, Paint { colour: context.output.error_colour })
}
