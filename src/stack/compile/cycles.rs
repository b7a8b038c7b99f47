//! Detects resources that could only be created after each other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::context::Context;
use crate::kinds::ids;
use crate::stack::desired::Desired;

/// For each resource, the resources that must exist before it.
type Needs = BTreeMap<String, BTreeSet<String>>;

/// Reports cycles among the IDs that create calls need, because none of their resources could be created first.
///
/// Many apparent cycles are not real ones: an API's ID is known before its routes are created, and a key's ID before a
/// role gets its policies. Only the arguments of the create call itself count.
pub(super) fn check(cx: &Context<'_>, desired: &Desired) {
    let needs = needs(cx, desired);
    let on = |resource: &str| needs.get(resource).into_iter().flatten();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for start in needs.keys() {
        if !seen.insert(start) {
            continue;
        }
        // The current path of the search, kept on the heap because a file may contain chains too long for recursion.
        let mut path = vec![(start.as_str(), on(start))];
        let mut on_path = BTreeSet::from([start.as_str()]);
        while let Some((resource, rest)) = path.last_mut() {
            match rest.next() {
                None => {
                    on_path.remove(*resource);
                    path.pop();
                }
                Some(next) if seen.insert(next) => {
                    on_path.insert(next);
                    path.push((next, on(next)));
                }
                Some(next) if on_path.contains(next.as_str()) => {
                    let way = path.iter().map(|(resource, _)| *resource).skip_while(|way| way != next);
                    report(cx, &way.collect::<Vec<_>>());
                }
                Some(_) => {}
            }
        }
    }
}

fn report(cx: &Context<'_>, circle: &[&str]) {
    let Some(first) = circle.first() else { return };
    let place: Vec<&str> = first.split('.').collect();
    let problem = format!("none of these could be created first: {} -> {first}", circle.join(" -> "));
    let problem = cx.about_key(&place, "reference-cycle", problem);
    cx.report(problem.help("take one of the references out; an alias or a name needs no id"));
}

fn needs(cx: &Context<'_>, desired: &Desired) -> Needs {
    let mut needs = Needs::new();
    let mut add = |resource: String, taken: Value| {
        let text = taken.to_string();
        let on = ids::open_in(&text).into_iter().filter_map(|id| match id.rsplit_once('.')? {
            // The URL of an API is known once its stage exists, which is created after its functions.
            (api, "url") => Some(format!("{api}.stage")),
            (resource, _) => Some(resource.to_owned()),
        });
        needs.entry(resource).or_default().extend(on);
    };
    for (name, key) in &desired.keys {
        add(format!("keys.{name}"), json!([key.spec.policy, key.spec.description, key.spec.tags]));
    }
    for (name, group) in &desired.log_groups {
        add(format!("log_groups.{name}"), json!(group));
    }
    for (name, function) in &desired.functions {
        add(format!("functions.{name}"), json!([function.spec.config, function.spec.tags]));
    }
    for (name, api) in &desired.apis {
        add(format!("apis.{name}"), json!(api.settings));
        add(format!("apis.{name}.stage"), json!([api.stage, api.parts]));
    }
    for (name, domain) in &desired.domains {
        add(format!("domains.{name}"), json!([domain.certificate, domain.truststore, domain.tags]));
    }
    for (name, model) in &cx.file.apis {
        let routes = model.routes.values().filter_map(|route| route.function.as_ref());
        let authorizers = model.authorizers.values().filter_map(|authorizer| authorizer.function.as_ref());
        let functions = routes.chain(authorizers).map(|function| format!("functions.{function}"));
        needs.entry(format!("apis.{name}.stage")).or_default().extend(functions);
    }
    needs
}
