//! Numbers and ranges in Fibonacci coding, as the GPP string specification has them.
//!
//! A code is taken out of the next 64 bits at once: bit by bit, a hostile header took 430 µs and not 39 (`loadtest
//! decode`). Nothing is read that is behind the last group.

use std::ops::RangeInclusive;

use super::super::bits::BitReader;
use super::super::bits::blocks::{BlockReader, PEEK_BITS};

/// "Range (Fibonacci)": groups of ids, strictly ascending because every offset is at least 1.
///
/// A group costs the bits that it is written with, however many ids it stands for.
#[derive(Debug, Clone)]
pub(super) struct Ranges<'a> {
    reader: BlockReader<'a>,
    left: u64,
    last: u32,
}

impl<'a> Ranges<'a> {
    /// `None` if the number of groups is cut off.
    pub(super) fn new(mut reader: BitReader<'a>) -> Option<Self> {
        let left = reader.take(12)?;
        Some(Self { reader: BlockReader::new(reader.bits(), reader.at()), left, last: 0 })
    }

    /// Where reading goes on after the groups read so far.
    pub(super) const fn reader(&self) -> BitReader<'a> {
        BitReader::new(self.reader.bits(), self.reader.at())
    }

    #[inline]
    fn take_group(&mut self) -> Option<RangeInclusive<u32>> {
        let mut row = self.reader.row();
        let group = row.peek();
        let offset = Code::at_the_start_of(group << 1)?;
        let first = self.last.checked_add(offset.number)?;
        let end = 1 + offset.bits;
        self.last = if group >> 63 == 1 {
            // Mostly all of it was shown already. Were it not, what follows would be zeros, which end no code.
            let in_sight = Code::at_the_start_of(group << end);
            row.skip(end);
            let more = in_sight.or_else(|| Code::at_the_start_of(row.peek()))?;
            row.skip(more.bits);
            first.checked_add(more.number)?
        } else {
            row.skip(end);
            first
        };
        Some(first..=self.last)
    }
}

/// Ends after the first group that cannot be read.
impl Iterator for Ranges<'_> {
    type Item = Result<RangeInclusive<u32>, BadRange>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let group = self.take_group().ok_or(BadRange);
        if group.is_err() {
            self.left = 0;
        }
        Some(group)
    }
}

/// A group that is cut off, or an id that is too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadRange;

/// A number from 1 up: a bit for each of 1, 2, 3, 5, 8, …, and a `1` behind the last that is set.
struct Code {
    number: u32,
    /// How many it is written with.
    bits: usize,
}

impl Code {
    /// `None` if it does not end within 45 bits: no id is that large.
    #[inline]
    fn at_the_start_of(bits: u64) -> Option<Self> {
        let pairs = bits & bits << 1;
        if pairs >> (64 - PLACES) == 0 {
            return None;
        }
        // The first of the two that end it, counted from the least significant bit.
        let last_place = pairs.ilog2();
        let places = (bits >> last_place << last_place).to_be_bytes();
        // All of them, whether or not there is anything: no guess is wrong then.
        let number = places.iter().zip(&VALUES).map(|(byte, values)| values[usize::from(*byte)]).sum();
        Some(Self { number, bits: 65 - last_place as usize })
    }
}

/// Before the `1` that ends a code. All that they can say fits in 32 bits.
const PLACES: u32 = 44;

// A group's bit, the places and the last bit can be peeked at together.
const _: () = assert!(PLACES + 2 <= PEEK_BITS);

/// What the places in one byte come to, for the first byte of a code, the second, and so on.
static VALUES: [[u32; 256]; PLACES.div_ceil(8) as usize] = values();

