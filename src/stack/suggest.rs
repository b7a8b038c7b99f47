//! "Did you mean": the known name that is nearest to the written one.

/// Maximum number of names that are compared.
const MOST_KNOWN: usize = 1000;

/// Returns the known name nearest to `written`, if it is near enough to be a likely typo.
pub(super) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if written.len() > 100 {
        return None;
    }
    let written = written.to_lowercase().replace('-', "_");
    let distance = |name: &str| {
        let distance = strsim::damerau_levenshtein(&written, name);
        let longest = written.chars().count().max(name.chars().count());
        (distance <= (longest / 3).max(1) && distance < longest).then_some(distance)
    };
    let near = |name: &'a str| {
        let folded = name.to_lowercase().replace('-', "_");
        // The user may have written only the distinctive word of a longer name.
        let word = || folded.split('_').filter(|word| word.len() > 3).filter_map(distance).min();
        let near = distance(&folded).or_else(|| word().filter(|near| *near <= 1).map(|near| near + 10))?;
        Some((near, name))
    };
    known.into_iter().take(MOST_KNOWN).filter_map(near).min().map(|(_, name)| name)
}

/// Returns a suggestion for an unknown name: the nearest known one, or all of them if they are few.
pub(super) fn advice<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(name) = nearest(written, known.iter().copied()) {
        return Some(format!("did you mean `{name}`?"));
    }
    match known.as_slice() {
        [] => None,
        [only] => Some(format!("the only one is `{only}`")),
        few if few.len() <= 16 => Some(format!("known are `{}`", few.join("`, `"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_of_the_finger_and_nothing_far_off() {
        let known = ["rotation", "description", "multi_region"];
        assert_eq!(nearest("rotaton", known), Some("rotation"));
        assert_eq!(nearest("multi-region", known), Some("multi_region"));
        assert_eq!(nearest("Rotation", known), Some("rotation"));
        assert_eq!(nearest("policy", known), None);
        assert_eq!(nearest("polices", ["path", "managed_policies"]), Some("managed_policies"));
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(advice("zzz", ["a", "b"]).unwrap(), "known are `a`, `b`");
    }
}
