//! Accounts, pixels and event tags: what the operator configured, ready to be looked up.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::attribution::Windows;
use super::event::EventType;
use super::id::{AccountId, EventTagId, PixelId};
use super::money::Currency;
use super::page::PageAddress;
use super::targeting::Handle;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixel {
    pub id: PixelId,
    pub account_id: AccountId,
    /// Origins that the advertiser expects hits from. Empty: any.
    pub origins: Vec<OriginPattern>,
    /// Whether the site is directed to children under 13; then nothing is ever stored.
    pub directed_to_children: bool,
    pub event_tags: Vec<EventTag>,
}

impl Pixel {
    /// Whether `page` is where the advertiser expects hits from; a hit without a page is not held against it.
    pub fn expects(&self, page: Option<&PageAddress>) -> bool {
        let expected = |page: &PageAddress| self.origins.iter().any(|origin| origin.matches(page.origin()));
        self.origins.is_empty() || page.is_none_or(expected)
    }

    pub fn event_tag_for(&self, event: EventType) -> Option<&EventTag> {
        self.event_tags.iter().find(|tag| tag.event == event)
    }

    pub fn event_tag(&self, id: EventTagId) -> Option<&EventTag> {
        self.event_tags.iter().find(|tag| tag.id == id)
    }
}

/// An advertiser, as far as a server looks it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// For people.
    pub name: String,
    /// What its reports sum up.
    pub currency: Currency,
}

/// One configured web event of a pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTag {
    pub id: EventTagId,
    pub name: String,
    pub event: EventType,
    pub windows: Windows,
}

/// An origin in which a `*` stands for any run of characters, for a part of the host and for the port:
/// `http://*.localhost:*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPattern {
    before: String,
    /// What follows each `*`.
    behind: Vec<String>,
}

impl OriginPattern {
    /// `None` unless it starts with `http://` or `https://`, has at most two `*`, and no path.
    pub fn parse(pattern: &str) -> Option<Self> {
        let pattern = pattern.to_ascii_lowercase();
        let host = pattern.strip_prefix("https://").or_else(|| pattern.strip_prefix("http://"))?;
        if host.is_empty() || host.contains('/') || host.matches('*').count() > 2 || host.contains("**") {
            return None;
        }
        let mut pieces = pattern.split('*').map(str::to_owned);
        Some(Self { before: pieces.next()?, behind: pieces.collect() })
    }

    /// As a source of a Content Security Policy (CSP Level 3, section 2.3.1, `host-source`), which has a `*` only for the
    /// first part of a host and for a port. `None` for a pattern that none can say.
    pub fn csp_source(&self) -> Option<String> {
        let text = [&self.before].into_iter().chain(&self.behind).map(String::as_str).collect::<Vec<_>>();
        let text = text.join("*");
        let (_, authority) = text.split_once("://")?;
        let (host, port) = authority.split_once(':').unwrap_or((authority, "*"));
        let rest = host.strip_prefix("*.").unwrap_or(host);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        let host_ok = !rest.is_empty() && rest.bytes().all(allowed);
        let port_ok = port == "*" || (!port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
        (host_ok && port_ok).then_some(text)
    }

    pub fn matches(&self, origin: &str) -> bool {
        let Some(rest) = origin.strip_prefix(&*self.before) else { return false };
        match &*self.behind {
            [] => rest.is_empty(),
            [last] => rest.ends_with(&**last),
            [middle, last] => {
                let behind = rest.find(&**middle).map(|at| &rest[at + middle.len()..]);
                behind.is_some_and(|behind| behind.ends_with(&**last))
            }
            _ => false,
        }
    }
}

/// Everything configured, by id. Built once, then shared.
#[derive(Debug, Default)]
pub struct Registry {
    pixels: Vec<Pixel>,
    /// Where in `pixels`.
    pixel_at: HashMap<PixelId, usize, BuildHasherDefault<IdHasher>>,
    /// Where in `pixels`, and where among the pixel's tags.
    tag_at: HashMap<EventTagId, (usize, usize), BuildHasherDefault<IdHasher>>,
    /// Of accounts that have one.
    handles: Vec<(Handle, AccountId)>,
    accounts: HashMap<AccountId, Account>,
}

impl Registry {
    /// Later entries of the same id replace earlier ones; configuration refuses doubled ids before this.
    pub fn new(pixels: Vec<Pixel>) -> Self {
        let tags = pixels.iter().enumerate().flat_map(|(at, pixel)| {
            pixel.event_tags.iter().enumerate().map(move |(tag_at, tag)| (tag.id, (at, tag_at)))
        });
        Self {
            tag_at: tags.collect(),
            pixel_at: pixels.iter().enumerate().map(|(at, pixel)| (pixel.id, at)).collect(),
            pixels,
            handles: Vec::new(),
            accounts: HashMap::new(),
        }
    }

