//! Decides whether all that a statement matches is matched by other statements.
//!
//! Yes is proved; no only means that it could not be shown.

use std::collections::BTreeSet;

use super::document::{Clause, Effect, PolicyKind, Principal, Statement};
use super::implies::{Condition, canonical, implied};
use super::names::{Arn, Caseless};
use super::pattern::{Token, includes, literal, overlap, wild};

/// In how many parts a statement is split by the values of its conditions; beyond it is taken whole.
const MAX_PARTS: usize = 256;

/// A statement without its Sid, with conditions in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rule {
    effect: Effect,
    principals: Clause<Principal>,
    actions: Clause<Caseless>,
    resources: Clause<String>,
    conditions: BTreeSet<Condition>,
}

impl Rule {
    /// Takes what decides access; `None` for a statement that has no effect.
    pub fn of(statement: &Statement, kind: PolicyKind<'_>) -> Option<Self> {
        let Statement { sid: _, effect, principals, actions, resources, conditions } = statement;
        let is_trust = matches!(kind, PolicyKind::Trust { .. });
        let is_inert = *actions == Clause::Absent
            || (*resources == Clause::Absent && !is_trust)
            || (*principals == Clause::Absent && kind.partition().is_some());
        if is_inert {
            return None;
        }
        let actions = match actions {
            // Nobody can do anything but KMS with a key.
            Clause::Is(set) if matches!(kind, PolicyKind::Key { .. }) => {
                Clause::Is(set.iter().map(narrowed_to_kms).collect())
            }
            other => other.clone(),
        };
        Some(Self {
            effect: *effect,
            principals: principals.clone(),
            actions,
            resources: resources.clone(),
            conditions: canonical(conditions),
        })
    }

    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Says whether the rules together cover this one.
    ///
    /// Items of a list that lie within the same rules need only one look together, so that long lists
    /// cost their length and not their product.
    pub fn is_covered_by(&self, rules: &[&Self]) -> bool {
        let by_principal = signatures(&self.principals, rules, |one, rule| {
            principals_within(one, &rule.principals, rule.effect)
        });
        let by_action = signatures(&self.actions, rules, |one, rule| actions_within(one, &rule.actions));
        let by_resource =
            signatures(&self.resources, rules, |one, rule| resources_within(one, &rule.resources));
        let implied_by = |conditions: &BTreeSet<Condition>| -> Signature {
            let holds = |rule: &Self| rule.conditions.iter().all(|wanted| implied(wanted, conditions));
            rules.iter().enumerate().filter(|(_, rule)| holds(rule)).map(|(index, _)| index).collect()
        };
        let whole = implied_by(&self.conditions);
        let cases: Option<Vec<Signature>> =
            by_value(&self.conditions).map(|cases| cases.iter().map(implied_by).collect());
        by_principal.iter().all(|by_principal| {
            by_action.iter().all(|by_action| {
                let about: Signature = by_principal.intersection(by_action).copied().collect();
                by_resource.iter().all(|by_resource| {
                    let about: Signature = about.intersection(by_resource).copied().collect();
                    let covers = |holds: &Signature| !about.is_disjoint(holds);
                    covers(&whole) || cases.as_ref().is_some_and(|cases| cases.iter().all(covers))
                })
            })
        })
    }
}

/// Which of the rules hold something, by their index.
type Signature = BTreeSet<usize>;

/// Returns the different signatures of the items of a list; a `Not` list is one item.
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

fn narrowed_to_kms(action: &Caseless) -> Caseless {
    if action.as_str() == "*" { Caseless::new("kms:*") } else { action.clone() }
}

/// Splits conditions into the cases of which one holds when they do: a positive condition on one value
/// holds for one of the values that it lists.
fn by_value(conditions: &BTreeSet<Condition>) -> Option<Vec<BTreeSet<Condition>>> {
    let mut parts = vec![BTreeSet::new()];
    for condition in conditions {
        let can_split = condition.operator.quantifier.is_none() && !condition.operator.negated;
        let cases: Vec<Condition> = match can_split {
            true => condition
                .values
                .iter()
                .map(|value| Condition { values: BTreeSet::from([value.clone()]), ..condition.clone() })
                .collect(),
            false => vec![condition.clone()],
        };
        if parts.len() * cases.len() > MAX_PARTS {
            return None;
        }
        let with = |part: &BTreeSet<Condition>, case: &Condition| {
            part.iter().cloned().chain([case.clone()]).collect::<BTreeSet<_>>()
        };
        parts = parts.iter().flat_map(|part| cases.iter().map(move |case| with(part, case))).collect();
    }
    Some(parts)
}

