//! Forms that only our own pages can send.
//!
//! A form counts if the browser says that it comes from our own origin and it carries a token that we signed
//! lately for the ids, or for the advertiser's session, that this browser shows.

use super::pages;
use super::request::Head;
use crate::domain::id::BrowserId;
use crate::domain::time::Timestamp;
use crate::service::advertiser_session::SESSION_MINUTES_MAX;
use crate::service::crypto::MacKey;

/// Signs and checks the tokens. The key lives as long as the process: a form from before is sent again.
pub struct Forms {
    key: MacKey,
}

impl Forms {
    pub fn new(key: MacKey) -> Self {
        Self { key }
    }

    /// What a form for a browser that shows these ids has to hold.
    pub fn token(&self, browser_ids: &[BrowserId], now: Timestamp) -> String {
        self.key.sign_dated(&[BROWSER, &bytes(browser_ids)], now)
    }

    /// What a form of the advertiser's page has to hold; `session` is empty for who is not signed in.
    pub fn session_token(&self, session: &str, now: Timestamp) -> String {
        self.key.sign_dated(&[SESSION, session.as_bytes()], now)
    }

    /// Whether the posted form is our own page's.
    pub fn is_ours(&self, head: &Head<'_>, body: &[u8], browser_ids: &[BrowserId], now: Timestamp) -> bool {
        self.is_fresh(body, &[BROWSER, &bytes(browser_ids)], MINUTES_MAX, now) && is_same_origin(head)
    }

    /// Whether the posted form is of the advertiser's page as this session saw it.
    pub fn is_of_session(&self, head: &Head<'_>, body: &[u8], session: &str, now: Timestamp) -> bool {
        let parts = [SESSION, session.as_bytes()];
        self.is_fresh(body, &parts, SESSION_MINUTES_MAX, now) && is_same_origin(head)
    }

    fn is_fresh(&self, body: &[u8], parts: &[&[u8]], minutes_max: u64, now: Timestamp) -> bool {
        let token = pages::field(body, "csrf");
        token.is_some_and(|token| self.key.verify_dated(&token, parts, minutes_max, now))
    }
}

fn bytes(browser_ids: &[BrowserId]) -> Vec<u8> {
    browser_ids.iter().flat_map(|id| id.bytes()).collect()
}

/// What keeps a token of one kind of form from being one of the other.
const BROWSER: &[u8] = b"form ";
const SESSION: &[u8] = b"advertiser ";

const MINUTES_MAX: u64 = 120;

/// `Origin` names the host that the request went to; browsers send it with every form they post.
fn is_same_origin(head: &Head<'_>) -> bool {
    let origin = head.header("origin").and_then(|origin| origin.split_once("://"));
    match (head.host(), origin) {
        (Some(host), Some(("http" | "https", origin))) => origin.eq_ignore_ascii_case(host),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::domain::time::MS_PER_MINUTE;

    const NOW: Timestamp = Timestamp(1_000_000 * MS_PER_MINUTE);

    fn is_ours(origin: Option<&str>, token: &str, ids: &[BrowserId], now: Timestamp) -> bool {
        let mut headers = vec![("Host", &b"px.example"[..])];
        headers.extend(origin.map(|origin| ("Origin", origin.as_bytes())));
        let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let head = Head {
            method: "POST",
            path: "/optout",
            query: "",
            headers: &headers,
            client,
            via_trusted_proxy: false,
        };
        forms().is_ours(&head, format!("a=b&csrf={token}").as_bytes(), ids, now)
    }

    fn forms() -> Forms {
        Forms::new(MacKey::new(b"dev-forms"))
    }

    #[test]
    fn only_a_fresh_form_of_ours_counts() {
        let ids = [BrowserId::from_bytes([1; 16])];
        let token = forms().token(&ids, NOW);
        let ours = Some("https://px.example");
        assert!(is_ours(ours, &token, &ids, NOW));
        assert!(is_ours(ours, &token, &ids, NOW.plus_ms(MINUTES_MAX * MS_PER_MINUTE)));
        assert!(!is_ours(ours, &token, &ids, NOW.plus_ms((MINUTES_MAX + 1) * MS_PER_MINUTE)));
        assert!(!is_ours(ours, &token, &[], NOW));
        assert!(!is_ours(ours, &token.replace('.', ".A"), &ids, NOW));
        for origin in
            [None, Some("null"), Some("https://evil.example"), Some("https://px.example.evil.example")]
        {
            assert!(!is_ours(origin, &token, &ids, NOW), "{origin:?}");
        }
    }
}
