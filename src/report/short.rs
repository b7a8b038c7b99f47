//! Short names for long ARNs, and the usual order of actions.

use std::collections::{BTreeMap, BTreeSet};

use crate::kinds::World;
use crate::stack::desired::{Desired, Line};

/// ARNs of the resources of the stack, with their names in the stack file.
pub type Names = BTreeMap<String, String>;

/// Lists the ARNs of the roles and keys that the stack wants or has.
pub fn names(desired: &Desired, world: &World) -> Names {
    let seen = world.roles.iter().map(|(name, role)| (role.spec.arn.clone(), name.to_string()));
    let wanted = desired.roles.iter().map(|(name, role)| (role.arn.clone(), name.to_string()));
    let keys = world.keys.iter().map(|(name, key)| (key.arn.clone(), format!("keys.{name}")));
    keys.chain(seen).chain(wanted).filter(|(arn, _)| !arn.is_empty()).collect()
}

/// Returns the name of a role in the stack, or otherwise its ARN.
pub fn role(names: &Names, arn: &str) -> String {
    names.get(arn).cloned().unwrap_or_else(|| arn.to_owned())
}

/// Returns a principal of a change in access; if it is in the account of the stack, without the parts that repeat the
/// account.
pub fn principal<'a>(principal: &'a str, account: &str) -> &'a str {
    let principal = principal.strip_prefix("arn of ").unwrap_or(principal);
    let local = principal.split_once(&format!(":iam::{account}:")).map(|(_, resource)| resource);
    local.unwrap_or(principal)
}

/// The usual actions of functions on keys, in the order in which they are listed.
const USUAL: [&str; 8] = [
    "Encrypt",
    "Decrypt",
    "ReEncryptFrom",
    "ReEncryptTo",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "Sign",
    "Verify",
];

/// Maximum number of actions that are listed; the others are counted.
const LISTED: usize = 5;

/// Writes actions in the usual order, all of them or only the first few.
pub fn listed(set: &BTreeSet<String>, all: bool) -> String {
    let actions = actions(set);
    let more = actions.len().saturating_sub(LISTED);
    if all || more == 0 {
        return actions.join(", ");
    }
    let first: Vec<String> = actions.into_iter().take(LISTED).collect();
    format!("{} and {more} more", first.join(", "))
}

/// Appends the place that an advice is about.
pub fn placed(advice: &str, line: Option<&Line>) -> String {
    match line {
        Some(Line { file, line, .. }) => format!("{advice} ({file}:{line})"),
        None => advice.to_owned(),
    }
}

/// Lists actions in the usual order, the most common ones first. A condition is spelled out.
pub fn actions(actions: &BTreeSet<String>) -> Vec<String> {
    let place = |action: &str| USUAL.iter().position(|usual| *usual == action).unwrap_or(USUAL.len());
    let mut sorted: Vec<&String> = actions.iter().collect();
    sorted.sort_by_key(|action| place(action.trim_end_matches('?')));
    let spelled = sorted.into_iter().map(|action| match action.strip_suffix('?') {
        Some(action) => format!("{action} (on conditions)"),
        None => action.clone(),
    });
    spelled.collect()
}