fn principals_within(inner: &Clause<Principal>, outer: &Clause<Principal>, effect: Effect) -> bool {
    match (inner, outer) {
        (Clause::Absent, Clause::Absent) => true,
        (_, Clause::Is(outer)) if outer.contains(&Principal::Everyone) => true,
        (Clause::Is(inner), Clause::Is(outer)) => inner.iter().all(|one| {
            // To allow an account is not to allow its roles, but to deny it is to deny them.
            outer.contains(one)
                || (effect == Effect::Deny && outer.iter().any(|other| holds_account_of(other, one)))
        }),
        (Clause::Is(inner), Clause::IsNot(outer)) => {
            inner.iter().all(|one| outer.iter().all(|other| are_strangers(one, other)))
        }
        (Clause::IsNot(inner), Clause::IsNot(outer)) => outer.is_subset(inner),
        _ => false,
    }
}

fn account_of(principal: &Principal) -> Option<&str> {
    match principal {
        Principal::Account { account, .. } => Some(account),
        Principal::Arn(text) => Arn::split(text).map(|arn| arn.account),
        _ => None,
    }
}

fn holds_account_of(account: &Principal, member: &Principal) -> bool {
    matches!(account, Principal::Account { account, .. } if account_of(member) == Some(account))
}

/// Says whether two principals surely have no caller in common.
fn are_strangers(one: &Principal, other: &Principal) -> bool {
    match (one, other) {
        (Principal::Service(one), Principal::Service(other)) => one != other && one != "*" && other != "*",
        (Principal::Service(_), other) => account_of(other).is_some(),
        (one, Principal::Service(_)) => account_of(one).is_some(),
        (one, other) => account_of(one).zip(account_of(other)).is_some_and(|(one, other)| one != other),
    }
}

fn actions_within(inner: &Clause<Caseless>, outer: &Clause<Caseless>) -> bool {
    clause_within(inner, outer, |action| Text::new(&action.folded(), false))
}

fn resources_within(inner: &Clause<String>, outer: &Clause<String>) -> bool {
    clause_within(inner, outer, |resource| Text::new(resource, resource.contains("${")))
}

/// A pattern, or a text with variables of which only equality is known.
#[derive(PartialEq, Eq)]
struct Text {
    tokens: Vec<Token>,
    is_opaque: bool,
}

impl Text {
    fn new(text: &str, is_opaque: bool) -> Self {
        Self { tokens: if is_opaque { literal(text) } else { wild(text) }, is_opaque }
    }

    fn is_within(&self, outer: &Self) -> bool {
        match (self.is_opaque, outer.is_opaque) {
            (false, false) => includes(&outer.tokens, &self.tokens),
            (true, false) => outer.tokens == [Token::Any],
            (_, true) => self == outer,
        }
    }

    fn may_meet(&self, other: &Self) -> bool {
        self.is_opaque || other.is_opaque || overlap(&self.tokens, &other.tokens)
    }
}

fn clause_within<T: Ord + AsRef<str>>(
    inner: &Clause<T>,
    outer: &Clause<T>,
    read: impl Fn(&T) -> Text,
) -> bool {
    match (inner, outer) {
        (Clause::Absent, Clause::Absent) => true,
        (Clause::Is(inner), Clause::Is(outer)) => inner.iter().all(|one| {
            // Only a pattern holds what is not listed word for word.
            outer.contains(one) || {
                let one = read(one);
                let mut patterns =
                    outer.iter().filter(|other| other.as_ref().contains(['*', '?'])).map(&read);
                patterns.any(|pattern| one.is_within(&pattern))
            }
        }),
        (Clause::Is(inner), Clause::IsNot(outer)) => {
            inner.iter().map(&read).all(|one| outer.iter().all(|other| !one.may_meet(&read(other))))
        }
        (Clause::IsNot(_), Clause::Is(outer)) => outer.iter().any(|other| read(other).tokens == [Token::Any]),
        (Clause::IsNot(inner), Clause::IsNot(outer)) => {
            outer.iter().map(&read).all(|one| inner.iter().any(|other| one.is_within(&read(other))))
        }
        _ => false,
    }
}
