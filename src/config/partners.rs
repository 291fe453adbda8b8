//! Partners, and what cookie matching with them needs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use secrecy::{SecretSlice, SecretString};

use super::keys::key_secret;
use super::log::time;
use super::walk::{Field, Section};
use crate::domain::id::PartnerId;
use crate::domain::partner::{PARTNER_USER_ID_CHARS_MAX, PartnerKind, PartnerKinds, PartnerListing};
use crate::domain::settings::OriginPattern;
use crate::domain::targeting::DatedAddress;
use crate::domain::template::Template;

/// What all partners have in common.
#[derive(Clone, Default)]
pub struct Matching {
    /// Makes what partners see as our ids, and signs the way to them; at least 32 bytes. There is one where there is a
    /// partner.
    pub secret: Option<Arc<SecretSlice<u8>>>,
    /// Whose pages may learn which partners to ask, with our ids in their addresses.
    pub publisher_origins: Vec<OriginPattern>,
}

impl fmt::Debug for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matching").field("publisher_origins", &self.publisher_origins).finish_non_exhaustive()
    }
}

/// A partner.
#[derive(Debug, Clone)]
pub struct Partner {
    pub source: PartnerSource,
    pub id: PartnerId,
    /// In addresses, and as Prebid's `bidder`.
    pub name: String,
    pub kinds: PartnerKinds,
    pub listing: PartnerListing,
    pub unsigned: bool,
    pub secret: Option<Arc<SecretSlice<u8>>>,
    /// Anchored at both ends.
    pub id_pattern: Option<Regex>,
    pub id_chars_max: usize,
    pub image: Option<Template>,
    pub iframe: Option<Template>,
    /// The images of a page of ours, at most [`PIXELS_MAX`].
    pub pixels: Vec<Template>,
    pub callbacks: Vec<(String, Template)>,
    pub priority: u8,
    pub rematch: Duration,
    pub pairwise_epoch: u32,
    /// How many of its ids are taken in; `None`: as many as come.
    pub limit: Option<PartnerLimit>,
    pub targeting: PartnerTargeting,
}

/// The partner's targeting user files.
#[derive(Debug, Clone)]
pub struct PartnerTargeting {
    /// Where it has one for each day; `None`: they are brought.
    pub url: Option<DatedAddress>,
    /// What its server asks for (RFC 7617).
    pub login: Option<(String, SecretString)>,
    /// How long to wait before the day's file is asked for again.
    pub every: Duration,
    /// How long a list is in force without another one.
    pub expires: Duration,
}

/// `burst` at once, `per_s` in the long run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartnerLimit {
    pub per_s: u32,
    pub burst: u32,
}

/// Where a partner was registered, and so where it is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartnerSource {
    /// In the configuration file.
    File,
    /// By the admin API.
    Api,
}

pub(super) fn matching(root: &Section<'_>, allow_development: bool, has_partners: bool) -> Matching {
    let section = root.section("matching");
    let fix = "[matching] secret makes what partners see as our ids; `pixelgate keygen` prints one";
    let secret = if has_partners { section.require("secret", fix) } else { section.get("secret") };
    let secret = secret.and_then(|field| key_secret(&field, allow_development)).map(Arc::new);
    let origins = section.get("publisher_origins").map(Field::list).unwrap_or_default();
    let expected =
        "an origin such as \"https://news.example\" or \"https://*.example\", with at most two *, no path";
    let origins = origins.iter().filter_map(|field| field.parsed(expected, OriginPattern::parse)).collect();
    section.finish();
    Matching { secret, publisher_origins: origins }
}

pub(super) fn partners(root: &Section<'_>, allow_development: bool) -> Vec<Partner> {
    root.each("partners", |section| partner(section, allow_development))
}

