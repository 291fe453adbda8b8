//! What a browser takes along to a partner and has to bring back: that we sent it, when, and what it was like.
//!
//! Fits one browser and one partner only, for some minutes. That it counts once is the log's to say.

use data_encoding::BASE64URL_NOPAD;

use super::crypto::MacKey;
use super::storage_access::StorageAccess;
use crate::domain::id::{BrowserId, PartnerId};
use crate::domain::time::{MS_PER_MINUTE, Timestamp};

/// A state, as it is known to be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatchState {
    /// Made up for each state; it tells one from another.
    pub nonce: u64,
    pub partner_id: PartnerId,
    /// Which of the partner's addresses the browser was sent to.
    pub target: u8,
    /// At the first hop: browsers leave it off behind redirects.
    pub storage_access: StorageAccess,
}

impl MatchState {
    /// Nothing but letters, digits, `-` and `_`, so that it can stand in any address.
    pub fn sign(&self, key: &MacKey, browser_id: BrowserId, now: Timestamp) -> String {
        let mut bytes = [0; BYTES];
        bytes[0] = VERSION;
        bytes[1..5].copy_from_slice(&minute(now).to_be_bytes());
        bytes[5..9].copy_from_slice(&self.partner_id.number().to_be_bytes());
        bytes[9] = self.target;
        bytes[10] = self.storage_access.code();
        bytes[11..19].copy_from_slice(&self.nonce.to_be_bytes());
        let code = key.sign(&[&bytes[..CODE_AT], &browser_id.bytes()]);
        bytes[CODE_AT..].copy_from_slice(&code[..CODE_BYTES]);
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// `None` unless we signed it for this browser and this partner within the last [`MINUTES_MAX`] minutes.
    pub fn verify(
        text: &str,
        key: &MacKey,
        partner_id: PartnerId,
        browser_id: BrowserId,
        now: Timestamp,
    ) -> Option<Self> {
        if text.len() != BASE64URL_NOPAD.encode_len(BYTES) {
            return None;
        }
        let bytes: [u8; BYTES] = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()?;
        let code = key.sign(&[&bytes[..CODE_AT], &browser_id.bytes()]);
        let number = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        // Clocks of two machines behind one name differ a little.
        let is_fresh = minute(now).abs_diff(number(1)) <= MINUTES_MAX;
        let is_ours = super::crypto::same_secret(&code[..CODE_BYTES], &bytes[CODE_AT..]);
        if !is_ours || !is_fresh || bytes[0] != VERSION || number(5) != partner_id.number() {
            return None;
        }
        let mut nonce = [0; 8];
        nonce.copy_from_slice(&bytes[11..19]);
        let storage_access = StorageAccess::from_code(bytes[10])?;
        Some(Self { nonce: u64::from_be_bytes(nonce), partner_id, target: bytes[9], storage_access })
    }
}

/// Whole minutes since 1970.
fn minute(at: Timestamp) -> u32 {
    u32::try_from(at.0 / MS_PER_MINUTE).unwrap_or(u32::MAX)
}

/// A redirect takes no time, but for a slow partner and a slow line.
pub const MINUTES_MAX: u32 = 10;
const VERSION: u8 = 1;
const CODE_AT: usize = 19;
/// Half of an HMAC-SHA-256: nobody guesses 128 bits within the minutes for which they count.
const CODE_BYTES: usize = 16;
const BYTES: usize = CODE_AT + CODE_BYTES;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(29_921_944 * MS_PER_MINUTE);
    const PARTNER: PartnerId = PartnerId::from_number(7);
    const BROWSER: BrowserId = BrowserId::from_bytes([1; 16]);
    const STATE: MatchState =
        MatchState { nonce: 99, partner_id: PARTNER, target: 2, storage_access: StorageAccess::Active };

    fn key() -> MacKey {
        MacKey::new(b"dev-state")
    }

    #[test]
    fn a_state_fits_its_browser_its_partner_and_its_minutes() {
        let text = STATE.sign(&key(), BROWSER, NOW);
        let verify = |partner, browser, minutes| {
            MatchState::verify(&text, &key(), partner, browser, NOW.plus_ms(minutes * MS_PER_MINUTE))
        };
        assert_eq!(verify(PARTNER, BROWSER, 0), Some(STATE));
        assert_eq!(verify(PARTNER, BROWSER, u64::from(MINUTES_MAX)), Some(STATE));
        assert_eq!(verify(PARTNER, BROWSER, u64::from(MINUTES_MAX) + 1), None);
        assert_eq!(verify(PartnerId::from_number(8), BROWSER, 0), None);
        assert_eq!(verify(PARTNER, BrowserId::from_bytes([2; 16]), 0), None);
        assert_eq!(MatchState::verify(&text, &MacKey::new(b"other"), PARTNER, BROWSER, NOW), None);
    }

    #[test]
    fn no_changed_text_is_a_state() {
        let text = STATE.sign(&key(), BROWSER, NOW);
        let verify = |text: &str| MatchState::verify(text, &key(), PARTNER, BROWSER, NOW);
        for at in 0..text.len() {
            for other in [b'A', b'z', b'-', b'='] {
                let mut bytes = text.clone().into_bytes();
                bytes[at] = other;
                let changed = String::from_utf8(bytes).expect("ASCII");
                assert!(changed == text || verify(&changed).is_none(), "{at} {}", char::from(other));
            }
            assert_eq!(verify(&text[..at]), None);
        }
        assert_eq!(verify(&format!("{text}A")), None);
    }
}
