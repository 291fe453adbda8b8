//! Who sends a request, as far as its head shows.

use std::borrow::Cow;

use super::cookie::Jar;
use super::request::Head;
use crate::consent::signals::Signals;
use crate::domain::conversion::Country;
use crate::domain::time::Timestamp;
use crate::service::live::Live;

/// The query's parameters, decoded once (`+` is a space).
pub fn parameters<'q>(head: &Head<'q>) -> impl Iterator<Item = (Cow<'q, str>, Cow<'q, str>)> {
    form_urlencoded::parse(head.query.as_bytes())
}

/// Everything the request says about consent, and its ids.
pub fn read(head: &Head<'_>, live: &Live, now: Timestamp) -> (Signals, Jar) {
    let mut signals = Signals::default();
    for (name, value) in head.headers {
        signals.see_header(name, value);
    }
    for (name, value) in parameters(head) {
        signals.see_parameter(&name, &value);
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
