//! A plan in a file: what was seen and approved, and nothing else, may be applied.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Plan, finally};
use crate::kinds::{Kind, ResourceId, World};
use crate::stack::desired::Desired;
use crate::stack::digest as sha256;

/// The format; another major version is refused.
const FORMAT: &str = "1.0";

/// A plan in a file. It holds digests instead of values, and the plan as people saw it, without secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    format_version: String,
    account: String,
    region: String,
    stack: String,
    env: String,
    destroy: bool,
    /// When AWS was read for it, in seconds since 1970 by its clock; for nothing but telling who changed what since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    read_at: Option<u64>,
    /// Digest of everything that the stack file wants.
    wanted: String,
    /// Digest of every resource as it was observed.
    base: BTreeMap<String, String>,
    /// Digest of the plan.
    plan: String,
    /// Why it may be applied although not everything is proved, and the digest of what is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unproved: Option<(String, String)>,
    /// The plan as `plan --json` prints it, for people and programs that look at the file.
    view: Value,
}

/// A plan with what it was made from.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a, U> {
    /// What the stack wants; for a removal nothing.
    pub desired: &'a Desired,
    /// What was observed.
    pub world: &'a World,
    /// When that began, in seconds since 1970 by the clock of AWS.
    pub read_at: Option<u64>,
    /// The plan.
    pub plan: &'a Plan,
    /// Why it may be applied although not everything is proved, and what is not.
    pub unproved: Option<(&'a str, &'a U)>,
    /// The plan as `plan --json` prints it.
    pub view: &'a Value,
}

/// What a plan was made from and is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Its address in the stack file.
    pub address: String,
    /// What became of it, such as `was changed`.
    pub how: &'static str,
}

impl Moved {
    /// Says it in words.
    pub fn text(&self) -> String {
        // A file may hold anything.
        format!("{} {}", self.address.escape_debug(), self.how)
    }
}

/// Why a text is no saved plan.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is none at all.
    #[error(transparent)]
    NoPlan(serde_json::Error),
    /// It is one of another major version.
    #[error("it has the format {0:?}, and this lockstep reads {FORMAT}")]
    Format(String),
}

impl Saved {
    /// Takes down a plan and what it was made from.
    pub fn new<U: Serialize>(made: Made<'_, U>, destroy: bool) -> Self {
        let Made { desired, world, read_at, plan, unproved, view } = made;
        Self {
            format_version: FORMAT.to_owned(),
            account: desired.place.account.clone(),
            region: desired.place.region.clone(),
            stack: desired.stack.clone(),
            env: desired.env.clone(),
            destroy,
            read_at,
            wanted: wanted(desired, world),
            base: base(world),
            plan: digest(plan),
            unproved: unproved.map(|(reason, findings)| (reason.to_owned(), digest(findings))),
            view: view.clone(),
        }
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// A text that is no saved plan, or one of another major version.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        let saved: Self = serde_json::from_str(text).map_err(Unreadable::NoPlan)?;
        let major = |version: &str| version.split('.').next().map(str::to_owned);
        if major(&saved.format_version) != major(FORMAT) {
            return Err(Unreadable::Format(saved.format_version));
        }
        Ok(saved)
    }

    /// Writes the text of a file.
    ///
    /// # Errors
    ///
    /// What the serializer refuses.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Returns the environment that the plan is for.
    pub fn env(&self) -> &str {
        &self.env
    }

    /// Returns when AWS was read for the plan, in seconds since 1970 by its clock.
    pub const fn read_at(&self) -> Option<u64> {
        self.read_at
    }

    /// Returns whether the plan removes everything.
    pub const fn destroys(&self) -> bool {
        self.destroy
    }

    /// Returns why the plan may be applied although not everything is proved.
    pub fn allow_unproved(&self) -> Option<&str> {
        self.unproved.as_ref().map(|(reason, _)| reason.as_str())
    }

