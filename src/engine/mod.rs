//! Everything that the command does, for programs: read AWS, plan, prove, lock, apply.
//!
//! An [`Engine`] is one environment of a stack with its connection to AWS. It prints nothing and reads neither the
//! command line nor the environment; a [`Supervisor`] sees what happens and approves what is done.
//!
//! ```no_run
//! # async fn example(aws: lockstep::aws::Aws, file: &lockstep::stack::StackFile, inputs: &lockstep::stack::Inputs)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use lockstep::build::BuildOptions;
//! use lockstep::engine::{self, Engine, Sources};
//!
//! let aws = Arc::new(aws);
//! let identity = aws.identity().await?.clone();
//! let place = engine::place(&aws, &identity);
//! let desired = file.compile(inputs, &place).map_err(|problems| format!("{problems:?}"))?;
//! let options = BuildOptions { profile: "release".to_owned(), real_aws: true };
//! let engine = Engine::new(aws, desired, Sources { root: ".".into(), options }).await?;
//! let world = engine.observe().await?;
//! let change = engine.plan(&engine.desired, &world).await?;
//! println!("{} steps, {} findings", change.plan.steps().count(), change.proof.findings.len());
//! # Ok(())
//! # }
//! ```

mod error;
mod lock;
mod run;
mod service;
mod stop;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;

use crate::access::{Grant, Readable};
use crate::aws::{Aws, Identity};
use crate::build::{self, BuildOptions};
use crate::call::{Caller, Http};
use crate::kinds::aws::Archives;
use crate::kinds::{Ids, Name, Op, World, function};
use crate::lock::Holder;
use crate::plan::prove::{self, AccessContext, Evidence, ProofInput};
use crate::plan::{self, Blocked, Plan, claims};
use crate::stack::desired::{Desired, Place};

pub use error::EngineError;
pub use lock::{Contender, HeldLock, LockPlace};
pub use run::{Applied, ApplyOptions, Supervisor};
pub use service::AwsService;
pub use stop::Stop;

/// Seconds after which Lambda gives up the init phase of a function.
const LONGEST_INIT: u32 = 10;

/// One environment of a stack, with its connection to AWS.
pub struct Engine {
    /// What the stack wants.
    pub desired: Desired,
    /// The connection.
    pub aws: Arc<Aws>,
    /// The ARN of the caller.
    pub caller: String,
    /// The sources of the code of functions.
    pub sources: Sources,
}

/// The sources of the code of functions.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The folder that relative paths start from.
    pub root: PathBuf,
    /// The options of builds.
    pub options: BuildOptions,
}

/// A plan, what it was made from, and what is proved of it.
#[derive(Debug)]
pub struct Change<'a> {
    /// What is wanted; empty for a removal.
    pub desired: &'a Desired,
    /// What was observed.
    pub world: &'a World,
    /// The plan.
    pub plan: Plan,
    /// The access that is known once the plan is applied.
    pub proof: AccessProof,
}

/// The access that is known once a plan is applied.
#[derive(Clone, Debug, Default)]
pub struct AccessProof {
    /// The access of functions to keys.
    pub uses: Vec<prove::Proof>,
    /// What is not proved.
    pub findings: Vec<Blocked>,
}

