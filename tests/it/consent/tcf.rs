//! TC strings: every field as the official decoder has it, and nothing from what is damaged.

use std::collections::{BTreeMap, BTreeSet};

use pixelgate::consent::tcf::purpose::{IdSet, Purpose};
use pixelgate::consent::tcf::vendors::{VendorRange, VendorSet};
use pixelgate::consent::tcf::{PublisherTc, TcError, TcString};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::decoded::Decoded;
use super::{ids, numbers, rows};
use crate::seed::seeded;

fn members(ranges: impl Iterator<Item = VendorRange>) -> BTreeSet<u16> {
    ranges.flat_map(|range| range.first..=range.last).collect()
}

fn list(set: IdSet) -> Value {
    set.iter().collect::<Vec<_>>().into()
}

/// All fields but the sets of vendors, in the form of the vectors.
fn header(tc: &TcString<'_>) -> Value {
    let publisher = tc.publisher_tc().map(|publisher: PublisherTc<'_>| {
        json!({
            "pc": list(publisher.purpose_consents()), "pli": list(publisher.purpose_legitimate_interests()),
            "n": publisher.custom_purposes(), "cc": list(publisher.custom_consents()),
        })
    });
    json!({
        "v": tc.version(), "created": tc.created().0, "updated": tc.updated().0,
        "cmp": tc.cmp_id(), "cmpv": tc.cmp_version(), "screen": tc.consent_screen(),
        "lang": tc.language().to_string(), "list": tc.vendor_list_version(), "policy": tc.policy_version(),
        "ss": tc.is_service_specific(), "nst": tc.uses_non_standard_texts(),
        "sf": list(tc.special_features()), "pc": list(tc.purpose_consents()),
        "pli": list(tc.purpose_legitimate_interests()), "p1t": tc.purpose_one_treatment(),
        "cc": tc.publisher_country().to_string(), "pub": publisher,
    })
}

#[track_caller]
fn check_vendors(set: Option<VendorSet<'_>>, expect: &Value) {
    let expect = expect.as_str().map(ids);
    assert_eq!(set.map(|set| members(set.ranges())), expect);
    let (Some(set), Some(expect)) = (set, expect) else { return };
    assert_eq!(set.is_empty(), expect.is_empty());
    // Where a mistake would show: at the ends of ranges and beside them.
    let beside = expect.iter().flat_map(|id| [id - 1, *id, id.saturating_add(1)]);
    for id in beside.step_by(1 + expect.len() / 64).chain([0, u16::MAX]) {
        assert_eq!(set.contains(id), expect.contains(&id), "vendor {id}");
    }
}

#[test]
fn every_field_is_as_the_official_decoder_has_it() {
    let rows = rows("tcf.jsonl");
    assert_eq!(rows.len(), 200);
    rows.iter().for_each(check_row);
}

/// Every field, and whether the string is valid.
#[track_caller]
pub(super) fn check_row(row: &Value) {
    let text = row["s"].as_str().expect("a string");
    let tc = TcString::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    for (field, found) in header(&tc).as_object().expect("an object") {
        assert_eq!(found, &row[field], "{field} of {text}");
    }
    // Only the generated rows have these.
    if let Some(interests) = row.get("cli") {
        let found = tc.publisher_tc().map(|publisher| list(publisher.custom_legitimate_interests()));
        assert_eq!(&found.unwrap_or(Value::Null), interests, "{text}");
    }
    check_vendors(Some(tc.vendor_consents()), &row["vc"]);
    check_vendors(Some(tc.vendor_legitimate_interests()), &row["vli"]);
    check_vendors(tc.disclosed_vendors(), &row["vd"]);
    check_vendors(tc.allowed_vendors(), &row["va"]);
    check_restrictions(&tc, row);
    let invalid: BTreeSet<_> = tc.invalidities().map(|invalid| invalid.code()).collect();
    assert_eq!(invalid, Decoded::of_row(row).invalid(), "{text}");
}

