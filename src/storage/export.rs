//! Stored rows as what is exported: fields, each in a column of [`Column`], and from these a line of JSON each.
//!
//! What a kind of row says is written down here and nowhere else; the other formats take it from here.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, Write};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::export_columns::Column;
pub use super::export_csv::Csv;
#[cfg(feature = "parquet")]
pub use super::export_parquet::ParquetFiles;
use super::reader::{Row, Stored};
use crate::consent::evidence::Evidence;
use crate::consent::prefs::{AccountPrefs, Setting};
use crate::domain::attribution::Credit;
use crate::domain::conversion::{Conversion, ShortText};
use crate::domain::embed_view::EmbedView;
use crate::domain::matching::{PartnerMatch, Unmatch};
use crate::domain::opt_out::{Choice, OptOut, Subject};
use crate::domain::page::PageAddress;
use crate::domain::time::Timestamp;
use crate::domain::touch::Touch;

/// Writes `stored` as one line of JSON with its line feed.
pub fn write_ndjson(stored: &Stored, mut out: impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut out, &Line(&fields(stored)))?;
    out.write_all(b"\n")
}

/// What a row says, in the order of its line of JSON.
pub(super) type Fields<'a> = Vec<(Column, Cell<'a>)>;

/// What a row says in one column.
pub(super) enum Cell<'a> {
    /// Nothing, in a column that its kind has.
    Null,
    Text(Cow<'a, str>),
    /// What prints itself, as text.
    Shown(&'a dyn Display),
    Words(Vec<&'static str>),
    Whole(i64),
    Flag(bool),
    Time(Timestamp),
}

pub(super) fn fields(stored: &Stored) -> Fields<'_> {
    let mut fields: Fields<'_> = vec![(Column::Kind, stored.row.kind().name().into())];
    match &stored.row {
        Row::Conversion { conversion, evidence, credit } => {
            fields.extend(of_conversion(conversion));
            fields.extend(of_credit(credit.as_deref()));
            fields.extend(of_evidence(evidence));
        }
        Row::Touch { touch, evidence } => {
            fields.extend(of_touch(touch));
            fields.extend(of_evidence(evidence));
        }
        Row::EmbedView { view, evidence } => {
            fields.extend(of_embed_view(view));
            fields.extend(of_evidence(evidence));
        }
        Row::Match { found, evidence } => {
            fields.extend(of_match(found));
            fields.extend(of_evidence(evidence));
        }
        Row::Unmatch(unmatch) => fields.extend(of_unmatch(unmatch)),
        Row::OptOut(opt_out) => fields.extend(of_opt_out(opt_out)),
        Row::Settings(settings) => fields.extend(of_settings(settings)),
    }
    fields
}

fn of_conversion(conversion: &Conversion) -> impl IntoIterator<Item = (Column, Cell<'_>)> {
    let identifiers = &conversion.identifiers;
    [
        (Column::Id, Cell::Shown(&conversion.id)),
        (Column::At, conversion.at.into()),
        (Column::AccountId, Cell::Shown(&conversion.account_id)),
        (Column::PixelId, Cell::Shown(&conversion.pixel_id)),
        (Column::EventTagId, shown(conversion.event_tag_id.as_ref())),
        (Column::Event, conversion.event.name().into()),
        (Column::Source, conversion.source.name().into()),
        (Column::EventId, conversion.event_id.as_ref().map(ShortText::as_str).into()),
        (Column::ConversionId, conversion.conversion_id.as_ref().map(ShortText::as_str).into()),
        (Column::ValueMicros, conversion.value.map(|value| value.micros()).into()),
        (Column::Currency, conversion.value.map(|value| value.currency().to_string()).into()),
        (Column::Quantity, conversion.quantity.into()),
        (Column::BrowserId, identifiers.browser_id.map(|browser| browser.expose()).into()),
        (Column::ClickId, identifiers.click_id.as_ref().map(|click| click.expose()).into()),
        (Column::MatchKeys, Cell::Words(identifiers.match_keys().collect())),
        (Column::Page, conversion.page.as_ref().map(PageAddress::as_str).into()),
        (Column::Country, conversion.country.as_ref().map(|country| country.code()).into()),
        (Column::RestrictedDataUse, conversion.restricted_data_use.into()),
        (Column::OriginOk, conversion.origin_ok.into()),
    ]
}

/// The ad touch that a conversion was credited to.
fn of_credit(credit: Option<&Credit>) -> impl IntoIterator<Item = (Column, Cell<'_>)> {
    let placement = credit.map(|credit| &credit.placement);
    [
        (Column::CreditKind, credit.map(Credit::kind_name).into()),
        (Column::CreditKey, credit.map(|credit| credit.key.name()).into()),
        (Column::CreditLink, placement.map(|placement| placement.link.as_str()).into()),
        (Column::CreditCampaignId, shown(placement.map(|placement| &placement.campaign_id))),
        (Column::CreditLineItemId, shown(placement.map(|placement| &placement.line_item_id))),
        (Column::CreditTouchId, shown(credit.map(|credit| &credit.touch_id))),
        (Column::CreditTouchAt, credit.map(|credit| credit.touch_at).into()),
    ]
}

fn of_touch(touch: &Touch) -> impl IntoIterator<Item = (Column, Cell<'_>)> {
    [
        (Column::Id, Cell::Shown(&touch.id)),
        (Column::At, touch.at.into()),
        (Column::AccountId, Cell::Shown(&touch.placement.account_id)),
        (Column::Touch, touch.kind.name().into()),
        (Column::Link, touch.placement.link.as_str().into()),
        (Column::CampaignId, Cell::Shown(&touch.placement.campaign_id)),
        (Column::LineItemId, Cell::Shown(&touch.placement.line_item_id)),
        (Column::BrowserId, touch.browser_id.map(|browser| browser.expose()).into()),
        (Column::ClickId, touch.click_id.map(|click| click.expose()).into()),
        (Column::Country, touch.country.as_ref().map(|country| country.code()).into()),
    ]
}

fn of_embed_view(view: &EmbedView) -> impl IntoIterator<Item = (Column, Cell<'_>)> {
    [
        (Column::Id, Cell::Shown(&view.id)),
        (Column::At, view.at.into()),
        (Column::BrowserId, view.browser_id.map(|browser| browser.expose()).into()),
        (Column::Page, view.page.as_str().into()),
        (Column::Country, view.country.as_ref().map(|country| country.code()).into()),
    ]
}

fn of_match(found: &PartnerMatch) -> impl IntoIterator<Item = (Column, Cell<'_>)> {
    [
        (Column::Id, Cell::Shown(&found.id)),
        (Column::At, found.at.into()),
        (Column::BrowserId, found.browser_id.expose().into()),
        (Column::PartnerId, found.partner_id.number().into()),
        (Column::PartnerUserId, found.partner_user_id.expose().into()),
        (Column::Scope, found.scope.name().into()),
        (Column::Proof, found.proof.name().into()),
        (Column::Country, found.country.as_ref().map(|country| country.code()).into()),
    ]
}

fn of_unmatch(unmatch: &Unmatch) -> impl IntoIterator<Item = (Column, Cell<'_>)> {
    [
        (Column::At, unmatch.at.into()),
        (Column::BrowserId, unmatch.browser_id.expose().into()),
        (Column::PartnerId, unmatch.partner_id.number().into()),
    ]
}

fn of_opt_out(opt_out: &OptOut) -> impl IntoIterator<Item = (Column, Cell<'_>)> {
    let subject = opt_out.subject;
    let is_browser = matches!(subject, Subject::Browser(_));
    [
        (Column::At, opt_out.at.into()),
        (Column::Subject, subject.key_name().into()),
        (Column::BrowserId, is_browser.then(|| subject.expose()).into()),
        (Column::HashedId, (!is_browser).then(|| subject.expose()).into()),
        (Column::PartnerId, subject.partner_id().map(|partner| partner.number()).into()),
        (Column::Choice, choice_name(opt_out.choice).into()),
    ]
}

fn of_settings(settings: &AccountPrefs) -> impl IntoIterator<Item = (Column, Cell<'_>)> {
    let is_on = |setting| Cell::Flag(!settings.prefs.is_off(setting));
    [
        (Column::At, settings.at.into()),
        (Column::HashedAccountId, settings.account.expose().into()),
        (Column::Personalize, is_on(Setting::Personalize)),
        (Column::Partners, is_on(Setting::Partners)),
        (Column::Devices, is_on(Setting::Devices)),
        (Column::Web, is_on(Setting::Web)),
    ]
}

fn of_evidence(evidence: &Evidence) -> impl IntoIterator<Item = (Column, Cell<'_>)> {
    [
        (Column::Regime, evidence.regime.name().into()),
        (Column::Basis, evidence.basis.name().into()),
        (Column::Activities, Cell::Words(evidence.activities.names().collect())),
        (Column::Policy, Cell::Shown(&evidence.policy)),
        (Column::DecidedAt, evidence.decided_at.into()),
    ]
}

fn shown<T: Display>(value: Option<&T>) -> Cell<'_> {
    value.map_or(Cell::Null, |value| Cell::Shown(value))
}

