//! Condition values that are not plain text: numbers, dates, addresses, bytes.

use std::fmt;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Reads a number; `None` for anything that cannot be compared.
pub(super) fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|number| number.is_finite())
}

/// Reads a date as seconds since 1970: ISO 8601 in the W3C forms, or epoch seconds.
pub(super) fn date(text: &str) -> Option<f64> {
    let text = text.trim();
    // Four digits are a year in the W3C forms; any other bare number is epoch time.
    if text.len() != 4 && !text.contains(['-', 'T', ':']) {
        return number(text);
    }
    let (day, time) = text.split_once('T').map_or((text, None), |(day, time)| (day, Some(time)));
    let mut parts = day.splitn(3, '-').map(|part| part.parse::<u32>().ok());
    let year = parts.next()??;
    let month = parts.next().unwrap_or(Some(1))?;
    let day = parts.next().unwrap_or(Some(1))?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let days = days_since_epoch(i64::from(year), i64::from(month), i64::from(day));
    let seconds = time.map_or(Some(0.0), time_of_day)?;
    Some(days as f64 * 86_400.0 + seconds)
}

/// Reads `08:15`, `08:15:00`, `08:15:00.5`, each with `Z` or an offset, as seconds of the day in UTC.
fn time_of_day(text: &str) -> Option<f64> {
    let (clock, offset) = match text.find(['Z', '+', '-']).map(|at| text.split_at(at)) {
        None | Some((_, "Z")) => (text.trim_end_matches('Z'), 0.0),
        Some((clock, offset)) => {
            let hours_minutes = clock_seconds(offset.get(1..)?)?;
            (clock, if offset.starts_with('-') { -hours_minutes } else { hours_minutes })
        }
    };
    clock_seconds(clock).map(|seconds| seconds - offset)
}

fn clock_seconds(text: &str) -> Option<f64> {
    let mut seconds = 0.0;
    let mut unit = 3_600.0;
    for part in text.splitn(3, ':') {
        seconds += number(part)? * unit;
        unit /= 60.0;
    }
    Some(seconds)
}

/// Counts the days since 1970-01-01 in the Gregorian calendar; its years start in March so that leap days come last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// A range of IP addresses: the bits of the prefix, and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cidr {
    v6: bool,
    bits: u128,
    prefix: u32,
}

impl Cidr {
    /// Reads `203.0.113.0/24`, `2001:db8::/32`, or a single address.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) =
            text.trim().split_once('/').map_or((text.trim(), None), |(a, p)| (a, Some(p)));
        // Left-aligned in 128 bits, so that a prefix is a shift for both families.
        let (v6, bits, width) = match address.parse().ok()? {
            IpAddr::V4(address) => (false, u128::from(u32::from(address)) << 96, 32),
            IpAddr::V6(address) => (true, u128::from(address), 128),
        };
        let prefix = prefix.map_or(Some(width), |prefix| prefix.parse().ok())?;
        (prefix <= width).then(|| Self { v6, bits: masked(bits, prefix), prefix })
    }

    /// Returns whether every address of `other` is in this range.
    pub fn contains(self, other: Self) -> bool {
        self.v6 == other.v6 && self.prefix <= other.prefix && masked(other.bits, self.prefix) == self.bits
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = match self.v6 {
            true => IpAddr::from(self.bits.to_be_bytes()),
            false => IpAddr::from(u32::try_from(self.bits >> 96).unwrap_or_default().to_be_bytes()),
        };
        write!(formatter, "{address}/{}", self.prefix)
    }
}

fn masked(bits: u128, prefix: u32) -> u128 {
    bits & u128::MAX.checked_shl(128 - prefix).unwrap_or(0)
}

/// Returns whether two values are the same bytes: the policy holds base64, the request either that or the bytes.
pub(super) fn same_bytes(policy: &str, request: &str) -> bool {
    let Ok(wanted) = STANDARD.decode(policy) else { return false };
    wanted == request.as_bytes() || STANDARD.decode(request).is_ok_and(|bytes| bytes == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_many_forms() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0.0)),
            ("2024-02-29", Some(1_709_164_800.0)),
            ("2026-03-02T08:15:00Z", Some(1_772_439_300.0)),
            ("2026-03-02T09:15:00+01:00", Some(1_772_439_300.0)),
            ("2026-03-02T08:15Z", Some(1_772_439_300.0)),
            ("2026-03-02T08:15:00.5Z", Some(1_772_439_300.5)),
            ("2026", Some(1_767_225_600.0)),
            ("2026-03", Some(1_772_323_200.0)),
            ("1772439300", Some(1_772_439_300.0)),
            ("2026-13-01", None),
            ("soon", None),
        ] {
            assert_eq!(date(text), expected, "{text}");
        }
    }

    #[test]
    fn ranges_hold_addresses() {
        for (range, address, expected) in [
            ("203.0.113.0/24", "203.0.113.255", true),
            ("203.0.113.0/24", "203.0.114.0", false),
            ("203.0.113.7", "203.0.113.7/32", true),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "::1", false),
            ("2001:DB8:1234:5678::/64", "2001:db8:1234:5678::1", true),
            ("2001:DB8:1234:5678::/64", "2001:db8:1234:5679::1", false),
        ] {
            let (range, address) = (Cidr::parse(range).unwrap(), Cidr::parse(address).unwrap());
            assert_eq!(range.contains(address), expected);
        }
        assert_eq!(Cidr::parse("203.0.113.0/33"), None);
    }

    #[test]
    fn bytes_are_compared_decoded() {
        assert!(same_bytes("aGk=", "hi"));
        assert!(same_bytes("aGk=", "aGk="));
        assert!(!same_bytes("aGk=", "ho"));
    }
}
