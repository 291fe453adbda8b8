//! One item for the Conversion API: each field is read for itself, so that all mistakes can be told.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::api_error::{ApiError, ApiErrors};
use super::live::Live;
use super::test_event::Sent;
use crate::consent::signals::Signals;
use crate::domain::conversion::{Conversion, Identifiers, ShortText, Source};
use crate::domain::id::{EventId, EventTagId, PixelId};
use crate::domain::money::{Currency, Money};
use crate::domain::personal::looks_personal;
use crate::domain::settings::{EventTag, Pixel, Registry};
use crate::domain::time::{MS_PER_MINUTE, Timestamp};

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    conversions: Option<Vec<Item<'a>>>,
}

type Raw<'a> = Option<&'a RawValue>;

/// An item as it came.
#[derive(Deserialize)]
pub(super) struct Item<'a> {
    #[serde(borrow, default)]
    conversion_time: Raw<'a>,
    #[serde(borrow, default)]
    conversion_timestamp: Raw<'a>,
    #[serde(borrow, default)]
    event_id: Raw<'a>,
    #[serde(borrow, default)]
    identifiers: Raw<'a>,
    #[serde(borrow, default)]
    number_items: Raw<'a>,
    #[serde(borrow, default)]
    price_currency: Raw<'a>,
    #[serde(borrow, default)]
    value: Raw<'a>,
    #[serde(borrow, default)]
    conversion_id: Raw<'a>,
    #[serde(borrow, default)]
    restricted_data_use: Raw<'a>,
    #[serde(borrow, default)]
    gdpr: Raw<'a>,
    #[serde(borrow, default)]
    gdpr_consent: Raw<'a>,
    #[serde(borrow, default)]
    gpp: Raw<'a>,
    #[serde(borrow, default)]
    gpp_sid: Raw<'a>,
    #[serde(borrow, default)]
    us_privacy: Raw<'a>,
    #[serde(borrow, default)]
    opt_out: Raw<'a>,
}

/// One object of `identifiers`; it may hold several.
#[derive(Deserialize)]
struct ItemIdentifiers<'a> {
    #[serde(borrow, default)]
    twclid: Raw<'a>,
    #[serde(borrow, default)]
    hashed_email: Raw<'a>,
    #[serde(borrow, default)]
    hashed_phone_number: Raw<'a>,
    #[serde(borrow, default)]
    ip_address: Raw<'a>,
}

/// An item without mistakes.
pub(super) struct Draft<'a> {
    pub(super) conversion: Conversion,
    pub(super) signals: Signals<'a>,
    pub(super) tag: &'a EventTag,
    pub(super) sent: Sent,
    event_id: Raw<'a>,
}

/// What is wrong with one item.
pub(super) struct Mistake {
    /// Its place, from 0.
    pub(super) item: usize,
    pub(super) error: ApiError,
}

impl Mistake {
    /// The field that it is about.
    pub(super) fn field(&self) -> &'static str {
        match &self.error.parameter {
            Some(Cow::Borrowed(field)) => field,
            _ => "conversions",
        }
    }

    /// For whoever is shown the item elsewhere: what is wrong with an identifier may repeat it.
    pub(super) fn text(&self) -> Option<String> {
        let is_identifier = matches!(self.field(), "twclid" | "hashed_email" | "hashed_phone_number");
        (!is_identifier).then(|| self.error.message.to_string())
    }

    pub(super) fn into_error(self) -> ApiError {
        self.error.of_item("conversions", self.item)
    }
}

impl<'a> Draft<'a> {
    /// The event tag's, as it was sent.
    pub(super) fn name(&self) -> Option<Cow<'a, str>> {
        text(self.event_id)
    }
}

impl<'a> Item<'a> {
    /// The event tag's, as it was sent.
    pub(super) fn name(&self) -> Option<Cow<'a, str>> {
        text(self.event_id)
    }

    /// That of `pixel` that the item names, if there is one.
    pub(super) fn event_tag<'r>(&self, registry: &'r Registry, pixel: &Pixel) -> Option<&'r EventTag> {
        let (pixel_id, tag_id) = parse_event_id(&self.name()?)?;
        let (owner, tag) = registry.event_tag(tag_id)?;
        (owner.id == pixel.id && pixel_id.is_none_or(|id| id == pixel.id)).then_some(tag)
    }
}

