//! Section 5, Canadian TCF, version 1: read so that a person can look at it. There is no rule for it yet.
//!
//! Source: IAB Canada TCF, as the official encoder writes it: a set of vendors is its highest id in 16 bits, one bit,
//! and then a bit for each vendor or, where that bit is set, a Fibonacci range. (The specification's "OptimizedRange"
//! puts the bit first and no highest id before a range; nobody writes that.)

use std::ops::RangeInclusive;

use super::super::bits::{BitReader, Bits};
use super::ends;
use super::fibonacci::Ranges;
use super::us::SectionError;

/// The section, all of whose parts could be read.
#[derive(Debug, Clone, Copy)]
pub struct TcfCanada<'a> {
    /// Tenths of a second since 1970.
    pub created_ds: u64,
    /// Tenths of a second since 1970.
    pub updated_ds: u64,
    pub cmp_id: u16,
    pub cmp_version: u16,
    pub consent_screen: u8,
    /// Two letters, upper case.
    pub consent_language: [u8; 2],
    pub vendor_list_version: u16,
    pub policy_version: u8,
    pub use_non_standard_stacks: bool,
    pub special_features_express: IdBits,
    pub purposes_express: IdBits,
    pub purposes_implied: IdBits,
    pub vendors_express: VendorSet<'a>,
    pub vendors_implied: VendorSet<'a>,
    restrictions: Restrictions<'a>,
    pub publisher: Option<PublisherPurposes>,
    pub disclosed_vendors: Option<VendorSet<'a>>,
}

/// What the publisher itself asked consent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublisherPurposes {
    pub express: IdBits,
    pub implied: IdBits,
    pub custom_count: u8,
    pub custom_express: IdBits,
    pub custom_implied: IdBits,
}

impl<'a> TcfCanada<'a> {
    /// Strict as [`super::us::UsSection::parse`]; each sub-section at most once, in any order.
    pub fn parse(text: &'a str) -> Result<Self, SectionError> {
        let mut parts = text.split('.');
        let core = Bits::parse(parts.next().unwrap_or_default())?;
        let version = core.get(0, 6).ok_or(SectionError::Cut)?;
        if version != VERSION {
            return Err(SectionError::Version);
        }
        let mut reader = BitReader::new(core, 6);
        let mut section = Self::take(&mut reader).ok_or(SectionError::Cut)?;
        if !ends(&reader) {
            return Err(SectionError::Padding);
        }
        for part in parts {
            section.add(Bits::parse(part)?)?;
        }
        Ok(section)
    }

    fn take(reader: &mut BitReader<'a>) -> Option<Self> {
        Some(Self {
            created_ds: reader.take(36)?,
            updated_ds: reader.take(36)?,
            cmp_id: reader.take(12)? as u16,
            cmp_version: reader.take(12)? as u16,
            consent_screen: reader.take(6)? as u8,
            consent_language: [letter(reader)?, letter(reader)?],
            vendor_list_version: reader.take(12)? as u16,
            policy_version: reader.take(6)? as u8,
            use_non_standard_stacks: reader.take_bit()?,
            special_features_express: IdBits::take(reader, 12)?,
            purposes_express: IdBits::take(reader, 24)?,
            purposes_implied: IdBits::take(reader, 24)?,
            vendors_express: VendorSet::take(reader)?,
            vendors_implied: VendorSet::take(reader)?,
            restrictions: Restrictions::take(reader)?,
            publisher: None,
            disclosed_vendors: None,
        })
    }

    fn add(&mut self, bits: Bits<'a>) -> Result<(), SectionError> {
        let mut reader = BitReader::new(bits, 0);
        match reader.take(3).ok_or(SectionError::Cut)? {
            DISCLOSED_VENDORS if self.disclosed_vendors.is_none() => {
                self.disclosed_vendors = Some(VendorSet::take(&mut reader).ok_or(SectionError::Cut)?);
            }
            PUBLISHER_PURPOSES if self.publisher.is_none() => {
                self.publisher = Some(PublisherPurposes::take(&mut reader).ok_or(SectionError::Cut)?);
            }
            _ => return Err(SectionError::SubSection),
        }
        if ends(&reader) { Ok(()) } else { Err(SectionError::Padding) }
    }

