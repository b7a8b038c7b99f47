//! Decides whether one condition holds whenever another does.

use std::collections::BTreeSet;

use super::condition::arn_includes;
use super::document::Conditions;
use super::names::Caseless;
use super::operator::{Operator, Quantifier, Test};
use super::pattern::{includes, literal, wild};
use super::values::{Cidr, date, number};

/// A condition in the form in which equivalent spellings are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Condition {
    pub operator: Operator,
    pub key: Caseless,
    pub values: BTreeSet<String>,
}

/// Brings the conditions of a statement into that form.
pub(super) fn canonical(conditions: &Conditions) -> BTreeSet<Condition> {
    let pairs = conditions.iter().flat_map(|(operator, keys)| {
        keys.iter().map(move |(key, values)| Condition {
            operator: plainest(*operator, values),
            key: key.clone(),
            values: values.iter().map(|value| plain_value(operator.test, value)).collect(),
        })
    });
    pairs.collect()
}

fn plainest(mut operator: Operator, values: &BTreeSet<String>) -> Operator {
    operator.test = match operator.test {
        Test::Arn { .. } => Test::Arn { like: true },
        Test::StringLike if !values.iter().any(|value| value.contains(['*', '?', '$'])) => Test::StringEquals,
        other => other,
    };
    // These hold for an absent key anyway.
    let holds_when_absent = match operator.quantifier {
        None => operator.negated,
        Some(Quantifier::ForAllValues) => true,
        Some(Quantifier::ForAnyValue) => false,
    };
    operator.if_exists &= !holds_when_absent;
    operator
}

fn plain_value(test: Test, value: &str) -> String {
    let plain = match Kind::of(test) {
        Kind::Number => number(value).map(|number| number.to_string()),
        Kind::Date => date(value).map(|seconds| seconds.to_string()),
        Kind::Other if test == Test::IpAddress => Cidr::parse(value).map(|range| range.to_string()),
        Kind::Other => None,
    };
    plain.unwrap_or_else(|| value.to_owned())
}

/// Says whether `wanted` holds whenever all of `given` do. Says no when it cannot be shown.
pub(super) fn implied(wanted: &Condition, given: &BTreeSet<Condition>) -> bool {
    given.contains(wanted) || given.iter().any(|given| implies(given, wanted))
}

fn implies(given: &Condition, wanted: &Condition) -> bool {
    if given.key != wanted.key {
        return false;
    }
    let (from, to) = (given.operator, wanted.operator);
    if to.test == Test::Null {
        let found = !from.negated && !from.if_exists && from.quantifier != Some(Quantifier::ForAllValues);
        return found && from.test != Test::Null && wanted.values.contains("false");
    }
    if from.test == Test::Null
        || from.quantifier != to.quantifier
        || from.negated != to.negated
        || (from.if_exists && !to.if_exists)
    {
        return false;
    }
    let within = |one: (Test, &String), set: (Test, &BTreeSet<String>)| {
        set.1.iter().any(|other| value_within(one, (set.0, other)))
    };
    if from.negated {
        wanted.values.iter().all(|value| within((to.test, value), (from.test, &given.values)))
    } else {
        given.values.iter().all(|value| within((from.test, value), (to.test, &wanted.values)))
    }
}

/// Says whether whatever matches the first value matches the second.
fn value_within((inner, inner_value): (Test, &String), (outer, outer_value): (Test, &String)) -> bool {
    if inner == outer && inner_value == outer_value {
        return true;
    }
    // What a variable stands for is not known here.
    if outer_value.contains("${") || (inner_value.contains("${") && outer_value != "*") {
        return false;
    }
    match (inner, outer) {
        (Test::StringEquals, Test::StringLike) => includes(&wild(outer_value), &literal(inner_value)),
        (Test::StringLike, Test::StringLike) => includes(&wild(outer_value), &wild(inner_value)),
        (Test::StringEquals | Test::StringEqualsIgnoreCase, Test::StringEqualsIgnoreCase) => {
            inner_value.to_lowercase() == outer_value.to_lowercase()
        }
        (Test::Arn { .. }, Test::Arn { .. }) => arn_includes(&wild(outer_value), &wild(inner_value)),
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

/// The numbers that a comparison lets pass: each end with whether it belongs to them.
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
