//! Sorts differences into findings: one for each resource and each kind of consequence.

use std::collections::{BTreeMap, BTreeSet};

use super::effect::{self, Effect};
use super::{Finding, Rank};
use crate::kinds::{
    Action, Change, Draft, Kind, Name, Op, ResourceId, World, api, function, key, role, world,
};
use crate::plan::prove::AccessContext;
use crate::plan::{self, final_target, original};
use crate::report::problem::{self, Blocker, Problem};
use crate::report::short::{self, Names};
use crate::report::{policy, value};
use crate::stack::desired::Desired;

/// Maximum number of differences that are listed in the line of a finding; the others are counted.
const MAX_LISTED: usize = 4;

/// The parts of one finding.
#[derive(Default)]
struct Group {
    says: Vec<String>,
    changes: Vec<Change>,
}

/// Lists everything that is broken, and every other difference.
pub fn sorted(scene: AccessContext<'_>) -> Vec<Finding> {
    let AccessContext { desired, world, evidence: _ } = scene;
    let problems = problem::problems(scene, true);
    let mut findings: Vec<Finding> = problems.iter().map(broken).collect();
    let context = DriftContext { desired, world, names: short::names(desired, world), problems };
    let mut groups: BTreeMap<(ResourceId, Effect), Group> = BTreeMap::new();
    let mut kept = BTreeSet::new();
    let mut drafts = world::steps(&final_target(desired, world), world);
    // A resource that has a name of the stack but does not belong to it is reported as a problem that blocks the plan.
    drafts.retain(|draft| {
        let ResourceId { kind, name } = &draft.resource;
        let untagged = *kind == Kind::Key
            && !world.keys.contains_key(name)
            && problem::foreign_alias(desired, world, name).is_some();
        !untagged && !world.foreign.contains_key(&draft.resource)
    });
    for draft in drafts {
        if let Some(effect) = effect::of_whole(&draft) {
            // A resource that is missing or extra as a whole is reported once, no matter which steps would change that.
            let cause = context.problems.iter().any(|problem| context.is_missed(problem, &draft));
            if !cause {
                groups.entry((draft.resource, effect)).or_default();
            }
            continue;
        }
        if draft.changes.is_empty() {
            kept.insert(draft.resource.clone());
        }
        let differing = draft.changes.iter().filter(|change| !context.follows(&draft, change));
        for change in differing {
            let shown = value::visible_changes(change);
            let cause = context.problems.iter().position(|problem| context.explains(problem, &draft, change));
            if let Some(finding) = cause.and_then(|index| findings.get_mut(index)) {
                finding.changes.extend(shown);
                continue;
            }
            let effect = effect::of(desired, world, &draft, change);
            let group = groups.entry((draft.resource.clone(), effect)).or_default();
            group.says.extend(context.says(&draft, &shown));
            group.changes.extend(shown);
        }
    }
    kept.retain(|resource| {
        let told = findings.iter().any(|finding| finding.resource == resource.to_string());
        !told && groups.keys().all(|(other, _)| other != resource)
    });
    groups.extend(kept.into_iter().map(|resource| ((resource, effect::KEPT), Group::default())));
    findings.extend(
        groups.into_iter().map(|((resource, effect), group)| finding(desired, (&resource, &effect), group)),
    );
    findings
}

fn broken(problem: &Problem) -> Finding {
    let Problem { function, role, key, blocker, what, consequence, remedy, field: _, line } = problem;
    let resource = format!("functions.{function}");
    let about = key.as_ref().map_or_else(|| blocker.as_str().to_owned(), |key| format!("keys.{key}"));
    let rule = match blocker {
        Blocker::Settings => "stopped",
        Blocker::Variable => "other-key",
        Blocker::Role | Blocker::Trust | Blocker::Permissions | Blocker::Key => "no-access",
    };
    Finding {
        id: format!("{rule}:{resource}:{about}:{role}"),
        rank: Rank::Breaks,
        resource,
        what: value::printable(what),
        consequence: consequence.clone(),
        remedy: remedy.clone(),
        line: line.clone(),
        changes: Vec::new(),
    }
}

fn finding(desired: &Desired, (resource, effect): (&ResourceId, &Effect), group: Group) -> Finding {
    let Group { mut says, changes } = group;
    let field = changes.first().map(|change| change.field.as_str()).unwrap_or_default();
    let extra = effect.rule == "extra" || effect.rule == "left-stand-in";
    let line = desired.line_of(&format!("{resource}.{field}")).filter(|_| !extra).cloned();
    let more = says.len().saturating_sub(MAX_LISTED);
    says.truncate(MAX_LISTED);
    if more > 0 {
        says.push(format!("{more} more"));
    }
    let what = match effect.rule {
        "missing" => "does not exist".to_owned(),
        "extra" => "exists, and the stack file does not declare it".to_owned(),
        "left-stand-in" => {
            let original = original(&resource.name).unwrap_or_default();
            format!("stands in for {original}, and is still there")
        }
        _ if says.is_empty() => "lacks marks or versions that lockstep keeps".to_owned(),
        _ => says.join("; "),
    };
    Finding {
        id: format!("{}:{resource}", effect.rule),
        rank: effect.rank,
        resource: resource.to_string(),
        what,
        consequence: effect.consequence.to_owned(),
        remedy: short::placed(effect.remedy, line.as_ref()),
        line,
        changes,
    }
}

struct DriftContext<'a> {
    desired: &'a Desired,
    world: &'a World,
    names: Names,
    problems: Vec<Problem>,
}

