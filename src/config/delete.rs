//! Companies that may ask for erasures by the Data Deletion Request Framework.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::log::time;
use super::partners::Partner;
use super::walk::{Field, Section};
use crate::domain::id::PartnerId;

/// Who may ask for erasures, and what we are called there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delete {
    /// Our domain, in lower case.
    pub issuer: String,
    /// Where requests go to; starts with `https://`.
    pub endpoint: String,
    pub request_max_age: Duration,
    /// At least one.
    pub requesters: Vec<Requester>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requester {
    /// Its domain, in lower case.
    pub issuer: String,
    /// PEM, a JWK or a set of them. Read when the server starts and again on every reload.
    pub public_key: PathBuf,
    /// The partner that it is, if it is one.
    pub partner_id: Option<PartnerId>,
}

/// `None` where nobody may ask. A company can only be one of `partners`.
pub(super) fn delete(root: &Section<'_>, partners: &[Partner]) -> Option<Delete> {
    let section = root.section("delete");
    let fields = section.get("requesters").map(Field::list).unwrap_or_default();
    let are_there = !fields.is_empty();
    let requesters = fields.into_iter().filter_map(Field::section);
    let requesters = requesters.filter_map(|section| requester(section, partners)).collect();
    let issuer = match are_there {
        true => section.require("issuer", "name your own domain: issuer = \"pixelgate.example\""),
        false => section.get("issuer"),
    };
    let issuer = issuer.and_then(|field| domain(&field));
    let https = |text: &str| {
        text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty()).then(|| text.to_owned())
    };
    let endpoint = section.get("endpoint");
    let endpoint = endpoint.and_then(|field| field.parsed("an address that starts with https://", https));
    let age = section.get("request_max_age").and_then(|field| time(&field, MAX_AGE));
    section.finish();
    let issuer = issuer.filter(|_| are_there)?;
    let endpoint = endpoint.unwrap_or_else(|| format!("https://{issuer}/v1/delete"));
    Some(Delete { issuer, endpoint, request_max_age: age.unwrap_or(*MAX_AGE.end()), requesters })
}

fn requester(section: Section<'_>, partners: &[Partner]) -> Option<Requester> {
    let issuer =
        section.require("issuer", "the iss of its requests: issuer = \"shop.example\"").and_then(|field| {
            let issuer = domain(&field)?;
            field.claim("requester", &issuer);
            Some(issuer)
        });
    let key = section.require("public_key", "name a file with its public key (PEM, JWK or a set of JWKs)");
    let key = key.and_then(|field| field.text()).map(PathBuf::from);
    let partner_id = section.get("partner").and_then(|field| partner(&field, partners));
    section.finish();
    Some(Requester { issuer: issuer?, public_key: key?, partner_id })
}

fn partner(field: &Field<'_>, partners: &[Partner]) -> Option<PartnerId> {
    let id = PartnerId::from_number(u32::try_from(field.integer(1..=u64::from(u32::MAX))?).ok()?);
    if !partners.iter().any(|partner| partner.id == id) {
        field.refuse("there is no such partner", "expected the id of one of [[partners]]");
    }
    Some(id)
}

fn domain(field: &Field<'_>) -> Option<String> {
    let is_domain = |text: &str| {
        let part = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        text.len() <= DOMAIN_BYTES_MAX && text.contains('.') && text.split('.').all(part)
    };
    field.parsed("a domain such as \"shop.example\"", |text| {
        is_domain(text).then(|| text.to_ascii_lowercase())
    })
}

const DOMAIN_BYTES_MAX: usize = 253;
/// A repetition is known as one at least as long as this: the log keeps what it knows of an erasure for two days.
const MAX_AGE: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(86_400);
