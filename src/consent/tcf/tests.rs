use proptest::prelude::*;

use super::*;
use crate::consent::tcf::restrictions::RestrictionType;
use crate::consent::tcf::vendors::VendorRange;

/// As base64url, filled up with zeros to whole characters.
fn encode(bits: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut digits: Vec<u8> = bits.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
    digits.resize(digits.len().next_multiple_of(6), 0);
    let value = |six: &[u8]| six.iter().fold(0, |value, bit| value << 1 | usize::from(*bit));
    digits.chunks(6).map(|six| char::from(ALPHABET[value(six)])).collect()
}

/// A header in which nothing but the version is set, and what follows it.
fn core(behind_header: &str) -> String {
    encode(&format!("000010{:0207b}{behind_header}", 0))
}

fn ranges(id_max: u16, ranges: &[(u16, u16)]) -> String {
    format!("{id_max:016b}1{}", entries(ranges))
}

fn entries(ranges: &[(u16, u16)]) -> String {
    let entry = |(first, last): &(u16, u16)| match first == last {
        true => format!("0{first:016b}"),
        false => format!("1{first:016b}{last:016b}"),
    };
    format!("{:012b}{}", ranges.len(), ranges.iter().map(entry).collect::<String>())
}

/// No vendor, no restriction.
const NOBODY: &str = "0000000000000000 0";
const UNRESTRICTED: &str = "000000000000";

#[track_caller]
fn check(text: &str, expect: Result<(), TcError>) {
    assert_eq!(TcString::parse(text).map(drop), expect, "{text:?}");
}

#[track_caller]
fn check_consented(set: &str, expect: Result<&[u16], TcError>) {
    let text = core(&format!("{set}{NOBODY}{UNRESTRICTED}"));
    let found = TcString::parse(&text).map(|tc| {
        let set = tc.vendor_consents();
        assert_eq!(set.is_empty(), set.ranges().next().is_none());
        let listed: Vec<u16> = set.ranges().flat_map(|range| range.first..=range.last).collect();
        let asked: Vec<u16> = (0..=u16::MAX).filter(|id| set.contains(*id)).collect();
        assert!(asked.iter().all(|id| listed.contains(id)) && listed.iter().all(|id| asked.contains(id)));
        asked
    });
    assert_eq!(found.as_deref(), expect.as_deref(), "{set}");
}

#[test]
fn a_published_string_has_these_fields() {
    let text = "CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA.IDKQA4AAgAKAGQAygAAA.YAAAAAAAAAAA";
    let tc = TcString::parse(text).unwrap();
    assert_eq!((tc.version(), tc.cmp_id(), tc.cmp_version(), tc.consent_screen()), (2, 880, 0, 0));
    assert_eq!((tc.vendor_list_version(), tc.policy_version(), tc.is_service_specific()), (48, 2, true));
    assert_eq!((tc.language().to_string(), tc.publisher_country().to_string()), ("EN".into(), "DE".into()));
    assert_eq!(tc.created().to_string(), "2025-06-03T00:00:00.000Z");
    assert_eq!(tc.updated(), tc.created());
    let listed = |set: VendorSet<'_>| set.ranges().map(|range| range.to_string()).collect::<Vec<_>>();
    assert_eq!(tc.disclosed_vendors().map(listed).unwrap(), ["1-5", "100", "404"]);
    assert_eq!(listed(tc.vendor_consents()), ["1-4"]);
    assert!(tc.vendor_legitimate_interests().is_empty());
    assert!(tc.purpose_consents().is_empty() && tc.special_features().is_empty());
    assert_eq!(tc.publisher_tc().map(PublisherTc::custom_purposes), Some(0));
    assert_eq!(tc.publisher_restrictions().iter().count(), 0);
    assert_eq!(tc.invalidities().collect::<Vec<_>>(), [validity::Invalid::OutdatedPolicy]);
}

