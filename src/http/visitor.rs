//! Who sends a request, as far as its head shows.

use std::borrow::Cow;

use super::cookie::Jar;
use super::request::Head;
use crate::consent::signals::Signals;
use crate::domain::conversion::Country;
use crate::domain::id::hex_byte;
use crate::domain::time::Timestamp;
use crate::service::live::Live;

/// The query's parameters in order, with their names decoded and their values not yet: most of them nobody asks for.
pub fn parameters<'q>(head: &Head<'q>) -> impl Iterator<Item = (Cow<'q, str>, &'q str)> {
    Pairs { rest: head.query }.map(|(name, value)| (decode(name), value))
}

/// One step for each byte. A search for each `&` and each `=` costs more to set up than most pairs are long.
struct Pairs<'q> {
    rest: &'q str,
}

impl<'q> Iterator for Pairs<'q> {
    type Item = (&'q str, &'q str);

    fn next(&mut self) -> Option<(&'q str, &'q str)> {
        while !self.rest.is_empty() {
            let bytes = self.rest.as_bytes();
            let name_end = bytes.iter().position(|byte| matches!(byte, b'=' | b'&')).unwrap_or(bytes.len());
            let has_value = bytes.get(name_end) == Some(&b'=');
            let value_at = name_end + usize::from(has_value);
            let value = &bytes[value_at..];
            let end = value_at + value.iter().position(|&byte| byte == b'&').unwrap_or(value.len());
            let (name, value) = (&self.rest[..name_end], &self.rest[value_at..end]);
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            if has_value || !name.is_empty() {
                return Some((name, value));
            }
        }
        None
    }
}

/// Decodes a name or a value of a query once (`+` is a space). Copies only where there is something to decode, and
/// then in one pass: every address of a page comes through here.
pub fn decode(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let Some(mut at) = bytes.iter().position(|byte| matches!(byte, b'%' | b'+')) else {
        return Cow::Borrowed(text);
    };
    let mut decoded = Vec::with_capacity(bytes.len());
    decoded.extend_from_slice(&bytes[..at]);
    while at < bytes.len() {
        let (byte, length) = match (bytes[at], bytes.get(at + 1), bytes.get(at + 2)) {
            (b'+', ..) => (b' ', 1),
            (b'%', Some(&high), Some(&low)) => hex_byte(high, low).map_or((b'%', 1), |byte| (byte, 3)),
            (byte, ..) => (byte, 1),
        };
        decoded.push(byte);
        at += length;
    }
    let text = String::from_utf8(decoded);
    Cow::Owned(text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Everything the request says about consent, and its ids.
pub fn read(head: &Head<'_>, live: &Live, now: Timestamp) -> (Signals, Jar) {
    read_with(head, live, now, |_, _| {})
}

/// The same, and shows `also` each parameter on the way: its name, and its value not decoded.
pub fn read_with<'q>(
    head: &Head<'q>,
    live: &Live,
    now: Timestamp,
    mut also: impl FnMut(&str, &'q str),
) -> (Signals, Jar) {
    let mut signals = Signals::default();
    for (name, value) in head.headers {
        signals.see_header(name, value);
    }
    for (name, value) in parameters(head) {
        if Signals::reads_parameter(&name) {
            signals.see_parameter(&name, &decode(value));
        }
        also(&name, value);
    }
    let jar = Jar::read(head, live, now, &mut signals);
    signals.set_country(country(head, live));
    if head.headers_named("user-agent").any(|agent| live.crawlers.is_crawler(agent)) {
        signals.mark_crawler();
    }
    (signals, jar)
}

/// What a trusted proxy says, else what the address says.
fn country(head: &Head<'_>, live: &Live) -> Option<Country> {
    let header = live.country_header.as_deref().filter(|_| head.via_trusted_proxy);
    let told = header.and_then(|name| head.header(name)).and_then(Country::parse);
    told.or_else(|| live.geo.country(head.client))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_as_a_form_is() {
        for text in ["", "a", "a+b", "a%20b", "%2B", "%E4%BD%A0", "%ff", "%", "%4", "%zz", "a%00b", "+%2b+"] {
            let query = format!("x={text}");
            let (_, expect) = form_urlencoded::parse(query.as_bytes()).next().expect("a pair");
            assert_eq!(decode(text), expect, "{text:?}");
        }
    }

    #[test]
    fn a_name_counts_however_it_is_written() {
        let client = std::net::IpAddr::from([127, 0, 0, 1]);
        let query = "&&g%64pr=1&=x&y&z=a=b";
        let head = Head { method: "GET", path: "/", query, headers: &[], client, via_trusted_proxy: false };
        let pairs: Vec<_> = parameters(&head).collect();
        let expect = [("gdpr", "1"), ("", "x"), ("y", ""), ("z", "a=b")];
        assert_eq!(pairs, expect.map(|(name, value)| (Cow::Borrowed(name), value)));
    }
}