pub(super) fn read(body: &[u8]) -> Result<Vec<Item<'_>>, ApiErrors> {
    let refuse = |message: String| ApiErrors::one(ApiError::invalid("conversions", message));
    let text = std::str::from_utf8(body).map_err(|_| refuse("the body is not UTF-8".to_owned()))?;
    if !super::json::is_shallow(text) {
        return Err(refuse("the body is nested more than 16 levels deep".to_owned()));
    }
    // What the parser says about a value may repeat it.
    let body: Body<'_> = serde_json::from_str(text).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        refuse(format!("{place}: expected a JSON object {{\"conversions\": [{{…}}]}}"))
    })?;
    match body.conversions {
        Some(items) if items.len() > ITEMS_MAX => {
            Err(refuse(format!("Conversion count limit is {ITEMS_MAX}")))
        }
        Some(items) if !items.is_empty() => Ok(items),
        _ => {
            Err(ApiErrors::one(ApiError::missing("conversions", "At least one conversion must be provided")))
        }
    }
}

/// One item being read.
pub(super) struct Reading<'r, 'e> {
    pub(super) live: &'r Live,
    pub(super) pixel: &'r Pixel,
    pub(super) now: Timestamp,
    pub(super) number: usize,
    pub(super) mistakes: &'e mut Vec<Mistake>,
}

