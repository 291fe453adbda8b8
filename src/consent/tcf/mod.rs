//! TC strings 2.0 to 2.3, the vendor list's rules, and the Additional Consent string that goes with them.
//!
//! Source: IAB Europe Transparency and Consent Framework, "Consent string and vendor list formats v2" and Policies.
//! [`TcString::parse`] walks over the structure once; every answer afterwards is read from where the bits are. Nothing
//! here allocates, and no work is more than linear in the length of a string.

pub mod additional;
pub mod basis;
mod entries;
pub mod purpose;
pub mod restrictions;
mod segments;
pub mod validity;
pub mod vendor_list;
pub mod vendors;

use std::fmt;

use crate::consent::bits::blocks::BlockReader;
use crate::consent::bits::{Bits, NotBase64Url};
use crate::consent::tcf::purpose::{IdSet, Purpose};
use crate::consent::tcf::restrictions::Restrictions;
pub use crate::consent::tcf::segments::PublisherTc;
use crate::consent::tcf::segments::Segments;
use crate::consent::tcf::vendors::VendorSet;
use crate::domain::time::Timestamp;

/// A TC string whose structure is sound. Whether its content counts is [`TcString::invalidities`]' question.
#[derive(Debug, Clone, Copy)]
pub struct TcString<'a> {
    core: Bits<'a>,
    consented: VendorSet<'a>,
    legitimate_interest: VendorSet<'a>,
    restrictions: Restrictions<'a>,
    segments: Segments<'a>,
}

impl<'a> TcString<'a> {
    /// Takes the strict reading wherever the specification leaves one: a segment that is unknown, empty or there
    /// twice, a range that is empty, starts at 0 or goes past its set's highest id, and anything but zeros behind the
    /// last field make the whole string an error. Zeros may be there in any number, as encoders pad to 8 or 24 bits.
    /// Ranges need not be in order and may overlap, for that leaves no doubt about who is meant.
    pub fn parse(text: &'a str) -> Result<Self, TcError> {
        if text.len() > TC_STRING_BYTES_MAX {
            return Err(TcError::TooLong);
        }
        let mut segments = text.split('.');
        let core = Bits::parse(segments.next().unwrap_or_default())?;
        // Before anything else: a version 1 string is laid out differently.
        let version = core.get(0, 6).ok_or(TcError::Truncated)?;
        if version != u64::from(VERSION) {
            return Err(TcError::Version(version as u8));
        }
        let mut reader = BlockReader::new(core, VENDORS_AT);
        let consented = VendorSet::read(&mut reader)?;
        let legitimate_interest = VendorSet::read(&mut reader)?;
        let restrictions = Restrictions::read(&mut reader)?;
        end(&reader)?;
        let segments = Segments::read(segments)?;
        Ok(Self { core, consented, legitimate_interest, restrictions, segments })
    }

    pub fn version(&self) -> u8 {
        self.field(0, 6) as u8
    }

    pub fn created(&self) -> Timestamp {
        Timestamp(self.field(6, 36) * MS_PER_DECISECOND)
    }

    pub fn updated(&self) -> Timestamp {
        Timestamp(self.field(42, 36) * MS_PER_DECISECOND)
    }

    pub fn cmp_id(&self) -> u16 {
        self.field(78, 12) as u16
    }

    pub fn cmp_version(&self) -> u16 {
        self.field(90, 12) as u16
    }

    pub fn consent_screen(&self) -> u8 {
        self.field(102, 6) as u8
    }

    /// ISO 639-1, the language of the consent screen.
    pub fn language(&self) -> Letters {
        Letters(self.field(108, 12) as u16)
    }

    pub fn vendor_list_version(&self) -> u16 {
        self.field(120, 12) as u16
    }

    pub fn policy_version(&self) -> u8 {
        self.field(132, 6) as u8
    }

    /// Consent was given to one site or app, not to all of them.
    pub fn is_service_specific(&self) -> bool {
        self.field(138, 1) == 1
    }

    pub fn uses_non_standard_texts(&self) -> bool {
        self.field(139, 1) == 1
    }

    pub fn special_features(&self) -> IdSet {
        IdSet::from_bits(self.field(140, 12), 12)
    }

    pub fn purpose_consents(&self) -> IdSet {
        IdSet::from_bits(self.field(152, 24), 24)
    }

