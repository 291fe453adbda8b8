//! Which account a request to the advertisers' API comes from.

use std::collections::HashMap;

use secrecy::{ExposeSecret as _, SecretString};

use super::nonces::Nonces;
use super::oauth::{self, OauthRequest};
use crate::domain::id::AccountId;
use crate::domain::time::Timestamp;
use crate::storage::digest::sha256;

/// Proof that a request comes from an account's own software. Only [`AccountKeys`] makes it, and every use case of the
/// advertisers' API takes one.
#[derive(Debug)]
pub struct AccountCaller {
    account_id: AccountId,
}

impl AccountCaller {
    pub const fn account_id(&self) -> AccountId {
        self.account_id
    }
}

/// The secrets of one account. Each opens all that is the account's.
#[derive(Debug, Clone)]
pub struct AccountSecrets {
    pub account_id: AccountId,
    /// For conversions alone, as `X-Pixel-Token`.
    pub pixel_token: Option<SecretString>,
    pub bearer_token: Option<SecretString>,
    pub oauth: Option<OauthSecrets>,
}

/// For OAuth 1.0a.
#[derive(Debug, Clone)]
pub struct OauthSecrets {
    pub consumer_key: String,
    pub consumer_secret: SecretString,
    pub access_token: String,
    pub access_secret: SecretString,
}

/// The secrets of all accounts. They are found by a hash, so that no time tells how much of a guess was right.
#[derive(Default)]
pub struct AccountKeys {
    pixel_tokens: HashMap<[u8; 32], AccountId>,
    bearer_tokens: HashMap<[u8; 32], AccountId>,
    /// The same by account.
    bearer_digests: HashMap<AccountId, [u8; 32]>,
    /// By consumer key and access token; with what signs.
    oauth: HashMap<[u8; 32], (AccountId, SecretString)>,
}

impl AccountKeys {
    pub fn new(accounts: &[AccountSecrets]) -> Self {
        let mut keys = Self::default();
        for account in accounts {
            let digest = |token: &SecretString| sha256(token.expose_secret().as_bytes());
            keys.pixel_tokens
                .extend(account.pixel_token.as_ref().map(|token| (digest(token), account.account_id)));
            let bearer = account.bearer_token.as_ref().map(digest);
            keys.bearer_tokens.extend(bearer.map(|digest| (digest, account.account_id)));
            keys.bearer_digests.extend(bearer.map(|digest| (account.account_id, digest)));
            keys.oauth.extend(account.oauth.as_ref().map(|oauth| {
                let key = oauth::signing_key(
                    oauth.consumer_secret.expose_secret(),
                    oauth.access_secret.expose_secret(),
                );
                (oauth_digest(&oauth.consumer_key, &oauth.access_token), (account.account_id, key.into()))
            }));
        }
        keys
    }

    pub fn by_pixel_token(&self, token: &str) -> Option<AccountCaller> {
        Self::caller(self.pixel_tokens.get(&sha256(token.as_bytes())))
    }

    pub fn by_bearer_token(&self, token: &str) -> Option<AccountCaller> {
        Self::caller(self.bearer_tokens.get(&sha256(token.as_bytes())))
    }

    /// By what somebody shows who has shown the token before: whether it goes with the token's SHA-256, `is_shown` says.
    pub fn by_bearer_digest(
        &self,
        account_id: AccountId,
        is_shown: impl FnOnce(&[u8; 32]) -> bool,
    ) -> Option<AccountCaller> {
        let digest = self.bearer_digests.get(&account_id)?;
        is_shown(digest).then_some(AccountCaller { account_id })
    }

    /// By its signature (RFC 5849), which counts once and for some minutes.
    pub fn by_signature(
        &self,
        request: &OauthRequest<'_>,
        nonces: &Nonces,
        now: Timestamp,
    ) -> Option<AccountCaller> {
        let signed = oauth::Signed::parse(request)?;
        let known = self.oauth.get(&oauth_digest(signed.consumer_key(), signed.token()));
        // Checked with some key whether or not the names are known: the time must not tell.
        let key = known.map_or(NO_KEY, |(_, key)| key.expose_secret());
        let is_good = signed.is_signed_with(key, request) && signed.is_fresh(now);
        let (account_id, _) = known.filter(|_| is_good)?;
        nonces.use_once(&signed.nonce_digest(), now).then_some(AccountCaller { account_id: *account_id })
    }

    fn caller(found: Option<&AccountId>) -> Option<AccountCaller> {
        found.map(|account_id| AccountCaller { account_id: *account_id })
    }
}

fn oauth_digest(consumer_key: &str, access_token: &str) -> [u8; 32] {
    sha256(format!("{consumer_key}\n{access_token}").as_bytes())
}

const NO_KEY: &str = "&";
