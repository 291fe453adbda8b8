//! The AdChoices signal: `adchoices_signal`, `X-AdChoices`, `Cookie2`.
//!
//! Source: the seeds' description of the signal: base64url of Version6 Timestamp32 Global4, a list of participants
//! {id12 status4} and one of categories {id12 preference4}, each with its length in 12 bits before it. It can only
//! ever deny: an allow grants nothing.

use std::fmt;

use super::bits::{BitReader, Bits, NotBase64Url};
use super::gpp::ends;

/// A well-formed signal.
#[derive(Debug, Clone, Copy)]
pub struct AdChoices<'a> {
    /// Seconds since 1970.
    pub created_s: u32,
    pub global: Choice,
    participants: Choices<'a>,
    categories: Choices<'a>,
}

/// What was chosen, for everybody, one participant or one category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    Limit,
    Allow,
    None,
    /// 3 to 15, which mean nothing. Kept, so that one of them doesn't undo a limit elsewhere in the signal.
    Undefined(u8),
}

impl<'a> AdChoices<'a> {
    pub fn parse(text: &'a str) -> Result<Self, AdChoicesError> {
        if text.len() > BYTES_MAX {
            return Err(AdChoicesError::TooLong);
        }
        let mut reader = BitReader::new(Bits::parse(text)?, 0);
        let mut take = |width| reader.take(width).ok_or(AdChoicesError::Cut);
        if take(6)? != VERSION {
            return Err(AdChoicesError::Version);
        }
        let created_s = take(32)? as u32;
        let global = Choice::of(take(4)?);
        let participants = Choices::take(&mut reader)?;
        let categories = Choices::take(&mut reader)?;
        if !ends(&reader) {
            return Err(AdChoicesError::Padding);
        }
        Ok(Self { created_s, global, participants, categories })
    }

    /// Whether everybody is told to limit the use of data, or `participant` is, which is our id.
    pub fn denies(&self, participant: Option<u16>) -> bool {
        let limits_us = |(id, choice)| Some(id) == participant && choice == Choice::Limit;
        self.global == Choice::Limit || self.participants.into_iter().any(limits_us)
    }

    /// Ids of participants, as often as the signal names them.
    pub fn participants(&self) -> impl Iterator<Item = (u16, Choice)> + use<'a> {
        self.participants
    }

    /// Ids of categories of interest. They decide nothing here.
    pub fn categories(&self) -> impl Iterator<Item = (u16, Choice)> + use<'a> {
        self.categories
    }
}

impl Choice {
    const fn of(bits: u64) -> Self {
        match bits {
            0 => Self::Limit,
            1 => Self::Allow,
            2 => Self::None,
            other => Self::Undefined(other as u8),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit => f.write_str("limit"),
            Self::Allow => f.write_str("allow"),
            Self::None => f.write_str("none"),
            Self::Undefined(number) => write!(f, "undefined ({number})"),
        }
    }
}

/// Why a text is no AdChoices signal. Such a text says nothing; the caller counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdChoicesError {
    TooLong,
    NotBase64Url,
    Version,
    Cut,
    Padding,
}

impl fmt::Display for AdChoicesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "an AdChoices signal has at most 16 KiB",
            Self::NotBase64Url => "the AdChoices signal is not base64url",
            Self::Version => "only version 1 of the AdChoices signal is known",
            Self::Cut => "the AdChoices signal is cut off",
            Self::Padding => "the AdChoices signal is longer than its lists",
        })
    }
}

impl std::error::Error for AdChoicesError {}

impl From<NotBase64Url> for AdChoicesError {
    fn from(_: NotBase64Url) -> Self {
        Self::NotBase64Url
    }
}

/// A list of {id12 choice4}, all of which is there.
#[derive(Debug, Clone, Copy)]
struct Choices<'a> {
    reader: BitReader<'a>,
    left: usize,
}

impl<'a> Choices<'a> {
    fn take(reader: &mut BitReader<'a>) -> Result<Self, AdChoicesError> {
        let left = reader.take(12).ok_or(AdChoicesError::Cut)? as usize;
        let list = Self { reader: *reader, left };
        reader.skip(left * ENTRY_BITS).ok_or(AdChoicesError::Cut)?;
        Ok(list)
    }
}

