//! What is broken right now, and why: functions that serve traffic under a role that cannot do its work.

use serde::{Deserialize, Serialize};

use super::short::{self, Names};
use crate::kinds::function::RoleMark;
use crate::kinds::{Kind, Name, ResourceId, World, key};
use crate::plan::invariant::{self, Gap};
use crate::plan::renewal;
use crate::stack::desired::{Desired, Line, use_sid};

/// Something that fails now, with its cause and what mends it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// The function that fails.
    pub function: Name,
    /// The role that it runs under: its name in the stack, else its ARN.
    pub role: String,
    /// The key that it cannot use; `None` where the role itself is at fault.
    pub key: Option<Name>,
    /// The cause, to be read after `functions.NAME`.
    pub what: String,
    /// What comes of it.
    pub consequence: String,
    /// What mends it, in one line.
    pub remedy: String,
    /// The place in the stack file that has to do with it.
    pub line: Option<Line>,
}

/// Lists what is broken, in the order of functions.
///
/// Keys that do not exist are left out while they are only about to be made, which `deployed` denies.
pub fn problems(desired: &Desired, world: &World, deployed: bool) -> Vec<Problem> {
    let around = Around { desired, world, names: short::names(desired, world) };
    let mut problems = around.roles();
    let gaps = invariant::gaps(desired, world).into_iter().filter(|gap| {
        // What cannot be read is neither whole nor broken.
        let judged = world.keys.get(&gap.key).map_or(deployed, |key| !key.unread.contains_key("policy"));
        judged && !around.is_gone(&gap.role)
    });
    problems.extend(gaps.map(|gap| around.gap(gap)));
    problems.sort();
    problems
}

struct Around<'a> {
    desired: &'a Desired,
    world: &'a World,
    names: Names,
}

/// A problem before the place in the stack file is known.
struct Told {
    what: String,
    consequence: &'static str,
    /// `{line}` stands for the place.
    remedy: String,
    field: String,
}

