//! Runs plans on the model of AWS, without AWS, with functions that do not work.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use super::{Actor, Outcome, run};
use crate::access::{PolicyDocument, Statement};
use crate::aws::{AwsError, ErrorKind};
use crate::call::ProbeOutcome;
use crate::kinds::{Ids, Name, Op, World, function, role};
use crate::plan::small_worlds::fixtures;
use crate::plan::{Plan, plan};
use crate::report::tests::{applied, stack};
use crate::stack::desired::{Desired, Probe};

/// The model of AWS, with functions that work or do not work.
struct Model {
    world: RefCell<World>,
    /// Roles under which functions do not work, by ARN.
    bad_roles: BTreeSet<String>,
}

impl Model {
    fn new(world: &World, bad_roles: &[&str]) -> Self {
        let bad_roles = bad_roles.iter().map(|role| fixtures::role_arn(role)).collect();
        Self { world: RefCell::new(world.clone()), bad_roles }
    }

    fn runs_well(&self, function: &Name) -> bool {
        let world = self.world.borrow();
        world.functions.get(function).is_some_and(|seen| !self.bad_roles.contains(&seen.config.role))
    }

    async fn run(&self, plan: &Plan) -> Outcome {
        let ids = self.world.borrow().ids.clone();
        run(self, plan, ids, &mut |_| {}).await
    }
}

impl Actor for Model {
    async fn perform(&self, _: &Ids, op: &Op) -> Result<Ids, AwsError> {
        let applied = self.world.borrow_mut().apply(op);
        applied.map_err(|refused| AwsError::new("model", ErrorKind::Invalid, refused.to_string()))?;
        Ok(self.world.borrow().ids.clone())
    }

    async fn probe(&self, _: &Ids, function: &Name, _: &Probe) -> ProbeOutcome {
        ProbeOutcome { succeeded: self.runs_well(function), attempts: 1, successes: 1, failure: None }
    }

    async fn works(&self, _: &Ids, function: &Name, _: &Probe) -> bool {
        self.runs_well(function)
    }

    async fn drain(&self, _: Duration) {}

    fn interrupted(&self) -> bool {
        false
    }
}

/// Returns the stack with a function under `role`, and AWS before, where the function runs as `encrypt-test`, and
/// someone attached a policy and added another one by hand.
fn by_hand(role: &str) -> (Desired, World) {
    let mut world = applied(&stack("encrypt-test"));
    let spec = &mut world.roles.get_mut(&Name::from("encrypt-test")).unwrap().spec;
    spec.managed.insert("arn:aws:iam::aws:policy/AdministratorAccess".to_owned());
    let all = PolicyDocument::new([Statement::allow("All").actions(["s3:*"]).resource("*")]);
    spec.inline.insert("mine".to_owned(), all);
    (stack(role), world)
}

fn config(model: &Model) -> function::Config {
    model.world.borrow().functions[&Name::from("encrypt")].config.clone()
}

fn role_seen(model: &Model, name: &str) -> role::Seen {
    model.world.borrow().roles[&Name::from(name)].clone()
}

#[tokio::test]
async fn a_plan_whose_function_works_is_done_to_its_end() {
    let (desired, world) = by_hand("encrypt-prod");
    let model = Model::new(&world, &[]);
    let outcome = model.run(&plan(&desired, &world).unwrap()).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    assert!(plan(&desired, &model.world.borrow()).unwrap().is_empty());
}

#[tokio::test]
async fn a_function_that_stops_working_goes_back_and_keeps_everything() {
    let (desired, world) = by_hand("encrypt-prod");
    let model = Model::new(&world, &["encrypt-prod"]);
    let outcome = model.run(&plan(&desired, &world).unwrap()).await;
    let unproved = outcome.unproved.unwrap();
    assert!(!unproved.before && unproved.moved_back.len() == 1);
    assert_eq!(config(&model).role, fixtures::role_arn("encrypt-test"));
    assert_eq!(role_seen(&model, "encrypt-test").spec, world.roles[&Name::from("encrypt-test")].spec);
}

#[tokio::test]
async fn a_function_that_did_not_work_before_holds_nothing_up_that_was_put_on_by_hand() {
    let (mut desired, mut world) = by_hand("encrypt-test");
    // A setting that was changed by hand is repaired, and stays repaired.
    world.functions.get_mut(&Name::from("encrypt")).unwrap().config.memory = 4096;
    let wanted = desired.functions.get_mut(&Name::from("encrypt")).unwrap().spec.config.memory;
    let model = Model::new(&world, &["encrypt-test", "encrypt-prod"]);
    let outcome = model.run(&plan(&desired, &world).unwrap()).await;
    let unproved = outcome.unproved.as_ref().unwrap();
    assert!(unproved.before && unproved.moved_back.is_empty() && outcome.remaining.is_empty());
    assert!(!outcome.is_complete());
    assert_eq!(config(&model).memory, wanted);
    let seen = role_seen(&model, "encrypt-test").spec;
    assert_eq!((&seen.managed, &seen.inline), {
        let want = &desired.roles[&Name::from("encrypt-test")];
        (&want.managed, &want.inline)
    });
}

#[tokio::test]
async fn a_role_that_ran_keeps_its_access_until_its_successor_works() {
    let (desired, world) = by_hand("encrypt-prod");
    let model = Model::new(&world, &["encrypt-test", "encrypt-prod"]);
    let outcome = model.run(&plan(&desired, &world).unwrap()).await;
    assert!(outcome.unproved.as_ref().unwrap().before && !outcome.remaining.is_empty());
    assert_eq!(config(&model).role, fixtures::role_arn("encrypt-prod"));
    let policy = model.world.borrow().keys[&Name::from("text")].spec.policy.clone();
    let named = crate::kinds::key::policy::named_arns(&policy);
    assert!(["encrypt-test", "encrypt-prod"].iter().all(|role| named.contains(&*fixtures::role_arn(role))));
    assert!(role_seen(&model, "encrypt-test").spec.inline.is_empty());
    // Once the function works, the next run removes the old role.
    let world = model.world.borrow().clone();
    let model = Model::new(&world, &[]);
    assert!(model.run(&plan(&desired, &world).unwrap()).await.is_complete());
    assert!(plan(&desired, &model.world.borrow()).unwrap().is_empty());
}
