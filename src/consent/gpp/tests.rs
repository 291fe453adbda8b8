//! The header: which sections there are.

use std::time::Instant;

use proptest::prelude::*;

use super::*;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// `0`s and `1`s as base64url, padded to a character. Spaces don't count.
pub(in crate::consent) fn base64url(bits: &str) -> String {
    let bits: Vec<u8> = bits.bytes().filter(|bit| *bit != b' ').map(|bit| bit - b'0').collect();
    let value = |chunk: &[u8]| (0..6).fold(0, |sum, at| sum << 1 | chunk.get(at).copied().unwrap_or(0));
    bits.chunks(6).map(|chunk| char::from(ALPHABET[usize::from(value(chunk))])).collect()
}

#[track_caller]
fn check(text: &str, expect: &[(u32, &str)]) {
    let gpp = Gpp::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(gpp.sections().collect::<Vec<_>>(), expect, "{text}");
    for (id, section) in expect {
        let known = is_known(*id).then_some(*section);
        assert_eq!(gpp.section(u8::try_from(*id).unwrap_or(0)), known, "section {id} of {text}");
    }
    let unknown = expect.iter().map(|(id, _)| *id).find(|id| !is_known(*id));
    assert_eq!(gpp.first_unknown(), unknown, "{text}");
}

#[track_caller]
fn check_error(text: &str, expect: GppError) {
    assert_eq!(Gpp::parse(text).map(|gpp| gpp.sections().count()), Err(expect), "{text:.100}");
}

#[test]
fn the_examples_of_the_specification_are_read() {
    check("DBABM~CPX", &[(2, "CPX")]);
    check("DBABMA~CPX", &[(2, "CPX")]);
    check("DBACNY~CPX~1YNN", &[(2, "CPX"), (6, "1YNN")]);
    check("DBACNYA~CPX~1YNN", &[(2, "CPX"), (6, "1YNN")]);
    check("DBABjw~CPX~1YNN", &[(5, "CPX"), (6, "1YNN")]);
    check("DBABLA~BVQqAAAACgA.QA", &[(7, "BVQqAAAACgA.QA")]);
    check("DBAA", &[]);
}

#[test]
fn sections_nobody_knows_are_there_all_the_same() {
    let header = base64url("000011 000001 000000000010 1 11 011 0 0000000011");
    check(&format!("{header}~a~b~c~"), &[(1, "a"), (2, "b"), (3, "c"), (58, "")]);
    let header = base64url("000011 000001 000000000010 0 00000011 1 00011 0011");
    check(&format!("{header}~a~b~c~d~e"), &[(21, "a"), (26, "b"), (27, "c"), (28, "d"), (29, "e")]);
}

#[test]
fn a_header_that_is_wrong_is_refused() {
    check_error("", GppError::HeaderCut);
    check_error("D", GppError::HeaderCut);
    check_error("DBA", GppError::HeaderCut);
    check_error("CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA", GppError::NotGpp);
    check_error("1YNN", GppError::NotGpp);
    check_error("DCABM~CPX", GppError::Version);
    check_error("DBAB!~CPX", GppError::NotBase64Url);
    check_error("DBABM ~CPX", GppError::NotBase64Url);
    check_error("DBAB~CPX", GppError::Ids);
    check_error("DBACNQ~CPX~1YNN", GppError::Ids);
}

#[test]
fn there_are_as_many_sections_as_ids() {
    for text in ["DBABM", "DBABM~a~b", "DBACNY~a", "DBACNY~a~b~c", "DBAA~", "DBABjw~a", "DBABM~a~"] {
        check_error(text, GppError::Count);
    }
}

#[test]
fn nothing_but_short_padding_follows_the_ids() {
    check("DBABLA~x", &[(7, "x")]);
    for text in ["DBABLAA~x", "DBABLB~x", "DBACNYAA~x~y", "DBACNYB~x~y", "DBAAA"] {
        check_error(text, GppError::HeaderPadding);
    }
}

#[test]
fn the_longest_string_is_16_kib() {
    let text = format!("DBABM~{}", "A".repeat(BYTES_MAX - 6));
    assert!(Gpp::parse(&text).is_ok());
    check_error(&format!("{text}A"), GppError::TooLong);
}

#[test]
fn what_a_header_claims_costs_nothing() {
    // Ids 1 to 2,147,483,648 or so, and four thousand groups of them.
    let huge = format!("1 11 {}11", "0".repeat(43));
    let one = base64url(&format!("000011 000001 000000000001 {huge}"));
    let many = base64url(&format!("000011 000001 111111111111 {}", "1 11 0101011".repeat(4095)));
    let full = format!("{one}~{}", "~".repeat(BYTES_MAX - one.len() - 2));
    let started = Instant::now();
    for _ in 0..100 {
        check_error(&one, GppError::Count);
        check_error(&format!("{one}~a"), GppError::Count);
        check_error(&many, GppError::Count);
        check_error(&full, GppError::Count);
    }
    assert!(started.elapsed().as_millis() < 1000, "{:?} for 400 headers", started.elapsed());
}

proptest! {
    #[test]
    fn ids_are_read_as_they_were_written(steps in prop::collection::vec((1_u32..40, 0_u32..20), 0..12)) {
        let mut bits = format!("000011000001{:012b}", steps.len());
        let mut last = 0;
        let mut ids = Vec::new();
        for (offset, more) in steps {
            let first = last + offset;
            last = first + more;
            ids.extend(first..=last);
            bits.push(if more > 0 { '1' } else { '0' });
            bits.push_str(&fibonacci(offset));
            if more > 0 {
                bits.push_str(&fibonacci(more));
            }
        }
        let text = ids.iter().fold(base64url(&bits), |text, id| format!("{text}~s{id}"));
        let gpp = Gpp::parse(&text).unwrap();
        let expect: Vec<_> = ids.iter().map(|id| (*id, format!("s{id}"))).collect();
        prop_assert_eq!(gpp.sections().map(|(id, text)| (id, text.to_owned())).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn no_text_makes_it_panic(text in ".*", tail in "[A-Za-z0-9_~.-]{0,60}") {
        for text in [&text, &format!("DB{tail}"), &format!("DBAA{tail}"), &format!("DBAB{tail}~{text}")] {
            let _ = Gpp::parse(text).map(|gpp| gpp.sections().count());
        }
    }
}

/// The largest Fibonacci number that fits, and so on, written from the smallest and ended with a `1`.
fn fibonacci(mut number: u32) -> String {
    let mut places = vec![1, 2];
    while places[places.len() - 1] <= number {
        places.push(places[places.len() - 1] + places[places.len() - 2]);
    }
    let mut bits = String::new();
    for place in places.into_iter().rev() {
        if place <= number {
            number -= place;
            bits.insert(0, '1');
        } else if !bits.is_empty() {
            bits.insert(0, '0');
        }
    }
    bits + "1"
}
