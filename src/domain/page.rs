//! The address of the page that a hit came from, reduced to what may be kept.

use super::personal::looks_personal;

/// Scheme, host, port and path of a web page: no user info, no query, no fragment, and no path where the path
/// names a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageAddress(Box<str>);

impl PageAddress {
    /// Reduces an absolute `http` or `https` address. `None` if it is not one, or is over 2,048 characters.
    pub fn reduce(address: &str) -> Option<Self> {
        let (scheme, rest) = split_scheme(address)?;
        let end = rest.find(['?', '#']).unwrap_or(rest.len());
        let rest = &rest[..end];
        let path_at = rest.find(['/', '\\']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(path_at);
        let host = authority.rsplit('@').next().unwrap_or_default();
        let path = if looks_personal(path) { "/" } else { path };
        let path = if path.is_empty() { "/" } else { path };
        let total = scheme.len() + host.len() + path.len();
        if !is_host(host) || path.contains(is_unprintable) || total > PAGE_CHARS_MAX {
            return None;
        }
        let mut page = String::with_capacity(total);
        page.extend([scheme, host, path]);
        page[scheme.len()..scheme.len() + host.len()].make_ascii_lowercase();
        Some(Self(page.into()))
    }

    /// What the log stored.
    pub fn from_stored(address: String) -> Self {
        Self(address.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `https://shop.example:8443`: what an origin pattern is compared with.
    pub fn origin(&self) -> &str {
        let host_at = self.0.find("://").map_or(0, |at| at + 3);
        let path_at = self.0[host_at..].find('/').map_or(self.0.len(), |at| host_at + at);
        &self.0[..path_at]
    }
}

fn split_scheme(address: &str) -> Option<(&'static str, &str)> {
    ["https://", "http://"].into_iter().find_map(|scheme| {
        let head = address.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then(|| (scheme, &address[scheme.len()..]))
    })
}

fn is_host(host: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    !host.is_empty() && host.bytes().all(|byte| allowed(byte) || byte >= 0x80)
}

fn is_unprintable(character: char) -> bool {
    character.is_control() || character.is_whitespace()
}

const PAGE_CHARS_MAX: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expect: Option<&str>) {
        let page = PageAddress::reduce(address);
        assert_eq!(page.as_ref().map(PageAddress::as_str), expect, "{address:?}");
    }

    #[test]
    fn only_scheme_host_and_path_are_kept() {
        check("https://shop.example/thanks?order=1#top", Some("https://shop.example/thanks"));
        check("HTTP://Shop.Example", Some("http://shop.example/"));
        check("https://jane:secret@shop.example/a", Some("https://shop.example/a"));
        check("https://shop.example?x=/y", Some("https://shop.example/"));
        check("http://shop.localhost:8090/landing", Some("http://shop.localhost:8090/landing"));
        check("https://shop.example/u/jane@mail.example/x", Some("https://shop.example/"));
        check("https://shop.example/u/jane%40mail.example", Some("https://shop.example/"));
    }

    #[test]
    fn what_is_no_web_page_is_dropped() {
        for address in [
            "",
            "shop.example/a",
            "about:blank",
            "file:///etc/passwd",
            "https://",
            "https:///a",
            "https://a b/",
        ] {
            check(address, None);
        }
        check("https://shop.example/a\r\nb", None);
        check(&format!("https://shop.example/{}", "a".repeat(2_028)), None);
    }

    #[test]
    fn addresses_stop_at_2048_characters() {
        let longest = format!("https://shop.example/{}", "a".repeat(2_027));
        assert_eq!(longest.len(), 2_048);
        check(&longest, Some(&longest));
    }

    #[test]
    fn the_origin_ends_before_the_path() {
        let page = PageAddress::reduce("https://shop.example:8443/a/b").expect("a page");
        assert_eq!(page.origin(), "https://shop.example:8443");
    }
}
