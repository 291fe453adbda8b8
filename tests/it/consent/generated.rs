//! Strings that nobody has seen before, of the official encoders, each with what the same packages decode it to.
//!
//! What is known to be different, and is not a difference here: the sections 24 to 27 come without the section header
//! that the specification puts first (both are read), and the official decoder tells of a sub-section that is not
//! there as if it said no, or nobody. What the TC string encoder sets right by itself (a legitimate interest in
//! purposes 1 and 3 to 6) is not in its strings, so that only the vectors have it.

use std::path::Path;
use std::process::Command;

use proptest::test_runner::RngSeed;
use serde_json::Value;

use super::{gpp, tcf};
use crate::seed::seeded;

const ROWS: usize = 1_500;

/// `ROWS` of them.
fn generated(kind: &str) -> Vec<Value> {
    let RngSeed::Fixed(seed) = seeded().rng_seed else { panic!("there is always a seed") };
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/consent_strings");
    let run = Command::new("node")
        .current_dir(directory)
        .args(["generate.mjs", kind, &seed.to_string(), &ROWS.to_string()])
        .output()
        .expect("node runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let text = String::from_utf8(run.stdout).expect("node writes text");
    let rows: Vec<_> =
        text.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect();
    assert_eq!(rows.len(), ROWS);
    rows
}

#[test]
#[ignore = "takes `npm ci` in tests/consent_strings; tests/run does both"]
fn generated_tc_strings_decode_to_what_the_official_decoder_says() {
    let rows = generated("tcf");
    rows.iter().for_each(tcf::check_row);
    let long = rows.iter().filter(|row| row["s"].as_str().is_some_and(|text| text.len() > 1_000));
    let restricted = rows.iter().filter(|row| row["pr"].as_array().is_some_and(|list| !list.is_empty()));
    let (long, restricted) = (long.count(), restricted.count());
    println!("{ROWS} TC strings, {long} of them long, {restricted} with restrictions: 0 differences");
    assert!(long > ROWS / 20 && restricted > ROWS / 10, "the strings do not tell much");
}

#[test]
#[ignore = "takes `npm ci` in tests/consent_strings; tests/run does both"]
fn generated_gpp_strings_decode_to_what_the_official_decoder_says() {
    let rows = generated("gpp");
    let differences: Vec<_> = rows.iter().flat_map(gpp::differences).collect();
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    let sections: usize = rows.iter().filter_map(|row| row["ids"].as_array()).map(Vec::len).sum();
    println!("{ROWS} GPP strings with {sections} sections: 0 differences");
    assert!(sections > 2 * ROWS, "the strings do not tell much");
}