impl DriftContext<'_> {
    /// Returns whether a difference is the cause of a problem that is already reported.
    fn explains(&self, problem: &Problem, draft: &Draft, change: &Change) -> bool {
        let key = |name: &Name| problem.key.as_ref() == Some(name);
        match &draft.op {
            Op::Key { name, op: key::Op::PutPolicy { .. } } => {
                let denies = || {
                    problem.blocker == Blocker::Key
                        && effect::of(self.desired, self.world, draft, change).rule == "less-access"
                };
                let nothing_else = || self.access(draft).is_empty() && !policy::differs_beyond_access(change);
                key(name) && (nothing_else() || denies())
            }
            Op::Role { name, op } => {
                problem.role == name.as_str()
                    && explained_by(problem.blocker, op, || {
                        effect::of(self.desired, self.world, draft, change).rule == "less-access"
                    })
            }
            Op::Function { op: function::Op::Reserve { .. } | function::Op::Unreserve, name } => {
                problem.blocker == Blocker::Settings && problem.function == *name
            }
            Op::Key { name, op: key::Op::Enable | key::Op::CancelDeletion } => {
                key(name) && problem.blocker == Blocker::Key
            }
            Op::Key { name, op: key::Op::CreateAlias { .. } | key::Op::MoveAlias { .. } } => {
                key(name) && problem.blocker == Blocker::Variable
            }
            Op::Function { name, .. } => {
                let before = change.before.as_ref().and_then(serde_json::Value::as_str);
                problem.blocker == Blocker::Variable
                    && problem.field == format!("functions.{name}.{}", change.field)
                    || change.field == "role"
                        && problem.function == *name
                        && before.is_some_and(|arn| short::role(&self.names, arn) == problem.role)
            }
            Op::Key { .. } | Op::LogGroup { .. } | Op::Api { .. } | Op::Domain { .. } => false,
        }
    }

    /// Returns whether something is broken because a resource is missing.
    fn is_missed(&self, problem: &Problem, draft: &Draft) -> bool {
        let ResourceId { kind, name } = &draft.resource;
        let missed = match kind {
            Kind::Key => problem.key.as_ref() == Some(name),
            Kind::Role => problem.role == name.as_str(),
            Kind::LogGroup | Kind::Function | Kind::Api | Kind::Domain => false,
        };
        missed && draft.action == Action::Create
    }

    /// Returns whether a difference only follows from others: a deployment that the stage will be moved to, or an alias
    /// that routes to the newest existing version until another one is published.
    fn follows(&self, draft: &Draft, change: &Change) -> bool {
        if matches!(draft.op, Op::Api { op: api::Op::Deploy { .. }, .. }) {
            return true;
        }
        let Op::Function { name, op: function::Op::MoveAlias { .. } } = &draft.op else { return false };
        let newest = self.world.functions.get(name).and_then(function::newest_version);
        let before = change.before.as_ref().and_then(serde_json::Value::as_str);
        newest.is_some() && newest.map(String::as_str) == before
    }

    /// Describes the difference, in words that follow the address of the resource.
    fn says(&self, draft: &Draft, told: &[Change]) -> Vec<String> {
        let access = self.access(draft);
        if !access.is_empty() {
            return access;
        }
        told.iter().map(|change| self.says_field(change)).collect()
    }

    fn says_field(&self, change: &Change) -> String {
        let Change { field, before, after } = change;
        if field == "stage.deployment" {
            return "serves a deployment that was not made from this file".to_owned();
        }
        let is_policy = policy::is_policy(change);
        let side = |value: &serde_json::Value| match is_policy {
            true => String::new(),
            false => format!(" {}", value::line(&self.names, field, Some(value))),
        };
        let field = value::label(field);
        match (before, after) {
            (Some(before), Some(after)) if !is_policy => {
                format!("has {field}{} instead of{}", side(before), side(after))
            }
            (Some(before), None) => format!("has {field}{}, which the stack file lacks", side(before)),
            (None, Some(after)) => format!("lacks {field}{}", side(after)),
            _ => format!("has another {field}"),
        }
    }

    /// Describes who may do more or less with a key than the stack file says, except for problems that are already
    /// reported.
    fn access(&self, draft: &Draft) -> Vec<String> {
        if draft.action != Action::Update {
            return Vec::new();
        }
        let mut told = Vec::new();
        for change in plan::access::changes(self.desired, self.world, draft) {
            let principal = short::principal(&change.principal, &self.desired.place.account);
            let dead = ["AROA", "AIDA"].iter().any(|prefix| principal.starts_with(prefix));
            let listed = |actions| short::listed(actions, false);
            if dead {
                told.push(format!("names {principal}, a principal that was deleted"));
            } else if !change.loses.is_empty() {
                told.push(format!(
                    "lets {principal} {}, which the stack file does not",
                    listed(&change.loses)
                ));
            }
            let broken = self.problems.iter().any(|problem| {
                let key = problem.key.as_ref() == Some(&draft.resource.name);
                key && problem.role == change.principal
            });
            if !change.gains.is_empty() && !broken {
                told.push(format!("does not let {principal} {}", listed(&change.gains)));
            }
        }
        told
    }
}

/// Returns whether an operation on a role undoes the change that stops its function.
fn explained_by(blocker: Blocker, op: &role::Op, takes_access: impl Fn() -> bool) -> bool {
    match (blocker, op) {
        (Blocker::Trust, role::Op::PutTrust { .. }) => takes_access(),
        (
            Blocker::Permissions,
            role::Op::Detach { .. }
            | role::Op::DeleteInline { .. }
            | role::Op::PutInline { .. }
            | role::Op::PutBoundary { .. }
            | role::Op::DeleteBoundary,
        ) => takes_access(),
        _ => false,
    }
}