impl Iterator for Choices<'_> {
    type Item = (u16, Choice);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let id = self.reader.take(12)? as u16;
        Some((id, Choice::of(self.reader.take(4)?)))
    }
}

const VERSION: u64 = 1;
const ENTRY_BITS: usize = 12 + 4;
/// Far more than both lists can take.
const BYTES_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Everything limited, everything but one.
    const VECTORS: [&str; 4] =
        ["BYVHiWSADABAAIQAwABAZEA", "BYVHiWQAAAAA", "BYVHiWSADABAAIQAwAAA", "BYVHiWSAAABAZEA"];

    #[track_caller]
    fn check(text: &str, global: Choice, participants: &[(u16, Choice)], categories: &[(u16, Choice)]) {
        let signal = AdChoices::parse(text).unwrap();
        assert_eq!(signal.created_s, 0x6151_e259, "{text}");
        assert_eq!(signal.global, global, "{text}");
        assert_eq!(signal.participants().collect::<Vec<_>>(), participants, "{text}");
        assert_eq!(signal.categories().collect::<Vec<_>>(), categories, "{text}");
    }

    #[test]
    fn the_known_signals_are_read() {
        let three = [(1, Choice::Limit), (2, Choice::Allow), (3, Choice::Limit)];
        check(VECTORS[0], Choice::None, &three, &[(25, Choice::Allow)]);
        check(VECTORS[1], Choice::Limit, &[], &[]);
        check(VECTORS[2], Choice::None, &three, &[]);
        check(VECTORS[3], Choice::None, &[], &[(25, Choice::Allow)]);
    }

    #[test]
    fn a_limit_for_all_or_for_us_denies_and_nothing_else_does() {
        let denies = |text: &str| {
            [None, Some(1), Some(2), Some(3), Some(25)].map(|id| AdChoices::parse(text).unwrap().denies(id))
        };
        assert_eq!(denies(VECTORS[0]), [false, true, false, true, false]);
        assert_eq!(denies(VECTORS[1]), [true; 5]);
        assert_eq!(denies(VECTORS[2]), [false, true, false, true, false]);
        assert_eq!(denies(VECTORS[3]), [false; 5]);
    }

    #[test]
    fn what_is_cut_or_longer_or_of_another_version_is_malformed() {
        for text in VECTORS {
            for length in 0..text.len() {
                let cut = AdChoices::parse(&text[..length]).map(|signal| signal.created_s);
                // The last character of each is padding alone.
                let whole = length + 1 == text.len();
                assert_eq!(cut.is_ok(), whole, "{} of {text}", &text[..length]);
            }
            assert_eq!(AdChoices::parse(&format!("C{}", &text[1..])).err(), Some(AdChoicesError::Version));
            assert_eq!(AdChoices::parse(&format!("{text}AA")).err(), Some(AdChoicesError::Padding));
            assert_eq!(AdChoices::parse(&format!("{text}!")).err(), Some(AdChoicesError::NotBase64Url));
        }
        assert_eq!(AdChoices::parse("BYVHiWQAAAAB").err(), Some(AdChoicesError::Padding));
        let long = "A".repeat(BYTES_MAX + 1);
        assert_eq!(AdChoices::parse(&long).err(), Some(AdChoicesError::TooLong));
    }

    #[test]
    fn a_choice_that_means_nothing_undoes_no_limit() {
        // Participant 1: 15; participant 1 again: 0.
        let text = super::super::gpp::base64url(&format!(
            "000001{:032b}0010 000000000010 0000000000011111 0000000000010000 000000000000",
            0x6151_e259
        ));
        let both = [(1, Choice::Undefined(15)), (1, Choice::Limit)];
        check(&text, Choice::None, &both, &[]);
        assert!(AdChoices::parse(&text).unwrap().denies(Some(1)));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*", tail in "[A-Za-z0-9_-]{0,80}", id: u16) {
            for text in [text, format!("B{tail}"), format!("BYVHiWSAD{tail}"), format!("BYVHiWSAAA{tail}")] {
                if let Ok(signal) = AdChoices::parse(&text) {
                    let _ = (signal.participants().count(), signal.categories().count(), signal.denies(Some(id)));
                }
            }
        }
    }
}
