//! Scenarios for custom domain names.

use std::collections::BTreeMap;

use super::super::rich::{api_of, n};
use super::{Scenario, between, changed};
use crate::kinds::domain::{Mapping, ROOT, Spec};
use crate::kinds::ids;
use crate::stack::desired::Desired;

/// Serves the stage of the API under a domain.
fn serve(stack: &mut Desired) {
    let stage = api_of(stack).stage.stage_name.clone();
    let mapping = Mapping { api: ids::to("apis.api.id"), stage };
    let spec = Spec {
        domain_name: "api.example.com".to_owned(),
        endpoint: "REGIONAL".to_owned(),
        certificate: "arn:aws:acm:eu-west-1:111122223333:certificate/1".to_owned(),
        security_policy: "TLS_1_2".to_owned(),
        truststore: None,
        mappings: BTreeMap::from([(ROOT.to_owned(), mapping)]),
        tags: BTreeMap::new(),
    };
    stack.domains.insert(n("public"), spec);
}

pub fn domain_added() -> Scenario {
    let without = |stack: &mut Desired| {
        stack.apis.clear();
        stack.functions.values_mut().for_each(|function| function.spec.permissions.clear());
    };
    between("an API is made and served under a domain", without, serve)
}

pub fn domain_follows_its_stage() -> Scenario {
    between("a stage under a domain gets another name", serve, |to| {
        let api = api_of(to);
        api.stage.stage_name = "v2".to_owned();
        for plan in api.usage_plans.values_mut() {
            plan.stages = ["v2".to_owned()].into();
        }
        serve(to);
    })
}

pub fn domain_removed_with_its_api() -> Scenario {
    between("a domain goes with its API", serve, |to| {
        to.apis.clear();
        to.functions.values_mut().for_each(|function| function.spec.permissions.clear());
    })
}

pub fn domain_removed() -> Scenario {
    let served = changed("a domain goes, and its API stays", |_| ());
    let mut from = served.from.clone();
    serve(&mut from);
    Scenario { from, ..served }
}
