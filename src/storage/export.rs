//! Stored rows as text: one line of JSON each, or one record of CSV.

use std::fmt::Display;
use std::io::{self, Write};

use serde::{Serialize, Serializer};

use super::entry::EntryKind;
pub use super::export_csv::Csv;
use super::reader::{Row, Stored};
use crate::consent::evidence::Evidence;
use crate::consent::policy::PolicyVersion;
use crate::consent::prefs::{AccountPrefs, Setting};
use crate::domain::attribution::Credit;
use crate::domain::conversion::{Conversion, ShortText};
use crate::domain::embed_view::EmbedView;
use crate::domain::id::{AccountId, CampaignId, EventId, EventTagId, LineItemId, PartnerId, PixelId};
use crate::domain::matching::{PartnerMatch, Unmatch};
use crate::domain::money::Currency;
use crate::domain::opt_out::{Choice, OptOut, Subject};
use crate::domain::page::PageAddress;
use crate::domain::time::Timestamp;
use crate::domain::touch::Touch;

/// Writes `stored` as one line of JSON with its line feed.
pub fn write_ndjson(stored: &Stored, mut out: impl Write) -> io::Result<()> {
    match &stored.row {
        Row::Conversion { conversion, evidence, credit } => {
            serde_json::to_writer(
                &mut out,
                &ConversionLine::of(stored, conversion, evidence, credit.as_deref()),
            )?;
        }
        Row::Touch { touch, evidence } => {
            serde_json::to_writer(&mut out, &TouchLine::of(touch, evidence))?;
        }
        Row::EmbedView { view, evidence } => {
            serde_json::to_writer(&mut out, &EmbedViewLine::of(view, evidence))?;
        }
        Row::Match { found, evidence } => {
            serde_json::to_writer(&mut out, &MatchLine::of(found, evidence))?;
        }
        Row::Unmatch(unmatch) => serde_json::to_writer(&mut out, &UnmatchLine::of(unmatch))?,
        Row::OptOut(opt_out) => serde_json::to_writer(&mut out, &OptOutLine::of(opt_out))?,
        Row::Settings(settings) => serde_json::to_writer(&mut out, &SettingsLine::of(settings))?,
    }
    out.write_all(b"\n")
}

#[derive(Serialize)]
pub(super) struct ConversionLine<'a> {
    pub(super) kind: &'static str,
    pub(super) id: Text<EventId>,
    pub(super) at: Text<Timestamp>,
    pub(super) account_id: Text<AccountId>,
    pub(super) pixel_id: Text<PixelId>,
    pub(super) event_tag_id: Option<Text<EventTagId>>,
    pub(super) event: &'static str,
    pub(super) source: &'static str,
    pub(super) event_id: Option<&'a str>,
    pub(super) conversion_id: Option<&'a str>,
    pub(super) value_micros: Option<i64>,
    pub(super) currency: Option<Text<Currency>>,
    pub(super) quantity: Option<u32>,
    pub(super) browser_id: Option<String>,
    pub(super) click_id: Option<&'a str>,
    pub(super) match_keys: Vec<&'static str>,
    pub(super) page: Option<&'a str>,
    pub(super) country: Option<&'a str>,
    pub(super) restricted_data_use: bool,
    pub(super) origin_ok: bool,
    pub(super) credit: Option<CreditLine<'a>>,
    pub(super) evidence: EvidenceLine,
}

/// The ad touch that a conversion was credited to.
#[derive(Serialize)]
pub(super) struct CreditLine<'a> {
    /// `post_engagement` or `post_view`.
    pub(super) kind: &'static str,
    /// By which of the conversion's `match_keys` the touch was found.
    pub(super) key: &'static str,
    pub(super) link: &'a str,
    pub(super) campaign_id: Text<CampaignId>,
    pub(super) line_item_id: Text<LineItemId>,
    pub(super) touch_id: Text<EventId>,
    pub(super) touch_at: Text<Timestamp>,
}

#[derive(Serialize)]
pub(super) struct TouchLine<'a> {
    pub(super) kind: &'static str,
    pub(super) id: Text<EventId>,
    pub(super) at: Text<Timestamp>,
    pub(super) account_id: Text<AccountId>,
    /// `click` or `view`.
    pub(super) touch: &'static str,
    pub(super) link: &'a str,
    pub(super) campaign_id: Text<CampaignId>,
    pub(super) line_item_id: Text<LineItemId>,
    pub(super) browser_id: Option<String>,
    pub(super) click_id: Option<String>,
    pub(super) country: Option<&'a str>,
    pub(super) evidence: EvidenceLine,
}

