//! Finds what is broken now, and why: functions that serve traffic under a role that lacks access they need.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::short::{self, Names};
use crate::access::{Layer, Outcome, Reason, may_assume};
use crate::kinds::function::RoleMark;
use crate::kinds::{Kind, Name, ResourceId, World, key};
use crate::plan::invariant::{self, Astray, Cause, Gap, OtherKey};
use crate::plan::prove::AccessContext;
use crate::plan::renewal;
use crate::stack::desired::{Desired, Line, use_sid};

/// A failure that exists now, with its cause and its remedy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// The function that fails.
    pub function: Name,
    /// The role that it runs under: its name in the stack, or otherwise its ARN.
    pub role: String,
    /// The key that it cannot use; `None` if the role or the function itself is the problem.
    pub key: Option<Name>,
    /// The part of AWS that stops it.
    pub blocker: Blocker,
    /// The cause, to be read after `functions.NAME`.
    pub what: String,
    /// The consequence.
    pub consequence: String,
    /// The remedy, in one line.
    pub remedy: String,
    /// The related field in the stack file, such as `functions.encrypt.role`.
    pub field: String,
    /// The place of that field.
    pub line: Option<Line>,
}

/// The part of AWS that stops a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blocker {
    /// The role does not exist, or Lambda has the id of an earlier role with the same name.
    Role,
    /// The trust policy of the role.
    Trust,
    /// The permissions of the role: its policies, or its boundary.
    Permissions,
    /// The key, or its policy.
    Key,
    /// The settings of the function.
    Settings,
    /// A variable of the function's environment, or the alias that it names.
    Variable,
}

impl Blocker {
    /// Returns the name, as in the id of a finding.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Trust => "trust",
            Self::Permissions => "permissions",
            Self::Key => "key",
            Self::Settings => "settings",
            Self::Variable => "variable",
        }
    }
}

/// Lists the problems, in the order of functions.
///
/// If `deployed` is false, keys that do not exist are left out, because they are only about to be created.
pub fn problems(scene: AccessContext<'_>, deployed: bool) -> Vec<Problem> {
    let AccessContext { desired, world, evidence: _ } = scene;
    let problems_of = ProblemContext { desired, world, names: short::names(desired, world) };
    let mut problems = problems_of.roles();
    problems.extend(problems_of.untrusted());
    problems.extend(problems_of.throttled());
    problems.extend(invariant::astray(scene).iter().map(|astray| problems_of.astray(astray)));
    let gaps = invariant::gaps(scene).into_iter().filter(|gap| {
        // A key that cannot be read counts neither as working nor as broken.
        let judged = match world.keys.get(&gap.key) {
            Some(key) => !key.unread.contains_key("policy"),
            None => deployed && is_known_missing(desired, world, &gap.key),
        };
        judged && !problems_of.is_gone(&gap.role)
    });
    problems.extend(gaps.map(|gap| problems_of.gap(gap)));
    problems.sort();
    problems
}

/// Returns whether a key certainly does not exist: the caller may list and read keys, and no alias of it leads to a key
/// whose tags were removed.
fn is_known_missing(desired: &Desired, world: &World, key: &Name) -> bool {
    let unread = world.unread.contains_key(&ResourceId::new(Kind::Key, key))
        || world.hidden().any(|(listing, _)| listing.kind == Kind::Key);
    !unread && foreign_alias(desired, world, key).is_none()
}

/// Returns the first alias of a key of the stack that leads to a key without the tags of the stack.
pub(super) fn foreign_alias<'a>(desired: &'a Desired, world: &World, key: &Name) -> Option<&'a str> {
    let mut aliases = desired.keys.get(key)?.spec.aliases.iter().map(String::as_str);
    aliases.find(|alias| world.foreign_aliases.contains_key(*alias))
}

struct ProblemContext<'a> {
    desired: &'a Desired,
    world: &'a World,
    names: Names,
}

/// A problem whose place in the stack file is not known yet.
struct ProblemText {
    what: String,
    consequence: &'static str,
    /// The remedy, in which `{line}` stands for the place.
    remedy: String,
    field: String,
    blocker: Blocker,
}

