//! Sections 7 to 27: what people in the United States were told, and what they chose.

use std::fmt;

use super::super::bits::{BitReader, Bits, NotBase64Url};
use super::super::us_privacy::UsPrivacyError;
use super::ends;
use super::layout::{Field, LAYOUTS, Layout, Slot};

/// One section, every field of it read.
#[derive(Debug, Clone, Copy)]
pub struct UsSection {
    layout: &'static Layout,
    /// In the order of the layout: first the core's, then the sub-section's if there is one.
    values: [u8; VALUES_MAX],
    count: usize,
}

impl UsSection {
    /// Reads section `id` from `text`. Strict: the core must be of a known version and whole, a value must be one
    /// that has a meaning, and nothing may follow but the zeros of padding.
    ///
    /// In sections 24 to 27 the specification puts a header before the core, the official encoder writes none. A
    /// text that starts with the section's own id has one. Its list of sub-sections isn't read: the core's id is 0
    /// there, which Fibonacci coding cannot express, so that no two encoders need agree on it.
    pub fn parse(id: u8, text: &str) -> Result<Self, SectionError> {
        let mut parts = text.split('.');
        let mut core = Bits::parse(parts.next().unwrap_or_default())?;
        let mut version = core.get(0, 6).ok_or(SectionError::Cut)?;
        let mut layouts = Layout::of_section(id).peekable();
        if version == u64::from(id) && layouts.peek().is_some_and(|layout| layout.may_have_header()) {
            // The number of sub-sections follows the version.
            version = core.get(6, 6).filter(|_| core.len() >= 24).ok_or(SectionError::Cut)?;
            core = Bits::parse(parts.next().ok_or(SectionError::Cut)?)?;
        }
        if layouts.peek().is_none() {
            return Err(SectionError::Unknown);
        }
        let layout =
            layouts.find(|layout| u64::from(layout.version) == version).ok_or(SectionError::Version)?;
        let mut section = Self { layout, values: [0; VALUES_MAX], count: 0 };
        section.read(core, layout.core)?;
        if let Some(extra) = parts.next() {
            if layout.extra.is_empty() || parts.next().is_some() {
                return Err(SectionError::SubSection);
            }
            section.read(Bits::parse(extra)?, layout.extra)?;
        }
        Ok(section)
    }

    fn read(&mut self, bits: Bits<'_>, slots: &[Slot]) -> Result<(), SectionError> {
        let mut reader = BitReader::new(bits, 0);
        for slot in slots {
            let places = self.values.iter_mut().skip(self.count).take(slot.count);
            for place in places {
                let value = reader.take(slot.field.bits()).ok_or(SectionError::Cut)?;
                *place = u8::try_from(value).unwrap_or(u8::MAX);
                if !slot.field.has(*place) {
                    return Err(SectionError::Value(slot.field));
                }
            }
            self.count += slot.count;
        }
        if ends(&reader) { Ok(()) } else { Err(SectionError::Padding) }
    }

    /// Its id in the GPP string.
    pub const fn id(&self) -> u8 {
        self.layout.section
    }

    /// Every field with its values, in the order of the section. A sub-section that isn't there has none.
    pub fn fields(&self) -> impl Iterator<Item = (Field, &[u8])> {
        let mut rest = self.values.get(..self.count).unwrap_or_default();
        self.layout.core.iter().chain(self.layout.extra).map_while(move |slot| {
            let (values, after) = rest.split_at_checked(slot.count)?;
            rest = after;
            Some((slot.field, values))
        })
    }

    /// The values of one field; none if the section lacks it.
    pub fn values(&self, field: Field) -> &[u8] {
        self.fields().find(|(known, _)| *known == field).map_or(&[], |(_, values)| values)
    }

    /// The sub-section of Global Privacy Control says that it is on.
    pub fn gpc(&self) -> bool {
        self.values(Field::Gpc).contains(&1)
    }

    /// It is about somebody known to be a child, whether or not there is a consent: 1 is no consent, 2 is one.
    pub fn known_child(&self) -> bool {
        self.values(Field::KnownChildSensitiveDataConsents).iter().any(|value| *value != 0)
    }
}

/// Why a section could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SectionError {
    /// No section of the United States.
    Unknown,
    NotBase64Url,
    Version,
    Cut,
    Padding,
    /// A value that the specification doesn't define.
    Value(Field),
    SubSection,
    UsPrivacy(UsPrivacyError),
}

