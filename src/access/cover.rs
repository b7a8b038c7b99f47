//! Decides whether everything that a statement matches is matched by other statements.
//!
//! A yes is proved; a no only means that it could not be proved.

use std::collections::BTreeSet;

use super::document::{Clause, Effect, PolicyKind, Principal, Statement};
use super::implies::{Condition, canonical, implies};
use super::names::Caseless;
use super::pattern::{includes, overlap, wild};
use super::proof::Proof;

/// The most parts into which a statement is split by its condition values; beyond that it is not split.
const MAX_PARTS: usize = 256;

/// A statement without its Sid, in a form in which equivalent spellings are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rule {
    effect: Effect,
    principals: Clause<Principal>,
    actions: Clause<Caseless>,
    resources: Clause<String>,
    conditions: BTreeSet<Condition>,
}

impl Rule {
    /// Extracts the parts of a statement that decide access; `None` for a statement that has no effect.
    pub fn of(statement: &Statement, kind: PolicyKind<'_>) -> Option<Self> {
        let Statement { sid: _, effect, principals, actions, resources, conditions } = statement;
        let is_trust = matches!(kind, PolicyKind::Trust { .. });
        let is_inert = (*resources == Clause::Absent && !is_trust)
            || (*principals == Clause::Absent && kind.partition().is_some());
        if is_inert {
            return None;
        }
        let actions = match kind {
            PolicyKind::Key { .. } => of_kms(actions),
            _ => actions.clone(),
        };
        let rule = Self {
            effect: *effect,
            principals: principals.clone(),
            actions,
            resources: resources.clone(),
            conditions: canonical(conditions),
        };
        let can_match = !matches!(&rule.actions, Clause::Absent)
            && !rule.actions.is_empty()
            && !rule.principals.is_empty()
            && !rule.resources.is_empty()
            && !rule.conditions.iter().any(Condition::never_holds);
        can_match.then_some(rule)
    }

    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Returns whether the rules together cover this one.
    ///
    /// Items of a list that are matched by the same rules are checked together, so that the cost of long
    /// lists grows with their lengths and not with the product of the lengths.
    pub fn is_covered_by(&self, rules: &[&Self], proof: &Proof<'_>) -> bool {
        let by_principal = signatures(&self.principals, rules, |one, rule| {
            proof.principals(one, &rule.principals, rule.effect)
        });
        let by_action = signatures(&self.actions, rules, |one, rule| proof.actions(one, &rule.actions));
        let by_resource =
            signatures(&self.resources, rules, |one, rule| proof.resources(one, &rule.resources));
        let cases = Cases::of(&self.conditions, rules, proof);
        by_principal.iter().all(|by_principal| {
            by_action.iter().all(|by_action| {
                let about: Signature = by_principal.intersection(by_action).copied().collect();
                by_resource.iter().all(|by_resource| {
                    let about = || about.intersection(by_resource).copied().collect();
                    proof.spend(rules.len() + cases.count()) && cases.are_covered_by(&about())
                })
            })
        })
    }
}

/// The indexes of the rules that match something.
type Signature = BTreeSet<usize>;

/// Returns the distinct signatures of the items of a list; a `Not` list counts as one item.
fn signatures<T: Ord + Clone>(
    clause: &Clause<T>,
    rules: &[&Rule],
    within: impl Fn(&Clause<T>, &Rule) -> bool,
) -> BTreeSet<Signature> {
    let of = |item: &Clause<T>| -> Signature {
        rules.iter().enumerate().filter(|(_, rule)| within(item, rule)).map(|(index, _)| index).collect()
    };
    match clause {
        Clause::Is(set) => set.iter().map(|one| of(&Clause::Is(BTreeSet::from([one.clone()])))).collect(),
        whole => BTreeSet::from([of(whole)]),
    }
}