impl ProblemContext<'_> {
    fn problem(&self, (function, role, key): (&Name, &str, Option<&Name>), text: ProblemText) -> Problem {
        let line = self.desired.line_of(&text.field).cloned();
        let place = line.as_ref().map(|line| format!(" ({}:{})", line.file, line.line)).unwrap_or_default();
        Problem {
            function: function.clone(),
            role: short::role(&self.names, role),
            key: key.cloned(),
            blocker: text.blocker,
            what: text.what,
            consequence: text.consequence.to_owned(),
            remedy: text.remedy.replace("{line}", &place),
            field: text.field,
            line,
        }
    }

    /// Lists roles that are gone, or that were re-created without an update of the functions that use them.
    fn roles(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (function, want) in &self.desired.functions {
            let Some(seen) = self.world.functions.get(function) else { continue };
            for role in seen.live_roles() {
                let text = if self.is_gone(role) {
                    self.gone(function, role)
                } else if want.spec.config.role == role && self.world.is_cut_off(seen) {
                    self.cut_off(function, role)
                } else {
                    continue;
                };
                problems.push(self.problem((function, role, None), text));
            }
        }
        problems
    }

    fn gone(&self, function: &Name, role: &str) -> ProblemText {
        ProblemText {
            what: format!("{}, a role that does not exist", self.runs(function, role)),
            consequence: "every request fails",
            remedy: self.role_remedy(function, role),
            field: format!("functions.{function}.role"),
            blocker: Blocker::Role,
        }
    }

    /// Lists functions whose role Lambda may not assume: an edited trust policy stops a running function.
    fn untrusted(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for function in self.desired.functions.keys() {
            let Some(seen) = self.world.functions.get(function) else { continue };
            for arn in seen.live_roles() {
                let Some((role, has)) = self.world.roles.iter().find(|(_, role)| role.spec.arn == arn) else {
                    continue;
                };
                let account = &self.desired.place.account;
                match may_assume(&has.spec.trust, "lambda.amazonaws.com", &seen.arn, account) {
                    _ if has.unread.contains_key("trust") => continue,
                    Outcome::Allow | Outcome::Unknown => continue,
                    Outcome::ImplicitDeny | Outcome::ExplicitDeny => {}
                }
                let declared = self.desired.roles.get(role);
                let remedy = match declared.is_some_and(|want| want.trust != has.spec.trust) {
                    true => format!("lockstep apply restores the trust policy of {role}{{line}}"),
                    false => format!(
                        "let the trust policy of {role} allow lambda.amazonaws.com sts:AssumeRole{{line}}"
                    ),
                };
                let text = ProblemText {
                    what: format!(
                        "{}, whose trust policy does not let Lambda assume it",
                        self.runs(function, arn)
                    ),
                    consequence: "Lambda cannot start the function, and every request fails",
                    remedy,
                    field: format!("roles.{role}.trust"),
                    blocker: Blocker::Trust,
                };
                problems.push(self.problem((function, arn, None), text));
            }
        }
        problems
    }

    /// Lists functions that may not be invoked at all.
    fn throttled(&self) -> Vec<Problem> {
        let stopped = self.world.functions.iter().filter(|(_, seen)| seen.reserved_concurrency == Some(0));
        let text = stopped.filter_map(|(function, seen)| {
            let want = self.desired.functions.get(function)?;
            let remedy = match want.spec.reserved_concurrency {
                Some(0) => "set another reserved_concurrency{line}, and run lockstep apply",
                _ => "lockstep apply restores it{line}",
            };
            let text = ProblemText {
                what: "has a reserved concurrency of 0".to_owned(),
                consequence: "every request is throttled",
                remedy: remedy.to_owned(),
                field: format!("functions.{function}.reserved_concurrency"),
                blocker: Blocker::Settings,
            };
            Some(self.problem((function, &seen.config.role, None), text))
        });
        text.collect()
    }

    /// Describes a function whose role was re-created after the function was configured: Lambda then creates a grant on
    /// the key of the environment, for the id that the role has at that time.
    fn cut_off(&self, function: &Name, role: &str) -> ProblemText {
        let name = short::role(&self.names, role);
        ProblemText {
            what: format!("was configured with {name} before that role was deleted and re-created"),
            consequence: "Lambda cannot decrypt its environment variables, and every request fails",
            remedy: format!("{}{{line}}", renewal(self.desired, self.world, function)),
            field: format!("functions.{function}.role"),
            blocker: Blocker::Role,
        }
    }

    fn gap(&self, gap: Gap) -> Problem {
        let text = match (self.world.keys.get(&gap.key), &gap.cause) {
            (None, _) | (_, Cause::Missing) => ProblemText {
                what: format!("uses keys.{}, which does not exist", gap.key),
                consequence: "every request that needs it fails",
                remedy: "lockstep apply makes the key{line}".to_owned(),
                field: format!("keys.{}", gap.key),
                blocker: Blocker::Key,
            },
            (Some(key), Cause::Disabled) => self.unusable(&gap.key, key),
            (Some(_), Cause::Denied(Reason::ExplicitDeny(layer), by)) => self.denied(&gap, *layer, by),
            (Some(_), Cause::Denied(Reason::BoundaryNoAllow, _)) => self.capped(&gap),
            (Some(key), Cause::Denied(..)) => self.not_allowed(&gap, key),
        };
        self.problem((&gap.function, &gap.role, Some(&gap.key)), text)
    }

    /// Describes a function that uses another key than the stack file says.
    fn astray(&self, Astray { function, variable, key, value, leads_to }: &Astray) -> Problem {
        let role =
            self.world.functions.get(function).map(|seen| seen.config.role.as_str()).unwrap_or_default();
        let (target, consequence) = match leads_to {
            None => ("no key".to_owned(), "every request that needs it fails"),
            Some(OtherKey { name, arn, lacks }) => {
                let lead =
                    name.as_ref().map_or_else(|| format!("the key {arn}"), |name| format!("keys.{name}"));
                let (role, actions) = (short::role(&self.names, role), short::actions(lacks).join(", "));
                (format!("{lead}, on which {role} may not {actions}"), "every request that needs this fails")
            }
        };
        let text = ProblemText {
            what: format!("asks for keys.{key} as {variable}={value}, which leads to {target}"),
            consequence,
            remedy: "lockstep apply restores it{line}".to_owned(),
            field: format!("functions.{function}.env.{variable}"),
            blocker: Blocker::Variable,
        };
        self.problem((function, role, Some(key)), text)
    }

    fn unusable(&self, name: &Name, key: &key::Seen) -> ProblemText {
        let enabled = self.desired.keys.get(name).is_none_or(|want| want.spec.enabled);
        let remedy = match (&key.state, enabled) {
            (key::State::PendingDeletion(_), true) => "lockstep apply cancels the deletion and enables it",
            (_, true) => "lockstep apply enables it",
            (_, false) => "let the stack file enable it{line}, and run lockstep apply",
        };
        ProblemText {
            what: format!("uses keys.{name}, which is {}", state(&key.state)),
            consequence: "every request that needs it fails",
            remedy: remedy.to_owned(),
            field: format!("keys.{name}.enabled"),
            blocker: Blocker::Key,
        }
    }

    /// Describes a statement that denies access that the key policy and the stack file allow.
    fn denied(&self, gap: &Gap, layer: Layer, by: &BTreeSet<String>) -> ProblemText {
        let Gap { function, role, key, .. } = gap;
        let by: Vec<&str> = by.iter().map(String::as_str).collect();
        let what = format!(
            "{}, which is explicitly denied {} on keys.{key} (by {})",
            self.runs(function, role),
            short::actions(&gap.lacks).join(", "),
            by.join(", ")
        );
        match layer {
            Layer::KeyPolicy => ProblemText {
                what,
                consequence: self.consequence(gap),
                remedy: format!("lockstep apply restores the policy of keys.{key}{{line}}"),
                field: format!("functions.{function}.keys.{key}"),
                blocker: Blocker::Key,
            },
            Layer::Identity | Layer::Boundary | Layer::Session | Layer::Scp | Layer::Rcp => ProblemText {
                what,
                consequence: self.consequence(gap),
                remedy: self.permissions_remedy(role),
                field: self.role_field(role),
                blocker: Blocker::Permissions,
            },
        }
    }

    /// Describes a permissions boundary that limits a role that the key policy names.
    fn capped(&self, gap: &Gap) -> ProblemText {
        let Gap { function, role, key, .. } = gap;
        ProblemText {
            what: format!(
                "{}, whose permissions boundary does not allow {} on keys.{key}",
                self.runs(function, role),
                short::actions(&gap.lacks).join(", ")
            ),
            consequence: self.consequence(gap),
            remedy: self.permissions_remedy(role),
            field: self.role_field(role),
            blocker: Blocker::Permissions,
        }
    }

    fn role_field(&self, arn: &str) -> String {
        self.desired.role_by_arn(arn).map_or_else(String::new, |role| format!("roles.{role}"))
    }

    fn permissions_remedy(&self, arn: &str) -> String {
        match self.desired.role_by_arn(arn) {
            Some(role) => format!("lockstep apply restores the policies and the boundary of {role}{{line}}"),
            None => "change the policies of that role, or run lockstep apply to put the declared role back"
                .to_owned(),
        }
    }

    fn consequence(&self, Gap { function, role, key, lacks, .. }: &Gap) -> &'static str {
        let wanted = self.desired.functions.get(function);
        let swapped = wanted.is_some_and(|want| want.spec.config.role != *role);
        let all = wanted.and_then(|want| want.uses.get(key)).is_some_and(|uses| uses.len() == lacks.len());
        match (all, swapped) {
            (true, true) => "every request fails",
            (true, false) => "every request that needs the key fails",
            (false, _) => "every request that needs this fails",
        }
    }

    fn not_allowed(&self, gap: &Gap, seen: &key::Seen) -> ProblemText {
        let Gap { function, role, key, lacks, cause: _ } = gap;
        let wanted = self.desired.functions.get(function);
        let swapped = wanted.is_some_and(|want| want.spec.config.role != *role);
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
        ProblemText { what, consequence: self.consequence(gap), remedy, field, blocker: Blocker::Key }
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

    /// Returns whether a role of the stack is known not to exist.
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