/// What a `[[partners]]` table says.
pub(super) fn partner(section: &Section<'_>, allow_development: bool) -> Option<Partner> {
    let id = section.require("id", "the number in the partner's tags (p_id)").and_then(|field| {
        let id = u32::try_from(field.integer(1..=u64::from(u32::MAX))?).ok()?;
        field.claim("partner id", id);
        Some(PartnerId::from_number(id))
    });
    let name = section.require("name", "for addresses: name = \"adhub\"").and_then(|field| {
        let name = field.parsed("1 to 32 characters a-z, 0-9, - or _ and a letter first", |text| {
            is_name(text).then(|| text.to_owned())
        })?;
        field.claim("partner name", &name);
        Some(name)
    });
    let kinds = kinds(section);
    let listing = listing(section);
    let unsigned = section.get("unsigned").and_then(|field| field.flag()).unwrap_or(false);
    let secret = section.get("secret").and_then(|field| key_secret(&field, allow_development)).map(Arc::new);
    let (id_pattern, id_chars_max) = id_shape(section);
    let Addresses { image, iframe, pixels, callbacks } = addresses(section, kinds);
    let priority = section.get("priority").and_then(|field| field.integer(1..=PRIORITY_MAX));
    let rematch = section.get("rematch").and_then(|field| time(&field, REMATCH));
    let epoch = section.get("pairwise_epoch").and_then(|field| field.integer(0..=u64::from(u32::MAX)));
    let limit = limit(section);
    if let (Some(field), Some(kinds)) = (section.get("targeting"), kinds)
        && !kinds.contains(PartnerKind::Audience)
    {
        field.refuse("the partner has no audiences", "leave this out, or add \"audience\" to kinds");
    }
    let targeting = targeting(section.section("targeting"));
    Some(Partner {
        source: PartnerSource::File,
        id: id?,
        name: name?,
        kinds: kinds.unwrap_or_default(),
        listing,
        unsigned,
        secret,
        id_pattern,
        id_chars_max,
        image,
        iframe,
        pixels,
        callbacks,
        priority: priority.and_then(|priority| u8::try_from(priority).ok()).unwrap_or(PRIORITY),
        rematch: rematch.unwrap_or(REMATCH_DEFAULT),
        pairwise_epoch: epoch.and_then(|epoch| u32::try_from(epoch).ok()).unwrap_or(1),
        limit,
        targeting,
    })
}

fn targeting(section: Section<'_>) -> PartnerTargeting {
    let expected = "an address with %Y, %M and %D behind the host, such as \"https://files.adhub.example/partner_targeting_%Y-%M-%D.tsv.gz\"";
    let url = section.get("url").and_then(|field| field.parsed(expected, DatedAddress::parse));
    let user = section.get("user").and_then(|field| {
        field.parsed("a user name without a colon", |text| {
            (!text.is_empty() && !text.contains(':')).then(|| text.to_owned())
        })
    });
    let password_field = section.get("password");
    let password = password_field.as_ref().and_then(Field::secret);
    if let (Some(field), None) = (&password_field, &user) {
        field.refuse("a password without a user", "add user");
    }
    let every = section.get("every").and_then(|field| time(&field, FETCH_EVERY));
    let expires = section.get("expires").and_then(|field| time(&field, LIST_EXPIRES));
    section.finish();
    PartnerTargeting {
        url,
        login: user.map(|user| (user, password.unwrap_or_default())),
        every: every.unwrap_or(FETCH_EVERY_DEFAULT),
        expires: expires.unwrap_or(LIST_EXPIRES_DEFAULT),
    }
}

/// `None` where there is a mistake.
fn kinds(section: &Section<'_>) -> Option<PartnerKinds> {
    let Some(field) = section.get("kinds") else { return Some(PartnerKinds::default()) };
    let words = PartnerKind::ALL.map(|kind| (kind.name(), kind));
    let items = field.clone().items()?;
    if items.is_empty() {
        field.refuse(
            "there is no kind",
            format!("expected at least one of {}", words.map(|it| it.0).join(", ")),
        );
    }
    let mut kinds = Vec::with_capacity(items.len());
    for item in &items {
        let Some(kind) = item.one_of(&words) else { continue };
        if kinds.contains(&kind) {
            item.refuse(format!("\"{}\" is there twice", kind.name()), "name each kind once");
        }
        kinds.push(kind);
    }
    (kinds.len() == items.len()).then(|| PartnerKinds::of(kinds))?
}

/// Where browsers may be sent.
struct Addresses {
    image: Option<Template>,
    iframe: Option<Template>,
    pixels: Vec<Template>,
    callbacks: Vec<(String, Template)>,
}

/// A partner of kinds that are not matched has no use for any.
fn addresses(section: &Section<'_>, kinds: Option<PartnerKinds>) -> Addresses {
    let get = |key| {
        let field = section.get(key)?;
        if kinds.is_some_and(|kinds| !kinds.are_matched()) {
            let what = "a measurement partner takes no part in cookie matching";
            field.refuse(what, "leave this out, or add \"audience\" or \"rtb\" to kinds");
        }
        Some(field)
    };
    let address = |key| get(key).and_then(|field| template(&field));
    let callbacks = get("callbacks").map(Field::list).unwrap_or_default();
    Addresses {
        image: address("image"),
        iframe: address("iframe"),
        pixels: get("pixels").map(pixels).unwrap_or_default(),
        callbacks: callbacks.into_iter().filter_map(Field::section).filter_map(callback).collect(),
    }
}

