//! Short names for long ARNs, and the order in which people read actions.

use std::collections::{BTreeMap, BTreeSet};

use crate::kinds::World;
use crate::stack::desired::{Desired, Line};

/// ARNs of what belongs to the stack, and the names under which its file knows them.
pub type Names = BTreeMap<String, String>;

/// Lists the ARNs of the roles and keys that the stack wants or has.
pub fn names(desired: &Desired, world: &World) -> Names {
    let seen = world.roles.iter().map(|(name, role)| (role.spec.arn.clone(), name.to_string()));
    let wanted = desired.roles.iter().map(|(name, role)| (role.arn.clone(), name.to_string()));
    let keys = world.keys.iter().map(|(name, key)| (key.arn.clone(), format!("keys.{name}")));
    keys.chain(seen).chain(wanted).filter(|(arn, _)| !arn.is_empty()).collect()
}

/// Writes a role by its name in the stack, else by its ARN.
pub fn role(names: &Names, arn: &str) -> String {
    names.get(arn).cloned().unwrap_or_else(|| arn.to_owned())
}

/// Writes a principal of a change in access: in the account of the stack without what repeats the account.
pub fn principal<'a>(principal: &'a str, account: &str) -> &'a str {
    let principal = principal.strip_prefix("arn of ").unwrap_or(principal);
    let local = principal.split_once(&format!(":iam::{account}:")).map(|(_, resource)| resource);
    local.unwrap_or(principal)
}

/// What functions do to keys, in the order in which it is spoken of.
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

/// Actions beyond this number are counted, not listed.
const LISTED: usize = 5;

/// Writes actions in the order in which they are read, all of them or the first few.
pub fn listed(set: &BTreeSet<String>, all: bool) -> String {
    let actions = actions(set);
    let more = actions.len().saturating_sub(LISTED);
    if all || more == 0 {
        return actions.join(", ");
    }
    let first: Vec<String> = actions.into_iter().take(LISTED).collect();
    format!("{} and {more} more", first.join(", "))
}

/// Writes the place that an advice is about behind it.
pub fn placed(advice: &str, line: Option<&Line>) -> String {
    match line {
        Some(Line { file, line, .. }) => format!("{advice} ({file}:{line})"),
        None => advice.to_owned(),
    }
}

/// Lists actions in the order in which they are read: the usual ones first. A condition is spelled out.
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
