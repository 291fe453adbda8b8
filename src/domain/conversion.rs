//! What one hit becomes when it is let through.

use super::attribution::Windows;
use super::event::EventType;
use super::id::{AccountId, BrowserId, ClickId, EventId, EventTagId, HashedEmail, HashedPhone, PixelId};
use super::money::Money;
use super::page::PageAddress;
use super::time::Timestamp;

/// A page view or a conversion, drafted from one hit. Holds personal data in [`Identifiers`] only.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversion {
    pub id: EventId,
    pub at: Timestamp,
    pub account_id: AccountId,
    pub pixel_id: PixelId,
    /// `None` for a page view of a pixel that has no site-visit tag.
    pub event_tag_id: Option<EventTagId>,
    /// The event tag's; without any the conversion is credited to no ad.
    pub windows: Option<Windows>,
    pub event: EventType,
    pub source: Source,
    /// The sender's own id of this browser event, the same on every host that it is sent to.
    pub event_id: Option<ShortText>,
    /// The advertiser's id of this conversion, an order number for example.
    pub conversion_id: Option<ShortText>,
    pub value: Option<Money>,
    /// Number of items, at least 1 where it is there.
    pub quantity: Option<u32>,
    pub identifiers: Identifiers,
    pub page: Option<PageAddress>,
    pub country: Option<Country>,
    pub restricted_data_use: bool,
    /// Whether the page is of an origin that the pixel lists. `true` where there is nothing to compare.
    pub origin_ok: bool,
}

impl Conversion {
    /// Site visits are page views; everything else is a conversion.
    pub const fn kind(&self) -> ConversionKind {
        match self.event {
            EventType::SiteVisit => ConversionKind::PageView,
            _ => ConversionKind::Conversion,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConversionKind {
    PageView,
    Conversion,
}

/// How a conversion came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    Pixel,
    /// The advertiser's own servers.
    Api,
}

impl Source {
    pub const ALL: [Self; 2] = [Self::Pixel, Self::Api];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Pixel => "pixel",
            Self::Api => "api",
        }
    }
}

/// All that can say who it was. Empty unless identifying was permitted too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identifiers {
    pub browser_id: Option<BrowserId>,
    pub click_id: Option<ClickId>,
    pub hashed_email: Option<HashedEmail>,
    pub hashed_phone: Option<HashedPhone>,
}

impl Identifiers {
    /// The names of those that are there, in the order in which they are trusted for attribution.
    pub fn match_keys(&self) -> impl Iterator<Item = &'static str> {
        let keys = [
            ("click_id", self.click_id.is_some()),
            ("browser_id", self.browser_id.is_some()),
            ("hashed_email", self.hashed_email.is_some()),
            ("hashed_phone_number", self.hashed_phone.is_some()),
        ];
        keys.into_iter().filter_map(|(name, there)| there.then_some(name))
    }
}

/// A sender's own identifier of a thing: 1 to 128 printable characters that name nobody.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ShortText(Box<str>);

impl ShortText {
    /// `None` for an empty or over-long text, one with control characters, and one with an e-mail address or a
    /// phone number in it.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = !text.is_empty() && text.len() <= SHORT_TEXT_BYTES_MAX;
        let clean = fits && !text.chars().any(char::is_control) && !super::personal::looks_personal(text);
        clean.then(|| Self(text.into()))
    }

    /// What the log stored.
    pub fn from_stored(text: String) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const SHORT_TEXT_BYTES_MAX: usize = 128;

/// An ISO 3166-1 alpha-2 code, upper case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// Two ASCII letters in any case; `XX` and `T1`, which proxies send for "unknown" and Tor, are none.
    pub fn parse(code: &str) -> Option<Self> {
        let bytes: [u8; 2] = code.trim().as_bytes().try_into().ok()?;
        let letters = bytes.iter().all(u8::is_ascii_alphabetic);
        let upper = bytes.map(|byte| byte.to_ascii_uppercase());
        (letters && &upper != b"XX").then_some(Self(upper))
    }

    pub const fn bytes(self) -> [u8; 2] {
        self.0
    }

    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a country is two ASCII letters")
    }

    /// The European Economic Area (EU-27, Iceland, Liechtenstein, Norway), the United Kingdom and Switzerland:
    /// where consent has to come first.
    pub fn wants_consent_first(&self) -> bool {
        CONSENT_FIRST.binary_search(&&self.0).is_ok()
    }

    /// Where consent has to come first, but for the United Kingdom.
    pub fn is_eea_or_switzerland(&self) -> bool {
        self.wants_consent_first() && self.0 != *b"GB"
    }

    pub const fn is_united_states(&self) -> bool {
        matches!(&self.0, b"US")
    }
}

/// EU-27 + IS LI NO, GB, CH, and the outermost regions of the Union that have a code of their own. Sorted.
#[rustfmt::skip]
const CONSENT_FIRST: &[&[u8; 2]] = &[
    b"AT", b"AX", b"BE", b"BG", b"CH", b"CY", b"CZ", b"DE", b"DK", b"EE", b"ES", b"FI", b"FR", b"GB", b"GF",
    b"GP", b"GR", b"HR", b"HU", b"IE", b"IS", b"IT", b"LI", b"LT", b"LU", b"LV", b"MF", b"MQ", b"MT", b"NL",
    b"NO", b"PL", b"PT", b"RE", b"RO", b"SE", b"SI", b"SK", b"YT",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_two_letters() {
        assert_eq!(Country::parse("de").map(|country| country.bytes()), Some(*b"DE"));
        for code in ["", "D", "DEU", "XX", "T1", "ü"] {
            assert_eq!(Country::parse(code), None, "{code:?}");
        }
    }

    #[test]
    fn consent_comes_first_in_the_eea_the_united_kingdom_and_switzerland() {
        assert!(CONSENT_FIRST.is_sorted());
        let first = |code| Country::parse(code).is_some_and(|country| country.wants_consent_first());
        assert!(["DE", "IS", "GB", "CH", "RE"].into_iter().all(first));
        assert!(!["US", "JP", "TR", "RS"].into_iter().any(first));
        let eea = |code| Country::parse(code).is_some_and(|country| country.is_eea_or_switzerland());
        assert!(["DE", "NO", "CH", "RE"].into_iter().all(eea) && !["GB", "US"].into_iter().any(eea));
    }

    #[test]
    fn short_texts_stop_at_128_bytes_and_name_nobody() {
        assert!(ShortText::parse(&"a".repeat(128)).is_some());
        for text in ["", "  ", &"a".repeat(129), "a\nb", "jane@shop.example"] {
            assert_eq!(ShortText::parse(text), None, "{text:?}");
        }
    }
}
