//! The browser id's signed text: `v1.<id>.<issued day>.<key id>.<code>`.
//!
//! A text that is forged, cut short, of a key that is gone, or too old is simply no id; which of these it was is
//! not told.

use data_encoding::BASE64URL_NOPAD;

use super::crypto::{MAC_BYTES, MacKey};
use crate::consent::gate::Permitted;
use crate::consent::regulated::BrowserCookie;
use crate::domain::time::Timestamp;

/// The keys that browser ids are signed with: the first signs, all verify.
#[derive(Clone)]
pub struct IdentityKeys {
    keys: Vec<(u32, MacKey)>,
    age_days_max: u32,
}

/// What a signed text turned out to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    pub cookie: BrowserCookie,
    /// Whether it was signed with a key that is on its way out, and should be signed anew.
    pub of_old_key: bool,
}

impl IdentityKeys {
    /// `keys` are ids and secrets, the signing one first; `None` without any. Ids live `age_days_max` days.
    pub fn new(keys: &[(u32, Vec<u8>)], age_days_max: u32) -> Option<Self> {
        let keys: Vec<_> = keys.iter().map(|(id, secret)| (*id, MacKey::new(secret))).collect();
        (!keys.is_empty()).then_some(Self { keys, age_days_max })
    }

    pub fn sign(&self, cookie: &Permitted<BrowserCookie>) -> String {
        let (id, key) = self.keys.first().expect("there is at least one key");
        let BrowserCookie { browser_id, issued_day } = *cookie.value();
        let text = format!("v1.{}.{issued_day}.{id}", browser_id.expose());
        let code = BASE64URL_NOPAD.encode(&key.sign(&[text.as_bytes()]));
        format!("{text}.{code}")
    }

    /// What a text signed by one of the keys holds, while it lives.
    pub fn verify(&self, text: &str, now: Timestamp) -> Option<Known> {
        // The code has one length, and so have all parts before it but for the numbers: nothing has to be searched.
        let (signed, code) = text.split_at_checked(text.len().checked_sub(CODE_CHARS + 1)?)?;
        let code = code.strip_prefix('.')?;
        let (browser_id, numbers) = signed.strip_prefix("v1.")?.split_at_checked(BROWSER_ID_CHARS)?;
        let (issued_day, key_id) = numbers.strip_prefix('.')?.split_once('.')?;
        let key_id: u32 = key_id.parse().ok()?;
        let at = self.keys.iter().position(|(id, _)| *id == key_id)?;
        let mut decoded = [0; MAC_BYTES];
        BASE64URL_NOPAD.decode_mut(code.as_bytes(), &mut decoded).ok()?;
        if !self.keys[at].1.verify(&[signed.as_bytes()], &decoded) {
            return None;
        }
        let cookie =
            BrowserCookie { browser_id: browser_id.parse().ok()?, issued_day: issued_day.parse().ok()? };
        self.lives(cookie, now).then_some(Known { cookie, of_old_key: at != 0 })
    }

    /// How many days an id lives.
    pub const fn age_days_max(&self) -> u32 {
        self.age_days_max
    }

    /// How many days `cookie` has left, today included.
    pub fn days_left(&self, cookie: BrowserCookie, now: Timestamp) -> u32 {
        self.age_days_max.saturating_sub(now.day().saturating_sub(cookie.issued_day))
    }

    /// A day of grace into the future, because servers' clocks differ around midnight.
    fn lives(&self, cookie: BrowserCookie, now: Timestamp) -> bool {
        cookie.issued_day <= now.day() + 1 && self.days_left(cookie, now) > 0
    }
}

/// Base64url of [`MAC_BYTES`] without padding.
const CODE_CHARS: usize = 43;
const BROWSER_ID_CHARS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent::gate::Gate;
    use crate::consent::policy::{Policy, Regime};
    use crate::consent::rule::Circumstances;
    use crate::consent::signals::Signals;
    use crate::domain::id::BrowserId;
    use crate::domain::opt_out::{OptOutView, Subject};
    use crate::domain::time::MS_PER_DAY;

    struct Nobody;

    impl OptOutView for Nobody {
        fn is_opted_out(&self, _: Subject) -> bool {
            false
        }
    }

    const NOW: Timestamp = Timestamp(20_000 * MS_PER_DAY);

    fn permitted(cookie: BrowserCookie) -> Permitted<BrowserCookie> {
        let gate = Gate::new(Policy::new(Regime::None));
        let signals = Signals::default();
        let about = Circumstances {
            heard: &gate.hear(&signals),
            directed_to_children: false,
            opt_outs: &Nobody,
            now: NOW,
        };
        gate.admit(cookie, &about).expect("nothing denies")
    }

    fn keys(ids: &[u32]) -> IdentityKeys {
        let keys: Vec<_> = ids.iter().map(|&id| (id, format!("dev-{id}").into_bytes())).collect();
        IdentityKeys::new(&keys, 90).expect("there are keys")
    }

    fn cookie(issued_day: u32) -> BrowserCookie {
        BrowserCookie { browser_id: BrowserId::from_bytes([7; 16]), issued_day }
    }

    #[test]
    fn a_signed_id_comes_back_and_an_older_key_is_noticed() {
        let text = keys(&[1]).sign(&permitted(cookie(20_000)));
        assert_eq!(keys(&[1]).verify(&text, NOW), Some(Known { cookie: cookie(20_000), of_old_key: false }));
        assert_eq!(
            keys(&[2, 1]).verify(&text, NOW),
            Some(Known { cookie: cookie(20_000), of_old_key: true })
        );
        assert_eq!(keys(&[2]).verify(&text, NOW), None);
    }

    #[test]
    fn ids_live_for_their_days_and_no_longer() {
        let day = |issued| keys(&[1]).verify(&keys(&[1]).sign(&permitted(cookie(issued))), NOW).is_some();
        assert!(day(20_000) && day(20_001) && day(19_911));
        assert!(!day(19_910) && !day(20_002));
        assert_eq!(keys(&[1]).days_left(cookie(19_911), NOW), 1);
    }

    #[test]
    fn any_change_to_the_text_makes_it_no_id() {
        let keys = keys(&[1]);
        let text = keys.sign(&permitted(cookie(20_000)));
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1;
            let changed = String::from_utf8(changed).expect("ASCII stays ASCII");
            assert_eq!(keys.verify(&changed, NOW), None, "byte {at}");
            assert_eq!(keys.verify(&text[..at], NOW), None, "cut at {at}");
        }
        for text in
            ["", "v1", "v1....", "....", &format!("{text}."), &format!(".{text}"), &"v1.".repeat(4_000)]
        {
            assert_eq!(keys.verify(text, NOW), None);
        }
    }
}