    /// Purposes for which legitimate interest was shown and not objected to, as the string has them. For some of them
    /// that is void: [`Purpose::allows_legitimate_interest`].
    pub fn purpose_legitimate_interests(&self) -> IdSet {
        IdSet::from_bits(self.field(176, 24), 24)
    }

    /// Purpose 1 was not asked for, as the law of the publisher's country needs no consent to it. Never a basis here.
    pub fn purpose_one_treatment(&self) -> bool {
        self.field(200, 1) == 1
    }

    /// ISO 3166-1, where the publisher is.
    pub fn publisher_country(&self) -> Letters {
        Letters(self.field(201, 12) as u16)
    }

    pub fn purpose_consent(&self, purpose: Purpose) -> bool {
        self.purpose_consents().contains(purpose.id())
    }

    /// As the string has it, void or not.
    pub fn purpose_legitimate_interest(&self, purpose: Purpose) -> bool {
        self.purpose_legitimate_interests().contains(purpose.id())
    }

    /// Features are numbered from 1.
    pub fn special_feature(&self, feature: u8) -> bool {
        self.special_features().contains(feature)
    }

    pub const fn vendor_consents(&self) -> VendorSet<'a> {
        self.consented
    }

    pub const fn vendor_legitimate_interests(&self) -> VendorSet<'a> {
        self.legitimate_interest
    }

    pub const fn publisher_restrictions(&self) -> Restrictions<'a> {
        self.restrictions
    }

    /// `None`: there is no such segment.
    pub const fn disclosed_vendors(&self) -> Option<VendorSet<'a>> {
        self.segments.disclosed
    }

    /// Of no effect since TCF 2.0 gave up global scope; shown only. `None`: there is no such segment.
    pub const fn allowed_vendors(&self) -> Option<VendorSet<'a>> {
        self.segments.allowed
    }

    /// `None`: there is no such segment.
    pub const fn publisher_tc(&self) -> Option<PublisherTc<'a>> {
        self.segments.publisher
    }

    /// `width` bits of the header, which `parse` saw to be there; nothing granted if they were not.
    fn field(&self, at: usize, width: u32) -> u64 {
        self.core.get(at, width).unwrap_or(0)
    }
}

/// Two letters in 12 bits; `?` for what is no letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letters(u16);

impl fmt::Display for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = |code: u16| match code & 0x3f {
            code @ 0..26 => char::from(b'A' + code as u8),
            _ => '?',
        };
        write!(f, "{}{}", letter(self.0 >> 6), letter(self.0))
    }
}

/// Why a text is no TC string of version 2. The whole of it counts for nothing then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TcError {
    TooLong,
    NotBase64Url,
    Version(u8),
    /// A segment ends before its last field.
    Truncated,
    /// A range of vendors is empty, starts at 0, or goes past the highest id that its set announces.
    VendorRange,
    /// A bit is set behind the last field.
    TrailingBits,
    UnknownSegment(u8),
    RepeatedSegment(u8),
}

impl fmt::Display for TcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "longer than {TC_STRING_BYTES_MAX} bytes"),
            Self::NotBase64Url => write!(f, "not base64url"),
            Self::Version(version) => write!(f, "version {version}; only version {VERSION} counts"),
            Self::Truncated => write!(f, "a segment ends before its last field"),
            Self::VendorRange => write!(f, "a range of vendors is empty or goes past the highest vendor id"),
            Self::TrailingBits => write!(f, "something follows the last field of a segment"),
            Self::UnknownSegment(kind) => write!(f, "a segment has the unknown type {kind}"),
            Self::RepeatedSegment(kind) => write!(f, "the segment of type {kind} is there twice"),
        }
    }
}

impl std::error::Error for TcError {}

impl From<NotBase64Url> for TcError {
    fn from(_: NotBase64Url) -> Self {
        Self::NotBase64Url
    }
}

/// More than any honest string has: 4,000 ranges of vendors.
pub const TC_STRING_BYTES_MAX: usize = 16 * 1024;

const VERSION: u8 = 2;

/// Where the header ends and the vendors who have consent begin, in bits.
const VENDORS_AT: usize = 213;

const MS_PER_DECISECOND: u64 = 100;

fn end(reader: &BlockReader<'_>) -> Result<(), TcError> {
    if reader.bits().is_zero_from(reader.at()) { Ok(()) } else { Err(TcError::TrailingBits) }
}

#[cfg(test)]
mod tests;
