//! The legal basis, for everything that it depends on, against the plain words in `decoded.rs`.

use std::collections::BTreeSet;

use pixelgate::consent::tcf::TcString;
use pixelgate::consent::tcf::basis::{Basis, NoBasis};
use pixelgate::consent::tcf::purpose::Purpose;
use pixelgate::consent::tcf::vendor_list::VendorDeclaration;
use proptest::prelude::*;

use super::decoded::{Declared, Decoded};
use super::{numbers, rows, text_of, vendor_list};
use crate::seed::seeded;

pub(super) const US: u16 = 755;
pub(super) const NEIGHBOUR: u16 = 756;

/// Both agree about every purpose of `vendor`; how many of them have a basis.
#[track_caller]
fn check(decoded: &Decoded, text: &str, vendor: u16, declared: Option<&Declared>) -> usize {
    let tc = TcString::parse(text).expect("a sound string");
    let declaration = declared.map(declaration);
    let view = tc.vendor(vendor);
    let mut with_basis = 0;
    for purpose in Purpose::ALL {
        let (basis, against) = decoded.basis(purpose.id(), vendor, declared);
        match view.basis(purpose, declaration.as_ref()) {
            Ok(found) => {
                assert_eq!(
                    (found.code(), &against),
                    (basis, &BTreeSet::new()),
                    "{purpose:?} {declared:?} {text}"
                );
                with_basis += 1;
            }
            Err(found) => {
                assert!(
                    against.contains(found.code()),
                    "{found:?} {against:?} {purpose:?} {declared:?} {text}"
                );
            }
        }
    }
    with_basis
}

fn declaration(declared: &Declared) -> VendorDeclaration {
    VendorDeclaration {
        consent: declared.purposes.iter().copied().collect(),
        legitimate_interest: declared.interests.iter().copied().collect(),
        flexible: declared.flexible.iter().copied().collect(),
        deleted: declared.deleted,
        ..VendorDeclaration::default()
    }
}

fn every_purpose(there: bool) -> BTreeSet<u8> {
    (1..=11).filter(|_| there).collect()
}

/// Not on the list; or every mixture of bases, flexible or not, deleted or not.
pub(super) fn declarations() -> Vec<Option<Declared>> {
    let mut all = vec![None];
    for bits in 0..16 {
        all.push(Some(Declared {
            purposes: every_purpose(bits & 1 != 0),
            interests: every_purpose(bits & 2 != 0),
            flexible: every_purpose(bits & 4 != 0),
            deleted: bits & 8 != 0,
        }));
    }
    all
}

/// Every mixture of restrictions of ours on all purposes; the neighbour is not allowed anything.
pub(super) fn restrictions() -> Vec<BTreeSet<(u8, u8, u16)>> {
    let ours = |kinds: u8| {
        let ours = (1..=11).flat_map(move |purpose| (0..4).map(move |kind| (purpose, kind, US)));
        let ours = ours.filter(move |(_, kind, _)| kinds & 1 << kind != 0);
        ours.chain((1..=11).map(|purpose| (purpose, 0, NEIGHBOUR))).collect()
    };
    (0..16).map(ours).collect()
}

pub(super) fn bits(bits: u8, restrictions: &BTreeSet<(u8, u8, u16)>, disclosed: Option<&[u16]>) -> Decoded {
    let vendors = |there: bool| if there { [US, 9_999].into() } else { [9_999].into() };
    Decoded {
        created_ms: 1_760_000_000_000,
        updated_ms: 1_760_000_000_000,
        policy: 5,
        service_specific: true,
        purpose_consents: every_purpose(bits & 1 != 0),
        purpose_interests: every_purpose(bits & 2 != 0),
        vendor_consents: vendors(bits & 4 != 0),
        vendor_interests: vendors(bits & 8 != 0),
        restrictions: restrictions.clone(),
        disclosed: disclosed.map(|ids| ids.iter().copied().collect()),
    }
}

#[test]
fn every_declaration_restriction_bit_and_disclosure_has_the_basis_of_the_rules() {
    let (mut asked, mut with_basis) = (0, 0);
    for restrictions in restrictions() {
        for (form, disclosed) in
            [None, Some(&[US][..]), Some(&[NEIGHBOUR]), Some(&[])].into_iter().enumerate()
        {
            for consents in 0..16 {
                let decoded = bits(consents, &restrictions, disclosed);
                let text = decoded.encode((form + usize::from(consents)).is_multiple_of(2));
                for declared in &declarations() {
                    asked += Purpose::ALL.len();
                    with_basis += check(&decoded, &text, US, declared.as_ref());
                }
            }
        }
    }
    // Counted by hand, so that both cannot have come to refuse everything: for no restriction 4 declarations with
    // consent x 11 purposes and 2 without x 6 purposes, x 4 of the 16 bits; for "consent" the former and 1 x 10 x 4;
    // for "legitimate interest" 2 x 6 x 4 twice; all that with and without the undefined type, for 2 disclosures.
    assert_eq!((asked, with_basis), (191_488, ((176 + 48) + (176 + 40) + (48 + 48)) * 2 * 2));
}

