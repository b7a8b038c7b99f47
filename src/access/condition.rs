//! Decides whether the conditions of a statement hold for a request.

use std::collections::BTreeSet;

use super::context::{Context, Lookup};
use super::document::{Conditions, Version};
use super::operator::{Operator, Quantifier, Test};
use super::pattern::{Token, includes, literal, wild};
use super::tri::Tri;
use super::values::{Cidr, date, number, same_bytes};
use super::variable::{Expanded, Reader, expand};

/// The context in which conditions are evaluated.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub context: &'a Context,
    pub version: Version,
    /// A condition key that KMS does not offer in this type of policy; it counts as absent.
    pub hidden_key: Option<&'a str>,
}

impl Scope<'_> {
    fn lookup(&self, key: &str) -> Lookup<'_> {
        match self.hidden_key {
            Some(hidden) if hidden.eq_ignore_ascii_case(key) => Lookup::Absent,
            _ => self.context.lookup(key),
        }
    }
}

/// Returns whether all conditions hold.
pub(super) fn all_hold(conditions: &Conditions, scope: Scope<'_>) -> Tri {
    Tri::all(conditions.iter().flat_map(|(operator, keys)| {
        keys.iter().map(move |(key, values)| holds(*operator, key.as_str(), values, scope))
    }))
}

/// Returns whether one condition holds.
pub(super) fn holds(operator: Operator, key: &str, wanted: &BTreeSet<String>, scope: Scope<'_>) -> Tri {
    let have = match scope.lookup(key) {
        Lookup::Unknown => return Tri::Maybe,
        Lookup::Absent => &[],
        Lookup::Values(values) => values,
    };
    if operator.test == Test::Null {
        let absent = have.is_empty().to_string();
        return wanted.contains(&absent).into();
    }
    if have.is_empty() {
        return absent(operator).into();
    }
    // Set operators treat a key that holds only empty strings as an empty set.
    if operator.quantifier.is_some() && have.iter().all(String::is_empty) {
        return (operator.quantifier == Some(Quantifier::ForAllValues)).into();
    }
    let wanted: Vec<Wanted<'_>> = wanted.iter().map(|value| Wanted::new(operator, value, scope)).collect();
    let each = have.iter().map(|value| one_holds(operator, &wanted, value));
    match (operator.quantifier, operator.negated) {
        (Some(Quantifier::ForAllValues), _) | (None, true) => Tri::all(each),
        (Some(Quantifier::ForAnyValue), _) | (None, false) => Tri::any(each),
    }
}

/// Returns whether a condition other than `Null` holds on a key that the request does not have.
pub(super) fn absent(operator: Operator) -> bool {
    match operator.quantifier {
        _ if operator.if_exists => true,
        Some(Quantifier::ForAllValues) => true,
        Some(Quantifier::ForAnyValue) => false,
        None => operator.negated,
    }
}

/// A policy value that is ready to be compared.
enum Wanted<'a> {
    Pattern(Vec<Token>),
    Raw(&'a str),
    /// The value holds a variable without a value; every comparison with it fails, even a negated one.
    Unresolved,
    Unknown,
}

impl<'a> Wanted<'a> {
    fn new(operator: Operator, value: &'a str, scope: Scope<'_>) -> Self {
        let read: Reader = match operator.test {
            Test::StringLike | Test::Arn { .. } => wild,
            Test::StringEquals | Test::StringEqualsIgnoreCase => literal,
            _ => return Self::Raw(value),
        };
        let pattern = |tokens| match operator.test {
            Test::StringEqualsIgnoreCase => Self::Pattern(lower(tokens)),
            _ => Self::Pattern(tokens),
        };
        if scope.version == Version::V2008 {
            return pattern(read(value));
        }
        match expand(value, scope.context, read) {
            Expanded::Pattern(tokens) => pattern(tokens),
            Expanded::Unresolved => Self::Unresolved,
            Expanded::Unknown => Self::Unknown,
        }
    }
}

fn one_holds(operator: Operator, wanted: &[Wanted<'_>], have: &str) -> Tri {
    if operator.negated && wanted.iter().any(|wanted| matches!(wanted, Wanted::Unresolved)) {
        return Tri::No;
    }
    // Tokenized once, however long the list of values is.
    let tokens = match operator.test {
        Test::StringEqualsIgnoreCase => literal(&have.to_lowercase()),
        _ if operator.takes_variables() => literal(have),
        _ => Vec::new(),
    };
    let some = Tri::any(wanted.iter().map(|wanted| match wanted {
        Wanted::Pattern(wanted) => match operator.test {
            Test::Arn { .. } => arn_includes(wanted, &tokens).into(),
            _ => includes(wanted, &tokens).into(),
        },
        Wanted::Raw(value) => value_matches(operator.test, value, have).into(),
        Wanted::Unresolved => Tri::No,
        Wanted::Unknown => Tri::Maybe,
    }));
    if operator.negated { !some } else { some }
}

fn lower(tokens: Vec<Token>) -> Vec<Token> {
    tokens
        .into_iter()
        .flat_map(|token| match token {
            Token::Char(char) => char.to_lowercase().map(Token::Char).collect::<Vec<_>>(),
            other => vec![other],
        })
        .collect()
}

/// Compares ARNs part by part: a wildcard never matches across one of the first five colons.
pub(super) fn arn_includes(outer: &[Token], inner: &[Token]) -> bool {
    arn_within(outer, inner, includes)
}

/// Compares ARNs part by part, with `includes` for each pair of parts.
pub(super) fn arn_within(
    outer: &[Token],
    inner: &[Token],
    includes: impl Fn(&[Token], &[Token]) -> bool,
) -> bool {
    if outer == [Token::Any] {
        return true;
    }
    let parts = |tokens| <[Token]>::splitn(tokens, 6, |token: &Token| *token == Token::Char(':'));
    parts(outer).count() == 6
        && parts(inner).count() == 6
        && parts(outer).zip(parts(inner)).all(|(outer, inner)| includes(outer, inner))
}

/// Returns whether a text has the six parts of an ARN.
pub(super) fn are_parts_of_arn(text: &str) -> bool {
    text.splitn(6, ':').count() == 6
}

fn value_matches(test: Test, wanted: &str, have: &str) -> bool {
    let numbers = || number(have).zip(number(wanted));
    let dates = || date(have).zip(date(wanted));
    let compared = match test {
        Test::NumericEquals => numbers().map(|(have, wanted)| have == wanted),
        Test::NumericLessThan => numbers().map(|(have, wanted)| have < wanted),
        Test::NumericLessThanEquals => numbers().map(|(have, wanted)| have <= wanted),
        Test::NumericGreaterThan => numbers().map(|(have, wanted)| have > wanted),
        Test::NumericGreaterThanEquals => numbers().map(|(have, wanted)| have >= wanted),
        Test::DateEquals => dates().map(|(have, wanted)| have == wanted),
        Test::DateLessThan => dates().map(|(have, wanted)| have < wanted),
        Test::DateLessThanEquals => dates().map(|(have, wanted)| have <= wanted),
        Test::DateGreaterThan => dates().map(|(have, wanted)| have > wanted),
        Test::DateGreaterThanEquals => dates().map(|(have, wanted)| have >= wanted),
        Test::IpAddress => {
            Cidr::parse(wanted).zip(Cidr::parse(have)).map(|(range, have)| range.contains(have))
        }
        Test::BinaryEquals => Some(same_bytes(wanted, have)),
        _ => Some(wanted.eq_ignore_ascii_case(have)),
    };
    compared.unwrap_or(false)
}