impl<'r> Reading<'r, '_> {
    /// `None` if there is a mistake, which is noted.
    pub(super) fn draft<'a>(&mut self, item: &Item<'a>, new_id: impl FnOnce() -> EventId) -> Option<Draft<'a>>
    where
        'r: 'a,
    {
        let tag = self.event_tag(item.event_id);
        let at = self.time(item);
        let (identifiers, address) = self.identifiers(item.identifiers);
        let value = self.money(item.value, item.price_currency);
        let quantity = self.quantity(item.number_items);
        let conversion_id = self.conversion_id(item.conversion_id);
        let (tag, at) = (tag?, at?);
        let mut signals = signals(item);
        signals.set_country(address.and_then(|address| self.live.geo.country(address)));
        let conversion = Conversion {
            id: new_id(),
            at,
            account_id: self.pixel.account_id,
            pixel_id: self.pixel.id,
            event_tag_id: Some(tag.id),
            windows: Some(tag.windows),
            event: tag.event,
            source: Source::Api,
            event_id: None,
            conversion_id: conversion_id?,
            value: value?,
            quantity: quantity?,
            identifiers: identifiers?,
            page: None,
            country: signals.country(),
            restricted_data_use: restricts(item.restricted_data_use),
            origin_ok: true,
        };
        let sent = Sent { has_currency: text(item.price_currency).is_some(), ..Sent::default() };
        Some(Draft { conversion, signals, tag, sent, event_id: item.event_id })
    }

    fn event_tag(&mut self, raw: Raw<'_>) -> Option<&'r EventTag> {
        let Some(text) = text(raw).filter(|text| !text.is_empty()) else {
            return self.refuse(ApiError::missing("event_id", "event_id must be provided"));
        };
        let registry: &'r Registry = &self.live.registry;
        let shown = shown(&text);
        let Some((pixel_id, tag_id)) = parse_event_id(&text) else {
            let message = format!("event_id ({shown}) is not a single event tag (SET)");
            return self.refuse(ApiError::invalid("event_id", message));
        };
        match registry.event_tag(tag_id) {
            Some((pixel, tag)) if pixel.id == self.pixel.id && pixel_id.is_none_or(|id| id == pixel.id) => {
                Some(tag)
            }
            Some((pixel, _)) if pixel.account_id != self.pixel.account_id => {
                let message = format!("event_id ({shown}) does not belong to provided account");
                self.refuse(ApiError::not_found("event_id", message))
            }
            None if is_pixel(registry, &text) => {
                let message = format!("event_id ({shown}) is not a single event tag (SET)");
                self.refuse(ApiError::invalid("event_id", message))
            }
            _ => self.refuse(ApiError::invalid("event_id", "Event ID was not found")),
        }
    }

    fn time(&mut self, item: &Item<'_>) -> Option<Timestamp> {
        let at = match (text(item.conversion_time), text(item.conversion_timestamp)) {
            (Some(time), _) => match parse_time(&time) {
                Some(at) => at,
                None => {
                    let got = shown(&time);
                    let message = format!(
                        "Expected Time in yyyy-MM-ddTHH:mm:ss.SSSZ, got \"{got}\" for conversion_time"
                    );
                    return self.refuse(ApiError::invalid("conversion_time", message));
                }
            },
            (None, Some(ms)) => match ms.parse().ok().filter(|ms| *ms <= TIMESTAMP_MAX) {
                Some(ms) => Timestamp(ms),
                None => {
                    let message = "conversion_timestamp is not a number of milliseconds since 1970";
                    return self.refuse(ApiError::invalid("conversion_timestamp", message));
                }
            },
            (None, None) => {
                return self.refuse(ApiError::missing("conversion_time", "conversion_time must be provided"));
            }
        };
        if at.ms_since(self.now) > AHEAD_MS_MAX {
            return self.refuse(ApiError::invalid("conversion_time", "conversion_time is in the future"));
        }
        Some(at)
    }

    /// Of several of a kind the first counts. The address is for the country alone.
    fn identifiers(&mut self, raw: Raw<'_>) -> (Option<Identifiers>, Option<IpAddr>) {
        let list: Option<Vec<ItemIdentifiers<'_>>> =
            raw.map_or(Some(Vec::new()), |raw| serde_json::from_str(raw.get()).ok());
        let Some(list) = list else {
            let message = "identifiers is not a list of objects";
            return (self.refuse(ApiError::invalid("identifiers", message)), None);
        };
        let (mut found, mut mistakes) = (Identifiers::default(), false);
        for one in &list {
            found.click_id =
                found.click_id.or(self.identifier("twclid", one.twclid, "a click id", &mut mistakes));
            found.hashed_email =
                found.hashed_email.or(self.identifier("hashed_email", one.hashed_email, HASH, &mut mistakes));
            let phone = self.identifier("hashed_phone_number", one.hashed_phone_number, HASH, &mut mistakes);
            found.hashed_phone = found.hashed_phone.or(phone);
        }
        if mistakes {
            return (None, None);
        }
        if found == Identifiers::default() {
            let message = "At least one user identifier must be provided";
            return (self.refuse(ApiError::missing("identifiers", message)), None);
        }
        let address = list.iter().find_map(|one| text(one.ip_address)?.trim().parse().ok());
        (Some(found), address)
    }

    fn identifier<T: std::str::FromStr>(
        &mut self,
        name: &'static str,
        raw: Raw<'_>,
        kind: &str,
        mistakes: &mut bool,
    ) -> Option<T> {
        let text = text(raw).filter(|text| !text.is_empty())?;
        let parsed = text.parse().ok();
        if parsed.is_none() {
            *mistakes = true;
            let message = format!("{name} ({}) is not {kind}", shown(&text));
            let _: Option<()> = self.refuse(ApiError::invalid(name, message));
        }
        parsed
    }

    /// `Some(None)`: there is none.
    fn money(&mut self, value: Raw<'_>, currency: Raw<'_>) -> Option<Option<Money>> {
        let currency = match text(currency).filter(|code| !code.is_empty()) {
            None => Currency::USD,
            Some(code) => match Currency::parse(&code) {
                Ok(currency) => currency,
                Err(error) => return self.refuse(ApiError::invalid("price_currency", error.to_string())),
            },
        };
        let Some(amount) = text(value).filter(|amount| !amount.is_empty()) else { return Some(None) };
        match Money::parse(&amount, currency) {
            Ok(money) => Some(Some(money)),
            Err(error) => self.refuse(ApiError::invalid("value", error.to_string())),
        }
    }

    fn quantity(&mut self, raw: Raw<'_>) -> Option<Option<u32>> {
        let Some(text) = text(raw).filter(|text| !text.is_empty()) else { return Some(None) };
        match text.parse::<u32>().ok().filter(|number| *number <= QUANTITY_MAX) {
            Some(number) => Some(Some(number).filter(|number| *number > 0)),
            None => {
                let message = format!("number_items is not a whole number from 0 to {QUANTITY_MAX}");
                self.refuse(ApiError::invalid("number_items", message))
            }
        }
    }

    fn conversion_id(&mut self, raw: Raw<'_>) -> Option<Option<ShortText>> {
        let Some(text) = text(raw).filter(|text| !text.trim().is_empty()) else { return Some(None) };
        match ShortText::parse(&text) {
            Some(id) => Some(Some(id)),
            None => {
                let message = "conversion_id is over 128 characters, not printable, or somebody's address";
                self.refuse(ApiError::invalid("conversion_id", message))
            }
        }
    }

    fn refuse<T>(&mut self, error: ApiError) -> Option<T> {
        self.mistakes.push(Mistake { item: self.number, error });
        None
    }
}