/// Something that happened, for those who watch.
#[derive(Debug)]
pub enum Event<'a> {
    /// The code of a function is being built.
    Building(&'a Name),
    /// A line that a build printed.
    BuildOutput(&'a str),
    /// Someone else holds the lock, and the run waits for it.
    WaitingForLock {
        /// The holder.
        holder: &'a Holder,
        /// The time since the last sign of life of the holder.
        silent: Duration,
        /// The longest time that the run waits.
        patience: Duration,
    },
    /// The lock is taken over from a run that ended without releasing it.
    TakingOver(&'a Holder),
    /// The lock could not be released; it expires.
    LockNotReleased,
    /// AWS was read.
    Observed(&'a World, Duration),
    /// The plan is being applied.
    Apply(crate::apply::Event<'a>),
}

/// Returns the place that a stack goes to: the account of the caller, and the region of the connection.
pub fn place(aws: &Aws, identity: &Identity) -> Place {
    Place {
        partition: identity.partition.clone(),
        account: identity.account.clone(),
        region: aws.region.clone(),
        function_env: BTreeMap::new(),
        longest_init: if aws.endpoint.is_some() { 0 } else { LONGEST_INIT },
    }
}

/// Returns the place that stands for any account, for checks without credentials.
pub fn nowhere(account: &str, region: &str) -> Place {
    Place {
        partition: "aws".to_owned(),
        account: account.to_owned(),
        region: region.to_owned(),
        function_env: BTreeMap::new(),
        longest_init: LONGEST_INIT,
    }
}

/// Returns the seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "tokens and locks carry the time at which they were made")]
fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map(|since| since.as_secs()).unwrap_or_default()
}

impl Engine {
    /// Connects a compiled stack with AWS, and fills in the identity of the code of its functions.
    ///
    /// # Errors
    ///
    /// No credentials, or sources that cannot be read.
    pub async fn new(aws: Arc<Aws>, mut desired: Desired, sources: Sources) -> Result<Self, EngineError> {
        let jobs: Vec<_> = desired
            .functions
            .iter()
            .map(|(name, want)| {
                let (name, want, sources) = (name.clone(), want.clone(), sources.clone());
                tokio::task::spawn_blocking(move || {
                    (name, build::source_hash(&want, &sources.root, &sources.options))
                })
            })
            .collect();
        for job in jobs {
            let (name, hash) = job.await.map_err(|error| EngineError::Task("hashing sources", error))?;
            if let Some(want) = desired.functions.get_mut(&name) {
                want.spec.code.source = hash?;
            }
        }
        let caller = aws.identity().await?.arn.clone();
        Ok(Self { desired, aws, caller, sources })
    }

    /// Reads the stack's part of AWS.
    ///
    /// # Errors
    ///
    /// No credentials or no answer. What may not be read is part of the world.
    pub async fn observe(&self) -> Result<World, EngineError> {
        Ok(crate::kinds::aws::observe(&self.aws, &self.desired).await?)
    }

    /// Plans the way from `world` to `desired`, and decides every claim of the stack about access in every state that
    /// the plan passes through.
    ///
    /// # Errors
    ///
    /// Everything that blocks the plan. What is not proved is part of the result.
    pub async fn plan<'a>(&self, desired: &'a Desired, world: &'a World) -> Result<Change<'a>, EngineError> {
        let plan = plan::plan(desired, world)?;
        let course = ProofInput { desired, world, plan: &plan, applier: &self.caller };
        let outsiders = crate::kinds::aws::outsiders(&self.aws, prove::outsiders(course)).await?;
        let evidence = Evidence { outsiders, ..Evidence::default() };
        let after = plan::after(&plan, desired, world)?;
        let uses = prove::uses(AccessContext { desired, world: &after, evidence: &evidence });
        let findings = prove::unproved(course, &evidence)?;
        Ok(Change { desired, world, plan, proof: AccessProof { uses, findings } })
    }

    /// Returns the world as it will be after an apply.
    ///
    /// # Errors
    ///
    /// Everything that blocks the plan.
    pub fn planned(&self, world: &World) -> Result<World, EngineError> {
        let plan = plan::plan(&self.desired, world)?;
        Ok(plan::after(&plan, &self.desired, world)?)
    }

    /// Lists the assertions and twins of the stack that do not hold in a world.
    ///
    /// # Errors
    ///
    /// No answer. What may not be read is part of the list.
    pub async fn broken_claims(&self, world: &World) -> Result<Vec<Blocked>, EngineError> {
        let (desired, nothing) = (&self.desired, Plan::default());
        let course = ProofInput { desired, world, plan: &nothing, applier: &self.caller };
        let outsiders = crate::kinds::aws::outsiders(&self.aws, prove::outsiders(course)).await?;
        let evidence = Evidence { outsiders, ..Evidence::default() };
        Ok(claims::broken(AccessContext { desired, world, evidence: &evidence }))
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
    ) -> Result<BTreeMap<Name, Readable<Vec<Grant>>>, EngineError> {
        let keys = world.keys.iter().filter(|(name, _)| only.is_none_or(|only| only == *name));
        // A key that does not exist yet has no ARN and no grants.
        let reads = keys.filter(|(_, seen)| !seen.arn.is_empty()).map(|(name, seen)| async move {
            Ok::<_, EngineError>((name.clone(), crate::kinds::aws::grants(&self.aws, &seen.arn).await?))
        });
        Ok(try_join_all(reads).await?.into_iter().collect())
    }

    /// Returns what calling the stack's routes takes.
    pub fn api_caller<'a>(&'a self, http: &'a Http, ids: &'a Ids) -> Caller<'a> {
        Caller {
            kms: &self.aws.read.kms,
            lambda: &self.aws.read.lambda,
            http,
            desired: &self.desired,
            ids,
            subject: &self.caller,
            now,
        }
    }

    /// Builds the archives of the functions whose code a plan uploads.
    ///
    /// # Errors
    ///
    /// The first build that fails.
    async fn archives(&self, plan: &Plan, supervisor: &impl Supervisor) -> Result<Archives, EngineError> {
        let uploads = plan.steps().filter_map(|step| match &step.op {
            Op::Function { name, op: function::Op::Create { .. } | function::Op::UpdateCode { .. } } => {
                Some(name)
            }
            _ => None,
        });
        let mut archives = Archives::new();
        // One after the other: cargo takes all cores by itself, and two of them wait for one lock.
        for name in uploads.collect::<std::collections::BTreeSet<_>>() {
            let Some(want) = self.desired.functions.get(name).cloned() else { continue };
            supervisor.event(Event::Building(name));
            let (lines, mut printed) = tokio::sync::mpsc::unbounded_channel::<String>();
            let Sources { root, options } = self.sources.clone();
            let job = tokio::task::spawn_blocking(move || {
                build::archive(&want, &root, &options, &|line| drop(lines.send(line.to_owned())))
            });
            while let Some(line) = printed.recv().await {
                supervisor.event(Event::BuildOutput(&line));
            }
            let zip = job.await.map_err(|error| EngineError::Task("the build", error))??;
            archives.insert(name.clone(), Arc::from(zip));
        }
        Ok(archives)
    }
}
