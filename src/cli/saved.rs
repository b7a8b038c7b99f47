//! Saved plans: what was seen and approved, and nothing else, may be applied.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use lockstep::kinds::{Kind, ResourceId, World};
use lockstep::stack::desired::Desired;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::attribution::{Moved, attributed};
use super::changes::Change;
use super::error::CliError;
use super::session::Session;

/// The format; another major version is refused.
const FORMAT: &str = "1.0";

/// A plan in a file. It holds digests instead of values, and the plan as people saw it, without secrets.
#[derive(Debug, Serialize, Deserialize)]
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

impl Saved {
    /// Takes down a plan and what it was made from.
    pub fn new(change: &Change<'_>, destroy: bool) -> Self {
        let Change { desired, world, plan, proved, .. } = change;
        Self {
            format_version: FORMAT.to_owned(),
            account: desired.place.account.clone(),
            region: desired.place.region.clone(),
            stack: desired.stack.clone(),
            env: desired.env.clone(),
            destroy,
            read_at: change.session.aws.began(),
            wanted: wanted(desired, world),
            base: base(world),
            plan: digest(plan),
            unproved: proved.unproved.as_ref().map(|unproved| (unproved.reason.clone(), digest(unproved))),
            view: change.json(),
        }
    }

    /// Returns the environment that the plan is for.
    pub fn env(&self) -> &str {
        &self.env
    }

    /// Tells whether the plan removes everything.
    pub const fn destroys(&self) -> bool {
        self.destroy
    }

    /// Returns why the plan may be applied although not everything is proved.
    pub fn allow_unproved(&self) -> Option<&str> {
        self.unproved.as_ref().map(|(reason, _)| reason.as_str())
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), CliError> {
        let failed = || CliError::failed(format!("the plan cannot be saved as `{}`", path.display()));
        let text = serde_json::to_string_pretty(self).map_err(|error| failed().because(error))?;
        std::fs::write(path, text + "\n").map_err(|error| failed().because(error))
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, is no saved plan, or is of another major version.
    pub fn read(path: &Path) -> Result<Self, CliError> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| CliError::usage(format!("the plan `{shown}` cannot be read")).because(error))?;
        let saved: Self = serde_json::from_str(&text).map_err(|error| {
            CliError::usage(format!("`{shown}` is no saved plan"))
                .because(error)
                .hint("save one with `lockstep plan --out FILE`")
        })?;
        if saved.format_version.split('.').next() != FORMAT.split('.').next() {
            return Err(CliError::usage(format!(
                "the plan `{shown}` has the format {}, and this lockstep reads {FORMAT}",
                saved.format_version
            ))
            .hint("save it again with this version"));
        }
        Ok(saved)
    }

    /// Checks that the plan is for this place, and that nothing has moved since it was made.
    ///
    /// # Errors
    ///
    /// The plan is stale; every resource that moved is named, and who moved it where CloudTrail tells.
    pub async fn check_base(
        &self,
        session: &Session,
        desired: &Desired,
        world: &World,
    ) -> Result<(), CliError> {
        let place = &session.desired.place;
        let pins = [
            ("account", &self.account, &place.account),
            ("region", &self.region, &place.region),
            ("stack", &self.stack, &session.desired.stack),
            ("environment", &self.env, &session.desired.env),
        ];
        if let Some((what, saved, here)) = pins.into_iter().find(|(_, saved, here)| saved != here) {
            return Err(CliError::failed(format!("the plan is for the {what} {saved}, and this is {here}")));
        }
        let moved = differences(&self.base, &base(world));
        if !moved.is_empty() {
            return Err(stale(session, world, &moved, self.read_at).await);
        }
        if self.wanted != wanted(desired, world) {
            return Err(refused(&["the stack file, its variables or the sources of its code were changed"]));
        }
        Ok(())
    }

    /// Checks that planning again gives the very plan that was saved.
    ///
    /// # Errors
    ///
    /// It does not: another version of lockstep plans otherwise, or the file was edited.
    pub fn check_plan(&self, change: &Change<'_>) -> Result<(), CliError> {
        let other =
            "planning again gives another plan: the file was edited, or this is another version of lockstep";
        let unlike = "what cannot be proved of it is not what it was when the plan was saved";
        let unproved = change.proved.unproved.as_ref().map(digest);
        let checks = [
            (self.plan == digest(&change.plan), other),
            (self.unproved.as_ref().map(|(_, digest)| digest) == unproved.as_ref(), unlike),
        ];
        let moved: Vec<&str> = checks.into_iter().filter(|(same, _)| !same).map(|(_, what)| what).collect();
        if moved.is_empty() { Ok(()) } else { Err(refused(&moved)) }
    }
}

/// Names what differs between two observations.
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

/// Says that a plan does not fit any more, what moved, and who moved it since a time.
pub async fn stale(session: &Session, world: &World, moved: &[Moved], since: Option<u64>) -> CliError {
    let (lines, remark) = attributed(session, world, moved, since).await;
    let error = listed(&lines);
    match remark {
        Some(remark) => error.hint(remark),
        None => error,
    }
}

fn refused(why: &[&str]) -> CliError {
    listed(&why.iter().map(|why| format!("  - {why}")).collect::<Vec<_>>())
}

fn listed(lines: &[String]) -> CliError {
    CliError::failed(format!("error: the plan is stale, and nothing was changed\n{}", lines.join("\n")))
        .hint("plan again, and look at what it shows")
}

/// Digest of everything that the stack wants. Ids that AWS assigned are filled in, so it is taken together
/// with the world.
fn wanted(desired: &Desired, world: &World) -> String {
    digest(&lockstep::plan::finally(desired, world))
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
    let text = serde_json::to_vec(value).unwrap_or_default();
    Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect()
}
