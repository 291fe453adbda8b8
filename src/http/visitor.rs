//! Who sends a request, as far as its head shows.

use std::borrow::Cow;

use super::cookie::Jar;
use super::request::Head;
use crate::consent::signals::{ACCOUNT_PARAMETER, Signals};
use crate::domain::conversion::Country;
use crate::domain::id::hex_byte;
use crate::domain::opt_out::OptOutView;
use crate::domain::time::Timestamp;
use crate::service::hit::Visitor;
use crate::service::live::Live;

/// The query's parameters in order, with their names decoded and their values not yet: most of them nobody asks for.
pub fn parameters<'q>(head: &Head<'q>) -> impl Iterator<Item = (Cow<'q, str>, &'q str)> {
    let pairs = Pairs { query: head.query, start: 0, ends: memchr::memchr_iter(b'&', head.query.as_bytes()) };
    pairs.map(|(name, value)| (decode(name), value))
}

/// One search for every `&`; a search of its own for each costs more to set up than most pairs are long.
struct Pairs<'q> {
    query: &'q str,
    /// Of the next pair; past the end after the last one.
    start: usize,
    ends: memchr::Memchr<'q>,
}

impl<'q> Iterator for Pairs<'q> {
    type Item = (&'q str, &'q str);

    fn next(&mut self) -> Option<(&'q str, &'q str)> {
        while self.start <= self.query.len() {
            let end = self.ends.next().unwrap_or(self.query.len());
            let pair = &self.query[self.start..end];
            self.start = end + 1;
            match pair.bytes().position(|byte| byte == b'=') {
                Some(equals) => return Some((&pair[..equals], &pair[equals + 1..])),
                None if !pair.is_empty() => return Some((pair, "")),
                None => {}
            }
        }
        None
    }
}

/// Decodes a name or a value of a query once (`+` is a space). Copies only where there is something to decode.
pub fn decode(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let Some(mut at) = bytes.iter().position(|byte| matches!(byte, b'%' | b'+')) else {
        return Cow::Borrowed(text);
    };
    let mut decoded = Vec::with_capacity(bytes.len());
    decoded.extend_from_slice(&bytes[..at]);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => match bytes.get(at..at + 2).and_then(|digits| hex_byte(digits[0], digits[1])) {
                Some(byte) => {
                    at += 2;
                    byte
                }
                None => b'%',
            },
            byte => byte,
        });
    }
    let text = String::from_utf8(decoded);
    Cow::Owned(text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// The first parameter of this name, decoded.
pub fn parameter<'q>(head: &Head<'q>, name: &str) -> Option<Cow<'q, str>> {
    parameters(head).find(|(known, _)| known == name).map(|(_, value)| decode(value))
}

/// The visitor as the use cases see it, with every opt-out of an id that the request shows noted. Shows `also` each
/// parameter on the way: its name, and its value not decoded.
pub fn visitor<'q>(
    head: &Head<'q>,
    live: &Live,
    opt_outs: &dyn OptOutView,
    at: Timestamp,
    also: impl FnMut(&str, &'q str),
) -> Visitor<'q> {
    let (mut signals, jar) = read_with(head, live, at, also);
    jar.note_opt_outs(&mut signals, opt_outs);
    Visitor { at, signals, browser: jar.browser(), has_shared_id: jar.is_shared() }
}

/// Everything the request says about consent, and its ids.
pub fn read<'q>(head: &Head<'q>, live: &Live, now: Timestamp) -> (Signals<'q>, Jar) {
    read_with(head, live, now, |_, _| {})
}

fn read_with<'q>(
    head: &Head<'q>,
    live: &Live,
    now: Timestamp,
    mut also: impl FnMut(&str, &'q str),
) -> (Signals<'q>, Jar) {
    let mut signals = Signals::default();
    for (name, value) in head.headers {
        signals.see_header(name, value);
    }
    for (name, value) in parameters(head) {
        if Signals::reads_parameter(&name) {
            signals.see_parameter(&name, decode(value));
        } else if name == ACCOUNT_PARAMETER {
            signals.see_account(&decode(value), &*live.account_settings);
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
