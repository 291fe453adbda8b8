//! The address of the page that a hit came from, reduced to what may be kept.

use super::personal::looks_personal;

/// Scheme, host, port and path of a web page: no user info, no query, no fragment, and no path where the path
/// names a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageAddress {
    text: Box<str>,
    /// Where the origin ends.
    path_at: usize,
}

impl PageAddress {
    /// Reduces an absolute `http` or `https` address. `None` if it is not one, or is over 2,048 characters.
    pub fn reduce(address: &str) -> Option<Self> {
        let (scheme, rest) = split_scheme(address)?;
        let end = find(rest, |byte| matches!(byte, b'?' | b'#'));
        let (authority, path) = rest[..end].split_at(find(&rest[..end], |byte| matches!(byte, b'/' | b'\\')));
        let host = authority.rsplit('@').next().unwrap_or_default();
        let path = if path.is_empty() || looks_personal(path) { "/" } else { path };
        let total = scheme.len() + host.len() + path.len();
        if !is_host(host) || !is_printable(path) || total > PAGE_CHARS_MAX {
            return None;
        }
        let mut page = String::with_capacity(total);
        page.extend([scheme, host, path]);
        let path_at = scheme.len() + host.len();
        page[scheme.len()..path_at].make_ascii_lowercase();
        Some(Self { text: page.into(), path_at })
    }

    /// What the log stored.
    pub fn from_stored(address: String) -> Self {
        let host_at = address.find("://").map_or(0, |at| at + 3);
        let path_at = host_at + find(&address[host_at..], |byte| byte == b'/');
        Self { text: address.into(), path_at }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// From its `/` on.
    pub fn path(&self) -> &str {
        &self.text[self.path_at..]
    }

    /// The site alone, with a path that says nothing.
    #[must_use]
    pub fn without_path(&self) -> Self {
        Self { text: format!("{}/", self.origin()).into(), path_at: self.path_at }
    }

    /// `https://shop.example:8443`: what an origin pattern is compared with.
    pub fn origin(&self) -> &str {
        &self.text[..self.path_at]
    }
}

/// Of `https://shop.example:8443` and of `shop.example:8443`: `shop.example`.
pub fn host_of(origin: &str) -> &str {
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    let port_at = host.rfind(':').filter(|&at| host[at + 1..].bytes().all(|byte| byte.is_ascii_digit()));
    &host[..port_at.unwrap_or(host.len())]
}

/// Whether two hosts are surely of different sites, so that a browser that keeps cookies apart for each site shows one
/// of them nothing of what it shows the other.
///
/// They are where nothing but the last label is the same. No list of public suffixes is asked, so `shop.co.uk` and
/// `ads.co.uk` pass for one site.
pub fn are_of_different_sites(host: &str, other: &str) -> bool {
    let [host, other] = [host, other].map(|host| host.trim_end_matches('.').rsplit('.'));
    host.zip(other).take(2).any(|(label, other)| !label.eq_ignore_ascii_case(other))
}

/// Where the first such byte is, which must be an ASCII one; the length without one.
fn find(text: &str, is_it: impl Fn(u8) -> bool) -> usize {
    text.bytes().position(is_it).unwrap_or(text.len())
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

/// Neither control characters nor white space, of ASCII or beyond.
fn is_printable(path: &str) -> bool {
    path.bytes().all(|byte| byte.is_ascii_graphic())
        || !path.contains(|character: char| character.is_control() || character.is_whitespace())
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
    fn a_host_is_without_scheme_and_port() {
        for (origin, expect) in [
            ("https://shop.example", "shop.example"),
            ("http://shop.localhost:8090", "shop.localhost"),
            ("shop.localhost:8090", "shop.localhost"),
            ("http://[2001:db8::1]", "[2001:db8::1]"),
            ("http://[2001:db8::1]:8080", "[2001:db8::1]"),
        ] {
            assert_eq!(host_of(origin), expect);
        }
    }

    #[test]
    fn sites_differ_only_where_they_surely_do() {
        for (host, other, expect) in [
            ("px.localhost", "shop.localhost", true),
            ("px.ads.example", "www.shop.example", true),
            ("shop.example", "shop.test", true),
            ("px.shop.example", "www.shop.example", false),
            ("px.shop.example", "shop.example", false),
            ("px.shop.example", "WWW.Shop.Example.", false),
            ("px.localhost", "px.localhost", false),
            ("px.localhost", "localhost", false),
            ("shop.co.uk", "ads.co.uk", false),
            ("192.0.2.1", "198.51.100.2", true),
            ("[2001:db8::1]", "[2001:db8::1]", false),
        ] {
            assert_eq!(are_of_different_sites(host, other), expect, "{host} {other}");
            assert_eq!(are_of_different_sites(other, host), expect, "{other} {host}");
        }
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
