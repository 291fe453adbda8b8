//! Stored rows as text: one line of JSON each, or one record of CSV.

use std::fmt::Display;
use std::io::{self, Write};

use serde::{Serialize, Serializer};

use super::reader::{Row, Stored};
use crate::consent::evidence::Evidence;
use crate::domain::conversion::{Conversion, ShortText};
use crate::domain::opt_out::{Choice, OptOut, Subject};
use crate::domain::page::PageAddress;

/// Writes `stored` as one line of JSON with its line feed.
pub fn write_ndjson(stored: &Stored, mut out: impl Write) -> io::Result<()> {
    match &stored.row {
        Row::Conversion { conversion, evidence } => {
            serde_json::to_writer(&mut out, &ConversionLine::of(stored, conversion, evidence))?;
        }
        Row::OptOut(opt_out) => serde_json::to_writer(&mut out, &OptOutLine::of(opt_out))?,
    }
    out.write_all(b"\n")
}

/// Writes records of CSV under one header. Lists are separated by spaces; what a row does not have is empty.
pub struct Csv<W: Write> {
    writer: csv::Writer<W>,
}

impl<W: Write> Csv<W> {
    pub fn new(out: W) -> io::Result<Self> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(CSV_COLUMNS)?;
        Ok(Self { writer })
    }

    pub fn write(&mut self, stored: &Stored) -> io::Result<()> {
        let record = match &stored.row {
            Row::Conversion { conversion, evidence } => conversion_record(stored, conversion, evidence),
            Row::OptOut(opt_out) => opt_out_record(opt_out),
        };
        Ok(self.writer.write_record(record)?)
    }

    /// Without this the last records may be missing.
    pub fn finish(mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[derive(Serialize)]
struct ConversionLine<'a> {
    kind: &'static str,
    id: Text<crate::domain::id::EventId>,
    at: Text<crate::domain::time::Timestamp>,
    account_id: Text<crate::domain::id::AccountId>,
    pixel_id: Text<crate::domain::id::PixelId>,
    event_tag_id: Option<Text<crate::domain::id::EventTagId>>,
    event: &'static str,
    source: &'static str,
    event_id: Option<&'a str>,
    conversion_id: Option<&'a str>,
    value_micros: Option<i64>,
    currency: Option<Text<crate::domain::money::Currency>>,
    quantity: Option<u32>,
    browser_id: Option<String>,
    click_id: Option<&'a str>,
    match_keys: Vec<&'static str>,
    page: Option<&'a str>,
    country: Option<&'a str>,
    restricted_data_use: bool,
    origin_ok: bool,
    evidence: EvidenceLine,
}

#[derive(Serialize)]
struct EvidenceLine {
    regime: &'static str,
    basis: &'static str,
    activities: Vec<&'static str>,
    policy: Text<crate::consent::policy::PolicyVersion>,
    decided_at: Text<crate::domain::time::Timestamp>,
}

#[derive(Serialize)]
struct OptOutLine {
    kind: &'static str,
    at: Text<crate::domain::time::Timestamp>,
    browser_id: String,
    choice: &'static str,
}

/// What prints itself, as a string.
struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'a> ConversionLine<'a> {
    fn of(stored: &Stored, conversion: &'a Conversion, evidence: &Evidence) -> Self {
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
            evidence: EvidenceLine::of(evidence),
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
    fn of(opt_out: &OptOut) -> Self {
        let Subject::Browser(browser) = opt_out.subject;
        Self {
            kind: "opt_out",
            at: Text(opt_out.at),
            browser_id: browser.expose(),
            choice: choice_name(opt_out.choice),
        }
    }
}

const fn choice_name(choice: Choice) -> &'static str {
    match choice {
        Choice::Out => "out",
        Choice::In => "in",
    }
}

const CSV_COLUMNS: [&str; 26] = [
    "kind",
    "id",
    "at",
    "account_id",
    "pixel_id",
    "event_tag_id",
    "event",
    "source",
    "event_id",
    "conversion_id",
    "value_micros",
    "currency",
    "quantity",
    "browser_id",
    "click_id",
    "match_keys",
    "page",
    "country",
    "restricted_data_use",
    "origin_ok",
    "regime",
    "basis",
    "activities",
    "policy",
    "decided_at",
    "choice",
];

