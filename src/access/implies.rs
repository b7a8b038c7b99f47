//! Decides whether one condition holds whenever another does.

use std::collections::BTreeSet;

use super::condition::{absent, are_parts_of_arn, arn_within};
use super::document::Conditions;
use super::names::Caseless;
use super::operator::{Operator, Quantifier, Test};
use super::pattern::{literal, wild};
use super::proof::Proof;
use super::values::{Cidr, date, number};

/// A condition in the form in which equivalent spellings are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Condition {
    pub operator: Operator,
    pub key: Caseless,
    pub values: BTreeSet<String>,
}

/// Converts the conditions of a statement into [`Condition`]s, without those that always hold.
pub(super) fn canonical(conditions: &Conditions) -> BTreeSet<Condition> {
    let pairs = conditions.iter().flat_map(|(operator, keys)| {
        keys.iter().filter_map(move |(key, values)| Condition::of(*operator, key, values))
    });
    let all: Vec<Condition> = pairs.collect();
    let present: BTreeSet<Caseless> =
        all.iter().filter(|one| one.wants_key()).map(|one| one.key.clone()).collect();
    let certain = all.into_iter().map(|mut one| {
        one.operator.if_exists &= !present.contains(&one.key);
        one
    });
    certain.collect()
}

impl Condition {
    /// Makes a condition; `None` if it always holds.
    fn of(operator: Operator, key: &Caseless, values: &BTreeSet<String>) -> Option<Self> {
        let plain = Self {
            operator: plainest(operator, values),
            key: key.clone(),
            values: values.iter().map(|value| plain_value(operator.test, value)).collect(),
        };
        let any_text = operator.test == Test::StringLike && values.iter().any(|value| is_stars(value));
        match (operator.quantifier, any_text) {
            // `*` only asks whether the key is present, or absent if negated.
            (None, true) => match (operator.negated, operator.if_exists) {
                (false, true) => None,
                (negated, _) => Some(Self {
                    operator: Operator::NULL,
                    values: BTreeSet::from([negated.to_string()]),
                    ..plain
                }),
            },
            (Some(Quantifier::ForAllValues), true) if !operator.negated => None,
            _ if operator.test == Test::Null && values.contains("true") && values.contains("false") => None,
            _ => Some(plain),
        }
    }

    /// Returns whether the condition never holds for a request without the key.
    fn wants_key(&self) -> bool {
        match self.operator.test {
            Test::Null => !self.values.contains("true"),
            _ => !absent(self.operator),
        }
    }

    /// Returns whether no request meets the condition.
    pub fn never_holds(&self) -> bool {
        self.values.is_empty() && !self.operator.negated && !absent(self.operator)
    }

    /// Splits the condition into conditions with one value each; one of them holds whenever the condition does.
    pub fn by_value(&self) -> Vec<Self> {
        if self.operator.quantifier.is_some() || self.operator.negated {
            return vec![self.clone()];
        }
        let of = |value: &String| Self {
            operator: self.operator,
            key: self.key.clone(),
            values: BTreeSet::from([value.clone()]),
        };
        self.values.iter().map(of).collect()
    }
}

fn plainest(mut operator: Operator, values: &BTreeSet<String>) -> Operator {
    let all = |is_plain: fn(&str) -> bool| values.iter().all(|value| is_plain(value));
    let has_no_signs = |value: &str| !value.contains(['*', '?', '$']);
    operator.test = match operator.test {
        Test::Arn { .. } if all(has_no_signs) && all(are_parts_of_arn) => Test::StringEquals,
        Test::Arn { .. } => Test::Arn { like: true },
        Test::StringLike if all(has_no_signs) => Test::StringEquals,
        other => other,
    };
    // Without `IfExists`, these operators already hold for an absent key.
    operator.if_exists &= !absent(Operator { if_exists: false, ..operator });
    operator
}

fn plain_value(test: Test, value: &str) -> String {
    let plain = match Kind::of(test) {
        Kind::Number => number(value).map(|number| number.to_string()),
        Kind::Date => date(value).map(|seconds| seconds.to_string()),
        Kind::Other if test == Test::IpAddress => Cidr::parse(value).map(|range| range.to_string()),
        Kind::Other if test == Test::StringEqualsIgnoreCase && !value.contains("${") => {
            Some(value.to_lowercase())
        }
        Kind::Other => None,
    };
    plain.unwrap_or_else(|| value.to_owned())
}

fn is_stars(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|char| char == '*')
}