#[test]
fn vendors_come_as_bits() {
    check_consented("0000000000000000 0", Ok(&[]));
    check_consented("0000000000000001 0 1", Ok(&[1]));
    check_consented("0000000000000001 0 0", Ok(&[]));
    check_consented("0000000000001001 0 110010011", Ok(&[1, 2, 5, 8, 9]));
}

#[test]
fn a_set_ends_where_it_says() {
    let text = core(&format!("0000000000000010 0 10 {:016b}0{}{UNRESTRICTED}", 4_000, "1".repeat(4_000)));
    let tc = TcString::parse(&text).unwrap();
    assert_eq!((0..=u16::MAX).filter(|id| tc.vendor_consents().contains(*id)).collect::<Vec<_>>(), [1]);
    let interests = tc.vendor_legitimate_interests();
    assert!((0..=u16::MAX).filter(|id| interests.contains(*id)).eq(1..=4_000));
}

#[test]
fn vendors_come_as_ranges() {
    check_consented(&ranges(0, &[]), Ok(&[]));
    check_consented(&ranges(9, &[]), Ok(&[]));
    check_consented(&ranges(9, &[(2, 2), (4, 6), (9, 9)]), Ok(&[2, 4, 5, 6, 9]));
    check_consented(&ranges(9, &[(9, 9), (4, 6), (5, 7)]), Ok(&[4, 5, 6, 7, 9]));
    check_consented(&ranges(u16::MAX, &[(65_534, 65_535)]), Ok(&[65_534, 65_535]));
    // One id, written as a range of it.
    check_consented(&format!("{:016b}1{:012b}1{:016b}{:016b}", 9, 1, 7, 7), Ok(&[7]));
}

#[test]
fn a_range_that_means_nothing_is_an_error() {
    for faulty in [(0, 0), (0, 3), (3, 2), (8, 10), (10, 10), (9, 0)] {
        check_consented(&ranges(9, &[faulty]), Err(TcError::VendorRange));
        check_consented(&ranges(9, &[(1, 2), faulty, (5, 5)]), Err(TcError::VendorRange));
    }
}

#[test]
fn restrictions_have_no_highest_id() {
    let restrictions = format!(
        "{:012b} 00011100{} 00001001{} 00001010{} 00010011{} 11111100{}",
        5,
        entries(&[(7, 7), (65_000, 65_535)]),
        entries(&[(5, 9)]),
        entries(&[(9, 12)]),
        entries(&[(1, 65_535)]),
        entries(&[]),
    );
    let text = core(&format!("{NOBODY}{NOBODY}{restrictions}"));
    let restrictions = TcString::parse(&text).unwrap().publisher_restrictions();
    let listed: Vec<_> =
        restrictions.iter().map(|one| (one.purpose, one.kind, one.ranges().count())).collect();
    assert_eq!(listed, [(7, 0, 2), (2, 1, 1), (2, 2, 1), (4, 3, 1), (63, 0, 0)]);
    for (vendor, purpose, expect) in [
        (7, Purpose::P7, Some(RestrictionType::NotAllowed)),
        (65_535, Purpose::P7, Some(RestrictionType::NotAllowed)),
        (8, Purpose::P7, None),
        (7, Purpose::P2, Some(RestrictionType::RequireConsent)),
        (9, Purpose::P2, Some(RestrictionType::Contradictory)),
        (12, Purpose::P2, Some(RestrictionType::RequireLegitimateInterest)),
        (9, Purpose::P4, None),
    ] {
        let [of_vendor, nobody, again] = restrictions.of([vendor, 0, vendor]);
        assert_eq!(of_vendor.on(purpose), expect, "vendor {vendor}, {purpose:?}");
        assert_eq!((nobody.on(purpose), again), (None, of_vendor));
    }
    for faulty in [(0, 0), (3, 2)] {
        let restriction = format!("{:012b} 00011100{}", 1, entries(&[faulty]));
        check(&core(&format!("{NOBODY}{NOBODY}{restriction}")), Err(TcError::VendorRange));
    }
}

