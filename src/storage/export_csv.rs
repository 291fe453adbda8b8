//! Stored rows as records of CSV.

use std::fmt::Display;
use std::io::{self, Write};

use super::export::{
    ConversionLine, EmbedViewLine, EvidenceLine, MatchLine, OptOutLine, SettingsLine, TouchLine, UnmatchLine,
};
use super::reader::{Row, Stored};
use crate::consent::evidence::Evidence;
use crate::consent::prefs::{AccountPrefs, Setting};
use crate::domain::attribution::Credit;
use crate::domain::conversion::Conversion;
use crate::domain::embed_view::EmbedView;
use crate::domain::matching::{PartnerMatch, Unmatch};
use crate::domain::opt_out::{OptOut, Subject};
use crate::domain::touch::Touch;

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
            Row::Conversion { conversion, evidence, credit } => {
                conversion_record(stored, conversion, evidence, credit.as_deref())
            }
            Row::Touch { touch, evidence } => touch_record(touch, evidence),
            Row::EmbedView { view, evidence } => embed_view_record(view, evidence),
            Row::Match { found, evidence } => match_record(found, evidence),
            Row::Unmatch(unmatch) => unmatch_record(unmatch),
            Row::OptOut(opt_out) => opt_out_record(opt_out),
            Row::Settings(settings) => settings_record(settings),
        };
        Ok(self.writer.write_record(record)?)
    }

    /// Without this the last records may be missing.
    pub fn finish(mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

const CSV_COLUMNS: [&str; 40] = [
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
    "subject",
    "hashed_id",
    "partner_id",
    "partner_user_id",
    "scope",
    "proof",
    "touch",
    "link",
    "campaign_id",
    "line_item_id",
    "credit",
    "credit_key",
    "touch_id",
    "touch_at",
];

/// What a row has no value for.
fn or_empty(value: Option<impl Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

type Record = [String; CSV_COLUMNS.len()];

const EMPTY: Record = [const { String::new() }; CSV_COLUMNS.len()];

fn conversion_record(
    stored: &Stored,
    conversion: &Conversion,
    evidence: &Evidence,
    credit: Option<&Credit>,
) -> Record {
    let line = ConversionLine::of(stored, conversion, evidence, credit);
    let fields = [
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
    ];
    let mut record = EMPTY;
    record.iter_mut().zip(fields).for_each(|(place, field)| *place = field);
    put_evidence(&mut record, &line.evidence);
    if let Some(credit) = &line.credit {
        record[33] = credit.link.to_owned();
        record[34] = credit.campaign_id.0.to_string();
        record[35] = credit.line_item_id.0.to_string();
        record[36] = credit.kind.to_owned();
        record[37] = credit.key.to_owned();
        record[38] = credit.touch_id.0.to_string();
        record[39] = credit.touch_at.0.to_string();
    }
    record
}

fn touch_record(touch: &Touch, evidence: &Evidence) -> Record {
    let line = TouchLine::of(touch, evidence);
    let mut record = EMPTY;
    record[0] = line.kind.to_owned();
    record[1] = line.id.0.to_string();
    record[2] = line.at.0.to_string();
    record[3] = line.account_id.0.to_string();
    record[13] = or_empty(line.browser_id);
    record[14] = or_empty(line.click_id);
    record[17] = or_empty(line.country);
    record[32] = line.touch.to_owned();
    record[33] = line.link.to_owned();
    record[34] = line.campaign_id.0.to_string();
    record[35] = line.line_item_id.0.to_string();
    put_evidence(&mut record, &line.evidence);
    record
}

fn embed_view_record(view: &EmbedView, evidence: &Evidence) -> Record {
    let line = EmbedViewLine::of(view, evidence);
    let mut record = EMPTY;
    record[0] = line.kind.to_owned();
    record[1] = line.id.0.to_string();
    record[2] = line.at.0.to_string();
    record[13] = or_empty(line.browser_id);
    record[16] = line.page.to_owned();
    record[17] = or_empty(line.country);
    put_evidence(&mut record, &line.evidence);
    record
}

fn match_record(found: &PartnerMatch, evidence: &Evidence) -> Record {
    let line = MatchLine::of(found, evidence);
    let mut record = EMPTY;
    record[0] = line.kind.to_owned();
    record[1] = line.id.0.to_string();
    record[2] = line.at.0.to_string();
    record[13] = line.browser_id;
    record[17] = or_empty(line.country);
    record[28] = line.partner_id.to_string();
    record[29] = line.partner_user_id.to_owned();
    record[30] = line.scope.to_owned();
    record[31] = line.proof.to_owned();
    put_evidence(&mut record, &line.evidence);
    record
}

fn unmatch_record(unmatch: &Unmatch) -> Record {
    let line = UnmatchLine::of(unmatch);
    let mut record = EMPTY;
    record[0] = line.kind.to_owned();
    record[2] = line.at.0.to_string();
    record[13] = line.browser_id;
    record[28] = line.partner_id.to_string();
    record
}

fn put_evidence(record: &mut Record, evidence: &EvidenceLine) {
    record[20] = evidence.regime.to_owned();
    record[21] = evidence.basis.to_owned();
    record[22] = evidence.activities.join(" ");
    record[23] = evidence.policy.0.to_string();
    record[24] = evidence.decided_at.0.to_string();
}

fn opt_out_record(opt_out: &OptOut) -> Record {
    let line = OptOutLine::of(opt_out);
    let mut record = EMPTY;
    record[0] = line.kind.to_owned();
    record[2] = line.at.0.to_string();
    record[13] = or_empty(line.browser_id);
    record[25] = line.choice.to_owned();
    record[26] = line.subject.to_owned();
    record[27] = or_empty(line.hashed_id);
    record[28] = or_empty(line.partner_id);
    record
}

/// The choice is what is off.
fn settings_record(settings: &AccountPrefs) -> Record {
    let line = SettingsLine::of(settings);
    let off = Setting::ALL.into_iter().filter(|setting| settings.prefs.is_off(*setting));
    let off: Vec<_> = off.map(|setting| format!("{}-off", setting.name())).collect();
    let mut record = EMPTY;
    record[0] = line.kind.to_owned();
    record[2] = line.at.0.to_string();
    record[25] = if off.is_empty() { "all-on".to_owned() } else { off.join(" ") };
    record[26] = Subject::SignedIn(settings.account).key_name().to_owned();
    record[27] = line.hashed_account_id;
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::export::tests::{bare, opted_out, purchase, settings};

    #[test]
    fn every_record_of_csv_has_every_column() {
        let mut bytes = Vec::new();
        let mut csv = Csv::new(&mut bytes).expect("memory takes it");
        for stored in [purchase(), bare(), opted_out(), settings()] {
            csv.write(&stored).expect("memory takes it");
        }
        csv.finish().expect("memory takes it");
        let text = String::from_utf8(bytes).expect("what went in was UTF-8");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 5);
        let account = "03".repeat(32);
        assert!(
            lines[4].ends_with(&format!(",partners-off web-off,hashed_account_id,{account},,,,,,,,,,,,")),
            "{}",
            lines[4]
        );
        assert!(
            lines[1].starts_with("conversion,018bcfe5-6801-7000-8000-000000000000,2026-11-22T03:04:05.678Z,")
        );
        assert!(lines[1].contains(r#",e-1,"o,1",12500000,USD,1,01010101"#), "{}", lines[1]);
        assert!(
            lines[3].starts_with("opt_out,,2026-11-22T03:04:05.678Z,,")
                && lines[3].ends_with(",out,browser_id,,,,,,,,,,,,,")
        );
    }
}