/// Returns whether the second condition holds whenever the first does; `false` if that cannot be proved.
pub(super) fn implies(given: &Condition, wanted: &Condition, proof: &Proof<'_>) -> bool {
    if given.key != wanted.key || !proof.spend(1) {
        return false;
    }
    if given == wanted {
        return true;
    }
    let (from, to) = (given.operator, wanted.operator);
    if from.test == Test::Null {
        return to.test != Test::Null && !given.values.contains("false") && absent(to);
    }
    if to.test == Test::Null {
        return !absent(from) && wanted.values.contains("false");
    }
    if from.quantifier != to.quantifier || from.negated != to.negated || (from.if_exists && !to.if_exists) {
        return false;
    }
    let (inner, outer) = if from.negated { (wanted, given) } else { (given, wanted) };
    let (inner_test, outer_test) = (inner.operator.test, outer.operator.test);
    inner.values.iter().all(|value| {
        (inner_test == outer_test && outer.values.contains(value))
            || outer.values.iter().any(|other| value_within((inner_test, value), (outer_test, other), proof))
    })
}

/// Returns whether everything that matches the first value also matches the second.
fn value_within(
    (inner, inner_value): (Test, &str),
    (outer, outer_value): (Test, &str),
    proof: &Proof<'_>,
) -> bool {
    // For `StringEquals`, only an equal value would do, and equal values were handled before.
    if (inner, outer) == (Test::StringEquals, Test::StringEquals) || !proof.look() {
        return false;
    }
    // The value of a variable is not known here.
    if outer_value.contains("${") || inner_value.contains("${") {
        return inner == outer && inner_value == outer_value;
    }
    let includes = |outer: &[_], inner: &[_]| proof.includes(outer, inner);
    match (inner, outer) {
        (Test::StringEquals, Test::StringLike) => includes(&wild(outer_value), &literal(inner_value)),
        // An ARN pattern matches no more than the same pattern used as a string pattern.
        (Test::StringLike | Test::Arn { .. }, Test::StringLike) => {
            includes(&wild(outer_value), &wild(inner_value))
        }
        (Test::StringEquals | Test::StringEqualsIgnoreCase, Test::StringEqualsIgnoreCase) => {
            inner_value.to_lowercase() == outer_value.to_lowercase()
        }
        (Test::Arn { .. }, Test::Arn { .. }) => arn_within(&wild(outer_value), &wild(inner_value), includes),
        (Test::StringEquals, Test::Arn { .. }) => {
            arn_within(&wild(outer_value), &literal(inner_value), includes)
        }
        (Test::IpAddress, Test::IpAddress) => Cidr::parse(outer_value)
            .zip(Cidr::parse(inner_value))
            .is_some_and(|(outer, inner)| outer.contains(inner)),
        _ => interval(outer, outer_value)
            .zip(interval(inner, inner_value))
            .is_some_and(|(outer, inner)| outer.kind == inner.kind && outer.contains(inner)),
    }
}
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Date,
    Other,
}

impl Kind {
    fn of(test: Test) -> Self {
        match test {
            Test::NumericEquals
            | Test::NumericLessThan
            | Test::NumericLessThanEquals
            | Test::NumericGreaterThan
            | Test::NumericGreaterThanEquals => Self::Number,
            Test::DateEquals
            | Test::DateLessThan
            | Test::DateLessThanEquals
            | Test::DateGreaterThan
            | Test::DateGreaterThanEquals => Self::Date,
            _ => Self::Other,
        }
    }
}

/// The range of numbers for which a comparison holds; each end states whether it is inclusive.
#[derive(Clone, Copy)]
struct Interval {
    kind: Kind,
    from: (f64, bool),
    to: (f64, bool),
}

impl Interval {
    fn contains(self, inner: Self) -> bool {
        let above =
            inner.from.0 > self.from.0 || (inner.from.0 == self.from.0 && (self.from.1 || !inner.from.1));
        let below = inner.to.0 < self.to.0 || (inner.to.0 == self.to.0 && (self.to.1 || !inner.to.1));
        above && below
    }
}

fn interval(test: Test, value: &str) -> Option<Interval> {
    let (least, most) = ((f64::NEG_INFINITY, true), (f64::INFINITY, true));
    let kind = Kind::of(test);
    // Canonical dates are numbers already.
    let bound = number(value)?;
    let (from, to) = match test {
        Test::NumericEquals | Test::DateEquals => ((bound, true), (bound, true)),
        Test::NumericLessThan | Test::DateLessThan => (least, (bound, false)),
        Test::NumericLessThanEquals | Test::DateLessThanEquals => (least, (bound, true)),
        Test::NumericGreaterThan | Test::DateGreaterThan => ((bound, false), most),
        Test::NumericGreaterThanEquals | Test::DateGreaterThanEquals => ((bound, true), most),
        _ => return None,
    };
    Some(Interval { kind, from, to })
}