/// Without a burst of its own, a second's worth may come at once.
fn limit(section: &Section<'_>) -> Option<PartnerLimit> {
    let number = |field: &Field<'_>| u32::try_from(field.integer(1..=MATCHES_MAX)?).ok();
    let per_s = section.get("matches_per_second");
    let burst_field = section.get("matches_burst");
    let burst = burst_field.as_ref().and_then(number);
    match (per_s, burst_field) {
        (Some(per_s), _) => {
            let per_s = number(&per_s)?;
            Some(PartnerLimit { per_s, burst: burst.unwrap_or(per_s) })
        }
        (None, Some(field)) => {
            field.refuse(
                "there is no matches_per_second that it could be above",
                "add that, or leave this out",
            );
            None
        }
        (None, None) => None,
    }
}

fn pixels(field: Field<'_>) -> Vec<Template> {
    let list = field.clone().list();
    if list.len() > PIXELS_MAX {
        field.refuse(format!("{} pixels", list.len()), format!("expected at most {PIXELS_MAX}"));
    }
    list.iter().filter_map(template).collect()
}

/// How consent strings name the partner.
fn listing(section: &Section<'_>) -> PartnerListing {
    let vendor = section.get("vendor_id").and_then(|field| field.integer(1..=u64::from(u16::MAX)));
    let provider_field = section.get("provider_id");
    let provider = provider_field.as_ref().and_then(|field| field.integer(1..=u64::from(u32::MAX)));
    if let (Some(_), Some(field)) = (vendor, &provider_field) {
        field.refuse(
            "the partner has a vendor_id already",
            "Google's list is for who is on no other: leave this out",
        );
    }
    let vendor = vendor.and_then(|id| u16::try_from(id).ok()).map(PartnerListing::Vendor);
    let provider = provider.and_then(|id| u32::try_from(id).ok()).map(PartnerListing::Provider);
    vendor.or(provider).unwrap_or(PartnerListing::Unlisted)
}

/// What the partner's ids look like.
fn id_shape(section: &Section<'_>) -> (Option<Regex>, usize) {
    let anchored = |text: &str| Regex::new(&format!("^(?:{text})$")).ok();
    let pattern = section.get("id_pattern");
    let pattern =
        pattern.and_then(|field| field.parsed("a regular expression such as \"[0-9a-f]{32}\"", anchored));
    let max = PARTNER_USER_ID_CHARS_MAX as u64;
    let chars_max = section.get("id_chars_max").and_then(|field| field.integer(1..=max)).unwrap_or(max);
    (pattern, usize::try_from(chars_max).unwrap_or(PARTNER_USER_ID_CHARS_MAX))
}

fn callback(section: Section<'_>) -> Option<(String, Template)> {
    let name = section.require("name", "what r= calls it: name = \"ok\"");
    let name = name.and_then(|field| {
        field.parsed("1 to 32 characters a-z, 0-9, - or _ and a letter first", |text| {
            is_name(text).then(|| text.to_owned())
        })
    });
    let url =
        section.require("url", "where it leads: url = \"https://match.adhub.example/done?id={browser_id}\"");
    let url = url.and_then(|field| template(&field));
    section.finish();
    Some((name?, url?))
}

fn template(field: &Field<'_>) -> Option<Template> {
    match Template::parse(field.text()?) {
        Ok(template) => Some(template),
        Err(error) => {
            field.refuse("this is no address to send browsers to", error.to_string());
            None
        }
    }
}

fn is_name(text: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (1..=NAME_CHARS_MAX).contains(&text.len())
        && text.as_bytes()[0].is_ascii_lowercase()
        && text.bytes().all(allowed)
}

const NAME_CHARS_MAX: usize = 32;
/// More would cost a page more than it is worth.
const PIXELS_MAX: usize = 5;
const MATCHES_MAX: u64 = 1_000_000;
const PRIORITY: u8 = 100;
const PRIORITY_MAX: u64 = 255;
const SECONDS_PER_DAY: u64 = 86_400;
const REMATCH: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(3_600)..=Duration::from_secs(400 * SECONDS_PER_DAY);
const REMATCH_DEFAULT: Duration = Duration::from_secs(14 * SECONDS_PER_DAY);
const FETCH_EVERY: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(SECONDS_PER_DAY);
const FETCH_EVERY_DEFAULT: Duration = Duration::from_secs(3_600);
const LIST_EXPIRES: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(SECONDS_PER_DAY)..=Duration::from_secs(90 * SECONDS_PER_DAY);
const LIST_EXPIRES_DEFAULT: Duration = Duration::from_secs(7 * SECONDS_PER_DAY);