    /// What partners call the advertisers.
    #[must_use]
    pub fn with_handles(mut self, mut handles: Vec<(Handle, AccountId)>) -> Self {
        handles.sort_unstable();
        self.handles = handles;
        self
    }

    /// Whose all of that is.
    #[must_use]
    pub fn with_accounts(mut self, accounts: HashMap<AccountId, Account>) -> Self {
        self.accounts = accounts;
        self
    }

    /// `None` if there is no such account.
    pub fn account_name(&self, account_id: AccountId) -> Option<&str> {
        self.accounts.get(&account_id).map(|account| &*account.name)
    }

    /// What the account's reports sum up.
    pub fn currency(&self, account_id: AccountId) -> Currency {
        self.accounts.get(&account_id).map_or(Currency::USD, |account| account.currency)
    }

    /// In the order of the configuration.
    pub fn pixels_of(&self, account_id: AccountId) -> impl Iterator<Item = &Pixel> {
        self.pixels.iter().filter(move |pixel| pixel.account_id == account_id)
    }

    pub fn account_called(&self, handle: &Handle) -> Option<AccountId> {
        let at = self.handles.binary_search_by(|(known, _)| known.cmp(handle)).ok()?;
        self.handles.get(at).map(|(_, account_id)| *account_id)
    }

    pub fn handle_of(&self, account_id: AccountId) -> Option<&Handle> {
        self.handles.iter().find(|(_, id)| *id == account_id).map(|(handle, _)| handle)
    }

    pub fn pixel(&self, id: PixelId) -> Option<&Pixel> {
        self.pixels.get(*self.pixel_at.get(&id)?)
    }

    /// The pixel that owns the event tag, and the tag.
    pub fn event_tag(&self, id: EventTagId) -> Option<(&Pixel, &EventTag)> {
        let &(at, tag_at) = self.tag_at.get(&id)?;
        let pixel = self.pixels.get(at)?;
        Some((pixel, pixel.event_tags.get(tag_at)?))
    }
}

/// For ids that only the operator hands out: nobody can fill the maps with ids that collide, so no secret is needed.
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u64(&mut self, number: u64) {
        // Fibonacci hashing; the map takes its bucket from the low bits and its tag from the high ones.
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 32;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, origin: &str, expect: bool) {
        let parsed = OriginPattern::parse(pattern).expect("a pattern");
        assert_eq!(parsed.matches(origin), expect, "{pattern} against {origin}");
    }

    #[test]
    fn origins_match_with_stars() {
        check("http://shop.localhost:*", "http://shop.localhost:8090", true);
        check("http://shop.localhost:*", "http://shop.localhost", false);
        check("http://shop.localhost:*", "http://shop.localhost.evil.example:80", false);
        check("https://*.example", "https://shop.example", true);
        check("http://*.localhost:*", "http://news.localhost:8090", true);
        check("http://*.localhost:*", "http://news.localhost", false);
        check("http://*.localhost:*", "http://localhost:8090", false);
        check("http://*.localhost:*", "https://news.localhost:8090", false);
        check("https://*.example", "http://shop.example", false);
        check("https://shop.example", "https://shop.example", true);
        check("https://shop.example", "https://shop.example:8443", false);
    }

    #[test]
    fn patterns_with_a_path_or_three_stars_are_refused() {
        for pattern in [
            "",
            "shop.example",
            "ftp://shop.example",
            "https://",
            "https://a/b",
            "https://*.*.*",
            "https://**",
        ] {
            assert_eq!(OriginPattern::parse(pattern), None, "{pattern:?}");
        }
    }
}
