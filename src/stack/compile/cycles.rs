//! Resources that could only be created after each other.

use std::collections::{BTreeMap, BTreeSet};

use super::context::Context;
use crate::kinds::ids;
use crate::stack::desired::Desired;

/// Reports circles among the ids that create calls need: neither resource could come first.
///
/// Most circles are none: an API's id is known before its routes are made, a key's before a role is given its
/// policies. Only what the create call itself takes counts.
pub(super) fn check(cx: &Context<'_>, desired: &Desired) {
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut add = |resource: String, taken: serde_json::Value| {
        let text = taken.to_string();
        let on = ids::open_in(&text).into_iter().filter_map(|id| match id.rsplit_once('.')? {
            // The address of an API is known once its stage is there, which comes after its functions.
            (api, "url") => Some(format!("{api}.stage")),
            (resource, _) => Some(resource.to_owned()),
        });
        needs.entry(resource).or_default().extend(on);
    };
    for (name, key) in &desired.keys {
        add(
            format!("keys.{name}"),
            serde_json::json!([key.spec.policy, key.spec.description, key.spec.tags]),
        );
    }
    for (name, group) in &desired.log_groups {
        add(format!("log_groups.{name}"), serde_json::json!(group));
    }
    for (name, function) in &desired.functions {
        add(format!("functions.{name}"), serde_json::json!([function.spec.config, function.spec.tags]));
    }
    for (name, api) in &desired.apis {
        add(format!("apis.{name}"), serde_json::json!(api.settings));
        add(format!("apis.{name}.stage"), serde_json::json!([api.stage, api.parts]));
    }
    for (name, model) in &cx.file.apis {
        let routes = model.routes.values().filter_map(|route| route.function.as_ref());
        let authorizers = model.authorizers.values().filter_map(|authorizer| authorizer.function.as_ref());
        let functions = routes.chain(authorizers).map(|function| format!("functions.{function}"));
        needs.entry(format!("apis.{name}.stage")).or_default().extend(functions);
    }
    let mut done = BTreeSet::new();
    for resource in needs.keys() {
        let mut path = Vec::new();
        if let Some(circle) = walk(&needs, resource, &mut path, &mut done) {
            let place: Vec<&str> = resource.split('.').collect();
            let problem = format!("none of these could be created first: {}", circle.join(" -> "));
            let problem = cx.about_key(&place, "reference-cycle", problem);
            cx.report(problem.help("take one of the references out; an alias or a name needs no id"));
        }
    }
}

/// Follows needs depth first; each resource is looked at once.
fn walk<'a>(
    needs: &'a BTreeMap<String, BTreeSet<String>>,
    resource: &'a str,
    path: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<&'a str>> {
    if let Some(start) = path.iter().position(|passed| *passed == resource) {
        return Some(path.iter().skip(start).copied().chain([resource]).collect());
    }
    if !done.insert(resource) {
        return None;
    }
    path.push(resource);
    let circle = needs.get(resource).into_iter().flatten().find_map(|next| walk(needs, next, path, done));
    path.pop();
    circle
}
