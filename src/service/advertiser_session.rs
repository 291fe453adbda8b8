//! Who is signed in to the advertiser's page: a session is a text that the browser keeps, and nothing on our side.
//!
//! It names the account, says since when, and is signed together with the digest of the key that opened it. So it ends
//! with its time, with the process, and with the key: whoever may no longer use the API is no longer signed in either.

use super::account_caller::{AccountCaller, AccountKeys};
use super::crypto::MacKey;
use crate::domain::id::AccountId;
use crate::domain::time::Timestamp;
use crate::storage::digest::sha256;

/// Opens sessions, and knows its own again.
pub struct AdvertiserSessions {
    key: MacKey,
}

/// From signing in to having to do so again.
pub const SESSION_MINUTES_MAX: u64 = 12 * 60;

impl AdvertiserSessions {
    pub const fn new(key: MacKey) -> Self {
        Self { key }
    }

    /// A session for whoever shows the bearer token of an account.
    pub fn open(&self, keys: &AccountKeys, token: &str, now: Timestamp) -> Option<String> {
        let account_id = keys.by_bearer_token(token)?.account_id();
        let dated = self.key.sign_dated(&[&number(account_id), &sha256(token.as_bytes())], now);
        Some(format!("{account_id}.{dated}"))
    }

    /// Whose session it is, if it is one of ours, not too old, and its account still has the key that opened it.
    pub fn caller(&self, keys: &AccountKeys, session: &str, now: Timestamp) -> Option<AccountCaller> {
        let (account_id, dated) = session.split_once('.')?;
        let account_id = account_id.parse().ok()?;
        keys.by_bearer_digest(account_id, |digest| {
            self.key.verify_dated(dated, &[&number(account_id), digest], SESSION_MINUTES_MAX, now)
        })
    }
}

/// Of a fixed length, so that nothing moves from this part of what is signed into the next.
const fn number(account_id: AccountId) -> [u8; 8] {
    account_id.number().to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::MS_PER_MINUTE;
    use crate::service::account_caller::AccountSecrets;

    const NOW: Timestamp = Timestamp(1_000_000 * MS_PER_MINUTE);

    fn keys(tokens: &[(&str, &str)]) -> AccountKeys {
        let account = |&(id, token): &(&str, &str)| AccountSecrets {
            account_id: id.parse().expect("an id"),
            pixel_token: Some(format!("pixel {token}").into()),
            bearer_token: Some(token.to_owned().into()),
            oauth: None,
        };
        AccountKeys::new(&tokens.iter().map(account).collect::<Vec<_>>())
    }

    fn sessions(key: &[u8]) -> AdvertiserSessions {
        AdvertiserSessions::new(MacKey::new(key))
    }

    /// The account that is signed in with `session`.
    fn signed_in(keys: &AccountKeys, session: &str, minutes: u64) -> Option<String> {
        let now = NOW.plus_ms(minutes * MS_PER_MINUTE);
        sessions(b"one").caller(keys, session, now).map(|caller| caller.account_id().to_string())
    }

    #[test]
    fn a_session_is_its_accounts_for_twelve_hours() {
        let both = keys(&[("a", "first"), ("b", "second")]);
        let session = sessions(b"one").open(&both, "second", NOW).expect("a session");
        for (minutes, expect) in
            [(0, Some("b")), (SESSION_MINUTES_MAX, Some("b")), (SESSION_MINUTES_MAX + 1, None)]
        {
            assert_eq!(signed_in(&both, &session, minutes).as_deref(), expect, "{minutes}");
        }
        assert!(!session.contains("second"));
        for token in ["", "third", "pixel first", "first ", "FIRST"] {
            assert_eq!(sessions(b"one").open(&both, token, NOW), None, "{token:?}");
        }
    }

    #[test]
    fn a_session_ends_with_the_key_that_opened_it() {
        let session = sessions(b"one").open(&keys(&[("a", "first")]), "first", NOW).expect("a session");
        assert_eq!(signed_in(&keys(&[("a", "first"), ("b", "x")]), &session, 1).as_deref(), Some("a"));
        for other in [&[][..], &[("a", "changed")], &[("b", "first")], &[("a", "changed"), ("b", "first")]] {
            assert_eq!(signed_in(&keys(other), &session, 1), None, "{other:?}");
        }
    }

    #[test]
    fn what_we_did_not_sign_is_no_session() {
        let both = keys(&[("a", "first"), ("b", "second")]);
        let session = sessions(b"one").open(&both, "first", NOW).expect("a session");
        let (_, dated) = session.split_once('.').expect("an account and a date");
        let elsewhere = sessions(b"two").open(&both, "first", NOW).expect("a session");
        for forged in [
            "",
            ".",
            "a",
            "a.",
            dated,
            &format!("b.{dated}"),
            &format!("a.0{dated}"),
            &format!("{session}A"),
            &elsewhere,
        ] {
            assert_eq!(signed_in(&both, forged, 0), None, "{forged}");
        }
    }
}
