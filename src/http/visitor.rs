//! Who sends a request, as far as its head shows.

use std::borrow::Cow;

use super::cookie::Jar;
use super::request::Head;
use crate::consent::signals::Signals;
use crate::domain::conversion::Country;
use crate::domain::time::Timestamp;
use crate::service::live::Live;

/// The query's parameters in order, with their names decoded and their values not yet: most of them nobody asks for.
pub fn parameters<'q>(head: &Head<'q>) -> impl Iterator<Item = (Cow<'q, str>, &'q str)> {
    head.query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), value)
    })
}

/// Decodes a name or a value of a query once (`+` is a space). Copies only where there is something to decode.
pub fn decode(text: &str) -> Cow<'_, str> {
    if memchr::memchr2(b'%', b'+', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

/// Everything the request says about consent, and its ids.
pub fn read(head: &Head<'_>, live: &Live, now: Timestamp) -> (Signals, Jar) {
    let mut signals = Signals::default();
    for (name, value) in head.headers {
        signals.see_header(name, value);
    }
    for (name, value) in parameters(head).filter(|(name, _)| Signals::reads_parameter(name)) {
        signals.see_parameter(&name, &decode(value));
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
