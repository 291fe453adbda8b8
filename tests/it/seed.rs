//! Where all property tests get their randomness: a new seed at every run, told when one fails.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};

/// Says what repeats the run; a test's output is shown when it fails. No files of old failures: they would be kept
/// beside the tests and do not say what they stand for.
#[expect(clippy::print_stdout, reason = "the seed has to be seen")]
pub(crate) fn seeded() -> ProptestConfig {
    let usual = ProptestConfig::default();
    let seed = match usual.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => RandomState::new().hash_one("seed"),
    };
    println!("to repeat this run: PROPTEST_RNG_SEED={seed}");
    ProptestConfig { rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..usual }
}

#[test]
fn a_seed_repeats_its_run() {
    let values = |config: ProptestConfig| -> Vec<u64> {
        let mut runner = TestRunner::new(config);
        (0..4).map(|_| any::<u64>().new_tree(&mut runner).expect("a number").current()).collect()
    };
    let config = seeded();
    assert!(matches!(config.rng_seed, RngSeed::Fixed(_)));
    assert_eq!(values(config.clone()), values(config.clone()));
    let other = ProptestConfig { rng_seed: RngSeed::Fixed(values(config.clone())[0]), ..config.clone() };
    assert_ne!(values(config), values(other));
}

#[test]
fn every_property_test_says_its_seed() {
    let mut users = 0;
    for path in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it")) {
        let text = read(&path);
        for (at, start) in text.match_indices("\nproptest! {\n") {
            users += 1;
            let first = text[at + start.len()..].lines().next().unwrap_or_default();
            assert!(first.contains("proptest_config(") && first.contains("seeded()"), "{}", path.display());
        }
    }
    assert!(users >= 3, "{users} property tests were found");
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in directory.read_dir().expect("a directory of ours") {
        let path = entry.expect("a readable directory").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[expect(clippy::disallowed_methods, reason = "the tests read their own source")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
