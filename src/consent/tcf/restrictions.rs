//! What a publisher forbids vendors, by purpose.

use crate::consent::bits::Bits;
use crate::consent::bits::blocks::{BlockReader, Row};
use crate::consent::tcf::TcError;
use crate::consent::tcf::entries::{Entries, check_entries, find_in_entries};
use crate::consent::tcf::purpose::{IdSet, Purpose};
use crate::consent::tcf::vendors::VendorRange;

/// The publisher restrictions of one TC string: {PurposeId6 RestrictionType2 NumEntries12 entries} each. The entries
/// have neither a highest id nor a bitfield form, unlike every other set of vendors.
#[derive(Debug, Clone, Copy)]
pub struct Restrictions<'a> {
    bits: Bits<'a>,
    /// Of the first restriction.
    at: usize,
    count: u16,
}

impl<'a> Restrictions<'a> {
    /// NumPubRestrictions12 and what it announces, where `reader` stands.
    pub(super) fn read(reader: &mut BlockReader<'a>) -> Result<Self, TcError> {
        let count = reader.take(12).ok_or(TcError::Truncated)? as u16;
        let restrictions = Self { bits: reader.bits(), at: reader.at(), count };
        let mut row = reader.row();
        for _ in 0..count {
            let head = Head::read(&mut row);
            check_entries(&mut row, head.entries)?;
        }
        Ok(restrictions)
    }

    /// What all of them together say about each of `vendors`, in one walk over them.
    pub fn of<const N: usize>(self, vendors: [u16; N]) -> [VendorRestrictions; N] {
        let mut reader = BlockReader::new(self.bits, self.at);
        let mut row = reader.row();
        let mut of_vendors = [VendorRestrictions::default(); N];
        for _ in 0..self.count {
            let head = Head::read(&mut row);
            let found = find_in_entries(&mut row, head.entries, vendors);
            for (of_vendor, _) in of_vendors.iter_mut().zip(found).filter(|(_, found)| *found) {
                of_vendor.add(head);
            }
        }
        of_vendors
    }

    /// As encoded.
    pub fn iter(self) -> impl Iterator<Item = Restriction<'a>> {
        let mut reader = BlockReader::new(self.bits, self.at);
        (0..self.count).map(move |_| {
            let Head { purpose, kind, entries } = Head::read(&mut reader.row());
            let listed = Entries::new(self.bits, reader.at(), entries);
            // Nobody is looked for: this only moves on.
            find_in_entries(&mut reader.row(), entries, []);
            Restriction { purpose, kind, entries: listed }
        })
    }
}

/// One purpose, one type, and whom it is about.
#[derive(Debug, Clone, Copy)]
pub struct Restriction<'a> {
    /// From 0 to 63; not every one is a purpose.
    pub purpose: u8,
    /// 0 not allowed, 1 require consent, 2 require legitimate interest, 3 undefined.
    pub kind: u8,
    entries: Entries<'a>,
}

impl<'a> Restriction<'a> {
    /// As encoded.
    pub fn ranges(self) -> impl Iterator<Item = VendorRange> + use<'a> {
        self.entries
    }
}

/// What comes before the entries of one restriction.
#[derive(Clone, Copy)]
struct Head {
    purpose: u8,
    kind: u8,
    entries: u16,
}

impl Head {
    /// Nothing restricted, no entries, past the end.
    fn read(row: &mut Row<'_, '_>) -> Self {
        let head = row.peek() >> 44;
        row.skip(20);
        Self { purpose: (head >> 14) as u8, kind: (head >> 12) as u8 & 3, entries: head as u16 & 0xfff }
    }
}

/// The restrictions of one vendor, as sets of purposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VendorRestrictions {
    not_allowed: IdSet,
    require_consent: IdSet,
    require_legitimate_interest: IdSet,
}

impl VendorRestrictions {
    /// The strictest reading if there is more than one.
    pub const fn on(self, purpose: Purpose) -> Option<RestrictionType> {
        let id = purpose.id();
        if self.not_allowed.contains(id) {
            return Some(RestrictionType::NotAllowed);
        }
        match (self.require_consent.contains(id), self.require_legitimate_interest.contains(id)) {
            (true, true) => Some(RestrictionType::Contradictory),
            (true, false) => Some(RestrictionType::RequireConsent),
            (false, true) => Some(RestrictionType::RequireLegitimateInterest),
            (false, false) => None,
        }
    }

    const fn add(&mut self, restriction: Head) {
        let purposes = match restriction.kind {
            0 => &mut self.not_allowed,
            1 => &mut self.require_consent,
            2 => &mut self.require_legitimate_interest,
            // Undefined, and to be ignored.
            _ => return,
        };
        *purposes = purposes.with(restriction.purpose);
    }
}

/// What a publisher asks of one vendor for one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestrictionType {
    NotAllowed,
    RequireConsent,
    RequireLegitimateInterest,
    /// Both bases are required, so that none will do. The specification has no such string.
    Contradictory,
}

impl RestrictionType {
    /// A stable word for machines.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotAllowed => "not-allowed",
            Self::RequireConsent => "require-consent",
            Self::RequireLegitimateInterest => "require-interest",
            Self::Contradictory => "contradictory",
        }
    }
}
