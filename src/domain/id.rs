//! Identifiers, each a type of its own.
//!
//! Those of things (accounts, pixels, event tags, stored events) print as they are. Those of people
//! (browser, click, hashed e-mail and phone) have no `Display` and a redacting `Debug`, so that no log line
//! and no error message can name a person by accident.

use std::fmt;
use std::str::FromStr;

/// Why a text is not the identifier that it should be. Never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidId {
    /// Not 1 to 12 characters of `[0-9a-z]` without a leading zero.
    Base36,
    /// Not the stated number of hexadecimal digits.
    Hex { digits: usize },
    /// Not 8-4-4-4-12 hexadecimal digits.
    Uuid,
    /// Not 1 to 64 characters of `[0-9A-Za-z_-]`.
    ClickId,
    /// Not a decimal number below 2^32.
    Partner,
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base36 => f.write_str("expected 1 to 12 characters 0-9 or a-z without a leading zero"),
            Self::Hex { digits } => write!(f, "expected {digits} hexadecimal digits"),
            Self::Uuid => f.write_str("expected a UUID of 8-4-4-4-12 hexadecimal digits"),
            Self::ClickId => f.write_str("expected 1 to 64 characters 0-9, A-Z, a-z, _ or -"),
            Self::Partner => f.write_str("expected a number below 4294967296"),
        }
    }
}

impl std::error::Error for InvalidId {}

/// A number written in base 36, as account, pixel and event tag ids are. Case-insensitive when read,
/// lower-case when written.
fn parse_base36(text: &str) -> Result<u64, InvalidId> {
    if text.is_empty() || text.len() > BASE36_CHARS_MAX || text.starts_with('0') {
        return Err(InvalidId::Base36);
    }
    text.bytes().try_fold(0_u64, |number, byte| {
        let digit = char::from(byte).to_digit(36).ok_or(InvalidId::Base36)?;
        Ok(number * 36 + u64::from(digit))
    })
}

fn write_base36(f: &mut fmt::Formatter<'_>, mut number: u64) -> fmt::Result {
    let mut text = [0_u8; 13];
    let mut start = text.len();
    loop {
        start -= 1;
        text[start] = b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize];
        number /= 36;
        if number == 0 {
            break;
        }
    }
    f.write_str(std::str::from_utf8(&text[start..]).map_err(|_| fmt::Error)?)
}

/// 36^12 still fits a `u64`.
const BASE36_CHARS_MAX: usize = 12;

macro_rules! base36_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u64);

        impl $name {
            /// The number that the text stands for; what the log stores.
            pub const fn number(self) -> u64 {
                self.0
            }

            /// The other way round, for what the log stored.
            pub const fn from_number(number: u64) -> Self {
                Self(number)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse_base36(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_base36(f, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

base36_id!(
    /// An advertiser: owns pixels, event tags and keys.
    AccountId
);
base36_id!(
    /// An advertiser's website tag id (`txn_id` of the base code).
    PixelId
);
base36_id!(
    /// One configured web event of a pixel (`tw-<pixel>-<event>`).
    EventTagId
);
base36_id!(
    /// What an advertiser runs ads for.
    CampaignId
);
base36_id!(
    /// A part of a campaign.
    LineItemId
);

/// The id of one stored event: a UUID version 7 (RFC 9562, section 5.7), so that ids sort by time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId([u8; 16]);

impl EventId {
    /// 48 bits of Unix milliseconds, then 74 random bits out of `random`'s 80.
    pub fn new(at_ms: u64, random: [u8; 10]) -> Self {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&at_ms.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&random);
        bytes[6] = (bytes[6] & 0x0f) | 0x70;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }

    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Appends the id's 36 characters. What `Display` does, at a tenth of its price: each answer carries one.
    pub fn push_onto(self, text: &mut String) {
        let mut characters = [b'-'; 36];
        for (byte, at) in self.0.into_iter().zip(UUID_BYTES_AT) {
            [characters[at], characters[at + 1]] = hex_digits(byte);
        }
        text.push_str(std::str::from_utf8(&characters).expect("digits and dashes are ASCII"));
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(36);
        self.push_onto(&mut text);
        f.write_str(&text)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({self})")
    }
}

impl FromStr for EventId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let text = text.as_bytes();
        if text.len() != 36 || [8, 13, 18, 23].iter().any(|&at| text[at] != b'-') {
            return Err(InvalidId::Uuid);
        }
        let mut bytes = [0; 16];
        for (byte, at) in bytes.iter_mut().zip(UUID_BYTES_AT) {
            *byte = hex_byte(text[at], text[at + 1]).ok_or(InvalidId::Uuid)?;
        }
        Ok(Self(bytes))
    }
}

const UUID_BYTES_AT: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// Our random cookie value: 128 random bits, in text 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BrowserId([u8; 16]);

impl BrowserId {
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// The text that the cookie and an export carry. Not `Display`: writing it out has to be on purpose.
    pub fn expose(self) -> String {
        expose_hex(&self.0)
    }
}

impl FromStr for BrowserId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        parse_hex(text).map(Self)
    }
}

impl fmt::Debug for BrowserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BrowserId(..{:02x})", self.0[15])
    }
}

