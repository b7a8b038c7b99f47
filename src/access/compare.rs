//! Compares policy documents by what they mean.

use std::collections::BTreeSet;

use super::cover::Rule;
use super::document::{Clause, Effect, PolicyDocument, PolicyKind};
use super::proof::Proof;

/// The relation between two documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The documents are equal in normal form: AWS may return either one when the other was submitted.
    Same,
    /// The text differs, but the access does not.
    Cosmetic,
    /// The access differs, or it could not be proved that it does not.
    Different,
}

/// The effect on access of replacing one document with the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    None,
    Widens,
    Narrows,
    /// Access widens and narrows, or it could not be proved which.
    Mixed,
}

impl Verdict {
    /// Returns the name of the verdict, such as `cosmetic`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Cosmetic => "cosmetic",
            Self::Different => "different",
        }
    }
}

impl Change {
    /// Returns the name of the change, such as `widens`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Widens => "widens",
            Self::Narrows => "narrows",
            Self::Mixed => "mixed",
        }
    }
}

/// Compares two documents of the same kind.
pub fn compare(before: &PolicyDocument, after: &PolicyDocument, kind: PolicyKind<'_>) -> (Verdict, Change) {
    compare_owned(before, after, kind, None)
}

/// Compares two documents owned by an account: allowing another account as a whole also covers its roles,
/// because each of them needs a policy of its own account as well.
pub(super) fn compare_owned(
    before: &PolicyDocument,
    after: &PolicyDocument,
    kind: PolicyKind<'_>,
    owner: Option<&str>,
) -> (Verdict, Change) {
    if before == after {
        return (Verdict::Same, Change::None);
    }
    let uses_variables = has_variables(before) || has_variables(after);
    if before.language() != after.language() && uses_variables {
        return (Verdict::Different, Change::Mixed);
    }
    let (before, after) = (Rules::of(before, kind), Rules::of(after, kind));
    let widens = !after.allows_within(&before, owner) || !before.denies_within(&after, owner);
    let narrows = !before.allows_within(&after, owner) || !after.denies_within(&before, owner);
    match (widens, narrows) {
        (false, false) => (Verdict::Cosmetic, Change::None),
        (true, false) => (Verdict::Different, Change::Widens),
        (false, true) => (Verdict::Different, Change::Narrows),
        (true, true) => (Verdict::Different, Change::Mixed),
    }
}

fn has_variables(document: &PolicyDocument) -> bool {
    document.statements().iter().any(|statement| {
        let values = statement.conditions.values().flat_map(|keys| keys.values().flatten());
        let resources = match &statement.resources {
            Clause::Absent => None,
            Clause::Is(set) | Clause::IsNot(set) => Some(set),
        };
        values.chain(resources.into_iter().flatten()).any(|text| text.contains("${"))
    })
}

/// The rules of a document, grouped by effect.
struct Rules {
    allows: BTreeSet<Rule>,
    denies: BTreeSet<Rule>,
}

impl Rules {
    fn of(document: &PolicyDocument, kind: PolicyKind<'_>) -> Self {
        let rules = document.statements().iter().filter_map(|statement| Rule::of(statement, kind));
        let (allows, denies) = rules.partition(|rule| rule.effect() == Effect::Allow);
        Self { allows, denies }
    }

    /// Returns whether everything that these rules allow is allowed by the others, or denied by these rules anyway.
    fn allows_within(&self, other: &Self, owner: Option<&str>) -> bool {
        is_within(&self.allows, &[&other.allows, &self.denies], owner)
    }

    fn denies_within(&self, other: &Self, owner: Option<&str>) -> bool {
        is_within(&self.denies, &[&other.denies], owner)
    }
}

fn is_within(rules: &BTreeSet<Rule>, others: &[&BTreeSet<Rule>], owner: Option<&str>) -> bool {
    // Unchanged rules need no proof, and most rules of a policy do not change.
    let mut changed = rules.iter().filter(|rule| !others.iter().any(|set| set.contains(*rule)));
    let others: Vec<&Rule> = others.iter().copied().flatten().collect();
    let proof = Proof::new(owner);
    changed.all(|rule| rule.is_covered_by(&others, &proof))
}
