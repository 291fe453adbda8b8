//! The browser-id cookie and the keys that sign it.

use std::fmt;
use std::sync::Arc;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::listen::is_token;
use super::walk::{Field, Section};

/// How the browser-id cookie is called and how long it lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    pub name: String,
    pub max_age_days: u32,
}

/// A key that signs browser-id cookies. The first of a configuration signs, all of them verify.
#[derive(Clone)]
pub struct CookieKey {
    /// Stands in every cookie that the key signed.
    pub id: u32,
    /// At least [`SECRET_BYTES_MIN`] bytes.
    pub secret: Arc<SecretSlice<u8>>,
}

impl fmt::Debug for CookieKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// As long as the HMAC-SHA-256 that it keys.
pub const SECRET_BYTES_MIN: usize = 32;
/// Browsers keep no cookie longer.
const MAX_AGE_DAYS_MAX: u64 = 400;

pub(super) fn cookie(root: &Section<'_>) -> Cookie {
    let section = root.section("cookie");
    let name = section.get("name").and_then(|field| {
        field.parsed("the name of a cookie", |text| is_token(text).then(|| text.to_owned()))
    });
    let days = section.get("max_age_days").and_then(|field| field.integer(1..=MAX_AGE_DAYS_MAX));
    section.finish();
    let max_age_days = days.and_then(|days| u32::try_from(days).ok()).unwrap_or(90);
    Cookie { name: name.unwrap_or_else(|| "__Host-Http-pg".to_owned()), max_age_days }
}

pub(super) fn cookie_keys(root: &Section<'_>, allow_development: bool) -> Vec<CookieKey> {
    let fix = "add [[cookie_keys]] with id and secret; `pixelgate keygen` prints one";
    let Some(field) = root.require("cookie_keys", fix) else { return Vec::new() };
    let keys = field.list();
    if keys.is_empty() {
        root.refuse("cookie_keys is empty", fix);
    }
    let keys = keys.into_iter().filter_map(Field::section);
    keys.filter_map(|section| cookie_key(section, allow_development)).collect()
}

fn cookie_key(section: Section<'_>, allow_development: bool) -> Option<CookieKey> {
    let id = section.require("id", "for example id = 1").and_then(|field| {
        let id = u32::try_from(field.integer(0..=u64::from(u32::MAX))?).ok()?;
        field.claim("cookie key id", id);
        Some(id)
    });
    let secret = section.require("secret", "`pixelgate keygen` prints one");
    let secret = secret.and_then(|field| key_secret(&field, allow_development));
    section.finish();
    Some(CookieKey { id: id?, secret: Arc::new(secret?) })
}

pub(super) fn key_secret(field: &Field<'_>, allow_development: bool) -> Option<SecretSlice<u8>> {
    let text = field.secret()?;
    if is_development(&text) && !allow_development {
        field.refuse(
            "this is a development key, which everybody knows",
            "`pixelgate keygen` prints a random one",
        );
        return None;
    }
    let bytes = decode(text.expose_secret());
    let Some(bytes) = bytes.filter(|bytes| bytes.len() >= SECRET_BYTES_MIN) else {
        field.refuse(
            format!("not {SECRET_BYTES_MIN} or more bytes"),
            format!("expected at least {SECRET_BYTES_MIN} bytes in base64url or hex; `pixelgate keygen` prints them"),
        );
        return None;
    };
    Some(SecretSlice::from(bytes))
}

/// Hexadecimal digits are base64url, too; what could be both is read as hexadecimal.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().trim_end_matches('=').as_bytes();
    HEXLOWER_PERMISSIVE.decode(text).or_else(|_| BASE64URL_NOPAD.decode(text)).ok()
}

/// Secrets that are printed in public start like this.
pub(super) fn is_development(secret: &SecretString) -> bool {
    ["dev-", "dev2-"].iter().any(|start| secret.expose_secret().starts_with(start))
}

pub(super) fn length(secret: &SecretString) -> usize {
    secret.expose_secret().len()
}
