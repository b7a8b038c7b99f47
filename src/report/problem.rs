//! What is broken right now, and why: functions that serve traffic without access to a key they use.

use serde::{Deserialize, Serialize};

use super::short::{self, Names};
use crate::kinds::{Name, World, key};
use crate::plan::invariant::{self, Gap};
use crate::stack::desired::{Desired, Line, use_sid};

/// Something that fails now, with its cause and what mends it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// The function that fails.
    pub function: Name,
    /// The role that it runs under.
    pub role: String,
    /// The key that it cannot use.
    pub key: Name,
    /// Cause and consequence in one line.
    pub cause: String,
    /// What mends it, in one line.
    pub remedy: String,
    /// The place in the stack file that has to do with it.
    pub line: Option<Line>,
}

/// Lists what is broken, in the order of functions.
///
/// Keys that do not exist are left out while they are only about to be made, which `deployed` denies.
pub fn problems(desired: &Desired, world: &World, deployed: bool) -> Vec<Problem> {
    let names = short::names(desired, world);
    let around = Around { desired, world, names: &names };
    let gaps = invariant::gaps(desired, world).into_iter();
    gaps.filter(|gap| deployed || world.keys.contains_key(&gap.key))
        // What cannot be read is neither whole nor broken.
        .filter(|gap| world.keys.get(&gap.key).is_none_or(|key| !key.unread.contains_key("policy")))
        .map(|gap| around.problem(gap))
        .collect()
}

struct Around<'a> {
    desired: &'a Desired,
    world: &'a World,
    names: &'a Names,
}

impl Around<'_> {
    fn problem(&self, gap: Gap) -> Problem {
        let role = short::role(self.names, &gap.role);
        let (cause, remedy, field) = self.explain(&gap, &role);
        let line = self.desired.line_of(&field).cloned();
        let remedy = match &line {
            Some(line) => remedy.replace("{line}", &format!(" ({}:{})", line.file, line.line)),
            None => remedy.replace("{line}", ""),
        };
        Problem { function: gap.function, role, key: gap.key, cause, remedy, line }
    }

    /// Returns cause, remedy and the field of the stack file that has to do with it.
    fn explain(&self, gap: &Gap, role: &str) -> (String, String, String) {
        let Gap { function, role: arn, key, lacks } = gap;
        let uses = format!("functions.{function} uses keys.{key}");
        let key_field = |field: &str| format!("keys.{key}.{field}");
        let Some(seen) = self.world.keys.get(key) else {
            let cause = format!("{uses}, which does not exist: every request that needs it fails");
            return (cause, "lockstep apply makes the key{line}".to_owned(), key_field(""));
        };
        if !seen.spec.enabled {
            let cause = format!("{uses}, which is {}: every request that needs it fails", state(&seen.state));
            let enabled = self.desired.keys.get(key).is_none_or(|want| want.spec.enabled);
            let remedy = match (&seen.state, enabled) {
                (key::State::PendingDeletion(_), _) => "lockstep apply cancels the deletion",
                (_, true) => "lockstep apply enables it",
                (_, false) => "enable it in the stack file{line}",
            };
            return (cause, remedy.to_owned(), key_field("enabled"));
        }
        let runs = self.runs(gap, role);
        if self.is_gone(arn) {
            let cause = format!("{runs}, a role that does not exist: every request fails");
            return (cause, self.role_remedy(gap, role), format!("functions.{function}.role"));
        }
        let actions = short::actions(lacks).join(", ");
        let wanted = self.desired.functions.get(function);
        let swapped = wanted.is_some_and(|want| want.spec.config.role != *arn);
        let dead = key::policy::dead_ids(&seen.spec.policy);
        let made_anew = match self.recorded_id(function).filter(|id| dead.contains(id)) {
            Some(id) => format!(" (it names {id}, the role of that name before it was made anew)"),
            None => String::new(),
        };
        let all = wanted.and_then(|want| want.uses.get(key)).is_some_and(|uses| uses.len() == lacks.len());
        let fails = match (swapped && all, all) {
            (true, _) => "every request fails",
            (false, true) => "every request that needs the key fails",
            (false, false) => "every request that needs this fails",
        };
        let cause =
            format!("{runs}, which the policy of keys.{key} does not allow {actions}{made_anew}: {fails}");
        if swapped {
            return (cause, self.role_remedy(gap, role), format!("functions.{function}.role"));
        }
        let remedy =
            format!("lockstep apply puts the statement {} into the key policy{{line}}", use_sid(function));
        (cause, remedy, format!("functions.{function}.keys.{key}"))
    }

    fn runs(&self, Gap { function, role: arn, .. }: &Gap, role: &str) -> String {
        let latest = self.world.functions.get(function).is_some_and(|seen| seen.config.role == *arn);
        let how = if latest { "runs as" } else { "serves a version that runs as" };
        format!("functions.{function} {how} {role}")
    }

    fn role_remedy(&self, Gap { function, role: arn, .. }: &Gap, role: &str) -> String {
        let Some(wanted) = self.desired.functions.get(function).map(|want| want.spec.config.role.as_str())
        else {
            return "lockstep apply removes the function".to_owned();
        };
        let name = short::role(self.names, wanted);
        if wanted == arn {
            return format!("lockstep apply makes {name} anew{{line}}");
        }
        let keep = match self.desired.role_by_arn(arn) {
            Some(declared) => format!(", or change that line to {declared}"),
            None if role.starts_with("arn:") => String::new(),
            None => format!(", or declare the role {role} and change that line to it"),
        };
        format!("lockstep apply puts it back to {name}{{line}}{keep}")
    }

    fn is_gone(&self, arn: &str) -> bool {
        let known = self.desired.role_by_arn(arn);
        known.is_some_and(|role| {
            let resource = crate::kinds::ResourceId::new(crate::kinds::Kind::Role, role);
            !self.world.roles.contains_key(role) && !self.world.unread.contains_key(&resource)
        })
    }

    fn recorded_id(&self, function: &Name) -> Option<&str> {
        self.world.functions.get(function)?.marks.role_id.as_deref()
    }
}

fn state(state: &key::State) -> String {
    match state {
        key::State::Enabled => "enabled".to_owned(),
        key::State::Disabled => "disabled".to_owned(),
        key::State::PendingDeletion(Some(date)) => format!("going to be deleted on {date}"),
        key::State::PendingDeletion(None) => "going to be deleted".to_owned(),
        key::State::Other(state) => format!("in the state {state}"),
    }
}
