//! The rule for sections 7 to 27, once more: slow, over a map of field names, with layouts and a bit encoder of its
//! own. Both are written from the rules' text and share nothing with the program.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use pixelgate::consent::gpp::us::UsSection;
use pixelgate::consent::gpp::us_rule::{UsReason, us_section_denies};

use crate::storage::support::Seeded;

const ROWS: usize = 20_000;

#[test]
fn the_rule_says_what_its_slow_twin_says() {
    for seed in [1, any_seed()] {
        let rng = Seeded::new(seed);
        let (mut denied, mut allowed, mut unreadable) = (0, 0, 0);
        let mut clauses = BTreeMap::new();
        for _ in 0..ROWS {
            let row = Row::any(&rng);
            let text = row.encode(&rng);
            let (expect, found) = (row.clauses(), found(row.id, &text));
            assert_eq!(found, expect, "seed {seed}: section {} {text}: {:?}", row.id, row.values);
            match expect {
                None => unreadable += 1,
                Some(reasons) if reasons.is_empty() => allowed += 1,
                Some(reasons) => {
                    denied += 1;
                    reasons.into_iter().for_each(|reason| *clauses.entry(reason).or_insert(0) += 1);
                }
            }
        }
        println!(
            "seed {seed}: {ROWS} rows, {denied} denied, {allowed} allowed, {unreadable} unreadable, 0 differences"
        );
        assert!(denied.min(allowed) > ROWS / 4 && unreadable > 100, "the rows do not tell much");
        assert_eq!(clauses.len(), UsReason::ALL.len(), "clauses that no row met: {clauses:?}");
        assert!(clauses.values().all(|rows| *rows > 10), "clauses that few rows met: {clauses:?}");
    }
}

#[test]
fn a_refusal_added_to_any_section_denies() {
    let seed = any_seed();
    println!("seed {seed}");
    let rng = Seeded::new(seed);
    for _ in 0..ROWS / 20 {
        let row = Row::any(&rng);
        for (name, refusal) in REFUSALS {
            let Some(count) = row.values.get(*name).map(Vec::len) else { continue };
            let mut refused = row.clone();
            let place = rng.below(count as u64) as usize;
            refused.values.get_mut(*name).expect("it is there")[place] = *refusal;
            let text = refused.encode(&rng);
            let denies = UsSection::parse(row.id, &text).map(|section| us_section_denies(&section).is_some());
            assert_ne!(denies, Ok(false), "seed {seed}: section {} with {name}={refusal}: {text}", row.id);
        }
    }
}

#[test]
fn a_section_cut_short_is_no_section() {
    let seed = any_seed();
    println!("seed {seed}");
    let rng = Seeded::new(seed);
    for _ in 0..ROWS / 20 {
        let row = Row::any(&rng);
        let text = row.encode(&rng);
        let core = text.len() - text.rsplit('.').next().expect("a part").len();
        for length in 0..text.len() {
            let cut = UsSection::parse(row.id, &text[..length]);
            // Whole but for padding, or for the whole of the sub-section that may be missing.
            let whole = length + 1 == text.len() || length + 1 == core || length + 2 == core;
            assert!(cut.is_err() || whole, "seed {seed}: section {} {}", row.id, &text[..length]);
        }
    }
}

pub(crate) fn any_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Every clause that holds, by its code; `None` if the section cannot be read.
fn found(id: u8, text: &str) -> Option<Vec<&'static str>> {
    let section = UsSection::parse(id, text).ok()?;
    let reasons: Vec<_> = UsReason::ALL.iter().filter(|reason| reason.holds(&section)).collect();
    assert_eq!(us_section_denies(&section).as_ref(), reasons.first().copied());
    Some(reasons.into_iter().map(|reason| reason.code()).collect())
}