const fn values() -> [[u32; 256]; PLACES.div_ceil(8) as usize] {
    let mut values = [[0; 256]; PLACES.div_ceil(8) as usize];
    let (mut number, mut next) = (1_u32, 2_u32);
    let mut place = 0;
    while place < PLACES as usize {
        let bit = 0x80 >> (place % 8);
        let mut byte = 0;
        while byte < 256 {
            if byte & bit != 0 {
                values[place / 8][byte] += number;
            }
            byte += 1;
        }
        (number, next) = (next, number.saturating_add(next));
        place += 1;
    }
    values
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::bits::Bits;
    use super::super::base64url;
    use super::*;

    /// What a list of one group with `bits` for an offset comes to.
    #[track_caller]
    fn check(bits: &str, expect: Option<u32>) {
        let text = base64url(&format!("000000000001 0 {bits}"));
        let group = Ranges::new(BitReader::new(Bits::parse(&text).unwrap(), 0)).unwrap().next();
        assert_eq!(group, Some(expect.map(|number| number..=number).ok_or(BadRange)), "{bits}");
    }

    #[test]
    fn numbers_are_read_as_the_specification_lists_them() {
        for (bits, number) in
            [("11", 1), ("011", 2), ("0011", 3), ("1011", 4), ("00011", 5), ("10011", 6), ("01011", 7)]
        {
            check(bits, Some(number));
        }
        check("10101010101011", Some(609));
    }

    #[test]
    fn a_code_without_end_and_a_number_without_bound_are_refused() {
        for bits in ["", "1", "0", "101010", "000000"] {
            check(bits, None);
        }
        check(&"10".repeat(600), None);
        check(&"0".repeat(4096), None);
        check(&format!("{}11", "0".repeat(43)), Some(1_134_903_170));
        check(&format!("{}11", "0".repeat(44)), None);
    }

    #[test]
    fn groups_ascend() {
        let text = base64url("000000000010 0 0011 1 011 0011");
        let ranges = Ranges::new(BitReader::new(Bits::parse(&text).unwrap(), 0)).unwrap();
        assert_eq!(ranges.collect::<Vec<_>>(), [Ok(3..=3), Ok(5..=8)]);
    }

    #[test]
    fn a_cut_list_ends_with_an_error() {
        let text = base64url("111111111111 0 11");
        let ranges = Ranges::new(BitReader::new(Bits::parse(&text).unwrap(), 0)).unwrap();
        assert_eq!(ranges.collect::<Vec<_>>(), [Ok(1..=1), Err(BadRange)]);
        assert!(Ranges::new(BitReader::new(Bits::parse("A").unwrap(), 0)).is_none());
    }
    #[test]
    fn every_place_has_its_value() {
        let (mut number, mut next) = (1_u32, 2_u32);
        for place in 0..PLACES as usize {
            check(&format!("{}11", "0".repeat(place)), Some(number));
            (number, next) = (next, number.saturating_add(next));
        }
    }

    /// The specification's words, one bit after the other.
    fn plain_number(bits: &mut impl Iterator<Item = bool>) -> Option<u32> {
        let (mut place, mut next) = (1_u32, 2_u32);
        let (mut number, mut after_one) = (0_u32, false);
        loop {
            let one = bits.next()?;
            if one && after_one {
                return Some(number);
            }
            number = number.checked_add(if one { place } else { 0 })?;
            after_one = one;
            // Overflows after 45 bits.
            (place, next) = (next, place.checked_add(next)?);
        }
    }

    fn plain_group(bits: &mut impl Iterator<Item = bool>, last: u32) -> Option<RangeInclusive<u32>> {
        let is_group = bits.next()?;
        let first = last.checked_add(plain_number(bits)?)?;
        let more = if is_group { plain_number(bits)? } else { 0 };
        Some(first..=first.checked_add(more)?)
    }

    /// Ends after the first group that cannot be read; and where it ended.
    fn plain_groups(bits: &[bool], count: usize) -> (Vec<Result<RangeInclusive<u32>, BadRange>>, usize) {
        let mut rest = bits.iter().copied();
        let (mut groups, mut last) = (Vec::new(), 0);
        while groups.len() < count && groups.last().is_none_or(Result::is_ok) {
            let group = plain_group(&mut rest, last).ok_or(BadRange);
            last = group.as_ref().map_or(last, |group| *group.end());
            groups.push(group);
        }
        (groups, bits.len() - rest.len())
    }

    /// Codes of any length, with and without an end, and what is no code.
    fn pieces() -> impl Strategy<Value = String> {
        let zeros = (0..50_usize).prop_map(|count| "0".repeat(count));
        let code =
            (any::<bool>(), zeros.clone()).prop_map(|(group, zeros)| format!("{}{zeros}11", u8::from(group)));
        let short = (any::<bool>(), 0..6_usize)
            .prop_map(|(group, zeros)| format!("{}{}11", u8::from(group), "0".repeat(zeros)));
        let turns = (0..25_usize).prop_map(|count| "10".repeat(count));
        prop_oneof![8 => short, 3 => code, 1 => zeros, 1 => turns, 2 => "[01]{0,60}"]
    }

    proptest! {
        #[test]
        fn groups_are_what_one_bit_after_the_other_spells(
            pieces in prop::collection::vec(pieces(), 0..600),
            before in 0..200_usize,
            count in prop_oneof![0..4096_usize, 0..20_usize],
        ) {
            let text = base64url(&format!("{}{count:012b}{}", "1".repeat(before), pieces.concat()));
            let bits = Bits::parse(&text).unwrap();
            let spelled: Vec<bool> = (before + 12..bits.len()).map(|at| bits.bit(at).unwrap()).collect();
            let (expect, end) = plain_groups(&spelled, count);
            let mut ranges = Ranges::new(BitReader::new(bits, before)).unwrap();
            let groups: Vec<_> = ranges.by_ref().collect();
            let is_whole = groups.last().is_none_or(Result::is_ok);
            prop_assert_eq!(groups, expect);
            prop_assert!(!is_whole || ranges.reader().at() == before + 12 + end);
        }
    }
}
