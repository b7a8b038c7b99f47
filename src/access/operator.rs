//! Condition operators: their names and parts.

use std::fmt;

/// The comparison of a single value of the request with a single value of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Test {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    NumericEquals,
    NumericLessThan,
    NumericLessThanEquals,
    NumericGreaterThan,
    NumericGreaterThanEquals,
    DateEquals,
    DateLessThan,
    DateLessThanEquals,
    DateGreaterThan,
    DateGreaterThanEquals,
    Bool,
    BinaryEquals,
    IpAddress,
    /// `ArnEquals` and `ArnLike`, which behave the same; the flag keeps the spelling.
    Arn {
        like: bool,
    },
    Null,
}

/// The set operator for a multivalued key, which decides how many of its values must match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantifier {
    ForAllValues,
    ForAnyValue,
}

/// A condition operator: `ForAnyValue:StringNotLikeIfExists` is a quantifier, a negated test and a suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operator {
    pub quantifier: Option<Quantifier>,
    pub test: Test,
    pub negated: bool,
    pub if_exists: bool,
}

/// Every operator without quantifier and suffix: name, test, negated.
const NAMES: &[(&str, Test, bool)] = &[
    ("StringEquals", Test::StringEquals, false),
    ("StringNotEquals", Test::StringEquals, true),
    ("StringEqualsIgnoreCase", Test::StringEqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Test::StringEqualsIgnoreCase, true),
    ("StringLike", Test::StringLike, false),
    ("StringNotLike", Test::StringLike, true),
    ("NumericEquals", Test::NumericEquals, false),
    ("NumericNotEquals", Test::NumericEquals, true),
    ("NumericLessThan", Test::NumericLessThan, false),
    ("NumericLessThanEquals", Test::NumericLessThanEquals, false),
    ("NumericGreaterThan", Test::NumericGreaterThan, false),
    ("NumericGreaterThanEquals", Test::NumericGreaterThanEquals, false),
    ("DateEquals", Test::DateEquals, false),
    ("DateNotEquals", Test::DateEquals, true),
    ("DateLessThan", Test::DateLessThan, false),
    ("DateLessThanEquals", Test::DateLessThanEquals, false),
    ("DateGreaterThan", Test::DateGreaterThan, false),
    ("DateGreaterThanEquals", Test::DateGreaterThanEquals, false),
    ("Bool", Test::Bool, false),
    ("BinaryEquals", Test::BinaryEquals, false),
    ("IpAddress", Test::IpAddress, false),
    ("NotIpAddress", Test::IpAddress, true),
    ("ArnEquals", Test::Arn { like: false }, false),
    ("ArnNotEquals", Test::Arn { like: false }, true),
    ("ArnLike", Test::Arn { like: true }, false),
    ("ArnNotLike", Test::Arn { like: true }, true),
    ("Null", Test::Null, false),
];

impl Operator {
    /// `StringEquals`.
    pub const STRING_EQUALS: Self = Self::plain(Test::StringEquals);
    /// `StringLike`.
    pub const STRING_LIKE: Self = Self::plain(Test::StringLike);
    /// `ArnEquals`.
    pub const ARN_EQUALS: Self = Self::plain(Test::Arn { like: false });
    /// `ArnLike`.
    pub const ARN_LIKE: Self = Self::plain(Test::Arn { like: true });
    /// `Bool`.
    pub const BOOL: Self = Self::plain(Test::Bool);
    /// `Null`.
    pub const NULL: Self = Self::plain(Test::Null);

    /// Makes an operator without quantifier, negation and suffix.
    pub const fn plain(test: Test) -> Self {
        Self { quantifier: None, test, negated: false, if_exists: false }
    }

    /// Reads the name of an operator, in any letter case; `None` if AWS has no such operator.
    pub fn parse(name: &str) -> Option<Self> {
        let (quantifier, rest) = match name.split_once(':') {
            Some((head, rest)) if head.eq_ignore_ascii_case("ForAllValues") => {
                (Some(Quantifier::ForAllValues), rest)
            }
            Some((head, rest)) if head.eq_ignore_ascii_case("ForAnyValue") => {
                (Some(Quantifier::ForAnyValue), rest)
            }
            Some(_) => return None,
            None => (None, name),
        };
        let folded = rest.to_ascii_lowercase();
        let (base, if_exists) = match folded.strip_suffix("ifexists") {
            Some(base) => (base, true),
            None => (folded.as_str(), false),
        };
        let (_, test, negated) = *NAMES.iter().find(|(known, _, _)| known.eq_ignore_ascii_case(base))?;
        // `Null` tests whether the key exists, so neither suffix nor quantifier has a meaning with it.
        if test == Test::Null && (if_exists || quantifier.is_some()) {
            return None;
        }
        Some(Self { quantifier, test, negated, if_exists })
    }

    /// Brings a value into a form in which equivalent values are equal: `Bool` and `Null` ignore letter case.
    pub(super) fn normal(self, value: String) -> String {
        match self.test {
            Test::Bool | Test::Null => value.to_ascii_lowercase(),
            _ => value,
        }
    }

    /// Returns whether policy variables are replaced in the values of this operator.
    pub fn takes_variables(self) -> bool {
        matches!(
            self.test,
            Test::StringEquals | Test::StringEqualsIgnoreCase | Test::StringLike | Test::Arn { .. }
        )
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { quantifier, test, negated, if_exists } = *self;
        match quantifier {
            Some(Quantifier::ForAllValues) => formatter.write_str("ForAllValues:")?,
            Some(Quantifier::ForAnyValue) => formatter.write_str("ForAnyValue:")?,
            None => {}
        }
        let known = NAMES.iter().find(|(_, known, not)| (*known, *not) == (test, negated));
        formatter.write_str(known.map_or("", |(name, _, _)| name))?;
        formatter.write_str(if if_exists { "IfExists" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_reads_back_what_it_writes() {
        for (name, _, _) in NAMES {
            for text in [
                (*name).to_owned(),
                format!("ForAllValues:{name}"),
                format!("ForAnyValue:{name}"),
                format!("{name}IfExists"),
                format!("ForAnyValue:{name}IfExists"),
            ] {
                match Operator::parse(&text) {
                    Some(operator) => assert_eq!(operator.to_string(), text),
                    None => assert!(name == &"Null" && text != "Null", "{text}"),
                }
            }
        }
    }

    #[test]
    fn unknown_operators_are_not_guessed() {
        for text in ["StringMatches", "ForSomeValues:StringEquals", "NotBool", "NullIfExists", ""] {
            assert_eq!(Operator::parse(text), None, "{text}");
        }
    }
}