#[test]
fn segments_come_in_any_order_and_once() {
    let core = core(&format!("{NOBODY}{NOBODY}{UNRESTRICTED}"));
    let disclosed = encode(&format!("001{}", ranges(4, &[(3, 4)])));
    let allowed = encode(&format!("010{}", ranges(4, &[(1, 1)])));
    let publisher = encode(&format!("011{:024b}{:024b}{:06b}101 010", 1 << 23, 1, 3));
    for text in [
        format!("{core}.{disclosed}.{allowed}.{publisher}"),
        format!("{core}.{publisher}.{allowed}.{disclosed}"),
    ] {
        let tc = TcString::parse(&text).unwrap();
        let only = |set: VendorSet<'_>| set.ranges().collect::<Vec<_>>();
        assert_eq!(tc.disclosed_vendors().map(only), Some(vec![VendorRange { first: 3, last: 4 }]));
        assert_eq!(tc.allowed_vendors().map(only), Some(vec![VendorRange { first: 1, last: 1 }]));
        let publisher = tc.publisher_tc().unwrap();
        assert_eq!(publisher.custom_consents(), [1, 3].into_iter().collect());
        assert_eq!(publisher.custom_legitimate_interests(), [2].into_iter().collect());
        assert_eq!(publisher.purpose_consents(), [1].into_iter().collect());
        assert_eq!(publisher.purpose_legitimate_interests(), [24].into_iter().collect());
    }
    let alone = TcString::parse(&core).unwrap();
    assert!(alone.disclosed_vendors().is_none() && alone.publisher_tc().is_none());
    check(&format!("{core}.{disclosed}.{publisher}.{disclosed}"), Err(TcError::RepeatedSegment(1)));
    check(&format!("{core}.{publisher}.{publisher}"), Err(TcError::RepeatedSegment(3)));
    for kind in [0, 4, 5, 6, 7] {
        let unknown = encode(&format!("{kind:03b}{NOBODY}"));
        check(&format!("{core}.{unknown}"), Err(TcError::UnknownSegment(kind)));
    }
    for cut in ["", "I", "IAA", &publisher[..8]] {
        check(&format!("{core}.{cut}"), Err(TcError::Truncated));
        check(&format!("{core}.{cut}.{publisher}"), Err(TcError::Truncated));
    }
}

#[test]
fn nothing_but_zeros_follows_the_last_field() {
    let whole = format!("{NOBODY}{NOBODY}{UNRESTRICTED}");
    for zeros in [0, 5, 24, 600] {
        check(&core(&format!("{whole}{}", "0".repeat(zeros))), Ok(()));
    }
    for behind in ["1", "00001", "0000000000000001"] {
        check(&core(&format!("{whole}{behind}")), Err(TcError::TrailingBits));
        let disclosed = encode(&format!("001{NOBODY}{behind}"));
        check(&format!("{}.{disclosed}", core(&whole)), Err(TcError::TrailingBits));
    }
}

#[test]
fn what_is_no_tc_string_of_version_2_is_an_error() {
    check("", Err(TcError::Truncated));
    check(".", Err(TcError::Truncated));
    check("CQSbk4AQSbk4", Err(TcError::Truncated));
    check("CQSb 4AQSbk4", Err(TcError::NotBase64Url));
    check("BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA", Err(TcError::Version(1)));
    check("DBABM", Err(TcError::Version(3)));
    let one = core(&format!("{}1{NOBODY}{UNRESTRICTED}", "0000000000000001 0"));
    check(&one, Ok(()));
    check(&format!("{one}="), Err(TcError::NotBase64Url));
}

#[test]
fn a_string_may_be_so_long_and_no_longer() {
    let whole = core(&format!("{NOBODY}{NOBODY}{UNRESTRICTED}"));
    let padded = |length: usize| format!("{whole}{}", "A".repeat(length - whole.len()));
    check(&padded(TC_STRING_BYTES_MAX), Ok(()));
    check(&padded(TC_STRING_BYTES_MAX + 1), Err(TcError::TooLong));
}

