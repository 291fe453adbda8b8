//! Sets of vendors, as bits or as ranges.

use std::fmt;

use crate::consent::bits::{BitReader, BitStream, Bits};
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
            let mut stream = BitStream::new(bits, set.at);
            check_entries(&mut stream, entries, id_max)?;
            *reader = BitReader::new(bits, stream.at());
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
                find_in_entries(&mut BitStream::new(self.bits, self.at), entries, vendor)
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
            .chain(Entries { stream: BitStream::new(self.bits, self.at), left: entries })
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

/// Goes over `entries` entries; an error unless they are all there and each is a range of ids up to `id_max`.
pub(super) fn check_entries(stream: &mut BitStream<'_>, entries: u16, id_max: u16) -> Result<(), TcError> {
    let mut sound = true;
    for _ in 0..entries {
        let VendorRange { first, last } = next_range(stream).ok_or(TcError::Truncated)?;
        sound &= (1 <= first) & (first <= last) & (last <= id_max);
    }
    if sound { Ok(()) } else { Err(TcError::VendorRange) }
}

/// Goes over `entries` entries: whether `vendor` is in any of them.
pub(super) fn find_in_entries(stream: &mut BitStream<'_>, entries: u16, vendor: u16) -> bool {
    let ranges = (0..entries).map_while(|_| next_range(stream));
    ranges.fold(false, |found, range| found | range.contains(vendor))
}

/// {IsARange1 Start16 (End16)}; `None` if it is cut off.
#[inline]
fn next_range(stream: &mut BitStream<'_>) -> Option<VendorRange> {
    let entry = stream.peek();
    let first = (entry >> 47) as u16;
    let is_range = entry >> 63 == 1;
    let (last, width) = if is_range { ((entry >> 31) as u16, 33) } else { (first, 17) };
    stream.consume(width)?;
    Some(VendorRange { first, last })
}

/// `left` entries, one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entries<'a> {
    pub(super) stream: BitStream<'a>,
    pub(super) left: u16,
}

impl Iterator for Entries<'_> {
    type Item = VendorRange;

    fn next(&mut self) -> Option<VendorRange> {
        self.left = self.left.checked_sub(1)?;
        next_range(&mut self.stream)
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