impl Around<'_> {
    fn problem(&self, (function, role, key): (&Name, &str, Option<&Name>), told: Told) -> Problem {
        let line = self.desired.line_of(&told.field).cloned();
        let place = line.as_ref().map(|line| format!(" ({}:{})", line.file, line.line)).unwrap_or_default();
        Problem {
            function: function.clone(),
            role: short::role(&self.names, role),
            key: key.cloned(),
            what: told.what,
            consequence: told.consequence.to_owned(),
            remedy: told.remedy.replace("{line}", &place),
            line,
        }
    }

    /// Lists roles that are gone, or that were re-created behind the back of Lambda.
    fn roles(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (function, want) in &self.desired.functions {
            let Some(seen) = self.world.functions.get(function) else { continue };
            for role in seen.live_roles() {
                let told = if self.is_gone(role) {
                    self.gone(function, role)
                } else if want.spec.config.role == role && self.world.is_cut_off(seen) {
                    self.cut_off(function, role)
                } else {
                    continue;
                };
                problems.push(self.problem((function, role, None), told));
            }
        }
        problems
    }

    fn gone(&self, function: &Name, role: &str) -> Told {
        Told {
            what: format!("{}, a role that does not exist", self.runs(function, role)),
            consequence: "every request fails",
            remedy: self.role_remedy(function, role),
            field: format!("functions.{function}.role"),
        }
    }

    /// Lambda gives a role a grant on the key of the environment when it is configured, by the role's id.
    fn cut_off(&self, function: &Name, role: &str) -> Told {
        let name = short::role(&self.names, role);
        Told {
            what: format!("was configured with {name} before that role was deleted and re-created"),
            consequence: "Lambda cannot decrypt its environment variables, and every request fails",
            remedy: format!("{}{{line}}", renewal(self.desired, self.world, function)),
            field: format!("functions.{function}.role"),
        }
    }

    fn gap(&self, gap: Gap) -> Problem {
        let told = match self.world.keys.get(&gap.key) {
            None => Told {
                what: format!("uses keys.{}, which does not exist", gap.key),
                consequence: "every request that needs it fails",
                remedy: "lockstep apply makes the key{line}".to_owned(),
                field: format!("keys.{}", gap.key),
            },
            Some(key) if !key.spec.enabled => self.unusable(&gap.key, key),
            Some(key) => self.not_allowed(&gap, key),
        };
        self.problem((&gap.function, &gap.role, Some(&gap.key)), told)
    }

    fn unusable(&self, name: &Name, key: &key::Seen) -> Told {
        let enabled = self.desired.keys.get(name).is_none_or(|want| want.spec.enabled);
        let remedy = match (&key.state, enabled) {
            (key::State::PendingDeletion(_), true) => "lockstep apply cancels the deletion and enables it",
            (_, true) => "lockstep apply enables it",
            (_, false) => "let the stack file enable it{line}, and run lockstep apply",
        };
        Told {
            what: format!("uses keys.{name}, which is {}", state(&key.state)),
            consequence: "every request that needs it fails",
            remedy: remedy.to_owned(),
            field: format!("keys.{name}.enabled"),
        }
    }

    fn not_allowed(&self, Gap { function, role, key, lacks }: &Gap, seen: &key::Seen) -> Told {
        let wanted = self.desired.functions.get(function);
        let swapped = wanted.is_some_and(|want| want.spec.config.role != *role);
        let all = wanted.and_then(|want| want.uses.get(key)).is_some_and(|uses| uses.len() == lacks.len());
        let recorded = self.world.functions.get(function).and_then(|seen| seen.marks.role.as_ref());
        let dead = key::policy::dead_ids(&seen.spec.policy);
        let before = match recorded.filter(|mark| mark.is_of(role) && dead.contains(mark.id.as_str())) {
            Some(RoleMark { id, .. }) => {
                format!(" (it names {id}, the role of that name before it was re-created)")
            }
            None => String::new(),
        };
        let actions = short::actions(lacks).join(", ");
        let what = format!(
            "{}, which the policy of keys.{key} does not allow {actions}{before}",
            self.runs(function, role)
        );
        let (remedy, field) = if swapped {
            (self.role_remedy(function, role), format!("functions.{function}.role"))
        } else {
            let remedy = format!("lockstep apply puts {} into the key policy{{line}}", use_sid(function));
            (remedy, format!("functions.{function}.keys.{key}"))
        };
        let consequence = match (all, swapped) {
            (true, true) => "every request fails",
            (true, false) => "every request that needs the key fails",
            (false, _) => "every request that needs this fails",
        };
        Told { what, consequence, remedy, field }
    }

    fn runs(&self, function: &Name, role: &str) -> String {
        let latest = self.world.functions.get(function).is_some_and(|seen| seen.config.role == role);
        let how = if latest { "runs as" } else { "serves a version that runs as" };
        format!("{how} {}", short::role(&self.names, role))
    }

    fn role_remedy(&self, function: &Name, role: &str) -> String {
        let wanted = self.desired.functions.get(function).map(|want| want.spec.config.role.as_str());
        let back = wanted.map(|wanted| short::role(&self.names, wanted)).unwrap_or_default();
        if wanted == Some(role) {
            return format!("lockstep apply re-creates the role {back}");
        }
        let or = match self.desired.role_by_arn(role) {
            Some(declared) => format!(", or change that line to {declared}"),
            None => String::new(),
        };
        format!("lockstep apply puts it back to {back}{{line}}{or}")
    }

    /// Tells whether a role of the stack is known not to exist.
    fn is_gone(&self, arn: &str) -> bool {
        self.desired.role_by_arn(arn).is_some_and(|role| {
            let resource = ResourceId::new(Kind::Role, role);
            let World { roles, unread, foreign, .. } = self.world;
            !roles.contains_key(role) && !unread.contains_key(&resource) && !foreign.contains_key(&resource)
        })
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
