//! The differences between the stack file and AWS, the worst first.

mod effect;
mod grants;
mod markdown;
mod sort;
mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FORMAT_VERSION, Place, short, value};
use crate::kinds::{Change, Kind, Name, Resource, ResourceId, Visitor, World};
use crate::plan::Blocked;
use crate::plan::prove::AccessContext;
use crate::stack::desired::Line;

use sort::sorted;

/// Everything that differs or could not be read, for people and programs. No field contains a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// `1.0`.
    pub format_version: String,
    /// Stack, environment and place.
    #[serde(flatten)]
    pub place: Place,
    /// Numbers of findings by rank.
    pub counts: Counts,
    /// The findings, the worst first.
    pub findings: Vec<Finding>,
}

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// Requests fail.
    Breaks,
    /// Someone may do more than the stack file says.
    Security,
    /// Something works differently.
    Changed,
    /// No request is affected.
    Cosmetic,
    /// Unknown, because it could not be read.
    Unread,
}

impl Rank {
    /// Every rank, the worst first.
    pub const ALL: [Self; 5] = [Self::Breaks, Self::Security, Self::Changed, Self::Cosmetic, Self::Unread];

    /// Returns the name of the rank.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Breaks => "breaks",
            Self::Security => "security",
            Self::Changed => "changed",
            Self::Cosmetic => "cosmetic",
            Self::Unread => "unread",
        }
    }
}

/// Numbers of findings by rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests fail.
    pub breaks: usize,
    /// Someone may do more than the stack file says.
    pub security: usize,
    /// Something works differently.
    pub changed: usize,
    /// No request is affected.
    pub cosmetic: usize,
    /// Could not be read.
    pub unread: usize,
}

impl Counts {
    /// Returns the number of findings of a rank.
    pub const fn of(self, rank: Rank) -> usize {
        match rank {
            Rank::Breaks => self.breaks,
            Rank::Security => self.security,
            Rank::Changed => self.changed,
            Rank::Cosmetic => self.cosmetic,
            Rank::Unread => self.unread,
        }
    }
}

/// One difference, with its consequence and its remedy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The id, which is the same in every report as long as the finding stays: rule and resource.
    pub id: String,
    /// The severity.
    pub rank: Rank,
    /// Address in the stack file, such as `functions.encrypt`.
    pub resource: String,
    /// The difference, to be read after the address.
    pub what: String,
    /// The consequence.
    pub consequence: String,
    /// The remedy.
    pub remedy: String,
    /// The related place in the stack file.
    pub line: Option<Line>,
    /// The fields that differ: before is AWS, after is the stack file.
    pub changes: Vec<Change>,
}

/// Everything that was observed for a report.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The stack, AWS, and the grants on its keys.
    pub scene: AccessContext<'a>,
    /// The problems that block a plan; everything else is reported as well.
    pub blocked: &'a [Blocked],
    /// The claims of the stack about access that do not hold in AWS.
    pub claims: &'a [Blocked],
}

impl Drift {
    /// Compares a stack with AWS.
    pub fn new(observed: Observed<'_>) -> Self {
        let Observed { scene, blocked, claims } = observed;
        let AccessContext { desired, world, evidence: _ } = scene;
        let mut findings = sorted(scene);
        findings.extend(grants::findings(scene));
        findings.extend(claims.iter().map(not_kept));
        let unread = unread(world);
        // A problem that blocks a plan only because something could not be read is reported once.
        let reported = |blocked: &&Blocked| {
            let same = |finding: &&Finding| finding.resource == blocked.resource.to_string();
            !unread.iter().filter(same).any(|finding| finding.what.ends_with(reason(&blocked.problem)))
        };
        findings.extend(blocked.iter().filter(reported).map(blocking));
        findings.extend(unread);
        findings.sort_by_key(|finding| finding.rank);
        let mut counts = Counts::default();
        for finding in &findings {
            *match finding.rank {
                Rank::Breaks => &mut counts.breaks,
                Rank::Security => &mut counts.security,
                Rank::Changed => &mut counts.changed,
                Rank::Cosmetic => &mut counts.cosmetic,
                Rank::Unread => &mut counts.unread,
            } += 1;
        }
        Self { format_version: FORMAT_VERSION.to_owned(), place: Place::of(desired), counts, findings }
    }

    /// Returns whether nothing differs and everything could be read.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// Writes the report as JSON.
    pub fn json(&self) -> String {
        super::json(self)
    }

    /// Returns the ranks that have findings, the worst first.
    fn by_rank(&self) -> impl Iterator<Item = (Rank, Vec<&Finding>)> {
        let ranks = Rank::ALL.into_iter().map(|rank| {
            (rank, self.findings.iter().filter(|finding| finding.rank == rank).collect::<Vec<_>>())
        });
        ranks.filter(|(_, findings)| !findings.is_empty())
    }
}

fn blocking(Blocked { resource, problem, remedy, line }: &Blocked) -> Finding {
    Finding {
        id: format!("blocked:{resource}"),
        rank: Rank::Changed,
        resource: resource.to_string(),
        what: format!("blocks planning: {}", value::printable(problem)),
        consequence: "lockstep cannot mend this by itself".to_owned(),
        remedy: short::placed(remedy, line.as_ref()),
        line: line.clone(),
        changes: Vec::new(),
    }
}

/// Returns the finding of a claim of the stack file that does not hold. An unknown result is a finding as well.
fn not_kept(Blocked { resource, problem, remedy, line }: &Blocked) -> Finding {
    Finding {
        id: format!("claim:{resource}"),
        rank: Rank::Security,
        resource: resource.to_string(),
        what: format!("is not as claimed: {}", value::printable(problem)),
        consequence: "somebody may do more, or less, than the stack file promises".to_owned(),
        remedy: short::placed(&format!("lockstep apply, or {remedy}"), line.as_ref()),
        line: line.clone(),
        changes: Vec::new(),
    }
}

/// Returns the part of a problem that says why something could not be read.
fn reason(problem: &str) -> &str {
    problem.split_once("could not be read: ").map_or(problem, |(_, why)| why)
}

/// Lists resources and listings that could not be read, which count neither as absent nor as unchanged.
fn unread(world: &World) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        world.unread.iter().map(|(resource, why)| could_not_read(resource, None, why)).collect();
    struct Fields<'a>(&'a mut Vec<Finding>);
    impl Visitor for Fields<'_> {
        fn visit<R: Resource>(&mut self, kind: Kind, resources: &BTreeMap<Name, R::Seen>) {
            for (name, seen) in resources {
                let resource = ResourceId::new(kind, name);
                let unread = R::unread(seen).iter();
                self.0.extend(unread.map(|(field, why)| could_not_read(&resource, Some(field), why)));
            }
        }
    }
    world.visit(&mut Fields(&mut findings));
    findings
}

fn could_not_read(resource: &ResourceId, field: Option<&str>, why: &str) -> Finding {
    let why = value::printable(why);
    Finding {
        id: format!("unread:{resource}:{}", field.unwrap_or_default()),
        rank: Rank::Unread,
        resource: resource.to_string(),
        what: match field {
            Some(field) => format!("has a field that could not be read: {field}: {why}"),
            None => format!("could not be read: {why}"),
        },
        consequence: "whether it is as the stack file says is unknown".to_owned(),
        remedy: "let the caller read it".to_owned(),
        line: None,
        changes: Vec::new(),
    }
}
