//! The same second readings of the rules, held against what the whole server answers and stores.

use std::collections::BTreeSet;

use pixelgate::config::VendorListSource;
use pixelgate::consent::policy::Regime;
use serde_json::{Value, json};

use super::decoded::Declared;
use super::legal_basis::{NEIGHBOUR, US, bits, declarations, restrictions};
use super::us_table::{Row, any_seed, base64url};
use crate::storage::support::Seeded;
use crate::world::{Kept, Reply, World};

const ID: &str = "__Host-Http-pg";
const BROWSER: (&str, &str) =
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");

/// A server with a vendor list on which we have declared this; or are not.
#[expect(clippy::disallowed_methods, reason = "writes a vendor list to start with")]
fn world_of(declared: Option<&Declared>) -> (World, tempfile::TempDir) {
    let entry = |id: u16, declared: &Declared| {
        let mut entry = json!({"id": id, "purposes": declared.purposes, "legIntPurposes": declared.interests,
            "flexiblePurposes": declared.flexible});
        if declared.deleted {
            entry["deletedDate"] = "2025-01-15T00:00:00Z".into();
        }
        entry
    };
    let mut vendors = json!({"1": entry(1, &Declared::default())});
    if let Some(declared) = declared {
        vendors[US.to_string()] = entry(US, declared);
    }
    let list = json!({"gvlSpecificationVersion": 3, "vendorListVersion": 7, "lastUpdated": "2026-08-01T00:00:00Z",
        "vendors": vendors});
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("list.json");
    std::fs::write(&path, list.to_string()).expect("the temporary directory can be written to");
    let world = World::with(|config| {
        config.policy.vendor_id = Some(US);
        config.vendor_list = Some(VendorListSource::File(path));
    });
    (world, directory)
}

/// What an answer says of a reason against a basis.
fn refusal_of(against: &str) -> &'static str {
    match against {
        "global-scope" | "outdated-policy" | "nobody-disclosed" => "tcf-invalid",
        "vendor-not-on-list" | "vendor-deleted" => "tcf-not-on-list",
        "purpose-not-declared" => "tcf-not-declared",
        "purpose-not-allowed" | "restrictions-contradict" | "consent-required" | "interest-required" => {
            "tcf-restricted"
        }
        "vendor-not-disclosed" => "tcf-not-disclosed",
        "consent-only" | "purpose-not-consented" | "vendor-not-consented" => "tcf-no-consent",
        "purpose-interest-not-shown" | "vendor-interest-not-shown" => "tcf-no-interest",
        other => panic!("{other}"),
    }
}

#[track_caller]
fn check_refused(reply: &Reply, reasons: &BTreeSet<&str>, row: &str) {
    let reason = reply.outcome().strip_prefix("suppressed; reason=");
    assert!(reason.is_some_and(|reason| reasons.contains(reason)), "{}: {reasons:?} {row}", reply.outcome());
    assert_eq!(reply.headers_named("Set-Cookie").count(), 0, "{row}");
}

#[test]
fn every_legal_basis_is_what_a_hit_gets() {
    let (mut rows, mut stored) = (0, 0);
    // Not on the list, every mixture of bases, and one that was deleted.
    for declared in declarations().into_iter().take(9).chain(declarations().pop()) {
        let (world, _directory) = world_of(declared.as_ref());
        let mut connection = Kept::to(world.public());
        let mut expect = Vec::new();
        // None, not allowed, consent, legitimate interest, both.
        for kinds in [0, 1, 2, 4, 6] {
            for disclosed in [None, Some(&[US][..]), Some(&[NEIGHBOUR])] {
                for consents in 0..16 {
                    let decoded = bits(consents, &restrictions()[kinds], disclosed);
                    let row = format!("{declared:?} {decoded:?}");
                    let text = decoded.encode(consents % 2 == 0);
                    let (basis, against) = decoded.basis(7, US, declared.as_ref());
                    let identified = decoded.basis(1, US, declared.as_ref()).1.is_empty();
                    let target = format!("/i/adsct?txn_id=o8z6j&gdpr=1&gdpr_consent={text}");
                    let reply = connection.get(&target, &[BROWSER]);
                    if against.is_empty() {
                        assert!(reply.outcome().starts_with("stored"), "{}: {row}", reply.outcome());
                        assert_eq!(reply.cookie(ID).is_some(), identified, "{row}");
                        expect.push((Value::from(basis), identified));
                    } else {
                        check_refused(&reply, &against.into_iter().map(refusal_of).collect(), &row);
                    }
                    rows += 1;
                }
            }
        }
        let found = world.stored();
        let found: Vec<_> = found
            .iter()
            .map(|row| (row["evidence"]["basis"].clone(), !row["browser_id"].is_null()))
            .collect();
        assert_eq!(found, expect, "{declared:?}");
        stored += found.len();
    }
    assert_eq!(rows, 2_400);
    assert!(stored > 100, "{stored} rows stored do not tell much");
}

/// A GPP string with one section.
fn gpp(id: u8, section: &str, rng: &Seeded) -> String {
    let mut fibonacci = vec![1_u32, 2];
    while fibonacci[fibonacci.len() - 1] <= u32::from(id) {
        fibonacci.push(fibonacci[fibonacci.len() - 1] + fibonacci[fibonacci.len() - 2]);
    }
    let mut left = u32::from(id);
    let mut code: Vec<char> = Vec::new();
    for number in fibonacci.into_iter().rev().skip_while(|number| *number > u32::from(id)) {
        code.push(if number <= left { '1' } else { '0' });
        left = if number <= left { left - number } else { left };
    }
    let code: String = code.into_iter().rev().chain(['1']).collect();
    format!("{}~{section}", base64url(format!("000011000001{:012b}0{code}", 1), rng))
}