#[test]
fn what_is_invalid_is_no_basis() {
    let valid = bits(0b1111, &BTreeSet::new(), Some(&[US]));
    let all = Declared { purposes: every_purpose(true), ..Declared::default() };
    for (decoded, with_basis) in [
        (valid.clone(), 11),
        (Decoded { service_specific: false, ..valid.clone() }, 0),
        (Decoded { policy: 3, ..valid.clone() }, 0),
        (Decoded { policy: 3, created_ms: 1_696_118_399_900, ..valid.clone() }, 11),
        (Decoded { updated_ms: 1_772_323_200_000, ..valid.clone() }, 11),
        (Decoded { updated_ms: 1_772_323_200_000, disclosed: None, ..valid.clone() }, 0),
        (Decoded { updated_ms: 1_772_323_199_900, disclosed: None, ..valid }, 11),
    ] {
        assert_eq!(check(&decoded, &decoded.encode(true), US, Some(&all)), with_basis, "{decoded:?}");
    }
}

#[test]
fn encoded_strings_and_their_list_give_the_basis_of_the_rules() {
    let list: serde_json::Value = serde_json::from_str(&text_of("vendor-list.json")).expect("JSON");
    let loaded = vendor_list();
    let (mut asked, mut with_basis) = (0, 0);
    for row in rows("tcf.jsonl") {
        let decoded = Decoded::of_row(&row);
        for vendor in [9_999, 755, 25, 52, 162, 1, 2, 100, 1_200, 10_895, 65_535] {
            let entry = &list["vendors"][vendor.to_string()];
            let declared = entry.is_object().then(|| Declared {
                purposes: numbers(&entry["purposes"]),
                interests: numbers(&entry["legIntPurposes"]),
                flexible: numbers(&entry["flexiblePurposes"]),
                deleted: entry.get("deletedDate").is_some(),
            });
            let without_features = loaded.get(vendor).map(|found| VendorDeclaration {
                features: [].into_iter().collect(),
                special_features: [].into_iter().collect(),
                ..*found
            });
            assert_eq!(without_features, declared.as_ref().map(declaration), "vendor {vendor}");
            asked += Purpose::ALL.len();
            with_basis += check(&decoded, row["s"].as_str().expect("a string"), vendor, declared.as_ref());
        }
    }
    assert_eq!((asked, with_basis), (24_200, 2_013));
}

fn any_decoded() -> impl Strategy<Value = Decoded> {
    let vendors = || prop::collection::btree_set(750_u16..760, 0..10);
    let purposes = || prop::collection::btree_set(1_u8..=11, 0..11);
    let restrictions = prop::collection::btree_set((1_u8..=11, 0_u8..4, 750_u16..760), 0..12);
    let disclosed = prop::option::of(vendors());
    (purposes(), purposes(), vendors(), vendors(), restrictions, disclosed).prop_map(
        |(
            purpose_consents,
            purpose_interests,
            vendor_consents,
            vendor_interests,
            restrictions,
            disclosed,
        )| Decoded {
            purpose_consents,
            purpose_interests,
            vendor_consents,
            vendor_interests,
            restrictions,
            disclosed,
            ..bits(0, &BTreeSet::new(), None)
        },
    )
}

fn any_declared() -> impl Strategy<Value = Declared> {
    let purposes = || prop::collection::btree_set(1_u8..=11, 0..11);
    (purposes(), purposes(), purposes()).prop_map(|(purposes, interests, flexible)| Declared {
        purposes,
        interests,
        flexible,
        deleted: false,
    })
}

fn answers(
    decoded: &Decoded,
    vendor: u16,
    declared: &Declared,
    as_ranges: bool,
) -> Vec<Result<Basis, NoBasis>> {
    let text = decoded.encode(as_ranges);
    let view = TcString::parse(&text).expect("a sound string").vendor(vendor);
    let declaration = declaration(declared);
    Purpose::ALL.iter().map(|purpose| view.basis(*purpose, Some(&declaration))).collect()
}

proptest! {
    #![proptest_config(seeded())]

    #[test]
    fn taking_consent_back_never_allows_more(
        decoded in any_decoded(),
        declared in any_declared(),
        vendor in 750_u16..760,
        taken_vendor in 750_u16..760,
        taken_purpose in 1_u8..=11,
        what in 0..5,
        as_ranges: bool,
    ) {
        let mut less = decoded.clone();
        match what {
            0 => _ = less.purpose_consents.remove(&taken_purpose),
            1 => _ = less.purpose_interests.remove(&taken_purpose),
            2 => _ = less.vendor_consents.remove(&taken_vendor),
            3 => _ = less.vendor_interests.remove(&taken_vendor),
            _ => _ = less.disclosed.as_mut().map(|disclosed| disclosed.remove(&taken_vendor)),
        }
        let before = answers(&decoded, vendor, &declared, as_ranges);
        for (before, after) in before.iter().zip(answers(&less, vendor, &declared, as_ranges)) {
            prop_assert!(after.is_err() || *before == after, "{before:?} became {after:?}");
        }
    }

    #[test]
    fn bits_and_ranges_say_the_same(decoded in any_decoded(), declared in any_declared(), vendor in 750_u16..760) {
        let as_ranges = check(&decoded, &decoded.encode(true), vendor, Some(&declared));
        prop_assert_eq!(as_ranges, check(&decoded, &decoded.encode(false), vendor, Some(&declared)));
    }
}