/// Restricts the actions of a key policy to those of KMS. No other actions apply to a key, so `kms:*` becomes
/// `*`.
fn of_kms(actions: &Clause<Caseless>) -> Clause<Caseless> {
    let all = wild("kms:*");
    let narrowed = |set: &BTreeSet<Caseless>| -> BTreeSet<Caseless> {
        let patterns = set.iter().map(|action| (action, wild(&action.folded())));
        patterns
            .filter(|(_, pattern)| overlap(pattern, &all))
            .map(|(action, pattern)| match includes(&pattern, &all) {
                true => Caseless::new("*"),
                false => action.clone(),
            })
            .collect()
    };
    match actions {
        Clause::Absent => Clause::Absent,
        Clause::Is(set) => Clause::Is(narrowed(set)),
        Clause::IsNot(set) => {
            let set = narrowed(set);
            match (set.is_empty(), set.contains(&Caseless::new("*"))) {
                (true, _) => Clause::Is(BTreeSet::from([Caseless::new("*")])),
                (_, true) => Clause::Is(BTreeSet::new()),
                _ => Clause::IsNot(set),
            }
        }
    }
}

/// The cases into which the conditions of a rule split; when the conditions hold, at least one case holds.
/// A positive condition on a single-valued key holds for one of the values that it lists.
struct Cases {
    /// The rules whose conditions hold whenever all the conditions hold.
    whole: Signature,
    /// For each case, the rules whose conditions hold in it; `None` if the conditions are not split, because
    /// there is only one case, there are too many, or too few proof steps are left.
    each: Option<Vec<Signature>>,
}

impl Cases {
    fn of(conditions: &BTreeSet<Condition>, rules: &[&Rule], proof: &Proof<'_>) -> Self {
        let holding = |given: &Condition| Holding::of(given, rules, proof);
        let whole: Vec<Holding> = conditions.iter().map(holding).collect();
        let whole = holding_all(rules, &whole.iter().collect::<Vec<_>>());
        let split: Vec<Vec<Condition>> = conditions.iter().map(Condition::by_value).collect();
        let count = split.iter().try_fold(1_usize, |count, parts| {
            Some(count.saturating_mul(parts.len())).filter(|count| *count <= MAX_PARTS)
        });
        let is_worth_it = |count: &usize| *count > 1 && proof.spend(count * rules.len() * conditions.len());
        // The proof looks at each value once, and never at each combination of values.
        let each = count.filter(is_worth_it).map(|_| {
            let values: Vec<Vec<Holding>> =
                split.iter().map(|parts| parts.iter().map(holding).collect()).collect();
            combinations(&values).iter().map(|part| holding_all(rules, part)).collect()
        });
        Self { whole, each }
    }

    fn count(&self) -> usize {
        self.each.as_ref().map_or(1, Vec::len)
    }

    fn are_covered_by(&self, about: &Signature) -> bool {
        let covers = |holds: &Signature| !about.is_disjoint(holds);
        covers(&self.whole) || self.each.as_ref().is_some_and(|each| each.iter().all(covers))
    }
}

/// One flag for each condition of each rule, in order: it is true if the condition holds whenever a given one does.
struct Holding(Vec<bool>);

impl Holding {
    fn of(given: &Condition, rules: &[&Rule], proof: &Proof<'_>) -> Self {
        let wanted = rules.iter().flat_map(|rule| &rule.conditions);
        Self(wanted.map(|wanted| implies(given, wanted, proof)).collect())
    }
}

/// Returns the rules whose conditions are each implied by one of the given conditions.
fn holding_all(rules: &[&Rule], given: &[&Holding]) -> Signature {
    let mut first = 0;
    let mut found = Signature::new();
    for (index, rule) in rules.iter().enumerate() {
        let end = first + rule.conditions.len();
        if (first..end).all(|at| given.iter().any(|one| one.0.get(at) == Some(&true))) {
            found.insert(index);
        }
        first = end;
    }
    found
}

/// Returns every combination of one item from each list.
fn combinations<T>(lists: &[Vec<T>]) -> Vec<Vec<&T>> {
    lists.iter().fold(vec![Vec::new()], |all, list| {
        all.iter().flat_map(|some| list.iter().map(move |one| [some.as_slice(), &[one]].concat())).collect()
    })
}
