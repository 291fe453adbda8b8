//! What a partner is, and its own names for itself and for people.

use std::fmt;

use super::id::HashedPartnerUserId;
use super::personal::looks_personal;

/// Who else gets data: how consent strings name a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartnerListing {
    /// By its id in the Global Vendor List.
    Vendor(u16),
    /// By its id in Google's list of ad technology providers, where it is not on the vendor list.
    Provider(u32),
    /// On neither list: no consent string can name it.
    Unlisted,
}

impl PartnerListing {
    /// `755`, an id in the Global Vendor List; `atp:89`, one in Google's list.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("atp:") {
            Some(id) => id.parse().ok().map(Self::Provider),
            None => text.parse().ok().filter(|id| *id > 0).map(Self::Vendor),
        }
    }
}

/// What a partner gets data for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartnerKind {
    /// Brings audiences of people that it knows.
    Audience,
    /// Bids in auctions for ads.
    Rtb,
    /// Counts what came of ads.
    Measurement,
}

impl PartnerKind {
    pub const ALL: [Self; 3] = [Self::Audience, Self::Rtb, Self::Measurement];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Audience => "audience",
            Self::Rtb => "rtb",
            Self::Measurement => "measurement",
        }
    }
}

/// All kinds that one partner is of: at least one. An audience partner, if nothing else is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartnerKinds(u8);

impl PartnerKinds {
    /// `None` without any.
    pub fn of(kinds: impl IntoIterator<Item = PartnerKind>) -> Option<Self> {
        let bits = kinds.into_iter().fold(0, |bits, kind| bits | 1 << kind as u8);
        (bits != 0).then_some(Self(bits))
    }

    pub const fn contains(self, kind: PartnerKind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    pub fn names(self) -> impl Iterator<Item = &'static str> {
        PartnerKind::ALL.into_iter().filter(move |kind| self.contains(*kind)).map(PartnerKind::name)
    }

    /// Whether the partner takes part in cookie matching: who only counts has no use for its own ids of browsers here.
    pub const fn are_matched(self) -> bool {
        self.contains(PartnerKind::Audience) || self.contains(PartnerKind::Rtb)
    }
}

impl Default for PartnerKinds {
    fn default() -> Self {
        Self(1 << PartnerKind::Audience as u8)
    }
}

/// A partner's id for a browser (`p_user_id`, OpenRTB `buyeruid`), as the partner writes it, with its SHA-256, by which
/// its bearer may have opted out.
#[derive(Clone, PartialEq, Eq)]
pub struct PartnerUserId {
    text: Box<str>,
    hash: HashedPartnerUserId,
}

/// Why a text is no partner user id. Never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidPartnerUserId {
    Empty,
    /// Over [`PARTNER_USER_ID_CHARS_MAX`] characters.
    TooLong,
    /// A character that is not printable ASCII, or white space.
    Unprintable,
    /// A placeholder that nobody filled in: `$UID`, `${ID}`, `[UID]`, `{{id}}`, `%%ID%%`, `null`, `undefined`.
    Macro,
    /// Nothing but zeros and separators: what is sent instead of an id where there is none.
    Zero,
    /// An e-mail address or a phone number.
    Personal,
    /// Not what this partner's ids look like.
    Pattern,
}

impl InvalidPartnerUserId {
    /// Goes on after "what is there for an id".
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Empty => "is empty",
            Self::TooLong => "is too long",
            Self::Unprintable => "is not of printable ASCII characters",
            Self::Macro => "is a macro that nobody filled in",
            Self::Zero => "is nothing but zeros",
            Self::Personal => "looks like an e-mail address or a phone number",
            Self::Pattern => "does not fit id_pattern or id_chars_max",
        }
    }
}

impl PartnerUserId {
    /// `sha256` is the hash function, which this layer has none of.
    pub fn parse(text: &str, sha256: impl FnOnce(&[u8]) -> [u8; 32]) -> Result<Self, InvalidPartnerUserId> {
        use InvalidPartnerUserId as Invalid;
        if text.is_empty() {
            return Err(Invalid::Empty);
        }
        if text.len() > PARTNER_USER_ID_CHARS_MAX {
            return Err(Invalid::TooLong);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Invalid::Unprintable);
        }
        if is_macro(text) {
            return Err(Invalid::Macro);
        }
        if text.bytes().all(|byte| matches!(byte, b'0' | b'-' | b'_' | b'.' | b':')) {
            return Err(Invalid::Zero);
        }
        // A bare `@` as well: whatever stands around it, it was meant as an address.
        if text.contains('@') || text.contains("%40") || looks_personal(text) {
            return Err(Invalid::Personal);
        }
        Ok(Self::from_stored(text, sha256))
    }

    /// What the log stored.
    pub fn from_stored(text: &str, sha256: impl FnOnce(&[u8]) -> [u8; 32]) -> Self {
        let hash = HashedPartnerUserId::from_bytes(sha256(text.as_bytes()));
        Self { text: text.into(), hash }
    }

    pub fn expose(&self) -> &str {
        &self.text
    }

    pub const fn hashed(&self) -> HashedPartnerUserId {
        self.hash
    }
}