    /// Purpose, type of restriction, and the vendors that it is for.
    pub fn restrictions(&self) -> impl Iterator<Item = (u8, u8, VendorSet<'a>)> + use<'a> {
        self.restrictions
    }
}

impl PublisherPurposes {
    fn take(reader: &mut BitReader<'_>) -> Option<Self> {
        let express = IdBits::take(reader, 24)?;
        let implied = IdBits::take(reader, 24)?;
        let custom_count = reader.take(6)? as u8;
        Some(Self {
            express,
            implied,
            custom_count,
            custom_express: IdBits::take(reader, custom_count.into())?,
            custom_implied: IdBits::take(reader, custom_count.into())?,
        })
    }
}

/// Up to 64 ids from 1 on, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdBits(u64);

impl IdBits {
    fn take(reader: &mut BitReader<'_>, count: u32) -> Option<Self> {
        let mut bits = 0;
        for id in 0..count {
            bits |= reader.take(1)? << id;
        }
        Some(Self(bits))
    }

    pub fn ids(self) -> impl Iterator<Item = u8> {
        (0..64).filter(move |id| self.0 >> id & 1 == 1).map(|id| id + 1)
    }
}

/// A set of vendors, left where it is in the string.
#[derive(Debug, Clone, Copy)]
pub struct VendorSet<'a>(Vendors<'a>);

#[derive(Debug, Clone, Copy)]
enum Vendors<'a> {
    /// A bit for each id from 1 to the highest.
    Bits { reader: BitReader<'a>, highest: u32 },
    /// A Fibonacci range.
    Ranges(BitReader<'a>),
}

impl<'a> VendorSet<'a> {
    fn take(reader: &mut BitReader<'a>) -> Option<Self> {
        let highest = reader.take(16)? as u32;
        if reader.take_bit()? {
            let set = Self(Vendors::Ranges(*reader));
            let mut ranges = Ranges::new(*reader)?;
            if ranges.by_ref().any(|range| range.is_err()) {
                return None;
            }
            *reader = ranges.reader();
            Some(set)
        } else {
            let bits = Vendors::Bits { reader: *reader, highest };
            reader.skip(highest as usize)?;
            Some(Self(bits))
        }
    }

    /// The ids as ranges, ascending. Takes as long as the set is written, however many ids that are.
    pub fn ranges(self) -> impl Iterator<Item = RangeInclusive<u32>> + use<'a> {
        let (runs, ranges) = match self.0 {
            Vendors::Bits { reader, highest } => (Some(Runs { reader, last: 0, highest }), None),
            Vendors::Ranges(reader) => (None, Ranges::new(reader)),
        };
        runs.into_iter().flatten().chain(ranges.into_iter().flatten().flatten())
    }
}

/// The runs of set bits.
struct Runs<'a> {
    reader: BitReader<'a>,
    /// The id whose bit was read last.
    last: u32,
    highest: u32,
}

impl Iterator for Runs<'_> {
    type Item = RangeInclusive<u32>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut first = None;
        while self.last < self.highest {
            let set = self.reader.take_bit()?;
            self.last += 1;
            match first {
                None if set => first = Some(self.last),
                Some(first) if !set => return Some(first..=self.last - 1),
                _ => {}
            }
        }
        first.map(|first| first..=self.highest)
    }
}

#[derive(Debug, Clone, Copy)]
struct Restrictions<'a> {
    reader: BitReader<'a>,
    left: u64,
}

impl<'a> Restrictions<'a> {
    fn take(reader: &mut BitReader<'a>) -> Option<Self> {
        let left = reader.take(12)?;
        let mut walk = Self { reader: *reader, left };
        let restrictions = walk;
        if walk.by_ref().count() as u64 != left {
            return None;
        }
        *reader = walk.reader;
        Some(restrictions)
    }
}