#[test]
fn validity_is_a_matter_of_times_policy_and_disclosure() {
    use validity::Invalid::{GlobalScope, NobodyDisclosed, OutdatedPolicy};
    const POLICY_4: u64 = 16_961_184_000;
    const DISCLOSED: u64 = 17_723_232_000;
    let string = |created: u64, updated: u64, policy: u8, specific: u8, disclosed: &str| {
        let header = format!("000010{created:036b}{updated:036b}{:054b}{policy:06b}{specific}{:074b}", 0, 0);
        format!("{}{disclosed}", encode(&format!("{header}{NOBODY}{NOBODY}{UNRESTRICTED}")))
    };
    let somebody = format!(".{}", encode(&format!("001{:016b}0 001", 3)));
    let nobody = format!(".{}", encode(&format!("001{:016b}0 000", 3)));
    for (text, expect) in [
        (string(0, 0, 4, 1, ""), &[][..]),
        (string(0, 0, 4, 0, ""), &[GlobalScope]),
        (string(POLICY_4 - 1, POLICY_4, 3, 1, ""), &[]),
        (string(POLICY_4, POLICY_4, 3, 1, ""), &[OutdatedPolicy]),
        (string(POLICY_4, POLICY_4, 4, 1, ""), &[]),
        (string(DISCLOSED - 1, DISCLOSED - 1, 5, 1, ""), &[]),
        (string(DISCLOSED, DISCLOSED, 5, 1, ""), &[NobodyDisclosed]),
        (string(DISCLOSED - 1, DISCLOSED, 5, 1, ""), &[NobodyDisclosed]),
        (string(DISCLOSED, DISCLOSED - 1, 5, 1, &nobody), &[NobodyDisclosed]),
        (string(DISCLOSED, DISCLOSED, 5, 1, &somebody), &[]),
        (string(DISCLOSED, DISCLOSED, 2, 0, &nobody), &[GlobalScope, OutdatedPolicy, NobodyDisclosed]),
    ] {
        let found: Vec<_> = TcString::parse(&text).unwrap().invalidities().collect();
        assert_eq!(found, expect, "{text}");
    }
}

/// Every id at which an answer may change is asked about.
fn check_found(list: &[(u16, u16)]) -> Result<(), TestCaseError> {
    let text = core(&format!("{}{NOBODY}{UNRESTRICTED}", ranges(u16::MAX, list)));
    let set = TcString::parse(&text).unwrap().vendor_consents();
    let beside = |id: u16| [id.saturating_sub(1), id, id.saturating_add(1)];
    for id in list.iter().flat_map(|(first, last)| [beside(*first), beside(*last)]).flatten() {
        let expect = list.iter().any(|(first, last)| (*first..=*last).contains(&id));
        prop_assert_eq!(set.contains(id), expect && id > 0, "{}", id);
    }
    prop_assert!(set.ranges().map(|range| (range.first, range.last)).eq(list.iter().copied()));
    Ok(())
}

proptest! {
    #[test]
    fn vendors_are_found_in_ranges_in_order(steps in prop::collection::vec((1_u16..90, 0_u16..20), 0..700)) {
        let mut last = 0_u16;
        let list: Vec<_> = steps
            .into_iter()
            .map(|(gap, more)| {
                // Every third is one id.
                let first = last.saturating_add(gap);
                last = first.saturating_add(if gap % 3 == 0 { 0 } else { more });
                (first, last)
            })
            .collect();
        check_found(&list)?;
    }

    #[test]
    fn vendors_are_found_in_ranges_in_any_order(
        entries in prop::collection::vec((1_u16..400, 0_u16..4), 0..120),
        in_order in 0_usize..120,
    ) {
        let mut list: Vec<_> = entries.into_iter().map(|(first, more)| (first, first + more)).collect();
        let in_order = in_order.min(list.len());
        // Disorder comes late, or is nothing but an overlap.
        list[..in_order].sort_unstable();
        check_found(&list)?;
    }
}
