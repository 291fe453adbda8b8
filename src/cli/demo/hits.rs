//! Hits that the demo page sends on a button: one visit, from browsers that say different things.

use std::net::SocketAddr;

use super::places::Places;

/// A prepared hit, and what to say about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    /// What the button sends.
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) hint: &'static str,
    /// What the query has beside the page.
    query: &'static str,
    headers: &'static [(&'static str, &'static str)],
}

const PAGE_VIEW: &str = "events=%5B%5B%22pageview%22%2Cnull%5D%5D";
/// `[["purchase",{"value":"59.00","currency":"EUR","num_items":1}]]`
const PURCHASE: &str = "events=%5B%5B%22purchase%22%2C%7B%22value%22%3A%2259.00%22%2C%22currency%22%3A%22EUR%22%2C%22num_items%22%3A1%7D%5D%5D";
/// The same with `"order_id":"DEMO-1"`.
const ORDER: &str = "events=%5B%5B%22purchase%22%2C%7B%22value%22%3A%2259.00%22%2C%22currency%22%3A%22EUR%22%2C%22order_id%22%3A%22DEMO-1%22%7D%5D%5D";
/// A purchase with `"email_address":"jane@shop.example"`.
const WITH_EMAIL: &str = "events=%5B%5B%22purchase%22%2C%7B%22value%22%3A%2235.00%22%2C%22currency%22%3A%22EUR%22%2C%22email_address%22%3A%22jane%40shop.example%22%7D%5D%5D";
const UNKNOWN_EVENT: &str = "events=%5B%5B%22search%22%2Cnull%5D%5D";

const fn hit(name: &'static str, label: &'static str, hint: &'static str) -> Hit {
    Hit { name, label, hint, query: PAGE_VIEW, headers: &[] }
}

pub(super) const HITS: [Hit; 12] = [
    hit("visit", "Page view", "nothing is said against it"),
    Hit { query: PURCHASE, ..hit("purchase", "Purchase, €\u{a0}59", "answered when it is on the disk") },
    Hit { query: ORDER, ..hit("order", "Order DEMO-1", "press twice: it counts once") },
    Hit { headers: &[("Sec-GPC", "1")], ..hit("gpc", "Global Privacy Control", "Sec-GPC: 1") },
    Hit { headers: &[("DNT", "1")], ..hit("dnt", "Do Not Track", "DNT: 1") },
    Hit { query: "gdpr=1", ..hit("gdpr", "GDPR applies", "gdpr=1 and no consent string") },
    Hit { query: "coppa=1", ..hit("child", "About a child", "coppa=1") },
    Hit {
        headers: &[("Sec-Purpose", "prefetch;prerender")],
        ..hit("prefetch", "Prefetch", "fetched ahead, nobody looks")
    },
    Hit { headers: &[("Cookie", "pg_optout=1")], ..hit("opted-out", "Opted out", "the opt-out cookie") },
    Hit {
        headers: &[(
            "User-Agent",
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        )],
        ..hit("crawler", "A crawler", "by its user agent")
    },
    Hit { query: WITH_EMAIL, ..hit("email", "E-mail in clear", "stored without it") },
    Hit { query: UNKNOWN_EVENT, ..hit("unknown", "Unknown event", "the pixel has no tag for a search") },
];

/// A browser's, so that the hit is no crawler's.
const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";

impl Hit {
    pub(super) fn named(name: &str) -> Option<Self> {
        HITS.into_iter().find(|hit| hit.name == name)
    }

    /// The whole request, as it goes to the pixel at `public`.
    pub(super) fn request(&self, public: SocketAddr, places: &Places) -> String {
        let mut page = String::new();
        page.extend(form_urlencoded::byte_serialize(format!("{}/", places.shop).as_bytes()));
        let target = format!("/i/adsct?txn_id=o8z6j&p_id=Twitter&tw_document_href={page}&{}", self.query);
        let mut request = format!("GET {target} HTTP/1.1\r\nHost: {public}\r\nConnection: close\r\n");
        if !self.headers.iter().any(|(name, _)| *name == "User-Agent") {
            request.push_str(&format!("User-Agent: {USER_AGENT}\r\n"));
        }
        for (name, value) in self.headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request + "\r\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hit_is_one_well_formed_request() {
        let public = "127.0.0.1:8080".parse().expect("an address");
        let places = Places::new(8090, 8080, "d".into());
        for hit in HITS {
            let request = hit.request(public, &places);
            assert!(request.starts_with("GET /i/adsct?txn_id=o8z6j&"), "{request}");
            assert!(request.ends_with("\r\n\r\n") && request.matches("\r\n\r\n").count() == 1, "{request}");
            assert_eq!(request.matches("User-Agent: ").count(), 1, "{request}");
            assert_eq!(HITS.iter().filter(|other| other.name == hit.name).count(), 1);
        }
    }
}