impl fmt::Display for SectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("a section that is not known"),
            Self::NotBase64Url => f.write_str("not base64url"),
            Self::Version => f.write_str("of a version that is not known"),
            Self::Cut => f.write_str("cut off"),
            Self::Padding => f.write_str("longer than its fields"),
            Self::Value(field) => write!(f, "the value of {field} has no meaning"),
            Self::SubSection => f.write_str("a sub-section too many"),
            Self::UsPrivacy(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SectionError {}

impl From<NotBase64Url> for SectionError {
    fn from(_: NotBase64Url) -> Self {
        Self::NotBase64Url
    }
}

impl From<UsPrivacyError> for SectionError {
    fn from(error: UsPrivacyError) -> Self {
        Self::UsPrivacy(error)
    }
}

/// The most values that any layout has.
const VALUES_MAX: usize = {
    let mut most = 0;
    let mut layouts: &[Layout] = LAYOUTS;
    while let [layout, rest @ ..] = layouts {
        let values = count(layout.core) + count(layout.extra);
        most = if values > most { values } else { most };
        layouts = rest;
    }
    most
};

const fn count(mut slots: &[Slot]) -> usize {
    let mut count = 0;
    while let [slot, rest @ ..] = slots {
        count += slot.count;
        slots = rest;
    }
    count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::consent::gpp::base64url;

    #[track_caller]
    fn check_error(id: u8, text: &str, expect: SectionError) {
        assert_eq!(UsSection::parse(id, text).map(|section| section.id()), Err(expect), "{id} {text:?}");
    }

    #[track_caller]
    fn read(id: u8, text: &str) -> UsSection {
        UsSection::parse(id, text).unwrap_or_else(|error| panic!("{id} {text:?}: {error}"))
    }

    #[test]
    fn the_known_sections_are_read() {
        let section = read(7, "BVQqAAAACgA.QA");
        assert_eq!(
            (section.values(Field::Version), section.values(Field::PersonalDataConsents)),
            (&[1][..], &[2][..])
        );
        assert_eq!((section.values(Field::SaleOptOut), section.gpc()), (&[2][..], false));
        let section = read(8, "BUUAAABA.YA");
        assert_eq!((section.values(Field::SaleOptOut), section.gpc()), (&[1][..], true));
        let section = read(7, "CEAQAAAAAABA.YA");
        assert_eq!((section.values(Field::Version), section.values(Field::SaleOptOut)), (&[2][..], &[1][..]));
        assert_eq!(section.values(Field::SensitiveDataProcessing).len(), 16);
        let section = read(24, "BQRA.QA");
        assert_eq!((section.values(Field::MspaVersion), section.values(Field::Gpc)), (&[1][..], &[0][..]));
        assert!(section.values(Field::KnownChildSensitiveDataConsents).is_empty());
    }

    #[test]
    fn sections_24_to_27_may_have_a_header() {
        for id in 24..=27 {
            let header = base64url(&format!("{id:06b} 000001 000000000001 0 11"));
            for rest in ["BQRA", if id == 24 { "BQRA.YA" } else { "BQRA.ZVU" }] {
                let with = read(id, &format!("{header}.{rest}"));
                assert!(with.fields().eq(read(id, rest).fields()), "{id} {rest}");
            }
            let of_version_2 = base64url(&format!("{id:06b} 000010 000000000001 0 11"));
            check_error(id, &format!("{of_version_2}.BQRA"), SectionError::Version);
            let of_the_next = base64url(&format!("{:06b} 000001 000000000001 0 11", id + 1));
            check_error(id, &format!("{of_the_next}.BQRA"), SectionError::Version);
            check_error(id, &header, SectionError::Cut);
            check_error(id, &format!("{}.BQRA", &header[..3]), SectionError::Cut);
            check_error(id, "CQRA", SectionError::Version);
        }
        check_error(
            23,
            &format!("{}.BQAAAAAA", base64url("010111 000001 000000000001 0 11")),
            SectionError::Version,
        );
    }

    #[test]
    fn both_paddings_are_read_and_nothing_else_may_follow() {
        // 60 bits: 10 characters, or 11 if filled up to a byte first.
        for text in ["BVQqAAAACg", "BVQqAAAACgA", "BVQqAAAACgA.Q", "BVQqAAAACgA.QA"] {
            read(7, text);
        }
        for text in ["BVQqAAAACgAA", "BVQqAAAACgB", "BVQqAAAACgA.QAA", "BVQqAAAACgA.QB", "BVQqAAAACgA.R"] {
            check_error(7, text, SectionError::Padding);
        }
        for text in ["", "B", "BVQqAAAAC", ".QA", "BVQqAAAACgA."] {
            check_error(7, text, SectionError::Cut);
        }
        for text in ["BVQqAAAACgA.QA.QA", "BVQqAAAACgA.QA."] {
            check_error(7, text, SectionError::SubSection);
        }
        check_error(9, "BAAAAAA.QA", SectionError::SubSection);
        check_error(7, "BVQq AAAACgA", SectionError::NotBase64Url);
    }

    #[test]
    fn what_has_no_meaning_is_no_section() {
        for id in [0, 1, 2, 5, 6, 28, 255] {
            check_error(id, "BAAAAAAAAAA", SectionError::Unknown);
        }
        for text in ["AAAAAAAAAAA", "CAAAAAAAAAA", "DAAAAAAAAAAA", "_AAAAAAAAAAA"] {
            let expect = if text.starts_with('C') { SectionError::Cut } else { SectionError::Version };
            check_error(7, text, expect);
        }
        check_error(8, "CAAAAAAA", SectionError::Version);
        check_error(7, "BAAAAAAAAAA.AA", SectionError::Value(Field::GpcSegmentType));
        check_error(7, "BAAAAAAAAAA.gA", SectionError::Value(Field::GpcSegmentType));
        check_error(7, "BwAAAAAAAAA", SectionError::Value(Field::SharingNotice));
        check_error(7, "BAAAAAAAADA", SectionError::Value(Field::MspaServiceProviderMode));
    }

    #[test]
    fn a_known_child_is_one_with_or_without_consent() {
        // usca: 12 bits before, then 18 of sensitive data.
        for (first, second, expect) in [(0, 0, false), (1, 0, true), (0, 2, true), (2, 1, true)] {
            let bits = format!("000001{}{first:02b}{second:02b}{}", "0".repeat(28), "0".repeat(8));
            assert_eq!(read(8, &base64url(&bits)).known_child(), expect, "{first} {second}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(id: u8, text in ".*", tail in "[A-Za-z0-9_.-]{0,40}") {
            for text in [&text, &tail, &format!("B{tail}"), &format!("Y{tail}")] {
                for id in (7..=27).chain([id]) {
                    let _ = UsSection::parse(id, text).map(|section| section.fields().count());
                }
            }
        }
    }
}
