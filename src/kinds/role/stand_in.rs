//! Names of temporary roles.

use sha2::{Digest as _, Sha256};

/// Suffix of the name of a temporary role in the stack and, if the name is short enough, in IAM. A name in a stack file
/// cannot contain `+`.
pub const STAND_IN: &str = "+stand-in";
/// Maximum length of a role name in IAM.
const LONGEST: usize = 64;
/// Minimum number of digest digits that distinguish the roles of one stack.
const DIGITS: usize = 8;

/// Returns the name in IAM of the temporary role for another role. It has the prefix of the stack, because roles are
/// found by that prefix. Returns `None` if that leaves no room.
pub fn stand_in_name(prefix: &str, original: &str) -> Option<String> {
    let whole = format!("{original}{STAND_IN}");
    if whole.len() <= LONGEST {
        return Some(whole);
    }
    let digest = Sha256::digest(original);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    // Contains a `+`, so it cannot collide with a name in a stack file.
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