impl fmt::Debug for PartnerUserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartnerUserId({:?})", self.hash)
    }
}

/// What stands in a template for an id. A text that *contains* one is none either: `prefix-${UID}`.
fn is_macro(text: &str) -> bool {
    let bracketed =
        |open: &str, close: &str| text.find(open).is_some_and(|at| text[at + open.len()..].contains(close));
    let words = ["null", "undefined", "none", "nan", "nil", "(null)", "[object"];
    text.starts_with('$')
        || bracketed("${", "}")
        || bracketed("{", "}")
        || bracketed("[", "]")
        || bracketed("<", ">")
        || bracketed("%%", "%%")
        || bracketed("##", "##")
        || (text.starts_with("__") && text.ends_with("__"))
        || words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Prebid's servers take as many.
pub const PARTNER_USER_ID_CHARS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<(), InvalidPartnerUserId>) {
        let parsed = PartnerUserId::parse(text, |_| [7; 32]);
        assert_eq!(parsed.map(|id| assert_eq!(id.expose(), text)), expect, "{text:?}");
    }

    #[test]
    fn ids_are_kept_as_the_partner_writes_them() {
        for text in [
            "abc",
            "A1-b2_c3.d4~e5",
            "7f3a9c8e-1b2d-4e5f-8a9b-0c1d2e3f4a5b",
            "00000000-0000-0000-0000-000000000001",
            "CAESEKpQ3mXz/+==",
            &"x".repeat(PARTNER_USER_ID_CHARS_MAX),
        ] {
            check(text, Ok(()));
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        use InvalidPartnerUserId as Invalid;
        check("", Err(Invalid::Empty));
        check(&"x".repeat(PARTNER_USER_ID_CHARS_MAX + 1), Err(Invalid::TooLong));
        for text in ["a b", "a\n", "ä", "a\u{0}", " abc"] {
            check(text, Err(Invalid::Unprintable));
        }
        for text in [
            "$UID",
            "$%7BUID%7D",
            "${UID}",
            "${GDPR_CONSENT_1}",
            "[UID]",
            "{{uid}}",
            "{uid}",
            "<uid>",
            "%%UID%%",
            "##UID##",
            "__UID__",
            "x-${UID}",
            "null",
            "NULL",
            "undefined",
            "NaN",
        ] {
            check(text, Err(Invalid::Macro));
        }
        for text in ["0", "00000000-0000-0000-0000-000000000000", "0:0", "-", "000000000000"] {
            check(text, Err(Invalid::Zero));
        }
        for text in ["jane@shop.example", "jane%40shop.example", "@jane", "+15550100199"] {
            check(text, Err(Invalid::Personal));
        }
    }

    #[test]
    fn an_id_does_not_print() {
        let id = PartnerUserId::parse("abc", |_| [7; 32]).expect("an id");
        assert_eq!(format!("{id:?}"), "PartnerUserId(HashedPartnerUserId(..07))");
    }

    #[test]
    fn who_only_measures_is_not_matched() {
        use PartnerKind::{Audience, Measurement, Rtb};
        for (kinds, names, are_matched) in [
            (&[Audience][..], &["audience"][..], true),
            (&[Rtb, Rtb], &["rtb"], true),
            (&[Measurement], &["measurement"], false),
            (&[Measurement, Rtb], &["rtb", "measurement"], true),
            (&PartnerKind::ALL, &["audience", "rtb", "measurement"], true),
        ] {
            let found = PartnerKinds::of(kinds.iter().copied()).expect("at least one");
            assert!(found.names().eq(names.iter().copied()), "{kinds:?}");
            assert_eq!(found.are_matched(), are_matched, "{kinds:?}");
        }
        assert_eq!(
            (PartnerKinds::of([]), PartnerKinds::of([Audience])),
            (None, Some(PartnerKinds::default()))
        );
    }

    #[test]
    fn partners_are_named_by_their_ids() {
        for (text, expect) in [
            ("755", Some(PartnerListing::Vendor(755))),
            ("65535", Some(PartnerListing::Vendor(65_535))),
            ("atp:89", Some(PartnerListing::Provider(89))),
            ("0", None),
            ("65536", None),
            ("atp:", None),
            ("google", None),
            ("", None),
        ] {
            assert_eq!(PartnerListing::parse(text), expect, "{text:?}");
        }
    }
}
