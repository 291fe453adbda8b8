//! The demo's little web server: which site a request is for, and what all of them share.

use std::borrow::Cow;

use askama::Template;

use super::live::{self, Server};
use super::places::Places;
use super::{news, shop};
use crate::domain::time::Rng as _;
use crate::http::request::Head;
use crate::http::response::{Answer, FixedHeaders};
use crate::http::service::{Answering, Intake, Service};
use crate::service::crypto::SystemRng;

/// Serves all three sites; which of them, the `Host` header says.
pub(super) struct Pages {
    pub(super) places: Places,
    pub(super) server: Server,
}

impl Service for Pages {
    fn intake(&self, method: &str, _: &str) -> Intake {
        Intake::Body { bytes_max: if method == "POST" { FORM_BYTES_MAX } else { 0 } }
    }

    fn answer<'s>(&'s self, head: &Head<'_>, body: &[u8]) -> Answering<'s> {
        if let ("GET" | "HEAD", Some(asset)) = (head.method, asset(head.path)) {
            return Answering::Now(asset);
        }
        Answering::Now(match head.header("host").and_then(|host| host.split('.').next()) {
            Some("shop") => shop::answer(&self.places, head, body),
            Some("news") => news::answer(&self.places, head),
            Some("demo") => return live::answer(&self.places, self.server, head, body),
            _ => see_other(&self.places.demo),
        })
    }
}

const FORM_BYTES_MAX: usize = 1_024;

/// A page that may load the tag, its hits and its panel, and nothing else from elsewhere.
pub(super) fn page(places: &Places, template: &impl Template) -> Answer {
    let px = &places.px;
    let policy = format!(
        "default-src 'none'; script-src 'self' {px}; style-src 'self'; connect-src 'self' {px}; img-src {px} data:; \
         frame-src {px}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    match template.render() {
        Ok(html) => {
            file("text/html; charset=utf-8", html.into_bytes()).with("Content-Security-Policy", policy)
        }
        Err(error) => Answer::text(500, format!("the page could not be made: {error}\n")),
    }
}

