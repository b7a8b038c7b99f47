//! Answers lines of access cases and pairs of policies.

use lockstep::access::answer_line;

/// Checks one line.
pub fn check(data: &[u8]) {
    let Ok(line) = std::str::from_utf8(data) else { return };
    if let Ok(answer) = answer_line(line) {
        assert!(!answer.contains('\n'));
        assert_eq!(answer_line(line).expect("the answer to a line is one"), answer);
    }
}
