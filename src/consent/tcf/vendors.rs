//! Sets of vendors, as bits or as ranges.

use std::fmt;

use crate::consent::bits::{BitReader, Bits};
use crate::consent::tcf::TcError;

/// A set of vendor ids within a segment, checked to be whole.
#[derive(Debug, Clone, Copy)]
pub struct VendorSet<'a> {
    bits: Bits<'a>,
    /// Of the first vendor's bit, or of the first entry.
    at: usize,
    id_max: u16,
    form: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    /// One bit for every id from 1 to `id_max`.
    Bitfield,
    Ranges {
        entries: u16,
    },
}

impl<'a> VendorSet<'a> {
    /// {MaxVendorId16 IsRange1; bits or ranges}, where `reader` stands.
    pub(super) fn read(reader: &mut BitReader<'a>) -> Result<Self, TcError> {
        let head = reader.take(17).ok_or(TcError::Truncated)?;
        let (id_max, is_range) = ((head >> 1) as u16, head & 1 == 1);
        let bits = reader.bits();
        if is_range {
            let entries = reader.take(12).ok_or(TcError::Truncated)? as u16;
            let set = Self { bits, at: reader.at(), id_max, form: Form::Ranges { entries } };
            *reader = Entries::new(bits, set.at, entries).check(id_max)?;
            Ok(set)
        } else {
            let set = Self { bits, at: reader.at(), id_max, form: Form::Bitfield };
            reader.skip(usize::from(id_max)).ok_or(TcError::Truncated)?;
            Ok(set)
        }
    }

    pub fn contains(self, vendor: u16) -> bool {
        match self.form {
            _ if vendor == 0 || vendor > self.id_max => false,
            Form::Bitfield => self.bits.bit(self.at + usize::from(vendor) - 1) == Some(true),
            Form::Ranges { entries } => {
                Entries::new(self.bits, self.at, entries).any(|range| range.contains(vendor))
            }
        }
    }

    pub fn is_empty(self) -> bool {
        self.ranges().next().is_none()
    }

    /// As encoded: bits give runs in ascending order, ranges come as they were written.
    pub fn ranges(self) -> impl Iterator<Item = VendorRange> + use<'a> {
        let (ids, entries) = match self.form {
            Form::Bitfield => (self.id_max, 0),
            Form::Ranges { entries } => (0, entries),
        };
        Runs { bits: self.bits, at: self.at, next: 1, id_max: u32::from(ids) }
            .chain(Entries::new(self.bits, self.at, entries))
    }
}

/// From `first` to `last`, both of them in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VendorRange {
    pub first: u16,
    pub last: u16,
}

impl VendorRange {
    pub const fn contains(self, vendor: u16) -> bool {
        self.first <= vendor && vendor <= self.last
    }
}

/// `25`, `700-704`.
impl fmt::Display for VendorRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last } = self;
        if first == last { write!(f, "{first}") } else { write!(f, "{first}-{last}") }
    }
}

/// {IsARange1 Start16 [End16]} as often as announced; ends early where the bits do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entries<'a> {
    reader: BitReader<'a>,
    left: u16,
}

impl<'a> Entries<'a> {
    pub(super) const fn new(bits: Bits<'a>, at: usize, entries: u16) -> Self {
        Self { reader: BitReader::new(bits, at), left: entries }
    }

    /// What stands behind the entries, if they are all there and each is a range of ids up to `id_max`.
    pub(super) fn check(mut self, id_max: u16) -> Result<BitReader<'a>, TcError> {
        let sound =
            self.by_ref().all(|VendorRange { first, last }| 1 <= first && first <= last && last <= id_max);
        match (sound, self.left) {
            (true, 0) => Ok(self.reader),
            (true, _) => Err(TcError::Truncated),
            (false, _) => Err(TcError::VendorRange),
        }
    }

    /// Whether `vendor` is in any of them, and what stands behind them.
    pub(super) fn find(mut self, vendor: u16) -> (bool, BitReader<'a>) {
        let found = self.by_ref().fold(false, |found, range| found | range.contains(vendor));
        (found, self.reader)
    }
}

impl Iterator for Entries<'_> {
    type Item = VendorRange;

    #[inline]
    fn next(&mut self) -> Option<VendorRange> {
        let left = self.left.checked_sub(1)?;
        let mut reader = self.reader;
        let head = reader.take(17)?;
        let first = head as u16;
        let last = if head >> 16 == 0 { first } else { reader.take(16)? as u16 };
        *self = Self { reader, left };
        Some(VendorRange { first, last })
    }
}

/// The runs of set bits.
struct Runs<'a> {
    bits: Bits<'a>,
    at: usize,
    /// The next id to look at; wider than an id, as it goes one past the last.
    next: u32,
    id_max: u32,
}

impl Runs<'_> {
    /// The next id from here on whose bit is `wanted`.
    fn find(&mut self, wanted: bool) -> Option<u32> {
        while self.next <= self.id_max {
            let id = self.next;
            self.next += 1;
            if self.bits.bit(self.at + id as usize - 1) == Some(wanted) {
                return Some(id);
            }
        }
        None
    }
}

impl Iterator for Runs<'_> {
    type Item = VendorRange;

    fn next(&mut self) -> Option<VendorRange> {
        let first = self.find(true)?;
        let last = self.find(false).map_or(self.id_max, |id| id - 1);
        Some(VendorRange { first: first as u16, last: last as u16 })
    }
}
