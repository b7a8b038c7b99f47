//! The checks of the fuzz targets, over their corpus and over mutations of it.
//!
//! Fuzzers run for hours and elsewhere; what they have found stays found by this.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "../../fuzz/checks/mod.rs"]
mod checks;

mod answers;
mod mutation;
mod saved_plan;
mod stack;

use mutation::{corpus, mutations};

#[test]
fn policies_of_the_corpus() {
    for (name, data) in corpus("policy") {
        mutations(&name, &data, 20).iter().for_each(|data| checks::policy::check(data));
    }
}

#[test]
fn lines_of_the_corpus() {
    for (name, data) in corpus("access_line") {
        mutations(&name, &data, 20).iter().for_each(|data| checks::access_line::check(data));
    }
}

#[test]
fn every_target_has_a_corpus_and_a_check() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let mut targets: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    targets.sort();
    assert_eq!(targets, ["access_line", "answers", "policy", "saved_plan", "stack"]);
    for target in targets {
        assert!(corpus(&target).len() >= 4, "{target}");
    }
}
