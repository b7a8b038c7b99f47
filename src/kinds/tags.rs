//! Differences between tags, the same for every kind.

use std::collections::BTreeSet;

use super::{Change, Tags};

/// One change that turns one set of tags into another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retag {
    /// Tags to set.
    Set(Tags),
    /// Tag keys to remove.
    Unset(BTreeSet<String>),
}

/// Lists the calls that turn one set of tags into another, each with its changes: at most one to set and one to remove.
pub fn retag(before: &Tags, after: &Tags) -> Vec<(Retag, Vec<Change>)> {
    let set: Tags = after
        .iter()
        .filter(|(key, value)| before.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let unset: BTreeSet<String> = before.keys().filter(|key| !after.contains_key(*key)).cloned().collect();
    let change = |key: &String| Change::of(format!("tags.{key}"), &before.get(key), &after.get(key));
    let mut calls = Vec::new();
    if !set.is_empty() {
        let changes = set.keys().filter_map(change).collect();
        calls.push((Retag::Set(set), changes));
    }
    if !unset.is_empty() {
        let changes = unset.iter().filter_map(change).collect();
        calls.push((Retag::Unset(unset), changes));
    }
    calls
}

/// Applies a change of tags.
pub fn apply(tags: &mut Tags, set: &Tags, unset: &BTreeSet<String>) {
    tags.retain(|key, _| !unset.contains(key));
    tags.extend(set.iter().map(|(key, value)| (key.clone(), value.clone())));
}
