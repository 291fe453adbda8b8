//! Numbers and ranges in Fibonacci coding, as the GPP string specification has them.

use std::ops::RangeInclusive;

use super::super::bits::BitReader;

/// The next number, from 1 up. `None` if its code does not end within 45 bits: no id is that large.
pub(super) fn take_number(reader: &mut BitReader<'_>) -> Option<u32> {
    let (mut place, mut next) = (1_u32, 2_u32);
    let mut number = 0_u32;
    let mut after_one = false;
    loop {
        let one = reader.take_bit()?;
        if one && after_one {
            return Some(number);
        }
        if one {
            number = number.checked_add(place)?;
        }
        after_one = one;
        // Overflows after 45 bits.
        (place, next) = (next, place.checked_add(next)?);
    }
}

/// "Range (Fibonacci)": groups of ids, strictly ascending because every offset is at least 1.
///
/// A group costs the bits that it is written with, however many ids it stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ranges<'a> {
    reader: BitReader<'a>,
    left: u64,
    last: u32,
}

impl<'a> Ranges<'a> {
    /// `None` if the number of groups is cut off.
    pub(super) fn new(mut reader: BitReader<'a>) -> Option<Self> {
        let left = reader.take(12)?;
        Some(Self { reader, left, last: 0 })
    }

    /// Where reading goes on after the groups read so far.
    pub(super) const fn reader(&self) -> BitReader<'a> {
        self.reader
    }

    fn take_group(&mut self) -> Option<RangeInclusive<u32>> {
        let is_group = self.reader.take_bit()?;
        let first = self.last.checked_add(take_number(&mut self.reader)?)?;
        self.last = if is_group { first.checked_add(take_number(&mut self.reader)?)? } else { first };
        Some(first..=self.last)
    }
}

/// Ends after the first group that cannot be read.
impl Iterator for Ranges<'_> {
    type Item = Result<RangeInclusive<u32>, BadRange>;

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

#[cfg(test)]
mod tests {
    use super::super::super::bits::Bits;
    use super::super::base64url;
    use super::*;

    #[track_caller]
    fn check(bits: &str, expect: Option<u32>) {
        let text = base64url(bits);
        assert_eq!(take_number(&mut BitReader::new(Bits::parse(&text).unwrap(), 0)), expect, "{bits}");
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
}
