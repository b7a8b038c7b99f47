//! Small values of a stack file: durations, names, ARNs, media types.

use crate::access::{Arn, is_account_id};

/// A unit of a duration, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit(u64);

pub(super) const MILLISECOND: Unit = Unit(1);
pub(super) const SECOND: Unit = Unit(1000);
pub(super) const DAY: Unit = Unit(24 * 60 * 60 * 1000);

/// The allowed range of a duration, both ends included, and the unit in which it is counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub unit: Unit,
    pub low: u32,
    pub high: u32,
}

impl Range {
    pub const fn new(unit: Unit, low: u32, high: u32) -> Self {
        Self { unit, low, high }
    }

    /// Parses a duration; the error describes the valid values.
    pub fn read(self, text: &str) -> Result<u32, String> {
        let Self { unit: Unit(unit), low, high } = self;
        let right = || format!("it can be {} to {}", shown(unit, low), shown(unit, high));
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, suffix) = text.split_at(split);
        let factor = match suffix.trim_start() {
            "ms" => 1,
            "s" | "sec" | "second" | "seconds" => 1000,
            "m" | "min" | "minute" | "minutes" => 60 * 1000,
            "h" | "hour" | "hours" => 60 * 60 * 1000,
            "d" | "day" | "days" => DAY.0,
            _ => return Err(format!("{}, in `ms`, `s`, `min`, `h` or `d`", right())),
        };
        let number: u64 = digits.parse().map_err(|_| right())?;
        let millis = number.checked_mul(factor).ok_or_else(right)?;
        if !millis.is_multiple_of(unit) {
            return Err(format!("{}, in whole steps of {}", right(), shown(unit, 1)));
        }
        u32::try_from(millis / unit).ok().filter(|count| (low..=high).contains(count)).ok_or_else(right)
    }
}

fn shown(unit: u64, count: u32) -> String {
    let millis = unit * u64::from(count);
    for (suffix, factor) in [("d", DAY.0), ("h", 3_600_000), ("min", 60_000), ("s", 1000)] {
        if millis >= factor && millis.is_multiple_of(factor) {
            return format!("{}{suffix}", millis / factor);
        }
    }
    if unit == 1 { format!("{millis}ms") } else { format!("{}s", millis / 1000) }
}

/// Retention periods that CloudWatch Logs supports, in days.
pub(super) const RETENTIONS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// Names of environment variables that are reserved by Lambda.
pub(super) const RESERVED_ENV: [&str; 16] = [
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_EXECUTION_ENV",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
    "_HANDLER",
];

/// Returns whether a text has 1 to `longest` characters, each a letter, a digit or one of `more`.
pub(super) fn is_word(text: &str, more: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.chars().count())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
}

/// Returns whether a text is the ARN of a resource of a service, with an account id where it has one.
pub(super) fn is_arn(text: &str, service: &str, resource: &str) -> bool {
    Arn::split(text).is_some_and(|arn| {
        arn.service == service
            && (arn.partition == "aws" || arn.partition.starts_with("aws-"))
            && arn.resource.starts_with(resource)
            && arn.resource.len() > resource.len()
            && (arn.account.is_empty() || arn.account == "aws" || is_account_id(arn.account))
            && !text.contains(char::is_whitespace)
    })
}

/// Returns whether a text is a media type, or `*/*`.
pub(super) fn is_media_type(text: &str) -> bool {
    let part = |part: &str| part == "*" || is_word(part, "!#$&-^_.+", 127);
    text.split_once('/').is_some_and(|(kind, rest)| part(kind) && part(rest))
}

/// Returns whether a text is the name of an HTTP header.
pub(super) fn is_header(text: &str) -> bool {
    is_word(text, "!#$%&'*+-.^_`|~", 256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_count_in_their_unit_and_say_their_range() {
        assert_eq!(Range::new(DAY, 7, 30).read("30d"), Ok(30));
        assert_eq!(Range::new(DAY, 7, 30).read("168h"), Ok(7));
        assert_eq!(Range::new(SECOND, 0, 3600).read("5 min"), Ok(300));
        assert_eq!(Range::new(SECOND, 0, 3600).read("0s"), Ok(0));
        assert_eq!(Range::new(MILLISECOND, 50, 29_000).read("29s"), Ok(29_000));
        let error = |range: Range, text: &str| range.read(text).unwrap_err();
        assert_eq!(error(Range::new(DAY, 7, 30), "6d"), "it can be 7d to 30d");
        assert_eq!(error(Range::new(SECOND, 1, 900), "1h"), "it can be 1s to 15min");
        assert_eq!(
            error(Range::new(SECOND, 1, 900), "1500ms"),
            "it can be 1s to 15min, in whole steps of 1s"
        );
        assert!(error(Range::new(DAY, 7, 30), "30").ends_with("in `ms`, `s`, `min`, `h` or `d`"));
        assert_eq!(error(Range::new(DAY, 7, 30), "99999999999999999999d"), "it can be 7d to 30d");
        assert_eq!(error(Range::new(DAY, 7, 30), "9999999999999999d"), "it can be 7d to 30d");
        assert_eq!(error(Range::new(MILLISECOND, 50, 29_000), "1ms"), "it can be 50ms to 29s");
    }

    #[test]
    fn arns_and_media_types_are_told_from_others() {
        assert!(is_arn("arn:aws:iam::111122223333:role/x", "iam", "role/"));
        assert!(is_arn("arn:aws:iam::aws:policy/ReadOnlyAccess", "iam", "policy/"));
        assert!(!is_arn("arn:aws:iam::1111:role/x", "iam", "role/"));
        assert!(!is_arn("arn:aws:iam::111122223333:role/", "iam", "role/"));
        assert!(is_media_type("*/*") && is_media_type("application/vnd.api+json"));
        assert!(!is_media_type("json") && !is_media_type("a/b/c"));
    }
}
