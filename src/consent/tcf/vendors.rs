//! Sets of vendors, as bits or as ranges.

use std::fmt;

use crate::consent::bits::Bits;
use crate::consent::bits::blocks::BlockReader;
use crate::consent::tcf::TcError;
use crate::consent::tcf::entries::{Entries, Marks, find_in_entries};

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
        /// `None`: they are not in ascending order, which encoders write them in and nobody has to.
        marks: Option<Marks>,
    },
}

impl<'a> VendorSet<'a> {
    /// {MaxVendorId16 IsRange1; bits or ranges}, where `reader` stands.
    pub(super) fn read(reader: &mut BlockReader<'a>) -> Result<Self, TcError> {
        let head = reader.take(17).ok_or(TcError::Truncated)?;
        let (id_max, is_range) = ((head >> 1) as u16, head & 1 == 1);
        let bits = reader.bits();
        if is_range {
            let entries = reader.take(12).ok_or(TcError::Truncated)? as u16;
            let at = reader.at();
            let marks = Marks::set(&mut reader.row(), entries, id_max)?;
            Ok(Self { bits, at, id_max, form: Form::Ranges { entries, marks } })
        } else {
            let set = Self { bits, at: reader.at(), id_max, form: Form::Bitfield };
            reader.skip(usize::from(id_max));
            if reader.is_past_the_end() { Err(TcError::Truncated) } else { Ok(set) }
        }
    }

    pub fn contains(self, vendor: u16) -> bool {
        match self.form {
            _ if vendor == 0 || vendor > self.id_max => false,
            Form::Bitfield => self.bits.bit(self.at + usize::from(vendor) - 1) == Some(true),
            Form::Ranges { entries, marks: Some(marks) } => {
                let Some((offset, count)) = marks.around(vendor, entries) else { return false };
                Entries::new(self.bits, self.at + offset, count).any(|range| range.contains(vendor))
            }
            Form::Ranges { entries, marks: None } => {
                let mut reader = BlockReader::new(self.bits, self.at);
                find_in_entries(&mut reader.row(), entries, [vendor]) == [true]
            }
        }
    }

    pub fn is_empty(self) -> bool {
        match self.form {
            Form::Bitfield => self.bits.is_zero(self.at, self.id_max.into()),
            Form::Ranges { entries, .. } => entries == 0,
        }
    }

    /// As encoded: bits give runs in ascending order, ranges come as they were written.
    pub fn ranges(self) -> impl Iterator<Item = VendorRange> + use<'a> {
        let (ids, entries) = match self.form {
            Form::Bitfield => (self.id_max, 0),
            Form::Ranges { entries, .. } => (0, entries),
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
