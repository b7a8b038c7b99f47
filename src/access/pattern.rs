//! Wildcard patterns: `*` matches any run of characters, `?` any single character.

/// One position of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Exactly the given character.
    Char(char),
    /// `?`.
    One,
    /// `*`.
    Any,
}

/// Parses text in which `*` and `?` are wildcards.
pub(super) fn wild(text: &str) -> Vec<Token> {
    text.chars()
        .map(|char| match char {
            '*' => Token::Any,
            '?' => Token::One,
            char => Token::Char(char),
        })
        .collect()
}

/// Returns whether every action that `inner` matches is matched by `outer`; both may hold wildcards, and letter case
/// does not count.
pub fn action_covers(outer: &str, inner: &str) -> bool {
    includes(&wild(&outer.to_ascii_lowercase()), &wild(&inner.to_ascii_lowercase()))
}

/// Parses text in which every character stands for itself.
pub(super) fn literal(text: &str) -> Vec<Token> {
    text.chars().map(Token::Char).collect()
}

/// Returns whether everything that `inner` matches is matched by `outer`; plain text is a pattern too.
pub(super) fn includes(outer: &[Token], inner: &[Token]) -> bool {
    includes_within(outer, inner, usize::MAX).0 == Some(true)
}

/// Returns the result of [`includes`], or `None` if it takes more than `most` steps, and the steps taken.
///
/// At worst the steps grow with the product of the lengths: after a mismatch only the last `*` is widened,
/// which is enough because widening an earlier one never helps.
pub(super) fn includes_within(outer: &[Token], inner: &[Token], most: usize) -> (Option<bool>, usize) {
    let (mut at_outer, mut at_inner, mut steps) = (0, 0, 0_usize);
    let mut last_any: Option<(usize, usize)> = None;
    while let Some(have) = inner.get(at_inner) {
        if steps == most {
            return (None, steps);
        }
        steps += 1;
        let step = match (outer.get(at_outer), have) {
            (Some(Token::Any), _) => {
                last_any = Some((at_outer, at_inner));
                at_outer += 1;
                continue;
            }
            (Some(Token::One), Token::One | Token::Char(_)) => true,
            (Some(Token::Char(want)), Token::Char(have)) => want == have,
            _ => false,
        };
        if step {
            at_outer += 1;
            at_inner += 1;
        } else if let Some((any, from)) = last_any {
            last_any = Some((any, from + 1));
            at_outer = any + 1;
            at_inner = from + 1;
        } else {
            return (Some(false), steps);
        }
    }
    let rest = outer.get(at_outer..).unwrap_or_default();
    (Some(rest.iter().all(|token| *token == Token::Any)), steps + rest.len())
}

/// Returns whether some text is matched by both patterns.
pub(super) fn overlap(left: &[Token], right: &[Token]) -> bool {
    // `reach` holds, for the part of `left` read so far, which parts of `right` can match the same text.
    let mut reach = vec![false; right.len() + 1];
    let skip_any = |reach: &mut [bool]| {
        for (at, token) in right.iter().enumerate() {
            if *token == Token::Any && reach.get(at) == Some(&true) {
                set(reach, at + 1);
            }
        }
    };
    set(&mut reach, 0);
    skip_any(&mut reach);
    for token in left {
        let mut next = vec![false; right.len() + 1];
        if *token == Token::Any {
            let first = reach.iter().position(|reached| *reached).unwrap_or(reach.len());
            next.iter_mut().skip(first).for_each(|flag| *flag = true);
            reach = next;
            continue;
        }
        for (at, _) in reach.iter().enumerate().filter(|(_, reached)| **reached) {
            match (token, right.get(at)) {
                (_, Some(Token::Any)) => set(&mut next, at),
                (Token::Char(left), Some(Token::Char(right))) if left != right => {}
                (_, Some(_)) => set(&mut next, at + 1),
                (_, None) => {}
            }
        }
        skip_any(&mut next);
        reach = next;
    }
    reach.last() == Some(&true)
}

fn set(flags: &mut [bool], at: usize) {
    if let Some(flag) = flags.get_mut(at) {
        *flag = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        includes(&wild(pattern), &literal(text))
    }

    #[test]
    fn wildcards_match_text() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*crypt", "kms:Decrypt", true),
            ("kms:*crypt", "kms:ReEncryptTo", false),
            ("kms:*crypt*", "kms:ReEncryptTo", true),
            ("kms:?ecrypt", "kms:Decrypt", true),
            ("kms:Decrypt?", "kms:Decrypt", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("**", "x", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        assert!(includes(&literal("*"), &literal("*")));
        assert!(!includes(&literal("*"), &literal("x")));
    }

    #[test]
    fn patterns_include_patterns() {
        for (outer, inner, expected) in [
            ("kms:*", "kms:Get*", true),
            ("kms:Get*", "kms:*", false),
            ("?", "*", false),
            ("*", "?", true),
            ("?*", "?", true),
            ("a*", "a?b*", true),
            ("a?", "ab", true),
            ("ab", "a?", false),
            ("*a", "*", false),
        ] {
            assert_eq!(includes(&wild(outer), &wild(inner)), expected, "{outer} {inner}");
        }
    }

    #[test]
    fn patterns_overlap() {
        for (left, right, expected) in [
            ("a*", "*b", true),
            ("a*", "b*", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("", "*", true),
            ("*a*", "b?", true),
            ("x", "xx", false),
        ] {
            assert_eq!(overlap(&wild(left), &wild(right)), expected, "{left} {right}");
            assert_eq!(overlap(&wild(right), &wild(left)), expected, "{right} {left}");
        }
    }

    #[test]
    fn many_stars_do_not_blow_up() {
        let pattern = "*a".repeat(2_000) + "b";
        let text = "a".repeat(4_000);
        assert!(!matches(&pattern, &text));
    }
}