/// What a row has no value for.
fn or_empty(value: Option<impl Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn conversion_record(
    stored: &Stored,
    conversion: &Conversion,
    evidence: &Evidence,
) -> [String; CSV_COLUMNS.len()] {
    let line = ConversionLine::of(stored, conversion, evidence);
    [
        line.kind.to_owned(),
        line.id.0.to_string(),
        line.at.0.to_string(),
        line.account_id.0.to_string(),
        line.pixel_id.0.to_string(),
        or_empty(line.event_tag_id.map(|tag| tag.0)),
        line.event.to_owned(),
        line.source.to_owned(),
        or_empty(line.event_id),
        or_empty(line.conversion_id),
        or_empty(line.value_micros),
        or_empty(line.currency.map(|currency| currency.0)),
        or_empty(line.quantity),
        or_empty(line.browser_id),
        or_empty(line.click_id),
        line.match_keys.join(" "),
        or_empty(line.page),
        or_empty(line.country),
        line.restricted_data_use.to_string(),
        line.origin_ok.to_string(),
        line.evidence.regime.to_owned(),
        line.evidence.basis.to_owned(),
        line.evidence.activities.join(" "),
        line.evidence.policy.0.to_string(),
        line.evidence.decided_at.0.to_string(),
        String::new(),
    ]
}

fn opt_out_record(opt_out: &OptOut) -> [String; CSV_COLUMNS.len()] {
    let line = OptOutLine::of(opt_out);
    let mut record = [const { String::new() }; CSV_COLUMNS.len()];
    record[0] = line.kind.to_owned();
    record[2] = line.at.0.to_string();
    record[13] = line.browser_id;
    record[25] = line.choice.to_owned();
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent::activity::{Activity, ActivitySet};
    use crate::consent::evidence::Basis;
    use crate::consent::policy::{PolicyVersion, Regime};
    use crate::domain::conversion::{Country, Identifiers, Source};
    use crate::domain::event::EventType;
    use crate::domain::id::{AccountId, BrowserId, EventId, EventTagId, HashedEmail, PixelId};
    use crate::domain::money::{Currency, Money};
    use crate::domain::time::Timestamp;

    fn purchase() -> Stored {
        let conversion = Conversion {
            id: EventId::new(1_700_000_000_001, [0; 10]),
            at: Timestamp(1_795_316_645_678),
            account_id: "18ce54d4x5t".parse().expect("an id"),
            pixel_id: "o8z6j".parse().expect("an id"),
            event_tag_id: "o87ne".parse().ok(),
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
        Stored { sequence: 1, at: Timestamp(2), row: Row::Conversion { conversion, evidence: evidence() } }
    }

    fn evidence() -> Evidence {
        Evidence {
            regime: Regime::Us,
            basis: Basis::NotOptedOut,
            activities: ActivitySet::of(Activity::ALL),
            policy: PolicyVersion(255),
            decided_at: Timestamp(1_795_316_645_678),
        }
    }

    fn bare() -> Stored {
        let mut stored = purchase();
        let Row::Conversion { conversion, .. } = &mut stored.row else { unreachable!("it is a purchase") };
        *conversion = Conversion {
            id: conversion.id,
            at: conversion.at,
            account_id: AccountId::from_number(1),
            pixel_id: PixelId::from_number(2),
            event_tag_id: Some(EventTagId::from_number(35)),
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

    fn opted_out() -> Stored {
        let subject = Subject::Browser(BrowserId::from_bytes([1; 16]));
        let opt_out = OptOut { subject, at: Timestamp(1_795_316_645_678), choice: Choice::Out };
        Stored { sequence: 2, at: Timestamp(2), row: Row::OptOut(opt_out) }
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
                r#""origin_ok":true,"evidence":{"regime":"us","basis":"not-opted-out","#,
                r#""activities":["measure","identify"],"policy":"00000000000000ff","#,
                r#""decided_at":"2026-11-22T03:04:05.678Z"}}"#
            ),
        );
        check(
            &opted_out(),
            concat!(
                r#"{"kind":"opt_out","at":"2026-11-22T03:04:05.678Z","#,
                r#""browser_id":"01010101010101010101010101010101","choice":"out"}"#
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
                r#""origin_ok":false,"evidence":{"regime":"us","basis":"not-opted-out","#,
                r#""activities":["measure","identify"],"policy":"00000000000000ff","#,
                r#""decided_at":"2026-11-22T03:04:05.678Z"}}"#
            ),
        );
    }

    #[test]
    fn every_record_of_csv_has_every_column() {
        let mut bytes = Vec::new();
        let mut csv = Csv::new(&mut bytes).expect("memory takes it");
        for stored in [purchase(), bare(), opted_out()] {
            csv.write(&stored).expect("memory takes it");
        }
        csv.finish().expect("memory takes it");
        let text = String::from_utf8(bytes).expect("what went in was UTF-8");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(
            lines[1].starts_with("conversion,018bcfe5-6801-7000-8000-000000000000,2026-11-22T03:04:05.678Z,")
        );
        assert!(lines[1].contains(r#",e-1,"o,1",12500000,USD,1,01010101"#), "{}", lines[1]);
        assert!(lines[3].starts_with("opt_out,,2026-11-22T03:04:05.678Z,,") && lines[3].ends_with(",out"));
    }
}
