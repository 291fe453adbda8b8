//! The requests of a browser that loads the pixel.

use crate::target::Target;

/// One request to the pixel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit<'c> {
    pub(crate) what: What,
    /// Becomes the `event_id`: the same number is the same event.
    pub(crate) event: Event,
    /// `Cookie` header, empty for none.
    pub(crate) cookies: &'c str,
    /// Further header lines, each with its line end.
    pub(crate) extra: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum What {
    PageView,
    Conversion,
    /// The start of a cookie match: answered with a redirect to the partner.
    Match,
    /// A partner's id for the browser, made of the event.
    PartnerId,
}

impl What {
    /// Header lines without which it would be something else.
    const fn extra(self) -> &'static str {
        match self {
            Self::Match | Self::PartnerId => "Sec-Fetch-Storage-Access: active\r\n",
            Self::PageView | Self::Conversion => "",
        }
    }
}

/// An event's number: the run it belongs to and its place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Event {
    pub(crate) run: u64,
    pub(crate) number: u64,
}

impl Event {
    /// As the tag writes it: 8-4-4-4-12 hexadecimal digits.
    pub(crate) fn text(self) -> [u8; 36] {
        let mut text = [b'-'; 36];
        let mut digits = u128::from(self.run) << 64 | u128::from(self.number);
        for at in (0..36).rev().filter(|at| !matches!(at, 8 | 13 | 18 | 23)) {
            text[at] = b"0123456789abcdef"[(digits & 15) as usize];
            digits >>= 4;
        }
        text
    }
}

/// The parts of a request that don't change during a run.
#[derive(Debug)]
pub(crate) struct Requests {
    /// From behind the event on.
    rest: String,
}

impl Requests {
    pub(crate) fn to(target: Target) -> Self {
        Self::with_consent(target, None)
    }

    /// Each of them under the GDPR, with this TC string.
    pub(crate) fn with_consent(target: Target, tc_string: Option<&str>) -> Self {
        let consent = tc_string.map(|text| format!("&gdpr=1&gdpr_consent={text}")).unwrap_or_default();
        Self { rest: format!("{AFTER_EVENT}{consent} HTTP/1.1\r\nHost: {}\r\n{BROWSER}", target.address()) }
    }

    /// Puts the bytes of `hit` into `out`, replacing what is there.
    pub(crate) fn write(&self, hit: Hit<'_>, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(match hit.what {
            What::PageView => PAGE_VIEW.as_bytes(),
            What::Conversion => CONVERSION.as_bytes(),
            What::Match => MATCH.as_bytes(),
            What::PartnerId => PARTNER_ID.as_bytes(),
        });
        out.extend_from_slice(&hit.event.text());
        out.extend_from_slice(self.rest.as_bytes());
        out.extend_from_slice(hit.what.extra().as_bytes());
        out.extend_from_slice(hit.extra.as_bytes());
        if !hit.cookies.is_empty() {
            out.extend_from_slice(b"Cookie: ");
            out.extend_from_slice(hit.cookies.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// The path that all hits have.
pub(crate) const PATH: &str = "/i/adsct";

/// Where a match starts.
pub(crate) const MATCH_PATH: &str = "/match/adhub/start";

/// Of a partner that development mode knows.
const PARTNER_ID: &str = "GET /i/adsct?p_id=111&p_user_id=";
const MATCH: &str = "GET /match/adhub/start?type=image&version=1&cb=";
const PAGE_VIEW: &str = "GET /i/adsct?txn_id=o87ng&p_id=Twitter&type=javascript&version=2.3.31&bci=4&eci=3\
    &tw_sale_amount=0&tw_order_quantity=0&event_id=";
const CONVERSION: &str = "GET /i/adsct?txn_id=o87ne&p_id=Twitter&type=javascript&version=2.3.31&bci=4&eci=3\
    &tw_sale_amount=12.50&tw_order_quantity=1&event_id=";
const AFTER_EVENT: &str = "&integration=advertiser&p_user_id=0&pl_id=3f8b7c2e-5d1a-4e60-9c47-0b6a2d9e1f34\
    &tw_iframe_status=0&tw_document_href=https%3A%2F%2Fshop.example%2Fthanks%3Forder%3D1\
    &tw_document_referrer=https%3A%2F%2Fshop.example%2Fcart";
const BROWSER: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/142.0.0.0 Safari/537.36\r\n\
    Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\r\n\
    Accept-Language: en-US,en;q=0.9\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
    Referer: https://shop.example/\r\nSec-Fetch-Dest: image\r\nSec-Fetch-Mode: no-cors\r\n\
    Sec-Fetch-Site: cross-site\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_is_one_complete_request() {
        let requests = Requests::to("127.0.0.1:8080".parse().unwrap());
        let mut bytes = b"what was there".to_vec();
        let event = Event { run: 0x0123, number: 0xff };
        let hit = Hit { what: What::Conversion, event, cookies: "a=b", extra: "Sec-GPC: 1\r\n" };
        requests.write(hit, &mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("GET /i/adsct?txn_id=o87ne&"), "{text}");
        assert!(text.contains("&event_id=00000000-0000-0123-0000-0000000000ff&"), "{text}");
        let consent = Requests::with_consent("127.0.0.1:8080".parse().unwrap(), Some("CPXX.IAAA"));
        let mut with_consent = Vec::new();
        consent.write(hit, &mut with_consent);
        let with_consent = String::from_utf8(with_consent).unwrap();
        assert_eq!(with_consent.replace("&gdpr=1&gdpr_consent=CPXX.IAAA HTTP", " HTTP"), text);
        assert_ne!(with_consent, text);
        assert!(text.contains(" HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: "), "{text}");
        assert!(text.ends_with("\r\nSec-GPC: 1\r\nCookie: a=b\r\n\r\n"), "{text}");
    }
}