/// Ends early if one cannot be read.
impl<'a> Iterator for Restrictions<'a> {
    type Item = (u8, u8, VendorSet<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let purpose = self.reader.take(6)? as u8;
        let kind = self.reader.take(2)? as u8;
        Some((purpose, kind, VendorSet::take(&mut self.reader)?))
    }
}

fn letter(reader: &mut BitReader<'_>) -> Option<u8> {
    reader.take(6).map(|letter| b'A' + letter as u8)
}

const VERSION: u64 = 1;
const DISCLOSED_VENDORS: u64 = 1;
const PUBLISHER_PURPOSES: u64 = 3;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By the official encoder.
    const WITH_EVERYTHING: &str = "BQOuRYAQOuRYAAyAAAENAACAAAAAAAAAAB9BAEV3cRF5FSMABWQAgkABRwwH0IAWARmgpMA\
                                   .cAAAIAAAAdQ.IH0QAo2kAMA";

    fn ids(set: VendorSet<'_>) -> Vec<u32> {
        set.ranges().flatten().collect()
    }

    #[test]
    fn ranges_restrictions_and_custom_purposes_are_read() {
        let section = TcfCanada::parse(WITH_EVERYTHING).unwrap();
        assert_eq!((section.created_ds, section.cmp_id), (17_426_880_000, 50));
        assert_eq!(ids(section.vendors_express), [12, 14, 15, 16, 17, 18, 900, 901, 4000]);
        assert_eq!(section.vendors_implied.ranges().collect::<Vec<_>>(), [1..=2, 5..=5]);
        let restrictions: Vec<_> =
            section.restrictions().map(|(purpose, kind, set)| (purpose, kind, ids(set))).collect();
        assert_eq!(restrictions, [(2, 1, vec![3, 4, 5]), (3, 0, vec![700, 701, 702, 703, 2000])]);
        let publisher = section.publisher.unwrap();
        assert_eq!(publisher.express.ids().collect::<Vec<_>>(), [1, 24]);
        assert_eq!((publisher.implied.ids().count(), publisher.custom_count), (0, 3));
        assert_eq!(publisher.custom_express.ids().collect::<Vec<_>>(), [1, 3]);
        assert_eq!(publisher.custom_implied.ids().collect::<Vec<_>>(), [2]);
        assert_eq!(section.disclosed_vendors.map(ids), Some(vec![5, 6, 7, 1000]));
    }

    #[test]
    fn what_is_cut_or_doubled_is_no_section() {
        let parse = |text: &str| TcfCanada::parse(text).map(|section| section.cmp_id);
        let (core, rest) = WITH_EVERYTHING.split_once('.').unwrap();
        for length in 0..core.len() - 1 {
            assert_eq!(parse(&core[..length]), Err(SectionError::Cut), "{length} of {core}");
        }
        assert_eq!(parse(&format!("C{}", &core[1..])), Err(SectionError::Version));
        assert_eq!(parse(&format!("{core}AA")), Err(SectionError::Padding));
        assert_eq!(parse(&format!("{core}.{rest}.{rest}")), Err(SectionError::SubSection));
        assert_eq!(parse(&format!("{core}.QA")), Err(SectionError::SubSection));
        assert_eq!(parse(&format!("{core}.")), Err(SectionError::Cut));
        assert_eq!(parse(&format!("{core}.cAA")), Err(SectionError::Cut));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(cut in 0..WITH_EVERYTHING.len(), tail in "[A-Za-z0-9_.-]{0,60}") {
            if let Ok(section) = TcfCanada::parse(&format!("{}{tail}", &WITH_EVERYTHING[..cut])) {
                let _ = section.restrictions().map(|(_, _, set)| set.ranges().count()).sum::<usize>();
                let _ = (section.vendors_express.ranges().count(), section.vendors_implied.ranges().count());
            }
        }
    }
}
