//! Reads a stack from an AWS that gives arbitrary answers, through the real SDK.
//!
//! The input is a list of answers in the format of `fuzz/checks/world.txt`: each replaces the answer of the same name
//! there.

use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock};
use std::thread;

use lockstep::aws::{Aws, AwsError, Locker};
use lockstep::kinds::World;
use lockstep::lock::{Holder, Intent};
use lockstep::plan::prove::{AccessContext, Evidence};
use lockstep::plan::{PlanError, plan};
use lockstep::report::drift::Observed;
use lockstep::report::{self, Drift, PlanView};
use lockstep::stack::desired::Desired;
use tokio::runtime::Builder;

use super::service::{Answers, connect};
use super::world::{desired, drives};

/// Number of requests after which everything is denied, so that one check does not take too long.
const PATIENCE: usize = 400;

/// Principals whose access is read.
const OUTSIDERS: [&str; 2] = ["arn:aws:iam::111122223333:user/u", "arn:aws:iam::111122223333:role/o"];

/// The key of the stack.
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555";

/// Returns the answers of an AWS that has the stack, with nothing wrong.
pub fn healthy() -> Answers {
    Answers::parse(include_bytes!("world.txt"))
}

/// Runs to the end with a stack as large as that of the main thread of a command: without optimization, the SDK needs
/// more than other threads have.
pub fn run<T: Send>(work: impl AsyncFnOnce() -> T + Send) -> T {
    let run =
        || Builder::new_current_thread().enable_time().build().expect("a runtime starts").block_on(work());
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(8 * 1024 * 1024).spawn_scoped(scope, run);
        thread.expect("a thread starts").join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

fn wanted() -> &'static Desired {
    static WANTED: OnceLock<Desired> = OnceLock::new();
    WANTED.get_or_init(desired)
}

/// Checks one list of answers.
pub fn check(data: &[u8]) {
    let answers = healthy().over(Answers::parse(data));
    run(async || {
        let aws = Arc::new(connect(answers, PATIENCE));
        match look(&aws).await {
            Ok(world) => goes_on(&world),
            Err(error) => tells(&error),
        }
        beside(&aws).await;
    });
}

/// Reads the stack.
pub async fn look(aws: &Aws) -> Result<World, AwsError> {
    lockstep::kinds::aws::observe(aws, wanted()).await
}

/// Checks that everything that was read can be compared, planned from and shown.
fn goes_on(world: &World) {
    let desired = wanted();
    let World { keys, roles, log_groups, functions, apis, .. } = world;
    let text = serde_json::to_string(&(keys, roles, log_groups, functions, apis));
    text.expect("a saved plan holds the digests of these texts");
    let evidence = Evidence::default();
    let scene = AccessContext { desired, world, evidence: &evidence };
    let drift = Drift::new(Observed { scene, blocked: &[], claims: &[] });
    assert!(!drives(&drift.text(Default::default())));
    assert!(!drives(&drift.markdown()));
    match plan(desired, world) {
        Ok(plan) => {
            let view = PlanView { desired, world, plan: &plan, access: &[], unproved: None };
            let text = report::plan::text(&report::plan::document(&view), Default::default());
            assert!(!drives(&text), "{text:?}");
        }
        Err(PlanError::Blocked(blocked)) => {
            let text = report::blocked::text(&blocked, Default::default());
            assert!(!drives(&text), "{text:?}");
        }
        Err(fault) => panic!("a fault of the planner: {fault:?}"),
    }
}

fn tells(error: &AwsError) {
    assert!(!drives(&error.to_string()), "{error:?}");
    assert!(!drives(&error.reason()), "{error:?}");
}

/// Reads the resources that other commands read.
async fn beside(aws: &Arc<Aws>) {
    let outsiders = lockstep::kinds::aws::outsiders(aws, OUTSIDERS.map(str::to_owned).into()).await;
    let key = lockstep::kinds::aws::key(aws, wanted(), KEY).await;
    let grants = lockstep::kinds::aws::grants(aws, KEY).await;
    let lock = Locker::new(Arc::clone(aws), "s", "t").turn(Intent::Look, nobody(), 0).await;
    let errors = [outsiders.err(), key.err(), grants.err(), lock.err()];
    errors.iter().flatten().for_each(tells);
}

/// Returns the holder of a reader that only looks at a lock.
fn nobody() -> Holder {
    Holder {
        session: "s".to_owned(),
        verb: "unlock".to_owned(),
        who: "nobody".to_owned(),
        since: 0,
        host: "here".to_owned(),
        pid: 1,
        process: None,
        pipeline: None,
    }
}

/// Lists the resources of the stack, and their parts that were read.
pub fn there(world: &World) -> BTreeSet<String> {
    let names = |kind: &str, names: Vec<&lockstep::kinds::Name>| {
        names.into_iter().map(|name| format!("{kind}.{name}")).collect::<Vec<_>>()
    };
    let World { keys, roles, log_groups, functions, apis, .. } = world;
    [
        names("keys", keys.keys().collect()),
        names("roles", roles.keys().collect()),
        names("log_groups", log_groups.keys().collect()),
        names("functions", functions.keys().collect()),
        names("apis", apis.keys().collect()),
    ]
    .concat()
    .into_iter()
    .collect()
}