    /// Says in what the plan is for another place than this one; `None` where it is for this one.
    pub fn misplaced(&self, here: &Desired) -> Option<String> {
        let pins = [
            ("account", &self.account, &here.place.account),
            ("region", &self.region, &here.place.region),
            ("stack", &self.stack, &here.stack),
            ("environment", &self.env, &here.env),
        ];
        let (what, saved, here) = pins.into_iter().find(|(_, saved, here)| saved != here)?;
        // The file may hold anything.
        Some(format!("the plan is for the {what} {}, and this is {here}", saved.escape_debug()))
    }

    /// Lists every resource that has moved since the plan was made.
    pub fn moved(&self, world: &World) -> Vec<Moved> {
        differences(&self.base, &base(world))
    }

    /// Says what else the plan was made from than AWS, and is not as it was. To be asked where nothing has moved.
    pub fn outdated(&self, desired: &Desired, world: &World) -> Option<&'static str> {
        let same = self.wanted == wanted(desired, world);
        (!same).then_some("the stack file, its variables or the sources of its code were changed")
    }

    /// Names everything in which planning again differs from what was saved: another version of lockstep plans
    /// otherwise, or the file was edited.
    pub fn unlike<U: Serialize>(&self, made: Made<'_, U>) -> Vec<String> {
        let Made { plan, unproved, view, .. } = made;
        let unproved = unproved.map(|(reason, findings)| (reason.to_owned(), digest(findings)));
        // Written and read as that of the file was: a fraction may change its last digit on the way.
        let view: Option<Value> = serde_json::from_str(&view.to_string()).ok();
        let checks = [
            (
                self.plan == digest(plan),
                "planning again gives another plan: the file was edited, or this is another version of lockstep",
            ),
            (
                self.unproved == unproved,
                "what cannot be proved of it is not what it was when the plan was saved",
            ),
            // Whoever approved the file has read the view.
            (
                view.as_ref() == Some(&self.view),
                "the file shows another plan than it stands for: it was edited, or this is another version of \
                 lockstep",
            ),
        ];
        checks.into_iter().filter(|(same, _)| !same).map(|(_, what)| what.to_owned()).collect()
    }
}

/// Lists what differs between two observations.
pub fn moved(before: &World, now: &World) -> Vec<Moved> {
    differences(&base(before), &base(now))
}

fn differences(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<Moved> {
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let moved = names.into_iter().filter(|name| before.get(*name) != now.get(*name));
    moved
        .map(|name| {
            let how = match (before.contains_key(name), now.contains_key(name)) {
                (true, false) => "is gone",
                (false, true) => "is new",
                _ => "was changed",
            };
            Moved { address: name.clone(), how }
        })
        .collect()
}

/// Digest of everything that the stack wants. Ids that AWS assigned are filled in, so it is taken together
/// with the world.
fn wanted(desired: &Desired, world: &World) -> String {
    digest(&finally(desired, world))
}

fn base(world: &World) -> BTreeMap<String, String> {
    let World { keys, roles, log_groups, functions, apis, .. } = world;
    let mut digests = BTreeMap::new();
    let mut add = |kind, name: &_, digest| digests.insert(ResourceId::new(kind, name).to_string(), digest);
    keys.iter().for_each(|(name, seen)| drop(add(Kind::Key, name, digest(seen))));
    roles.iter().for_each(|(name, seen)| drop(add(Kind::Role, name, digest(seen))));
    log_groups.iter().for_each(|(name, seen)| drop(add(Kind::LogGroup, name, digest(seen))));
    functions.iter().for_each(|(name, seen)| drop(add(Kind::Function, name, digest(seen))));
    apis.iter().for_each(|(name, seen)| drop(add(Kind::Api, name, digest(seen))));
    digests
}

fn digest(value: &impl Serialize) -> String {
    sha256(&serde_json::to_string(value).unwrap_or_default())
}
