//! Answers lines of cases and pairs.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep::access::answer_line;

fuzz_target!(|data: &[u8]| {
    let Ok(line) = std::str::from_utf8(data) else { return };
    if let Ok(answer) = answer_line(line) {
        assert!(!answer.contains('\n'));
        assert_eq!(answer_line(line).expect("the answer to a line is one"), answer);
    }
});
