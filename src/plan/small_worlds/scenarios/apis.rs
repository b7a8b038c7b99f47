//! Scenarios for APIs.

use std::collections::BTreeSet;

use super::super::fixtures::{self, permission};
use super::super::rich::{api_of, function_of, n};
use super::{Scenario, add_third, between, changed};
use crate::kinds::api::{ApiKey, PartId, UsagePlan};
use crate::kinds::{World, api};
use crate::stack::desired::Desired;

pub fn redeploy(api: &mut api::Spec, fingerprint: &str) {
    api.fingerprint = fingerprint.to_owned();
}

pub fn log_added() -> Scenario {
    let unlogged = |stack: &mut Desired| {
        stack.log_groups.remove(&n("access"));
        api_of(stack).stage.access_log = None;
    };
    between("an API gets an access log", unlogged, |_| ())
}

pub fn plan_added() -> Scenario {
    let open = |stack: &mut Desired| {
        api_of(stack).usage_plans.clear();
        api_of(stack).api_keys.clear();
    };
    between("an API gets a usage plan", open, |_| ())
}

pub fn plan_renamed() -> Scenario {
    changed("the API key moves to a new usage plan", |to| {
        let plans = &mut api_of(to).usage_plans;
        let gold = plans.remove("gold").unwrap();
        plans.insert("silver".to_owned(), gold);
    })
}

pub fn key_moved_between_plans() -> Scenario {
    let two = |stack: &mut Desired, with: &str, without: &str| {
        let plans = &mut api_of(stack).usage_plans;
        let gold = plans.remove("gold").unwrap();
        plans.insert(without.to_owned(), UsagePlan { keys: BTreeSet::new(), ..gold.clone() });
        plans.insert(with.to_owned(), gold);
    };
    between(
        "the API key moves between two usage plans",
        |from| two(from, "gold", "bronze"),
        |to| two(to, "bronze", "gold"),
    )
}

pub fn keys_swapped_between_plans() -> Scenario {
    let two = |stack: &mut Desired, gold: &str, bronze: &str| {
        let api = api_of(stack);
        let partner = ApiKey { key_name: "partner".to_owned(), ..api.api_keys["customer"].clone() };
        api.api_keys.insert("partner".to_owned(), partner);
        let first = api.usage_plans["gold"].clone();
        for (plan, key) in [("gold", gold), ("bronze", bronze)] {
            let keys = BTreeSet::from([key.to_owned()]);
            api.usage_plans.insert(plan.to_owned(), UsagePlan { keys, ..first.clone() });
        }
    };
    between(
        "two usage plans swap their API keys",
        |from| two(from, "customer", "partner"),
        |to| two(to, "partner", "customer"),
    )
}

pub fn route_added() -> Scenario {
    changed("a new route calls a new function", |to| {
        add_third(to, &["text"]);
        function_of(to, "third").spec.permissions.insert("api".to_owned(), permission("api", None));
        let api = api_of(to);
        let part = PartId::Method("/encrypt/text".to_owned(), "GET".to_owned());
        api.parts.insert(part, fixtures::method("third"));
        redeploy(api, "routed");
    })
}

pub fn parts_removed() -> Scenario {
    changed("routes go, with everything that they stand on", |to| {
        to.apis.insert("api".into(), fixtures::api("first:live"));
        redeploy(api_of(to), "less");
        leave_second(to);
    })
}

/// Removes the second function from the stack, except its key, because it has no route left.
fn leave_second(to: &mut Desired) {
    to.functions.remove(&n("second"));
    to.log_groups.remove(&n("second"));
    to.roles.remove(&n("b"));
}

pub fn method_opened() -> Scenario {
    changed("a method lets go of its authorizer, which goes", |to| {
        let api = api_of(to);
        let part = PartId::Method("/encrypt/text".to_owned(), "POST".to_owned());
        api.parts.insert(part, fixtures::method("first:live"));
        api.parts.remove(&PartId::Authorizer("bearer".to_owned()));
        redeploy(api, "open");
        leave_second(to);
    })
}

pub fn deployments_pruned() -> Scenario {
    let drift = |world: &mut World| {
        let api = world.apis.get_mut(&n("api")).unwrap();
        // The stage still serves the oldest of them.
        for fingerprint in ["2", "3", "4", "5"] {
            let (id, fingerprint) = (format!("deployment {fingerprint}"), Some(fingerprint.to_owned()));
            api.deployments.insert(0, api::Deployment { id, fingerprint });
        }
    };
    let changed = changed("the oldest of many deployments is served", |to| {
        let api = api_of(to);
        api.settings.binary_types.insert("*/*".to_owned());
        redeploy(api, "6");
    });
    Scenario { drift, ..changed }
}

pub fn stage_renamed() -> Scenario {
    changed("a stage gets another name and no log", |to| {
        let api = api_of(to);
        api.stage.stage_name = "v2".to_owned();
        api.stage.access_log = None;
        api.usage_plans.get_mut("gold").unwrap().stages = BTreeSet::from(["v2".to_owned()]);
        to.log_groups.remove(&n("access"));
    })
}

pub fn stage_renamed_without_plan() -> Scenario {
    changed("a stage gets another name and no usage plan", |to| {
        let api = api_of(to);
        api.stage.stage_name = "v2".to_owned();
        api.usage_plans.clear();
        api.api_keys.clear();
    })
}

pub fn api_removed() -> Scenario {
    changed("an API goes, its functions stay", |to| {
        to.apis.clear();
        to.log_groups.remove(&n("access"));
        for function in to.functions.values_mut() {
            function.spec.permissions.clear();
        }
    })
}
