//! The Global Privacy Platform string, version 1: `header~section~section…`.
//!
//! Source: IAB "Global Privacy Platform String" and its "Sections". The header says which sections follow; each has
//! a format of its own. Nothing is allocated and all work is within the length of the string, whatever it claims.
//! What cannot be read is an error and never "nothing was said".

pub mod applicable;
pub mod canada;
mod fibonacci;
mod layout;
pub mod us;
pub mod us_rule;

use std::fmt;

use self::fibonacci::{BadRange, Ranges};
use super::bits::{BitReader, Bits, NotBase64Url};

pub use self::layout::Field;

/// A GPP string, cut into its sections. The sections themselves are not read yet.
#[derive(Debug, Clone, Copy)]
pub struct Gpp<'a> {
    /// Where the header lists the ids.
    ids: BitReader<'a>,
    /// What follows the header, between its `~`.
    body: Option<&'a str>,
    known: [Option<&'a str>; SECTION_MAX as usize + 1],
    first_unknown: Option<u32>,
}

/// Sections this server has a rule for, or knows to have none, are 2 and 5 to this one.
pub const SECTION_MAX: u32 = 27;
/// The longest string that is looked at.
pub const BYTES_MAX: usize = 16 * 1024;
/// EU TCF v2: a TC string.
pub const TCF_EU: u8 = 2;
/// Canadian TCF.
pub const TCF_CANADA: u8 = 5;
/// A US Privacy string.
pub const US_PRIVACY: u8 = 6;

impl<'a> Gpp<'a> {
    /// Reads the header, and sees to it that it lists as many sections as there are, in ascending order.
    pub fn parse(text: &'a str) -> Result<Self, GppError> {
        if text.len() > BYTES_MAX {
            return Err(GppError::TooLong);
        }
        let (header, body) = match text.split_once('~') {
            Some((header, body)) => (header, Some(body)),
            None => (text, None),
        };
        let mut reader = BitReader::new(Bits::parse(header)?, 0);
        if reader.take(6).ok_or(GppError::HeaderCut)? != HEADER_TYPE {
            return Err(GppError::NotGpp);
        }
        if reader.take(6).ok_or(GppError::HeaderCut)? != VERSION {
            return Err(GppError::Version);
        }
        let mut gpp =
            Self { ids: reader, body, known: [None; SECTION_MAX as usize + 1], first_unknown: None };
        gpp.assign()?;
        Ok(gpp)
    }

    /// Gives every section its id.
    fn assign(&mut self) -> Result<(), GppError> {
        let mut ids = Ranges::new(self.ids).ok_or(GppError::HeaderCut)?;
        let mut texts = parts(self.body);
        // To cut off each one, just to see that it is there, takes 140 µs if there are 16,000.
        let mut left = self.body.map_or(0, |body| 1 + separators(body));
        for group in ids.by_ref() {
            let (first, last) = group?.into_inner();
            left = left.checked_sub((last - first) as usize + 1).ok_or(GppError::Count)?;
            for (id, text) in (first..=last.min(SECTION_MAX)).zip(texts.by_ref()) {
                if let Some(place) = self.known.get_mut(id as usize).filter(|_| is_known(id)) {
                    *place = Some(text);
                }
            }
            self.first_unknown = self.first_unknown.or_else(|| (first..=last).find(|id| !is_known(*id)));
        }
        if left > 0 {
            return Err(GppError::Count);
        }
        if ends(&ids.reader()) { Ok(()) } else { Err(GppError::HeaderPadding) }
    }

    /// The text of section `id`. `None` if the string has none, or `id` is no section that is known here.
    pub fn section(&self, id: u8) -> Option<&'a str> {
        self.known.get(usize::from(id)).copied().flatten()
    }

    /// Every section with its id, in ascending order, known here or not.
    pub fn sections(&self) -> impl Iterator<Item = (u32, &'a str)> + use<'a> {
        // Parsing has seen that there are as many ids as texts, and none that cannot be read.
        let groups = Ranges::new(self.ids).into_iter().flatten();
        groups.flatten().flatten().zip(parts(self.body))
    }

    /// The lowest id that means nothing to this server.
    const fn first_unknown(&self) -> Option<u32> {
        self.first_unknown
    }
}

/// Why a text is no GPP string. Only the header is meant; see [`us::SectionError`] for sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GppError {
    TooLong,
    NotBase64Url,
    HeaderCut,
    NotGpp,
    Version,
    Ids,
    Count,
    HeaderPadding,
}

impl fmt::Display for GppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "a GPP string has at most 16 KiB",
            Self::NotBase64Url => "the header of the GPP string is not base64url",
            Self::HeaderCut => "the header of the GPP string is cut off",
            Self::NotGpp => "not a GPP string: its header is not of type 3",
            Self::Version => "only version 1 of the GPP string is known",
            Self::Ids => "the section ids of the GPP string cannot be read",
            Self::Count => "the GPP string does not have as many sections as its header lists",
            Self::HeaderPadding => "something follows the section ids in the header of the GPP string",
        })
    }
}

impl std::error::Error for GppError {}

impl From<NotBase64Url> for GppError {
    fn from(_: NotBase64Url) -> Self {
        Self::NotBase64Url
    }
}

impl From<BadRange> for GppError {
    fn from(_: BadRange) -> Self {
        Self::Ids
    }
}

/// The name that the client-side API has for a section.
pub fn section_name(id: u32) -> Option<&'static str> {
    match u8::try_from(id).ok()? {
        TCF_EU => Some("tcfeuv2"),
        TCF_CANADA => Some("tcfcav1"),
        US_PRIVACY => Some("uspv1"),
        id => layout::Layout::of_section(id).next().map(|layout| layout.name),
    }
}

/// Whether nothing but padding is left. Strict: zeros, and no more of them than an encoder writes that fills up to
/// a byte first and to a character then, as the official one does. The specification fills up to a character only.
pub(super) fn ends(reader: &BitReader<'_>) -> bool {
    let longest = reader.at().next_multiple_of(8).next_multiple_of(6);
    reader.bits().len() <= longest && reader.bits().is_zero_from(reader.at())
}

const fn is_known(id: u32) -> bool {
    matches!(id, 2 | 5..=SECTION_MAX)
}

fn parts(body: Option<&str>) -> impl Iterator<Item = &str> {
    body.into_iter().flat_map(|body| body.split('~'))
}

/// In bytes of chunks that they fit in, which is what the compiler makes vectors of.
fn separators(body: &str) -> usize {
    let in_chunk = |chunk: &[u8]| chunk.iter().fold(0, |count, byte| count + u8::from(*byte == b'~'));
    body.as_bytes().chunks(u8::MAX.into()).map(|chunk| usize::from(in_chunk(chunk))).sum()
}

const HEADER_TYPE: u64 = 3;
const VERSION: u64 = 1;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use self::tests::base64url;