fn check_restrictions(tc: &TcString<'_>, row: &Value) {
    let mut found: BTreeMap<_, BTreeSet<u16>> = BTreeMap::new();
    for one in tc.publisher_restrictions().iter() {
        found.entry((one.purpose, one.kind)).or_default().extend(members(one.ranges()));
    }
    let mut expect: BTreeMap<_, BTreeSet<u16>> = BTreeMap::new();
    for one in row["pr"].as_array().expect("a list") {
        let [purpose, kind] = [0, 1].map(|at| numbers(&json!([one[at]])).first().copied().expect("a number"));
        expect.entry((purpose, kind)).or_default().extend(ids(one[2].as_str().expect("a set")));
    }
    assert_eq!(found, expect, "{}", row["s"]);
}

/// Everything that can be asked.
fn ask_everything(text: &str) -> Result<(), TcError> {
    let tc = TcString::parse(text)?;
    let _ = (header(&tc), tc.invalidities().count(), tc.allowed_vendors().map(|set| set.ranges().count()));
    let _ = tc.publisher_restrictions().iter().map(|one| one.ranges().count()).sum::<usize>();
    for vendor in [0, 1, 755, u16::MAX] {
        let view = tc.vendor(vendor);
        assert_eq!(view.consented, members(tc.vendor_consents().ranges()).contains(&vendor));
        for purpose in Purpose::ALL {
            assert!(view.basis(purpose, None).is_err());
        }
    }
    Ok(())
}

/// A string that was cut off is an error, unless it lacks nothing but padding or whole segments.
#[test]
fn nothing_is_read_from_what_was_cut_off() {
    let rows = rows("tcf.jsonl");
    let mut texts: Vec<_> = rows.iter().map(|row| row["s"].as_str().expect("a string")).collect();
    texts.sort_by_key(|text| text.len());
    let (short, longest) = (&texts[..60], &texts[texts.len() - 2..]);
    let mut whole = 0;
    for text in short.iter().chain(longest) {
        let of_text = TcString::parse(text).expect("a sound string");
        for length in 0..text.len() {
            let (cut, missing) = text.split_at(length);
            let Ok(tc) = TcString::parse(cut) else { continue };
            whole += 1;
            let padding = missing.split('.').next().unwrap_or_default();
            assert!(padding.bytes().all(|byte| byte == b'A'), "{cut:?} lacks {padding:?}");
            // What is left says the same, and a segment is there as a whole or not at all.
            let without = |tc: &TcString<'_>| {
                let mut header = header(tc);
                header["pub"] = Value::Null;
                (
                    header,
                    members(tc.vendor_consents().ranges()),
                    members(tc.vendor_legitimate_interests().ranges()),
                )
            };
            assert_eq!(without(&tc), without(&of_text));
            let disclosed = |tc: &TcString<'_>| tc.disclosed_vendors().map(|set| members(set.ranges()));
            assert!(tc.disclosed_vendors().is_none() || disclosed(&tc) == disclosed(&of_text));
        }
    }
    assert!(whole > texts.len() / 4, "no string was cut between its segments");
}

proptest! {
    #![proptest_config(seeded())]

    #[test]
    fn no_text_makes_it_panic(text in ".*|C[A-Za-z0-9_.-]{0,200}|C[A-D]{40}[A-Za-z0-9_.-]{0,200}") {
        let _ = ask_everything(&text);
    }

    #[test]
    fn no_damage_makes_it_panic(row in 0_usize..200, damage in prop::collection::vec((0_usize..400, "[A-Za-z0-9_.=-]"), 1..6)) {
        let mut text: Vec<char> = rows("tcf.jsonl")[row]["s"].as_str().expect("a string").chars().collect();
        for (at, character) in damage {
            let at = at % text.len();
            text[at] = character.chars().next().expect("one character");
        }
        let _ = ask_everything(&text.into_iter().collect::<String>());
    }
}
