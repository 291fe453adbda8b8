//! Ad touches: that somebody saw an ad, or clicked on it.

use std::fmt;
use std::sync::Arc;

use super::conversion::Country;
use super::id::{BrowserId, ClickId, EventId};
use super::link::Placement;
use super::time::Timestamp;

/// One view of an ad or one click on it. Holds personal data in its two ids only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    pub id: EventId,
    pub at: Timestamp,
    pub kind: TouchKind,
    pub placement: Arc<Placement>,
    /// `None` for a browser that shows no id; an ad gives it none.
    pub browser_id: Option<BrowserId>,
    /// What the landing page's address got. Views have none.
    pub click_id: Option<IssuedClickId>,
    pub country: Option<Country>,
}

/// A click counts for more than a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TouchKind {
    View,
    Click,
}

impl TouchKind {
    pub const ALL: [Self; 2] = [Self::View, Self::Click];

    pub const fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Click => "click",
        }
    }
}

/// A click id that we have made: 128 random bits, in text 26 characters `[0-9a-z]`, each half of them a number in base
/// 36. A [`ClickId`] may be anybody's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IssuedClickId([u8; 16]);

impl IssuedClickId {
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// `None` if it is not one of ours for certain.
    pub fn of(click_id: &ClickId) -> Option<Self> {
        let (high, low) = click_id.expose().split_at_checked(HALF_CHARS)?;
        let bits = u128::from(parse_half(high)?) << 64 | u128::from(parse_half(low)?);
        Some(Self(bits.to_be_bytes()))
    }

    /// The text that the landing page's address carries. Not `Display`: writing it out has to be on purpose.
    pub fn expose(self) -> String {
        let bits = u128::from_be_bytes(self.0);
        let mut text = [0; 2 * HALF_CHARS];
        write_half(&mut text[..HALF_CHARS], (bits >> 64) as u64);
        write_half(&mut text[HALF_CHARS..], bits as u64);
        text.into_iter().map(char::from).collect()
    }
}

impl fmt::Debug for IssuedClickId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssuedClickId(..)")
    }
}

fn parse_half(text: &str) -> Option<u64> {
    let lower = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
    let plain = text.len() == HALF_CHARS && text.bytes().all(lower);
    plain.then(|| u64::from_str_radix(text, 36).ok())?
}

fn write_half(text: &mut [u8], mut number: u64) {
    for digit in text.iter_mut().rev() {
        *digit = b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize];
        number /= 36;
    }
}

/// 36^13 is more than 2^64.
const HALF_CHARS: usize = 13;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issued_click_id_is_26_characters_and_known_again() {
        for bytes in [[0; 16], [255; 16], *b"0123456789abcdef"] {
            let issued = IssuedClickId::from_bytes(bytes);
            let text = issued.expose();
            assert!(text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
            assert_eq!(text, text.to_lowercase());
            assert_eq!(IssuedClickId::of(&text.parse().expect("a click id")), Some(issued));
        }
    }

    #[test]
    fn what_we_have_not_made_is_none_of_ours() {
        for text in ["a", &"z".repeat(26), &"A".repeat(26), &"0".repeat(25), &"0".repeat(27), &"_".repeat(26)]
        {
            assert_eq!(IssuedClickId::of(&text.parse().expect("a click id")), None, "{text}");
        }
    }

    #[test]
    fn a_click_id_does_not_print() {
        assert_eq!(format!("{:?}", IssuedClickId::from_bytes([7; 16])), "IssuedClickId(..)");
    }
}
