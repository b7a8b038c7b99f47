//! The context of a request: the condition keys and their values.

use std::collections::{BTreeMap, BTreeSet};

use super::caller::{Caller, CallerKind};
use super::key::KeyFacts;
use super::names::Arn;

/// The condition keys of one request. A key that is neither set nor unknown is absent from the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Values by lower-case key. Two keys that differ only in case are one key with the values of both.
    values: BTreeMap<String, Vec<String>>,
    /// Keys that the request may carry with unknown values.
    unknown: BTreeSet<String>,
}

/// The result of looking up a key in a context.
pub(super) enum Lookup<'a> {
    Absent,
    Unknown,
    Values(&'a [String]),
}

impl Context {
    /// Adds values to a key. A key without any values stays absent.
    pub fn add<S: Into<String>>(&mut self, key: &str, values: impl IntoIterator<Item = S>) {
        let mut values = values.into_iter().map(Into::into).peekable();
        if values.peek().is_some() {
            self.values.entry(key.to_ascii_lowercase()).or_default().extend(values);
        }
    }

    /// Replaces the values of a key.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.values.insert(key.to_ascii_lowercase(), vec![value.into()]);
    }

    /// Marks a key whose presence and value are not known, such as `aws:SourceIp` at plan time.
    pub fn set_unknown(&mut self, key: &str) {
        self.unknown.insert(key.to_ascii_lowercase());
    }

    /// Marks a key as unknown and removes its values, even those that caller and key imply for a direct call.
    pub fn forget(&mut self, key: &str) {
        self.values.remove(&key.to_ascii_lowercase());
        self.set_unknown(key);
    }

    /// Returns the keys, in lower case, and their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.values.iter().map(|(key, values)| (key.as_str(), values.as_slice()))
    }

    pub(super) fn lookup(&self, key: &str) -> Lookup<'_> {
        let key = key.to_ascii_lowercase();
        match self.values.get(&key) {
            Some(values) => Lookup::Values(values),
            None if self.unknown.contains(&key) => Lookup::Unknown,
            None => Lookup::Absent,
        }
    }

    /// Derives the context that caller and key alone give a call. A call without a key takes only the region
    /// from `key`.
    pub(super) fn of(caller: &Caller, key: &KeyFacts, has_key: bool) -> Self {
        let mut context = Self::default();
        context.add_caller(caller);
        context.add("aws:RequestedRegion", Arn::split(&key.arn).map(|arn| arn.region));
        if has_key {
            context.add_key(key);
        }
        context
    }

    fn add_caller(&mut self, caller: &Caller) {
        let id = caller.unique_id.as_deref();
        let is_service = matches!(caller.kind, CallerKind::Service { .. });
        self.set("aws:PrincipalIsAWSService", is_service.to_string());
        match &caller.kind {
            CallerKind::Service { name } => {
                self.set("aws:PrincipalServiceName", name);
                return;
            }
            CallerKind::Role { .. } => self.set("aws:PrincipalType", "AssumedRole"),
            CallerKind::Session { arn, .. } => {
                self.set("aws:PrincipalType", "AssumedRole");
                if let (Some(id), Some((_, session))) = (id, arn.rsplit_once('/')) {
                    self.set("aws:userid", format!("{id}:{session}"));
                }
            }
            CallerKind::User { arn } => {
                self.set("aws:PrincipalType", "User");
                self.add("aws:userid", id);
                self.add("aws:username", arn.rsplit_once('/').map(|(_, name)| name));
            }
            CallerKind::Root { .. } => {
                self.set("aws:PrincipalType", "Account");
                self.set("aws:userid", &caller.account);
            }
        }
        self.set("aws:PrincipalArn", caller.arn());
        self.set("aws:PrincipalAccount", &caller.account);
        self.set("kms:CallerAccount", &caller.account);
        for (tag, value) in &caller.tags {
            self.add(&format!("aws:PrincipalTag/{tag}"), [value]);
        }
    }

    fn add_key(&mut self, key: &KeyFacts) {
        self.set("aws:ResourceAccount", &key.account);
        self.set("kms:KeySpec", &key.spec);
        self.set("kms:KeyUsage", &key.usage);
        self.set("kms:KeyOrigin", &key.origin);
        self.set("kms:MultiRegion", key.multi_region.to_string());
        self.add("kms:ResourceAliases", &key.aliases);
        for (tag, value) in &key.tags {
            self.add(&format!("aws:ResourceTag/{tag}"), [value]);
        }
    }
}