/// As the rules abbreviate them. A number after `SD` and `KC` says how many.
const LAYOUTS: &[&str] = &[
    "7 1 V ShN SaleON ShON TAON SDPON SDLN SaleOO ShOO TAOO SD12 KC2 PDC Cov Opt Svc . GPC",
    "7 2 V ShN SaleON ShON TAON SDPON SDLN SaleOO ShOO TAOO SD16 KC3 PDC Cov Opt Svc . GPC",
    "8 1 V SaleON ShON SDLN SaleOO ShOO SD9 KC2 PDC Cov Opt Svc . GPC",
    "9 1 V ShN SaleON TAON SaleOO TAOO SD8 KC1 Cov Opt Svc",
    "10 1 V ShN SaleON TAON SaleOO TAOO SD7 KC1 Cov Opt Svc . GPC",
    "11 1 V ShN SaleON TAON SDPON SaleOO TAOO SD8 KC1 Cov Opt Svc",
    "12 1 V ShN SaleON TAON SaleOO TAOO SD8 KC3 Cov Opt Svc . GPC",
    "13 1 V ProcN SaleON TAON SaleOO TAOO SD8 KC3 ADPC Cov Opt Svc",
    "14 1 V ShN SaleON TAON SaleOO TAOO SD8 KC3 ADPC Cov Opt Svc . GPC",
    "15 1 V ProcN SaleON TAON SaleOO TAOO SD11 KC3 ADPC Cov Opt Svc . GPC",
    "16 1 V ProcN SaleON TAON SaleOO TAOO SD8 KC1 ADPC Cov Opt Svc . GPC",
    "17 1 V ProcN SaleON TAON SaleOO TAOO SD9 KC5 ADPC Cov Opt Svc . GPC",
    "18 1 V ProcN SaleON TAON SDOON SaleOO TAOO SD8 KC1 Cov Opt Svc . GPC",
    "19 1 V ProcN SaleON TAON SaleOO TAOO SD8 KC1 ADPC Cov Opt Svc . GPC",
    "20 1 V ProcN SaleON TAON SaleOO TAOO SD8 KC3 ADPC Cov Opt Svc . GPC",
    "21 1 V ProcN SaleON TAON SaleOO TAOO SD10 KC5 ADPC Cov Opt Svc . GPC",
    "22 1 V ProcN SaleON TAON SaleOO TAOO SD8 KC1 ADPC Cov Opt Svc . GPC",
    "23 1 V ProcN SaleON TAON SaleOO TAOO SD8 KC1 ADPC Cov Opt Svc . GPC",
    "24 1 MspaV Cov Mode ProcN SaleON TAON SaleOO TAOO ADPC . GPC",
    "25 1 MspaV Cov Mode ProcN SaleON TAON SaleOO TAOO KC1 ADPC . SD8",
    "26 1 MspaV Cov Mode ProcN SaleON TAON SaleOO TAOO KC1 ADPC . SD8",
    "27 1 MspaV Cov Mode ProcN SaleON TAON SaleOO TAOO KC1 ADPC . SD8",
];

/// What says no by itself, wherever it stands.
const REFUSALS: &[(&str, u8)] = &[
    ("Svc", 1),
    ("GPC", 1),
    ("SaleOO", 1),
    ("SaleON", 2),
    ("ShN", 2),
    ("ShON", 2),
    ("ShOO", 1),
    ("TAON", 2),
    ("TAOO", 1),
    ("KC", 1),
    ("KC", 2),
    ("PDC", 2),
    ("ProcN", 2),
    ("Mode", 2),
];

#[derive(Clone)]
pub(super) struct Row {
    pub(super) id: u8,
    version: u8,
    /// Names with their number of values; the sub-section comes second.
    parts: Vec<Vec<(&'static str, usize)>>,
    values: BTreeMap<&'static str, Vec<u8>>,
}

impl Row {
    /// Mostly what allows, so that rows differ in one or two clauses.
    pub(super) fn any(rng: &Seeded) -> Self {
        let layout = LAYOUTS[rng.below(LAYOUTS.len() as u64) as usize];
        let (numbers, fields) = layout.split_once(" V ").or(layout.split_once(" MspaV ")).expect("a version");
        let (id, version) = numbers.split_once(' ').expect("two numbers");
        let mut parts: Vec<Vec<_>> =
            fields.split(" . ").map(|part| part.split(' ').map(name).collect()).collect();
        if parts.len() == 2 && rng.one_in(4) {
            parts.pop();
        }
        let named = parts.iter().flatten();
        let values =
            named.map(|(name, count)| (*name, (0..*count).map(|_| value(name, rng)).collect())).collect();
        Self { id: id.parse().expect("an id"), version: version.parse().expect("a version"), parts, values }
    }