fn asset(path: &str) -> Option<Answer> {
    let (content_type, body): (_, &'static [u8]) = match path {
        "/shop.css" => (CSS, include_bytes!("../../../static/demo/shop.css")),
        "/news.css" => (CSS, include_bytes!("../../../static/demo/news.css")),
        "/demo.css" => (CSS, include_bytes!("../../../static/demo/demo.css")),
        "/demo.js" => (SCRIPT, include_bytes!("../../../static/demo/demo.js")),
        "/tag.js" => (SCRIPT, include_bytes!("../../../static/demo/tag.js")),
        _ => return None,
    };
    Some(file(content_type, body))
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

fn file(content_type: &'static str, body: impl Into<Cow<'static, [u8]>>) -> Answer {
    let headers = vec![("Content-Type", content_type.into())];
    Answer { status: 200, fixed: FixedHeaders::NONE, headers, body: body.into() }
        .with("Cache-Control", "no-store")
        .with("X-Content-Type-Options", "nosniff")
}

pub(super) fn see_other(place: &str) -> Answer {
    Answer::text(303, "").with("Location", place.to_owned())
}

pub(super) fn nothing_here() -> Answer {
    Answer::text(404, "there is nothing at this path\n")
}

/// The first parameter called `name` of a query or a form.
pub(super) fn parameter(text: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(text).find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// Random, so that two runs of the demo on one data directory have no order in common.
pub(super) fn new_order() -> String {
    let mut random = [0; 4];
    SystemRng::new().fill(&mut random);
    data_encoding::HEXUPPER.encode(&random)
}

pub(super) fn is_order(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    use super::*;

    fn pages() -> Pages {
        // Nothing listens on port 1, so the demo page says that the server cannot be asked.
        let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        Pages {
            places: Places::new(8090, 8080, "d".into()),
            server: Server { public: nobody, admin: nobody },
        }
    }

    fn ask(method: &str, host: &str, target: &str, body: &[u8]) -> (u16, String) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers: [(&str, &[u8]); 1] = [("Host", host.as_bytes())];
        let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let head = Head { method, path, query, headers: &headers, client, via_trusted_proxy: false };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let pages = pages();
        let answer = match pages.answer(&head, body) {
            Answering::Now(answer) => answer,
            Answering::Later(later) => runtime.block_on(later),
        };
        let location = answer.headers.iter().find(|(name, _)| *name == "Location");
        let text = location
            .map_or_else(|| String::from_utf8_lossy(&answer.body).into_owned(), |(_, to)| to.to_string());
        (answer.status, text)
    }

    #[track_caller]
    fn shows(host: &str, target: &str, expect: &[&str]) {
        let (status, text) = ask("GET", host, target, b"");
        assert_eq!(status, 200, "{host} {target}");
        for part in expect {
            assert!(text.contains(part), "{part:?} in {host} {target}: {text}");
        }
    }

    #[test]
    fn every_page_renders_with_its_pixel() {
        let noscript = "<noscript><img src=\"http://px.localhost:8080/i/adsct?txn_id=";
        shows(
            "shop.localhost:8090",
            "/",
            &["Moor", noscript, "data-event=\"pageview\"", "http://px.localhost:8080/uwt.js"],
        );
        shows("shop.localhost:8090", "/landing?twclid=a", &["Moor", noscript]);
        shows("shop.localhost:8090", "/cup/dusk", &["€ 59.00", noscript]);
        shows(
            "shop.localhost:8090",
            "/cart?cup=dusk",
            &["data-event=\"addtocart\"", "txn_id=tw-o8z6j-o87nh"],
        );
        shows(
            "shop.localhost:8090",
            "/thanks?cup=ember&order=00C0FFEE",
            &["data-order=\"00C0FFEE\"", "data-value=\"35.00\"", "conversion_id=00C0FFEE"],
        );
        shows("news.localhost:8090", "/", &["data-txn=\"o9bbb\"", "data-event=\"pageview\"", noscript]);
        let ad = "<a href=\"http://px.localhost:8080/c/spring\"><img src=\"http://px.localhost:8080/v/spring.gif\"";
        shows("news.localhost:8090", "/", &[ad]);
        shows("news.localhost:8090", "/?order=00C0FFEE", &["data-event=\"purchase\"", "tw-o9bbb-o9bbc"]);
        shows(
            "demo.localhost:8090",
            "/",
            &[
                "cannot be asked",
                "value=\"gpc\"",
                "http://px.localhost:8080/optout",
                "http://px.localhost:8080/advertiser",
                "<code>dev-bearer-token</code>",
            ],
        );
        shows("demo.localhost:8090", "/rows", &["Nothing yet"]);
        shows("demo.localhost:8090", "/demo.css", &["--accent"]);
    }

    #[test]
    fn what_a_visitor_writes_does_not_get_into_a_page() {
        for target in
            ["/thanks?cup=ember&order=%22%3E%3Cb%3E", "/thanks?cup=x&order=00C0FFEE", "/cart?cup=%3Cb%3E"]
        {
            assert_eq!(ask("GET", "shop.localhost", target, b""), (303, "/".to_owned()), "{target}");
        }
        let (_, text) = ask("GET", "news.localhost", "/?order=%3Cb%3E0000", b"");
        assert!(text.contains("Packet travels"), "{text}");
    }

    #[test]
    fn buying_leads_to_a_fresh_order() {
        let (status, first) = ask("POST", "shop.localhost", "/buy", b"cup=moor");
        assert_eq!((status, first.get(..21)), (303, Some("/thanks?cup=moor&orde")));
        assert_ne!(ask("POST", "shop.localhost", "/buy", b"cup=moor").1, first);
        assert_eq!(ask("POST", "shop.localhost", "/buy", b"cup=none"), (303, "/".to_owned()));
        assert!(ask("POST", "news.localhost", "/subscribe", b"").1.starts_with("/?order="));
        assert_eq!(ask("POST", "demo.localhost", "/send", b"hit=none"), (303, "/".to_owned()));
    }

    #[test]
    fn any_other_name_leads_to_the_demo_page() {
        assert_eq!(ask("GET", "127.0.0.1:8090", "/", b""), (303, "http://demo.localhost:8090".to_owned()));
        assert_eq!(ask("GET", "shop.localhost", "/nothing", b"").0, 404);
    }
}