const fn choice_name(choice: Choice) -> &'static str {
    match choice {
        Choice::Out => "out",
        Choice::In => "in",
    }
}

/// One JSON object; what belongs to a group of columns is an object in it, or `null` where nothing of it is there.
struct Line<'a>(&'a [(Column, Cell<'a>)]);

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_map(None)?;
        for together in self.0.chunk_by(|(one, _), (next, _)| one.group() == next.group()) {
            match together[0].0.group() {
                Some(group) if together.iter().all(|(_, cell)| matches!(cell, Cell::Null)) => {
                    line.serialize_entry(group, &())?;
                }
                Some(group) => line.serialize_entry(group, &Object(together))?,
                None => write_entries(&mut line, together)?,
            }
        }
        line.end()
    }
}

struct Object<'a>(&'a [(Column, Cell<'a>)]);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.0.len()))?;
        write_entries(&mut object, self.0)?;
        object.end()
    }
}

fn write_entries<M: SerializeMap>(object: &mut M, fields: &[(Column, Cell<'_>)]) -> Result<(), M::Error> {
    fields.iter().try_for_each(|(column, cell)| object.serialize_entry(column.name_in_group(), cell))
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Shown(value) => serializer.collect_str(value),
            Self::Words(words) => words.serialize(serializer),
            Self::Whole(number) => serializer.serialize_i64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Time(time) => serializer.collect_str(time),
        }
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Self::Whole(number)
    }
}