#[derive(Serialize)]
pub(super) struct EmbedViewLine<'a> {
    pub(super) kind: &'static str,
    pub(super) id: Text<EventId>,
    pub(super) at: Text<Timestamp>,
    pub(super) browser_id: Option<String>,
    pub(super) page: &'a str,
    pub(super) country: Option<&'a str>,
    pub(super) evidence: EvidenceLine,
}

#[derive(Serialize)]
pub(super) struct MatchLine<'a> {
    pub(super) kind: &'static str,
    pub(super) id: Text<EventId>,
    pub(super) at: Text<Timestamp>,
    pub(super) browser_id: String,
    pub(super) partner_id: u32,
    pub(super) partner_user_id: &'a str,
    /// `global` or `site`.
    pub(super) scope: &'static str,
    /// `unsigned`, `state` or `signed`.
    pub(super) proof: &'static str,
    pub(super) country: Option<&'a str>,
    pub(super) evidence: EvidenceLine,
}

#[derive(Serialize)]
pub(super) struct UnmatchLine {
    pub(super) kind: &'static str,
    pub(super) at: Text<Timestamp>,
    pub(super) browser_id: String,
    pub(super) partner_id: u32,
}

#[derive(Serialize)]
pub(super) struct EvidenceLine {
    pub(super) regime: &'static str,
    pub(super) basis: &'static str,
    pub(super) activities: Vec<&'static str>,
    pub(super) policy: Text<PolicyVersion>,
    pub(super) decided_at: Text<Timestamp>,
}

#[derive(Serialize)]
pub(super) struct OptOutLine {
    pub(super) kind: &'static str,
    pub(super) at: Text<Timestamp>,
    /// By what the subject is told: `browser_id`, or the name of a hash.
    pub(super) subject: &'static str,
    pub(super) browser_id: Option<String>,
    pub(super) hashed_id: Option<String>,
    pub(super) partner_id: Option<u32>,
    pub(super) choice: &'static str,
}

#[derive(Serialize)]
pub(super) struct SettingsLine {
    pub(super) kind: &'static str,
    pub(super) at: Text<Timestamp>,
    pub(super) hashed_account_id: String,
    pub(super) personalize: bool,
    pub(super) partners: bool,
    pub(super) devices: bool,
    pub(super) web: bool,
}

