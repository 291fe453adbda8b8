//! TC strings and Additional Consent strings: no panic, and every way to ask about a vendor gives the same answer.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pixelgate::consent::tcf::TcString;
use pixelgate::consent::tcf::additional::AdditionalConsent;
use pixelgate::consent::tcf::purpose::{IdSet, Purpose};
use pixelgate::consent::tcf::vendor_list::VendorDeclaration;
use pixelgate::consent::tcf::vendors::{VendorRange, VendorSet};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Ok(tc) = TcString::parse(&text) {
        ask(&tc);
    }
    // The same bytes as characters of the alphabet only, so that the fuzzer need not find it.
    if let Ok(tc) = TcString::parse(&in_alphabet(data)) {
        ask(&tc);
    }
    if let Ok(additional) = AdditionalConsent::parse(&text) {
        for id in [0, 1, 35, u32::MAX] {
            assert!(!additional.consented(id) || additional.disclosed(id) != Some(false));
        }
    }
});

fn ask(tc: &TcString<'_>) {
    let everything: IdSet = (1..=11).collect();
    for vendor in [0, 1, 2, 755, u16::MAX] {
        let view = tc.vendor(vendor);
        assert_eq!(view.consented, lists(tc.vendor_consents(), vendor));
        assert_eq!(view.legitimate_interest, lists(tc.vendor_legitimate_interests(), vendor));
        assert_eq!(view.disclosed, tc.disclosed_vendors().map(|set| lists(set, vendor)));
        for purpose in Purpose::ALL {
            let mut restrictions = tc.publisher_restrictions().iter();
            let restricted = restrictions.any(|one| {
                one.purpose == purpose.id()
                    && one.kind < 3
                    && one.ranges().any(|range| range.contains(vendor))
            });
            assert_eq!(view.restrictions.on(purpose).is_some(), restricted);
            let declaration = VendorDeclaration { consent: everything, ..VendorDeclaration::default() };
            if view.basis(purpose, Some(&declaration)).is_ok() {
                assert!(tc.is_service_specific() && tc.purpose_consent(purpose) && view.consented);
                assert!(view.disclosed != Some(false) && tc.invalidities().next().is_none());
            }
        }
    }
}

fn lists(set: VendorSet<'_>, vendor: u16) -> bool {
    assert!(set.ranges().all(|VendorRange { first, last }| 1 <= first && first <= last));
    set.ranges().any(|range| range.contains(vendor))
}

/// Six bits of a byte are a character, and 255 is a dot; the first character makes it version 2.
fn in_alphabet(data: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let character =
        |byte: &u8| if *byte == 0xff { '.' } else { char::from(ALPHABET[usize::from(byte & 0x3f)]) };
    std::iter::once('C').chain(data.iter().map(character)).collect()
}