/// What is a text, or stands for one; `None` for `null`, lists and objects.
fn text(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    let json = raw?.get();
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str::<Text<'_>>(json).ok().map(|text| text.0),
        b'n' | b'[' | b'{' => None,
        _ => Some(Cow::Borrowed(json)),
    }
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// In an answer, to whoever sent it: not what could be somebody's address or number in clear, which would be in their log
/// then.
fn shown(text: &str) -> Cow<'_, str> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_number = digits >= PHONE_DIGITS_MIN && !text.bytes().any(|byte| byte.is_ascii_alphabetic());
    if text.contains('@') || looks_personal(text) || is_number {
        return Cow::Borrowed("…");
    }
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// `<event tag>` or `tw-<pixel>-<event tag>`.
fn parse_event_id(text: &str) -> Option<(Option<PixelId>, EventTagId)> {
    match text.get(..3).filter(|start| start.eq_ignore_ascii_case("tw-")) {
        Some(_) => {
            let (pixel_id, tag_id) = text[3..].split_once('-')?;
            Some((Some(pixel_id.parse().ok()?), tag_id.parse().ok()?))
        }
        None => Some((None, text.parse().ok()?)),
    }
}

fn is_pixel(registry: &Registry, text: &str) -> bool {
    text.parse::<PixelId>().is_ok_and(|id| registry.pixel(id).is_some())
}

/// `2026-11-22T03:04:05Z` or `2026-11-22T03:04:05.678Z`.
fn parse_time(text: &str) -> Option<Timestamp> {
    let digits = |byte: &u8, shape: &u8| if *shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
    let fits = |shape: &[u8]| {
        shape.len() == text.len()
            && text.as_bytes().iter().zip(shape).all(|(byte, shape)| digits(byte, shape))
    };
    if !fits(b"0000-00-00T00:00:00Z") && !fits(b"0000-00-00T00:00:00.000Z") {
        return None;
    }
    let at: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(at.as_millisecond()).ok().map(Timestamp)
}

/// X's `restrict_optimization`, or `true`.
fn restricts(raw: Raw<'_>) -> bool {
    text(raw).is_some_and(|text| !matches!(&*text, "" | "0" | "false"))
}

fn signals<'a>(item: &Item<'a>) -> Signals<'a> {
    let mut signals = Signals::default();
    for (name, raw) in [
        ("gdpr", item.gdpr),
        ("gdpr_consent", item.gdpr_consent),
        ("gpp", item.gpp),
        ("gpp_sid", item.gpp_sid),
        ("us_privacy", item.us_privacy),
    ] {
        let Some(value) = raw.filter(|raw| raw.get() != "null") else { continue };
        // `true` for `gdpr`, and lists of sections; what is neither is malformed, and refused as such.
        let value = text(raw).unwrap_or_else(|| value.get().replace(['[', ']', '"', ' '], "").into());
        match &*value {
            "true" => signals.see_parameter(name, "1"),
            "false" => signals.see_parameter(name, "0"),
            _ => signals.see_parameter(name, value),
        }
    }
    if restricts(item.opt_out) {
        signals.mark_opted_out_id();
    }
    signals
}

const HASH: &str = "a valid SHA-256 hash";
const ITEMS_MAX: usize = 500;
const QUANTITY_MAX: u32 = 1_000_000;
const AHEAD_MS_MAX: u64 = 5 * MS_PER_MINUTE;
/// The year 9999.
const TIMESTAMP_MAX: u64 = 253_402_300_799_999;
const PHONE_DIGITS_MIN: usize = 7;
const SHOWN_CHARS_MAX: usize = 64;
