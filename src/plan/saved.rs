//! A plan in a file: only the plan that was reviewed and approved can be applied.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Plan, final_target};
use crate::kinds::{Kind, Name, Resource, ResourceId, Visitor, World};
use crate::stack::desired::Desired;
use crate::stack::digest as sha256;

/// The version of the format; a file with another major version is refused.
const FORMAT: &str = "1.0";

/// A plan in a file. It contains digests instead of values, and the plan as it was displayed, without secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    format_version: String,
    account: String,
    region: String,
    stack: String,
    env: String,
    destroy: bool,
    /// The time at which AWS was read for the plan, in seconds since 1970 by the clock of AWS; used only to find out
    /// who has changed what since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    read_at: Option<u64>,
    /// Digest of everything that the stack file wants.
    wanted: String,
    /// Digest of every resource as it was observed.
    base: BTreeMap<String, String>,
    /// Digest of the plan.
    plan: String,
    /// The reason that it may be applied although not everything is proved, and the digest of the findings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unproved: Option<(String, String)>,
    /// The plan as `plan --json` prints it, for people and programs that read the file.
    view: Value,
}

/// A plan with the input that it was made from.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a, U> {
    /// The stack; empty for a removal.
    pub desired: &'a Desired,
    /// The world that was observed.
    pub world: &'a World,
    /// The time at which reading AWS began, in seconds since 1970 by the clock of AWS.
    pub read_at: Option<u64>,
    /// The plan.
    pub plan: &'a Plan,
    /// The reason that it may be applied although not everything is proved, and the findings.
    pub unproved: Option<(&'a str, &'a U)>,
    /// The plan as `plan --json` prints it.
    pub view: &'a Value,
}

/// A resource that has changed since the plan was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Its address in the stack file.
    pub address: String,
    /// The kind of change, such as `was changed`.
    pub how: &'static str,
}

impl Moved {
    /// Describes the change in words.
    pub fn text(&self) -> String {
        // The file may contain arbitrary text.
        format!("{} {}", self.address.escape_debug(), self.how)
    }
}

/// The reason that a text is not a valid saved plan.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is not a saved plan.
    #[error(transparent)]
    NoPlan(serde_json::Error),
    /// It has another major version.
    #[error("it has the format {0:?}, and this lockstep reads {FORMAT}")]
    Format(String),
}

impl Saved {
    /// Records a plan and the input that it was made from.
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

    /// Parses the text of a file.
    ///
    /// # Errors
    ///
    /// A text that is not a saved plan, or one of another major version.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        let saved: Self = serde_json::from_str(text).map_err(Unreadable::NoPlan)?;
        let major = |version: &str| version.split('.').next().map(str::to_owned);
        if major(&saved.format_version) != major(FORMAT) {
            return Err(Unreadable::Format(saved.format_version));
        }
        Ok(saved)
    }

    /// Returns the text of the file.
    ///
    /// # Errors
    ///
    /// A value that cannot be serialized.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Returns the environment that the plan is for.
    pub fn env(&self) -> &str {
        &self.env
    }

    /// Returns the time at which AWS was read for the plan, in seconds since 1970 by the clock of AWS.
    pub const fn read_at(&self) -> Option<u64> {
        self.read_at
    }

    /// Returns whether the plan removes everything.
    pub const fn destroys(&self) -> bool {
        self.destroy
    }

    /// Returns the reason that the plan may be applied although not everything is proved.
    pub fn allow_unproved(&self) -> Option<&str> {
        self.unproved.as_ref().map(|(reason, _)| reason.as_str())
    }

    /// Returns the way in which the plan is for a different account, region, stack or environment; `None` if it is for
    /// this one.
    pub fn misplaced(&self, here: &Desired) -> Option<String> {
        let pins = [
            ("account", &self.account, &here.place.account),
            ("region", &self.region, &here.place.region),
            ("stack", &self.stack, &here.stack),
            ("environment", &self.env, &here.env),
        ];
        let (what, saved, here) = pins.into_iter().find(|(_, saved, here)| saved != here)?;
        // The file may contain arbitrary text.
        Some(format!("the plan is for the {what} {}, and this is {here}", saved.escape_debug()))
    }

    /// Lists every resource that has changed since the plan was made.
    pub fn moved(&self, world: &World) -> Vec<Moved> {
        differences(&self.base, &base(world))
    }

    /// Returns the input apart from AWS that has changed since the plan was made. Call it only if no resource has
    /// changed.
    pub fn outdated(&self, desired: &Desired, world: &World) -> Option<&'static str> {
        let same = self.wanted == wanted(desired, world);
        (!same).then_some("the stack file, its variables or the sources of its code were changed")
    }

    /// Lists the differences between planning again and the saved plan, which occur if another version of lockstep
    /// plans differently or if the file was edited.
    pub fn unlike<U: Serialize>(&self, made: Made<'_, U>) -> Vec<String> {
        let Made { plan, unproved, view, .. } = made;
        let unproved = unproved.map(|(reason, findings)| (reason.to_owned(), digest(findings)));
        // Serialized and parsed like the view in the file, because the last digit of a fraction may change in the
        // process.
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
            // A person who approved the file has read the view.
            (
                view.as_ref() == Some(&self.view),
                "the file shows another plan than it stands for: it was edited, or this is another version of \
                 lockstep",
            ),
        ];
        checks.into_iter().filter(|(same, _)| !same).map(|(_, what)| what.to_owned()).collect()
    }
}

/// Lists the differences between two observations.
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

/// Returns a digest of everything that the stack wants. IDs assigned by AWS are filled in, so it depends on the world
/// too.
fn wanted(desired: &Desired, world: &World) -> String {
    digest(&final_target(desired, world))
}

fn base(world: &World) -> BTreeMap<String, String> {
    struct Digests(BTreeMap<String, String>);
    impl Visitor for Digests {
        fn visit<R: Resource>(&mut self, kind: Kind, resources: &BTreeMap<Name, R::Seen>) {
            let address = |name: &Name| ResourceId::new(kind, name).to_string();
            self.0.extend(resources.iter().map(|(name, seen)| (address(name), digest(seen))));
        }
    }
    let mut digests = Digests(BTreeMap::new());
    world.visit(&mut digests);
    digests.0
}

fn digest(value: &impl Serialize) -> String {
    sha256(&serde_json::to_string(value).unwrap_or_default())
}
