//! Lists of vendors as ranges: {IsARange1 Start16 (End16)} each, one after the other.
//!
//! Where an entry starts is known only when the one before has been read, so that going over them takes its time, and
//! a hostile string has 5,700 of them. So parsing goes over each once, and remembers what spares a question most of it.

use crate::consent::bits::blocks::Row;
use crate::consent::bits::{BitStream, Bits};
use crate::consent::tcf::TcError;
use crate::consent::tcf::vendors::VendorRange;

/// Goes over `entries` entries; an error unless they are all there and each is a range of ids.
#[inline]
pub(super) fn check_entries(row: &mut Row<'_, '_>, entries: u16) -> Result<(), TcError> {
    let mut check = Check::new(u16::MAX);
    walk(row, entries, |range| check.see(range));
    check.end(row).map(drop)
}

/// Goes over `entries` entries: whether each of `vendors` is in any of them.
#[inline]
pub(super) fn find_in_entries<const N: usize>(
    row: &mut Row<'_, '_>,
    entries: u16,
    vendors: [u16; N],
) -> [bool; N] {
    let mut found = [false; N];
    walk(row, entries, |range| {
        found.iter_mut().zip(vendors).for_each(|(found, vendor)| *found |= range.contains(vendor));
    });
    found
}

/// Goes over `entries` entries, past the end if they are not all there.
#[inline]
fn walk(row: &mut Row<'_, '_>, entries: u16, mut see: impl FnMut(VendorRange)) {
    for _ in 0..entries / 2 {
        let entry = row.peek();
        let width = entry_width(entry);
        let second = row.peek_behind(width);
        // The same as `second` as far as it goes, but here at once: what follows needn't wait for a read. Without this a
        // walk takes half as long again.
        let second_start = entry << SINGLE_BITS << (width - SINGLE_BITS);
        row.skip(width + entry_width(second_start));
        see(VendorRange::of_entry(entry));
        see(VendorRange::of_entry(second));
    }
    if !entries.is_multiple_of(2) {
        let entry = row.peek();
        row.skip(entry_width(entry));
        see(VendorRange::of_entry(entry));
    }
}

impl VendorRange {
    /// From the most significant bit on.
    #[inline]
    const fn of_entry(entry: u64) -> Self {
        let first = (entry >> 47) as u16;
        Self { first, last: if is_range(entry) { (entry >> 31) as u16 } else { first } }
    }
}

#[inline]
const fn is_range(entry: u64) -> bool {
    entry >> 63 == 1
}

/// In bits.
#[inline]
const fn entry_width(entry: u64) -> usize {
    SINGLE_BITS + ((entry >> 59) as usize & ID_BITS)
}

/// Every so many entries of a set whose entries are in ascending order, so that finding a vendor takes a walk over a
/// few of them only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    /// The first id of the marked entry.
    firsts: [u16; MARKS_MAX],
    /// How many of the entries before it have an end, which says where it is: all others are of one width.
    ranges: [u16; MARKS_MAX],
}

impl Marks {
    /// Goes over all entries; an error unless they are all there and each is a range of ids up to `id_max`.
    pub(super) fn set(row: &mut Row<'_, '_>, entries: u16, id_max: u16) -> Result<Option<Self>, TcError> {
        let mut marks = Self { firsts: [0; MARKS_MAX], ranges: [0; MARKS_MAX] };
        let at = row.at();
        let mut check = Check::new(id_max);
        let mut before = 0;
        for (first, ranges) in marks.firsts.iter_mut().zip(&mut marks.ranges) {
            let left = entries - before;
            if left == 0 {
                break;
            }
            *first = VendorRange::of_entry(row.peek()).first;
            *ranges = ((row.at() - at - usize::from(before) * SINGLE_BITS) / ID_BITS) as u16;
            let walked = left.min(Self::interval(entries));
            walk(row, walked, |range| check.see(range));
            before += walked;
        }
        check.end(row).map(|ascending| ascending.then_some(marks))
    }

    /// Where the marked entry is that comes last of those that `vendor` may be in, from the first entry on, and how many
    /// entries there are from it to the next mark.
    pub(super) fn around(&self, vendor: u16, entries: u16) -> Option<(usize, u16)> {
        let interval = Self::interval(entries);
        let used = usize::from(entries.div_ceil(interval));
        let firsts = self.firsts.iter().take(used);
        // All of them, for no guess is wrong then.
        let mark = firsts.fold(0, |count, first| count + usize::from(*first <= vendor)).checked_sub(1)?;
        let before = mark as u16 * interval;
        let ranges = self.ranges.get(mark).copied()?;
        let offset = usize::from(before) * SINGLE_BITS + usize::from(ranges) * ID_BITS;
        Some((offset, interval.min(entries - before)))
    }

    /// Between one mark and the next, in entries.
    const fn interval(entries: u16) -> u16 {
        let even = (entries / MARKS_MAX as u16 + 1).next_multiple_of(2);
        if even < INTERVAL_MIN { INTERVAL_MIN } else { even }
    }
}

/// What has to be so of every entry. Signs are collected instead of asking each time, as a hostile string would have
/// every guess of the processor's wrong.
struct Check {
    id_max: i32,
    last: i32,
    /// Negative as soon as a range is empty or has an id that is none.
    unsound: i32,
    /// Negative as long as every entry starts behind the one before.
    ascending: i32,
}

impl Check {
    const fn new(id_max: u16) -> Self {
        Self { id_max: id_max as i32, last: 0, unsound: 0, ascending: -1 }
    }

    #[inline]
    const fn see(&mut self, range: VendorRange) {
        let (first, last) = (range.first as i32, range.last as i32);
        self.unsound |= (first - 1) | (last - first) | (self.id_max - last);
        self.ascending &= self.last - first;
        self.last = last;
    }

    /// Whether they are in ascending order, once `row` has gone over all of them.
    const fn end(&self, row: &Row<'_, '_>) -> Result<bool, TcError> {
        if row.is_past_the_end() {
            Err(TcError::Truncated)
        } else if self.unsound < 0 {
            Err(TcError::VendorRange)
        } else {
            Ok(self.ascending < 0)
        }
    }
}

/// Some entries, one after the other: for those who look at few of them, or take their time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entries<'a> {
    stream: BitStream<'a>,
    left: u16,
}

impl<'a> Entries<'a> {
    /// `count` entries from bit `at` on.
    pub(super) fn new(bits: Bits<'a>, at: usize, count: u16) -> Self {
        Self { stream: BitStream::new(bits, at), left: count }
    }
}

impl Iterator for Entries<'_> {
    type Item = VendorRange;

    fn next(&mut self) -> Option<VendorRange> {
        self.left = self.left.checked_sub(1)?;
        let entry = self.stream.peek();
        self.stream.consume(entry_width(entry) as u32)?;
        Some(VendorRange::of_entry(entry))
    }
}

const ID_BITS: usize = 16;
const SINGLE_BITS: usize = 1 + ID_BITS;

/// Of one set: 400 entries, which are many, have 29 marks, 14 apart.
const MARKS_MAX: usize = 32;
const INTERVAL_MIN: u16 = 8;
