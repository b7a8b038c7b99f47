//! The bucket of the lock.

use super::context::Context;
use crate::stack::model::Lock;

const PATH: [&str; 2] = ["lock", "bucket"];

/// What S3 keeps for itself.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
const PREFIXES: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
/// Names of access points and of other kinds of buckets, in which no lock can be kept.
const SUFFIXES: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

pub(super) fn compile(cx: &Context<'_>) -> Option<String> {
    let Lock { bucket } = cx.file.lock.as_ref()?;
    let fits = cx.require(
        is_bucket(bucket),
        &PATH,
        "the name of a bucket has 3 to 63 characters: lowercase letters, digits, `-` and `.`, with a letter or a digit \
         at both ends and around every `.`",
    ) && cx.require(!is_address(bucket), &PATH, "the name of a bucket must not look like an IP address")
        && cx.require(
            !PREFIXES.iter().any(|prefix| bucket.starts_with(prefix))
                && !SUFFIXES.iter().any(|suffix| bucket.ends_with(suffix)),
            &PATH,
            "S3 keeps such names for access points and other kinds of buckets; name a general purpose bucket",
        );
    fits.then(|| bucket.clone())
}

fn is_bucket(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.split('.').all(|part| {
            part.starts_with(plain) && part.ends_with(plain) && part.chars().all(|c| plain(c) || c == '-')
        })
}

fn is_address(name: &str) -> bool {
    name.parse::<std::net::Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_buckets_are_told_from_others() {
        for name in ["abc", "a-b.c-1", "1.a", &"a".repeat(63)] {
            assert!(is_bucket(name), "{name}");
        }
        for name in ["ab", "Abc", "a_b", "-ab", "ab-", "a..b", "a.-b", ".ab", "ab.", "a/b", &"a".repeat(64)] {
            assert!(!is_bucket(name), "{name}");
        }
        assert!(is_address("192.168.5.4") && !is_address("a.168.5.4"));
    }
}