macro_rules! hashed_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 32]);

        impl $name {
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            pub const fn bytes(self) -> [u8; 32] {
                self.0
            }

            /// 64 lower-case hexadecimal digits.
            pub fn expose(self) -> String {
                expose_hex(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse_hex(text).map(Self)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "(..{:02x})"), self.0[31])
            }
        }
    };
}

hashed_id!(
    /// SHA-256 of a trimmed, lower-cased e-mail address.
    HashedEmail
);
hashed_id!(
    /// SHA-256 of a phone number in E.164 with its `+`.
    HashedPhone
);

hashed_id!(
    /// SHA-256 of a device's advertising id in lower case.
    HashedDeviceId
);
hashed_id!(
    /// SHA-256 of a partner's id for a person, as the partner writes it.
    HashedPartnerUserId
);

hashed_id!(
    /// SHA-256 of the id of the account that a person is signed in to, as the site has it. No advertiser's account.
    HashedAccountId
);

/// An audience partner, by the number that its tags carry (`p_id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartnerId(u32);

impl PartnerId {
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for PartnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for PartnerId {
    type Err = InvalidId;

    /// Decimal, without a sign.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number.map(Self).ok_or(InvalidId::Partner)
    }
}

/// The token that an ad click added to the landing URL (`twclid`), kept as it came.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClickId(Box<str>);

impl ClickId {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClickId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if text.is_empty() || text.len() > CLICK_ID_CHARS_MAX || !text.bytes().all(allowed) {
            return Err(InvalidId::ClickId);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Debug for ClickId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClickId(..)")
    }
}

const CLICK_ID_CHARS_MAX: usize = 64;

fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], InvalidId> {
    let text = text.as_bytes();
    if text.len() != 2 * N {
        return Err(InvalidId::Hex { digits: 2 * N });
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = hex_byte(pair[0], pair[1]).ok_or(InvalidId::Hex { digits: 2 * N })?;
    }
    Ok(bytes)
}

fn expose_hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|&byte| hex_digits(byte));
    digits.map(char::from).collect()
}

/// The byte that two hexadecimal digits of either case stand for.
pub(crate) const fn hex_byte(high: u8, low: u8) -> Option<u8> {
    let (high, low) = (HEX_VALUES[high as usize], HEX_VALUES[low as usize]);
    if high > 15 || low > 15 { None } else { Some(high << 4 | low) }
}

/// What each byte stands for as a hexadecimal digit; 255: it is none.
const HEX_VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut digit = 0;
    while digit < 16 {
        let byte = b"0123456789abcdef"[digit];
        values[byte as usize] = digit as u8;
        values[byte.to_ascii_uppercase() as usize] = digit as u8;
        digit += 1;
    }
    values
};

const fn hex_digits(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[(byte >> 4) as usize], DIGITS[(byte & 15) as usize]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base36_ids_are_read_in_any_case_and_written_lower_case() {
        for text in ["o8z6j", "18ce54d4x5t", "zzzzzzzzzzzz", "1"] {
            let id: PixelId = text.to_uppercase().parse().expect("a base-36 id");
            assert_eq!(id.to_string(), text);
            assert_eq!(PixelId::from_number(id.number()), id);
        }
    }

    #[test]
    fn what_is_not_base36_is_refused() {
        for text in ["", "0", "0abc", "a-b", "ä", "zzzzzzzzzzzzz", " o8z6j", "o8z6j\n"] {
            assert_eq!(text.parse::<PixelId>(), Err(InvalidId::Base36), "{text:?}");
        }
    }

    #[test]
    fn event_ids_are_uuid_version_7_and_sort_by_time() {
        let early = EventId::new(1_700_000_000_000, [0xff; 10]);
        let late = EventId::new(1_700_000_000_001, [0; 10]);
        assert!(early < late);
        assert_eq!(late.to_string(), "018bcfe5-6801-7000-8000-000000000000");
        assert_eq!(late.to_string().parse(), Ok(late));
        assert_eq!("018bcfe5-6801-7000-8000-00000000000".parse::<EventId>(), Err(InvalidId::Uuid));
        assert_eq!("018bcfe5_6801-7000-8000-000000000000".parse::<EventId>(), Err(InvalidId::Uuid));
    }

    #[test]
    fn identifiers_of_people_do_not_print() {
        let browser = BrowserId::from_bytes([0x3f; 16]);
        assert_eq!(format!("{browser:?}"), "BrowserId(..3f)");
        assert_eq!(browser.expose().parse(), Ok(browser));
        let click: ClickId = "abc123".parse().expect("a click id");
        assert_eq!(format!("{click:?}"), "ClickId(..)");
        let email = HashedEmail::from_bytes([1; 32]);
        assert_eq!(format!("{email:?}"), "HashedEmail(..01)");
        assert_eq!(email.expose().to_uppercase().parse(), Ok(email));
    }

    #[test]
    fn click_ids_stop_at_64_characters() {
        assert!("a".repeat(64).parse::<ClickId>().is_ok());
        for text in [String::new(), "a".repeat(65), "a b".into(), "jane@shop.example".into()] {
            assert_eq!(text.parse::<ClickId>(), Err(InvalidId::ClickId), "{text:?}");
        }
    }
}
