//! What we publish about ourselves for programs to read, at fixed paths. The same for everybody but for the tracking
//! status, and none of it sets a cookie: caches keep it, and the tracking status must not (TPE, section 6.4.3).

use serde::Serialize;

use super::cookie_registry::COOKIES;
use super::request::Head;
use super::response::Answer;
use super::tag;
use super::visitor;
use crate::domain::opt_out::OptOutView;
use crate::domain::time::Timestamp;
use crate::service::live::Live;
use crate::service::tracking_status::TrackingStatus;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// IAB Europe, "Vendor Device Storage & Operational Disclosures", version 1.1.
    DeviceStorage,
    /// W3C, "Global Privacy Control", section 4.
    Gpc,
    /// W3C, "Tracking Preference Expression", section 6.4.
    TrackingStatus,
    /// IAB Tech Lab, "Data Deletion Request Framework", version 1.0, where anybody may ask.
    DeletionRequests,
    /// EFF's "Do Not Track Compliance Policy" or another, as the operator has it.
    DntPolicy,
    /// "OpenAPI Specification", version 3.1: what programs ask this listener.
    OpenApi,
}

impl Document {
    pub fn from_path(path: &str) -> Option<Self> {
        Some(match path {
            "/deviceStorage.json" => Self::DeviceStorage,
            "/dsrdelete.json" => Self::DeletionRequests,
            "/.well-known/gpc.json" => Self::Gpc,
            "/.well-known/dnt/" => Self::TrackingStatus,
            "/.well-known/dnt-policy.txt" => Self::DntPolicy,
            "/openapi.json" => Self::OpenApi,
            _ => return None,
        })
    }

    pub fn answer(self, head: &Head<'_>, live: &Live, opt_outs: &dyn OptOutView, now: Timestamp) -> Answer {
        match self {
            Self::DeviceStorage => device_storage(head, live),
            Self::Gpc => json("application/json", GPC, ONE_DAY),
            Self::TrackingStatus => tracking_status(head, live, opt_outs, now),
            Self::DeletionRequests => match &live.deletion {
                Some(terms) => document(&terms.discovery()),
                None => nothing(),
            },
            Self::DntPolicy => match &live.dnt_policy {
                Some(text) => Answer::text(200, text.clone()).with("Cache-Control", ONE_DAY),
                None => nothing(),
            },
            Self::OpenApi => json("application/json", OPEN_API, ONE_DAY),
        }
    }
}

#[derive(Serialize)]
struct DeviceStorage<'a> {
    disclosures: Vec<Disclosure<'a>>,
    domains: Vec<Domain<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Disclosure<'a> {
    identifier: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Of a cookie.
    max_age_seconds: Option<u64>,
    cookie_refresh: bool,
    domains: [&'a str; 1],
    purposes: &'static [u8],
    description: &'static str,
    opt_out: bool,
}

#[derive(Serialize)]
struct Domain<'a> {
    domain: &'a str,
    purposes: Vec<u8>,
    #[serde(rename = "use")]
    usage: &'static str,
}

/// The domain is the one that was asked: all our cookies are kept for exactly the host that set them. What the tag keeps
/// is each site's own.
fn device_storage(head: &Head<'_>, live: &Live) -> Answer {
    let host = without_port(head.host().unwrap_or_default()).to_ascii_lowercase();
    let names = COOKIES.map(|row| row.name(live));
    let disclosures = COOKIES.iter().zip(&names).map(|(row, name)| Disclosure {
        identifier: name,
        kind: "cookie",
        max_age_seconds: Some(row.seconds(live)),
        cookie_refresh: row.is_refreshed,
        domains: [&host],
        purposes: row.purposes,
        description: row.description,
        opt_out: row.is_opt_out,
    });
    let kept = tag::KEPT.iter().map(|kept| Disclosure {
        identifier: kept.key,
        kind: "web",
        max_age_seconds: None,
        cookie_refresh: false,
        domains: ["*"],
        purposes: kept.purposes,
        description: kept.description,
        opt_out: kept.is_opt_out,
    });
    let mut purposes: Vec<u8> = COOKIES.iter().flat_map(|row| row.purposes).copied().collect();
    purposes.sort_unstable();
    purposes.dedup();
    let domain = Domain { domain: &host, purposes, usage: "Measures conversions of advertisements" };
    document(&DeviceStorage { disclosures: disclosures.chain(kept).collect(), domains: vec![domain] })
}

fn document(document: &impl Serialize) -> Answer {
    match serde_json::to_string(document) {
        Ok(text) => json("application/json", text, ONE_DAY),
        Err(_) => Answer::text(500, "the document could not be made\n"),
    }
}

fn nothing() -> Answer {
    Answer::text(404, "there is nothing at this path\n")
}

/// As it would be for a hit of the same browser.
fn tracking_status(head: &Head<'_>, live: &Live, opt_outs: &dyn OptOutView, at: Timestamp) -> Answer {
    let visitor = visitor::visitor(head, live, opt_outs, at, |_, _| {});
    let status = TrackingStatus::of_visitor(&visitor, live, opt_outs);
    // `C` must say where consent is taken back; nothing needs it where nothing is tracked.
    let config = if status == TrackingStatus::NotTracking { "" } else { "/optout" };
    let text = format!(
        r#"{{"tracking":"{}","compliance":[],"qualifiers":"","controller":[],"same-party":[],"audit":[],"policy":"","config":"{config}"}}"#,
        status.code()
    );
    json("application/tracking-status+json", text, "private, no-store").with("Vary", "DNT")
}

/// Consent platforms read these from other sites' pages, and without cookies.
fn json(
    content_type: &'static str,
    text: impl Into<std::borrow::Cow<'static, str>>,
    cache: &'static str,
) -> Answer {
    Answer::new(200, content_type, text)
        .with("Cache-Control", cache)
        .with("Access-Control-Allow-Origin", "*")
        .with("X-Content-Type-Options", "nosniff")
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The day is the one on which this statement was last changed.
const GPC: &str = r#"{"gpc":true,"lastUpdate":"2026-11-22"}"#;
const OPEN_API: &str = include_str!("../../static/openapi/openapi.json");
const ONE_DAY: &str = "public, max-age=86400";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_part_of_a_domain() {
        for (host, expect) in
            [("px.example", "px.example"), ("px.example:8080", "px.example"), ("[::1]:80", "[::1]"), ("", "")]
        {
            assert_eq!(without_port(host), expect);
        }
    }
}
