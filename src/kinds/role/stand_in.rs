//! Names of roles that stand in for others.

use sha2::{Digest as _, Sha256};

/// What the name of a stand-in ends with, in the stack and as a rule in IAM. No name of a stack file has a `+`.
pub const STAND_IN: &str = "+stand-in";
/// Longest name of a role in IAM.
const LONGEST: usize = 64;
/// Fewest digits of a digest that tell roles of one stack apart.
const DIGITS: usize = 8;

/// Returns the name in IAM of the role that stands in for another. It has the prefix of the stack, for roles are
/// found by it; `None` where that leaves no room.
pub fn stand_in_name(prefix: &str, original: &str) -> Option<String> {
    let whole = format!("{original}{STAND_IN}");
    if whole.len() <= LONGEST {
        return Some(whole);
    }
    let digest = Sha256::digest(original);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    // What no name of a stack file can be.
    let mut short: String = format!("{prefix}+{hex}");
    short.truncate(LONGEST);
    (prefix.len() + 1 + DIGITS <= LONGEST).then_some(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_and_stays_in_the_stack() {
        assert_eq!(stand_in_name("s-e-", "s-e-a").as_deref(), Some("s-e-a+stand-in"));
        let [one, other] = ["a", "b"].map(|letter| format!("s-e-{}", letter.repeat(60)));
        let short = stand_in_name("s-e-", &one).unwrap();
        assert_eq!(short.len(), LONGEST);
        assert!(short.starts_with("s-e-+"));
        assert_ne!(stand_in_name("s-e-", &other), Some(short));
        assert_eq!(stand_in_name(&"p".repeat(60), &"p".repeat(64)), None);
    }
}