    /// Base64url with either padding, and with a header where the specification wants one.
    pub(super) fn encode(&self, rng: &Seeded) -> String {
        let mut texts = Vec::new();
        if self.id >= 24 && rng.one_in(2) {
            texts.push(base64url(format!("{:06b}{:06b}000000000001011", self.id, self.version), rng));
        }
        for (place, part) in self.parts.iter().enumerate() {
            let mut bits = if place == 0 { format!("{:06b}", self.version) } else { String::new() };
            for value in
                part.iter().flat_map(|(name, _)| self.values[name].iter().map(move |value| (*name, value)))
            {
                match value {
                    // A type before it.
                    ("GPC", on) => bits += &format!("01{on:b}"),
                    (_, value) => bits += &format!("{value:02b}"),
                }
            }
            texts.push(base64url(bits, rng));
        }
        texts.join(".")
    }

    /// Word by word as the rules have it.
    pub(super) fn clauses(&self) -> Option<Vec<&'static str>> {
        if self.values.values().flatten().any(|value| *value > 2) {
            return None;
        }
        let is = |name: &str, value: u8| self.values.get(name).is_some_and(|values| values.contains(&value));
        let list = [
            (is("Svc", 1), "service-provider"),
            (is("GPC", 1), "gpc"),
            (is("SaleOO", 1), "sale-opt-out"),
            (is("SaleON", 2), "sale-no-notice"),
            (is("SaleON", 0) && is("SaleOO", 2), "sale-notice-na"),
            (is("ShN", 2), "sharing-not-told"),
            (is("ShON", 2), "sharing-no-notice"),
            (is("ShON", 0) && is("ShOO", 2), "sharing-notice-na"),
            (is("ShN", 0) && is("ShOO", 2), "sharing-told-na"),
            (is("ShOO", 1), "sharing-opt-out"),
            (is("TAON", 2), "advertising-no-notice"),
            (is("TAOO", 1), "advertising-opt-out"),
            (is("TAON", 0) && is("TAOO", 2), "advertising-notice-na"),
            (is("KC", 1), "known-child-no-consent"),
            (is("KC", 2), "known-child"),
            (is("PDC", 2), "personal-data"),
            (is("ProcN", 2), "processing-not-told"),
            (is("Mode", 2), "service-provider-mode"),
        ];
        Some(list.into_iter().filter(|(holds, _)| *holds).map(|(_, code)| code).collect())
    }
}

/// `SD12` -> `("SD", 12)`
fn name(abbreviation: &'static str) -> (&'static str, usize) {
    let name = abbreviation.trim_end_matches(|letter: char| letter.is_ascii_digit());
    (name, abbreviation[name.len()..].parse().unwrap_or(1))
}

fn value(name: &str, rng: &Seeded) -> u8 {
    match name {
        "GPC" => u8::from(rng.one_in(20)),
        _ if rng.one_in(1000) => 3,
        "SD" => rng.below(3) as u8,
        "KC" if rng.one_in(40) => 1 + rng.below(2) as u8,
        "KC" => 0,
        _ if rng.one_in(10) => rng.below(3) as u8,
        "ProcN" | "SaleON" | "ShN" | "ShON" | "TAON" => 1,
        "Svc" | "SaleOO" | "ShOO" | "TAOO" => 2,
        _ => 1,
    }
}

/// Filled up to a character, or to a byte first.
pub(super) fn base64url(mut bits: String, rng: &Seeded) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    if rng.one_in(2) {
        while !bits.len().is_multiple_of(8) {
            bits.push('0');
        }
    }
    while !bits.len().is_multiple_of(6) {
        bits.push('0');
    }
    let values =
        (0..bits.len() / 6).map(|at| usize::from_str_radix(&bits[at * 6..at * 6 + 6], 2).expect("bits"));
    values.map(|value| char::from(ALPHABET.as_bytes()[value])).collect()
}
