//! Inputs, and small changes of them that are the same in every run.

use std::path::Path;

use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use sha2::{Digest, Sha256};

/// Pieces that break parsers.
const PIECES: [&[u8]; 24] = [
    b"\0",
    b"\xff",
    b"\r",
    b"\r\n",
    b"\n",
    b"\t",
    b"\xe2\x80\xa8",
    b"\x1b[2J",
    b"\xc2\x9b",
    b"\"",
    b"'",
    b"\\",
    b"{",
    b"[",
    b"}",
    b"]",
    b"<",
    b"&",
    b"%",
    b"${",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"null",
];

/// Reads the corpus of a target, by name.
pub fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<_> = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

/// Returns an input, and so many mutations of it. The seed is the name: a new file does not change the others.
pub fn mutations(name: &str, data: &[u8], count: usize) -> Vec<Vec<u8>> {
    let seed = Sha256::digest(name.as_bytes());
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut all = vec![data.to_vec()];
    all.extend((0..count).map(|_| mutated(data, &mut rng)));
    all
}

fn mutated(data: &[u8], rng: &mut TestRng) -> Vec<u8> {
    let mut data = data.to_vec();
    for _ in 0..=below(rng, 3) {
        let (from, to) = (below(rng, data.len() + 1), below(rng, data.len() + 1));
        let (from, to) = (from.min(to), from.max(to));
        match below(rng, 6) {
            0 => data.truncate(to),
            1 => drop(data.drain(from..to.min(from + 16))),
            2 => {
                let again = data[from..to.min(from + 200)].to_vec();
                data.splice(to..to, again);
            }
            3 if from < data.len() => data[from] ^= 1 << below(rng, 8),
            _ => {
                let piece = PIECES[below(rng, PIECES.len())].to_vec();
                data.splice(from..from, piece);
            }
        }
    }
    data
}

fn below(rng: &mut TestRng, end: usize) -> usize {
    usize::try_from(rng.next_u64() % u64::try_from(end.max(1)).unwrap()).unwrap()
}