impl From<u32> for Cell<'_> {
    fn from(number: u32) -> Self {
        Self::Whole(number.into())
    }
}

impl From<bool> for Cell<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<Timestamp> for Cell<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

impl<'a, T: Into<Self>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::consent::activity::{ActivityKind, ActivitySet};
    use crate::consent::evidence::Basis;
    use crate::consent::policy::{PolicyVersion, Regime};
    use crate::consent::prefs::Prefs;
    use crate::domain::conversion::{Country, Identifiers, Source};
    use crate::domain::event::EventType;
    use crate::domain::id::{
        AccountId, BrowserId, EventId, EventTagId, HashedAccountId, HashedEmail, PixelId,
    };
    use crate::domain::money::{Currency, Money};

    pub(in crate::storage) fn purchase() -> Stored {
        let conversion = Conversion {
            id: EventId::new(1_700_000_000_001, [0; 10]),
            at: Timestamp(1_795_316_645_678),
            account_id: "18ce54d4x5t".parse().expect("an id"),
            pixel_id: "o8z6j".parse().expect("an id"),
            event_tag_id: "o87ne".parse().ok(),
            windows: None,
            event: EventType::Purchase,
            source: Source::Pixel,
            event_id: ShortText::parse("e-1"),
            conversion_id: ShortText::parse("o,1"),
            value: Some(Money::from_micros(12_500_000, Currency::USD)),
            quantity: Some(1),
            identifiers: Identifiers {
                browser_id: Some(BrowserId::from_bytes([1; 16])),
                click_id: "abc".parse().ok(),
                hashed_email: Some(HashedEmail::from_bytes([2; 32])),
                hashed_phone: None,
            },
            page: PageAddress::reduce("https://shop.example/thanks?x=1"),
            country: Country::parse("US"),
            restricted_data_use: false,
            origin_ok: true,
        };
        Stored {
            sequence: 1,
            at: Timestamp(2),
            row: Row::Conversion { conversion, evidence: evidence(), credit: None },
        }
    }

    fn evidence() -> Evidence {
        Evidence {
            regime: Regime::Us,
            basis: Basis::NotOptedOut,
            activities: ActivitySet::of([ActivityKind::Measure, ActivityKind::Identify]),
            policy: PolicyVersion(255),
            decided_at: Timestamp(1_795_316_645_678),
        }
    }

    pub(in crate::storage) fn bare() -> Stored {
        let mut stored = purchase();
        let Row::Conversion { conversion, .. } = &mut stored.row else { unreachable!("it is a purchase") };
        *conversion = Conversion {
            id: conversion.id,
            at: conversion.at,
            account_id: AccountId::from_number(1),
            pixel_id: PixelId::from_number(2),
            event_tag_id: Some(EventTagId::from_number(35)),
            windows: None,
            event: EventType::SiteVisit,
            source: Source::Pixel,
            event_id: None,
            conversion_id: None,
            value: None,
            quantity: None,
            identifiers: Identifiers::default(),
            page: None,
            country: None,
            restricted_data_use: true,
            origin_ok: false,
        };
        stored
    }

    pub(in crate::storage) fn opted_out() -> Stored {
        let subject = Subject::Browser(BrowserId::from_bytes([1; 16]));
        let opt_out = OptOut { subject, at: Timestamp(1_795_316_645_678), choice: Choice::Out };
        Stored { sequence: 2, at: Timestamp(2), row: Row::OptOut(opt_out) }
    }

    pub(in crate::storage) fn settings() -> Stored {
        let account = HashedAccountId::from_bytes([3; 32]);
        let prefs = Prefs::parse("0101").expect("four bits");
        let settings = AccountPrefs { account, prefs, at: Timestamp(1_795_316_645_678) };
        Stored { sequence: 3, at: Timestamp(2), row: Row::Settings(settings) }
    }

    #[track_caller]
    fn check(stored: &Stored, expect: &str) {
        let mut line = Vec::new();
        write_ndjson(stored, &mut line).expect("memory takes it");
        assert_eq!(String::from_utf8(line).expect("JSON is UTF-8"), format!("{expect}\n"));
    }

    #[test]
    fn a_line_of_json_has_every_field_in_its_order() {
        check(
            &purchase(),
            concat!(
                r#"{"kind":"conversion","id":"018bcfe5-6801-7000-8000-000000000000","at":"2026-11-22T03:04:05.678Z","#,
                r#""account_id":"18ce54d4x5t","pixel_id":"o8z6j","event_tag_id":"o87ne","event":"PURCHASE","#,
                r#""source":"pixel","event_id":"e-1","conversion_id":"o,1","value_micros":12500000,"#,
                r#""currency":"USD","quantity":1,"browser_id":"01010101010101010101010101010101","#,
                r#""click_id":"abc","match_keys":["click_id","browser_id","hashed_email"],"#,
                r#""page":"https://shop.example/thanks","country":"US","restricted_data_use":false,"#,
                r#""origin_ok":true,"credit":null,"evidence":{"regime":"us","basis":"not-opted-out","#,
                r#""activities":["measure","identify"],"policy":"00000000000000ff","#,
                r#""decided_at":"2026-11-22T03:04:05.678Z"}}"#
            ),
        );
        check(
            &opted_out(),
            concat!(
                r#"{"kind":"opt_out","at":"2026-11-22T03:04:05.678Z","#,
                r#""subject":"browser_id","browser_id":"01010101010101010101010101010101","hashed_id":null,"#,
                r#""partner_id":null,"choice":"out"}"#
            ),
        );
        let account = "03".repeat(32);
        check(
            &settings(),
            &format!(
                concat!(
                    r#"{{"kind":"settings","at":"2026-11-22T03:04:05.678Z","hashed_account_id":"{}","#,
                    r#""personalize":true,"partners":false,"devices":true,"web":false}}"#
                ),
                account
            ),
        );
    }

    #[test]
    fn what_is_not_there_is_null_in_json() {
        check(
            &bare(),
            concat!(
                r#"{"kind":"page_view","id":"018bcfe5-6801-7000-8000-000000000000","at":"2026-11-22T03:04:05.678Z","#,
                r#""account_id":"1","pixel_id":"2","event_tag_id":"z","event":"SITE_VISIT","#,
                r#""source":"pixel","event_id":null,"conversion_id":null,"value_micros":null,"#,
                r#""currency":null,"quantity":null,"browser_id":null,"click_id":null,"match_keys":[],"#,
                r#""page":null,"country":null,"restricted_data_use":true,"#,
                r#""origin_ok":false,"credit":null,"evidence":{"regime":"us","basis":"not-opted-out","#,
                r#""activities":["measure","identify"],"policy":"00000000000000ff","#,
                r#""decided_at":"2026-11-22T03:04:05.678Z"}}"#
            ),
        );
    }
}
