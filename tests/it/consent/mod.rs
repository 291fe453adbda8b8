//! Consent strings against what the official encoders say, and the rules against a second reading of them.

mod decoded;
mod generated;
mod gpp;
mod legal_basis;
mod over_http;
mod tcf;
pub(crate) mod us_table;

use std::collections::BTreeSet;
use std::path::Path;

use pixelgate::config::load_vendor_list;
use pixelgate::consent::tcf::vendor_list::VendorList;
use serde_json::Value;

fn vectors(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/consent").join(file)
}

#[expect(clippy::disallowed_methods, reason = "vectors are not in a data directory")]
fn text_of(file: &str) -> String {
    std::fs::read_to_string(vectors(file)).expect("the vectors are there")
}

fn rows(file: &str) -> Vec<Value> {
    text_of(file).lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect()
}

fn vendor_list() -> VendorList {
    load_vendor_list(&vectors("vendor-list.json")).expect("the vendor list is whole")
}

/// `"25,700-704"` -> the ids.
fn ids(ranges: &str) -> BTreeSet<u16> {
    let ranges = ranges.split(',').filter(|range| !range.is_empty());
    let ids = ranges.flat_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        first.parse::<u16>().expect("an id")..=last.parse().expect("an id")
    });
    ids.collect()
}

fn numbers(list: &Value) -> BTreeSet<u8> {
    let list = list.as_array().expect("a list").iter();
    list.map(|number| number.as_u64().and_then(|number| u8::try_from(number).ok()).expect("a small number"))
        .collect()
}
