//! What may follow the core of a TC string, each at most once and in any order.

use crate::consent::bits::Bits;
use crate::consent::bits::blocks::BlockReader;
use crate::consent::tcf::purpose::IdSet;
use crate::consent::tcf::vendors::VendorSet;
use crate::consent::tcf::{TcError, end};

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Segments<'a> {
    pub(super) disclosed: Option<VendorSet<'a>>,
    pub(super) allowed: Option<VendorSet<'a>>,
    pub(super) publisher: Option<PublisherTc<'a>>,
}

impl<'a> Segments<'a> {
    pub(super) fn read(texts: impl Iterator<Item = &'a str>) -> Result<Self, TcError> {
        let mut segments = Self::default();
        for text in texts {
            let mut reader = BlockReader::new(Bits::parse(text)?, 0);
            let kind = reader.take(3).ok_or(TcError::Truncated)? as u8;
            let again = match kind {
                DISCLOSED => segments.disclosed.replace(VendorSet::read(&mut reader)?).is_some(),
                ALLOWED => segments.allowed.replace(VendorSet::read(&mut reader)?).is_some(),
                PUBLISHER => segments.publisher.replace(PublisherTc::read(&mut reader)?).is_some(),
                unknown => return Err(TcError::UnknownSegment(unknown)),
            };
            if again {
                return Err(TcError::RepeatedSegment(kind));
            }
            end(&reader)?;
        }
        Ok(segments)
    }
}

/// What the publisher may do for purposes of its own. Says nothing about vendors.
#[derive(Debug, Clone, Copy)]
pub struct PublisherTc<'a> {
    bits: Bits<'a>,
    custom_purposes: u8,
}

impl<'a> PublisherTc<'a> {
    fn read(reader: &mut BlockReader<'a>) -> Result<Self, TcError> {
        let read = |reader: &mut BlockReader<'a>| {
            reader.skip(CUSTOM_PURPOSES_AT - reader.at());
            let custom_purposes = reader.take(6)? as u8;
            reader.skip(2 * usize::from(custom_purposes));
            (!reader.is_past_the_end()).then_some(Self { bits: reader.bits(), custom_purposes })
        };
        read(reader).ok_or(TcError::Truncated)
    }

    pub fn purpose_consents(self) -> IdSet {
        self.set(3, 24)
    }

    pub fn purpose_legitimate_interests(self) -> IdSet {
        self.set(27, 24)
    }

    /// How many purposes the publisher has made up itself: they are numbered from 1.
    pub const fn custom_purposes(self) -> u8 {
        self.custom_purposes
    }

    pub fn custom_consents(self) -> IdSet {
        self.set(CUSTOM_PURPOSES_AT + 6, self.custom_purposes)
    }

    pub fn custom_legitimate_interests(self) -> IdSet {
        self.set(CUSTOM_PURPOSES_AT + 6 + usize::from(self.custom_purposes), self.custom_purposes)
    }

    fn set(self, at: usize, width: u8) -> IdSet {
        // Up to 63 bits: more than one read gives.
        (1..=width).filter(|id| self.bits.bit(at + usize::from(*id) - 1) == Some(true)).collect()
    }
}

const CUSTOM_PURPOSES_AT: usize = 51;

const DISCLOSED: u8 = 1;
const ALLOWED: u8 = 2;
const PUBLISHER: u8 = 3;