/// What prints itself, as a string.
pub(super) struct Text<T>(pub(super) T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'a> ConversionLine<'a> {
    pub(super) fn of(
        stored: &Stored,
        conversion: &'a Conversion,
        evidence: &Evidence,
        credit: Option<&'a Credit>,
    ) -> Self {
        let identifiers = &conversion.identifiers;
        Self {
            kind: stored.row.kind().name(),
            id: Text(conversion.id),
            at: Text(conversion.at),
            account_id: Text(conversion.account_id),
            pixel_id: Text(conversion.pixel_id),
            event_tag_id: conversion.event_tag_id.map(Text),
            event: conversion.event.name(),
            source: conversion.source.name(),
            event_id: conversion.event_id.as_ref().map(ShortText::as_str),
            conversion_id: conversion.conversion_id.as_ref().map(ShortText::as_str),
            value_micros: conversion.value.map(|value| value.micros()),
            currency: conversion.value.map(|value| Text(value.currency())),
            quantity: conversion.quantity,
            browser_id: identifiers.browser_id.map(|browser| browser.expose()),
            click_id: identifiers.click_id.as_ref().map(|click| click.expose()),
            match_keys: identifiers.match_keys().collect(),
            page: conversion.page.as_ref().map(PageAddress::as_str),
            country: conversion.country.as_ref().map(|country| country.code()),
            restricted_data_use: conversion.restricted_data_use,
            origin_ok: conversion.origin_ok,
            credit: credit.map(CreditLine::of),
            evidence: EvidenceLine::of(evidence),
        }
    }
}

impl<'a> CreditLine<'a> {
    fn of(credit: &'a Credit) -> Self {
        Self {
            kind: credit.kind_name(),
            key: credit.key.name(),
            link: credit.placement.link.as_str(),
            campaign_id: Text(credit.placement.campaign_id),
            line_item_id: Text(credit.placement.line_item_id),
            touch_id: Text(credit.touch_id),
            touch_at: Text(credit.touch_at),
        }
    }
}

impl<'a> TouchLine<'a> {
    pub(super) fn of(touch: &'a Touch, evidence: &Evidence) -> Self {
        Self {
            kind: EntryKind::Touch.name(),
            id: Text(touch.id),
            at: Text(touch.at),
            account_id: Text(touch.placement.account_id),
            touch: touch.kind.name(),
            link: touch.placement.link.as_str(),
            campaign_id: Text(touch.placement.campaign_id),
            line_item_id: Text(touch.placement.line_item_id),
            browser_id: touch.browser_id.map(|browser| browser.expose()),
            click_id: touch.click_id.map(|click| click.expose()),
            country: touch.country.as_ref().map(|country| country.code()),
            evidence: EvidenceLine::of(evidence),
        }
    }
}

impl<'a> EmbedViewLine<'a> {
    pub(super) fn of(view: &'a EmbedView, evidence: &Evidence) -> Self {
        Self {
            kind: EntryKind::EmbedView.name(),
            id: Text(view.id),
            at: Text(view.at),
            browser_id: view.browser_id.map(|browser| browser.expose()),
            page: view.page.as_str(),
            country: view.country.as_ref().map(|country| country.code()),
            evidence: EvidenceLine::of(evidence),
        }
    }
}

impl<'a> MatchLine<'a> {
    pub(super) fn of(found: &'a PartnerMatch, evidence: &Evidence) -> Self {
        Self {
            kind: EntryKind::Match.name(),
            id: Text(found.id),
            at: Text(found.at),
            browser_id: found.browser_id.expose(),
            partner_id: found.partner_id.number(),
            partner_user_id: found.partner_user_id.expose(),
            scope: found.scope.name(),
            proof: found.proof.name(),
            country: found.country.as_ref().map(|country| country.code()),
            evidence: EvidenceLine::of(evidence),
        }
    }
}

impl UnmatchLine {
    pub(super) fn of(unmatch: &Unmatch) -> Self {
        Self {
            kind: EntryKind::Unmatch.name(),
            at: Text(unmatch.at),
            browser_id: unmatch.browser_id.expose(),
            partner_id: unmatch.partner_id.number(),
        }
    }
}

impl EvidenceLine {
    fn of(evidence: &Evidence) -> Self {
        Self {
            regime: evidence.regime.name(),
            basis: evidence.basis.name(),
            activities: evidence.activities.names().collect(),
            policy: Text(evidence.policy),
            decided_at: Text(evidence.decided_at),
        }
    }
}

impl OptOutLine {
    pub(super) fn of(opt_out: &OptOut) -> Self {
        let subject = opt_out.subject;
        let is_browser = matches!(subject, Subject::Browser(_));
        Self {
            kind: "opt_out",
            at: Text(opt_out.at),
            subject: subject.key_name(),
            browser_id: is_browser.then(|| subject.expose()),
            hashed_id: (!is_browser).then(|| subject.expose()),
            partner_id: subject.partner_id().map(PartnerId::number),
            choice: choice_name(opt_out.choice),
        }
    }
}

impl SettingsLine {
    pub(super) fn of(settings: &AccountPrefs) -> Self {
        let is_on = |setting| !settings.prefs.is_off(setting);
        Self {
            kind: EntryKind::Settings.name(),
            at: Text(settings.at),
            hashed_account_id: settings.account.expose(),
            personalize: is_on(Setting::Personalize),
            partners: is_on(Setting::Partners),
            devices: is_on(Setting::Devices),
            web: is_on(Setting::Web),
        }
    }
}

const fn choice_name(choice: Choice) -> &'static str {
    match choice {
        Choice::Out => "out",
        Choice::In => "in",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::consent::activity::{ActivityKind, ActivitySet};
    use crate::consent::evidence::Basis;
    use crate::consent::policy::Regime;
    use crate::consent::prefs::Prefs;
    use crate::domain::conversion::{Country, Identifiers, Source};
    use crate::domain::event::EventType;
    use crate::domain::id::{BrowserId, HashedAccountId, HashedEmail};
    use crate::domain::money::Money;

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