fn us_refusal_of(clause: &str) -> &'static str {
    match clause {
        "gpc" => "gpp-gpc",
        "known-child-no-consent" | "known-child" => "known-child",
        "sale-opt-out" | "sharing-opt-out" | "advertising-opt-out" => "us-opt-out",
        "service-provider" | "service-provider-mode" => "us-service-provider",
        "personal-data" => "us-personal-data",
        _ => "us-no-notice",
    }
}

#[test]
fn every_us_section_comes_to_what_the_rule_says_of_it() {
    const ROWS: usize = 5_000;
    let seed = any_seed();
    println!("seed {seed}");
    let rng = Seeded::new(seed);
    let world = World::dev();
    let mut connection = Kept::to(world.public());
    let (mut allowed, mut codes) = (0, BTreeSet::new());
    for _ in 0..ROWS {
        let row = Row::any(&rng);
        let gpp = gpp(row.id, &row.encode(&rng), &rng);
        let list = if rng.one_in(2) { format!("&gpp_sid={}", row.id) } else { String::new() };
        let reply = connection.get(&format!("/i/adsct?txn_id=o8z6j&gpp={gpp}{list}"), &[BROWSER]);
        let reasons: BTreeSet<&str> = match row.clauses() {
            None => ["gpp-section-malformed"].into(),
            Some(clauses) => clauses.into_iter().map(us_refusal_of).collect(),
        };
        // These two are rows of the table that come before all others.
        let first = ["gpp-gpc", "known-child"].into_iter().find(|code| reasons.contains(code));
        let reasons = first.map_or(reasons, |first| [first].into());
        if reasons.is_empty() {
            assert!(reply.outcome().starts_with("stored"), "seed {seed}: {} {gpp}", reply.outcome());
            assert!(reply.cookie(ID).is_some(), "seed {seed}: {gpp}");
            allowed += 1;
        } else {
            check_refused(&reply, &reasons, &format!("seed {seed}: {gpp}"));
            codes.insert(reply.outcome().to_owned());
        }
    }
    let found = world.stored();
    assert_eq!(found.len(), allowed);
    assert!(found.iter().all(|row| row["evidence"]["basis"] == "not-opted-out"));
    assert!((ROWS / 4..ROWS * 3 / 4).contains(&allowed), "{allowed} of {ROWS} allowed do not tell much");
    assert_eq!(codes.len(), 7, "{codes:?}");
}

/// Why a US Privacy string stands against storing; of the IAB's specification and our own rules on top of it, read once
/// more.
fn against_us_privacy(text: &str, is_us: bool) -> Option<&'static str> {
    let upper = text.to_ascii_uppercase();
    let is_valid = upper.len() == 4
        && upper.starts_with('1')
        && upper[1..].chars().all(|character| "YN-".contains(character));
    let is_sale_opt_out = is_valid && upper[2..].starts_with('Y');
    match (is_sale_opt_out, is_valid && upper == text) {
        (true, _) => Some("us-privacy-opt-out"),
        (false, true) => None,
        // Says nothing where no law of the States applies.
        (false, false) => is_us.then_some("us-privacy-malformed"),
    }
}

#[test]
fn every_us_privacy_string_comes_to_what_the_rule_says_of_it() {
    let characters = ["Y", "N", "-", "y", "n", "X", "%20"];
    let mut strings: Vec<String> = ["1", "0", "2", "%C2%B9"]
        .iter()
        .flat_map(|version| characters.iter().map(move |first| format!("{version}{first}")))
        .flat_map(|start| characters.iter().map(move |second| format!("{start}{second}")))
        .flat_map(|start| characters.iter().map(move |third| format!("{start}{third}")))
        .collect();
    strings.extend(["1", "1Y", "1YY", "1YYYY", "1YYY1YNN", "YYYY", "1-%2D-", "%31NYN"].map(str::to_owned));
    for regime in [Regime::None, Regime::Us] {
        let world = World::with(|config| config.policy.default_regime = regime);
        let mut connection = Kept::to(world.public());
        let (mut allowed, mut refused) = (0, BTreeSet::new());
        for text in &strings {
            let decoded =
                text.replace("%20", " ").replace("%C2%B9", "¹").replace("%2D", "-").replace("%31", "1");
            // Three names are one parameter.
            for name in ["us_privacy", "ccpa", "usp"] {
                let reply = connection.get(&format!("/i/adsct?txn_id=o8z6j&{name}={text}"), &[BROWSER]);
                match against_us_privacy(&decoded, regime == Regime::Us) {
                    None => {
                        assert!(reply.outcome().starts_with("stored"), "{}: {name}={text}", reply.outcome());
                        allowed += 1;
                    }
                    Some(reason) => {
                        check_refused(&reply, &[reason].into(), &format!("{regime:?} {name}={text}"));
                        refused.insert(reason);
                    }
                }
            }
        }
        assert_eq!(world.stored().len(), allowed);
        assert_eq!(refused.len(), if regime == Regime::Us { 2 } else { 1 }, "{refused:?}");
        assert!(allowed > 50, "{allowed} allowed do not tell much");
    }
}
