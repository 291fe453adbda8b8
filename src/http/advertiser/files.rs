//! The tables of the page as CSV (RFC 4180), for spreadsheets.
//!
//! Says what the page says: what is hidden there is `hidden` here. All times are UTC, and so the columns are called.

use super::chart::label;
use super::words::{campaign_name, line_item_name, plain_amount, tag_id, tag_name, warning};
use crate::consent::evidence::Basis;
use crate::domain::attribution::CreditKey;
use crate::domain::money::Currency;
use crate::http::response::Answer;
use crate::service::advertiser_report::{AdvertiserReport, Credit, Received, Tag, TagReport};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    EventTags,
    OverTime,
    LineItems,
    Warnings,
}

impl Table {
    const ALL: [Self; 4] = [Self::EventTags, Self::OverTime, Self::LineItems, Self::Warnings];

    const fn name(self) -> &'static str {
        match self {
            Self::EventTags => "event-tags",
            Self::OverTime => "over-time",
            Self::LineItems => "line-items",
            Self::Warnings => "warnings",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    pub(super) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

pub(super) fn answer(report: &AdvertiserReport, table: Table) -> Answer {
    let rows = match table {
        Table::EventTags => event_tags(report),
        Table::OverTime => over_time(report),
        Table::LineItems => line_items(report),
        Table::Warnings => warnings(report),
    };
    let Some(text) = written(&rows) else { return Answer::text(500, "the file could not be made\n") };
    let day = &report.as_of.to_string()[..10];
    let name = format!("pixelgate-{}-{}-{day}.csv", table.name(), report.span.name());
    Answer::new(200, "text/csv; charset=utf-8", text)
        .with("Content-Disposition", format!("attachment; filename=\"{name}\""))
        .with("Cache-Control", "no-store")
        .with("Vary", "Cookie")
        .with("X-Content-Type-Options", "nosniff")
        .with("Cross-Origin-Resource-Policy", "same-origin")
}

type Line = Vec<String>;

fn written(rows: &[Line]) -> Option<String> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.iter().map(|cell| harmless(cell))).ok()?;
    }
    String::from_utf8(writer.into_inner().ok()?).ok()
}

/// A spreadsheet takes what begins like this for a formula, and people choose the names that are in here (OWASP, "CSV
/// Injection").
fn harmless(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if is_formula { format!("'{cell}") } else { cell.to_owned() }
}

fn event_tags(report: &AdvertiserReport) -> Vec<Line> {
    let currencies = currencies(report);
    let keys = CreditKey::ALL.map(|key| format!("with_{}", key.name()));
    let bases = Basis::ALL.map(|basis| format!("basis_{}", basis.name().replace('-', "_")));
    let head = ["event_tag_id", "name", "type", "click_window_days", "view_through_window_days", "status"];
    let mut head = line(&head);
    head.push("last_received_utc".to_owned());
    head.extend(line(&RECEIVED));
    head.extend(line(&CREDIT));
    head.extend(keys);
    head.push("without_match_key".to_owned());
    head.extend(bases);
    head.extend(value_columns(&currencies));
    let row = |tag: &TagReport| {
        let windows = tag.tag.windows;
        let mut row = named(&tag.tag);
        row.push(windows.map(|windows| windows.click_days.to_string()).unwrap_or_default());
        row.push(windows.map(|windows| windows.view_days.to_string()).unwrap_or_default());
        row.push(tag.status().to_owned());
        row.push(tag.last_at.map(|at| at.to_string()).unwrap_or_default());
        row.extend(received(&tag.received));
        row.extend(credit(tag.split.credit));
        let keys = tag.split.match_keys.map(|([a, b, c, d], none)| [a, b, c, d, none]);
        row.extend(shown(keys));
        row.extend(shown(tag.split.bases));
        row.extend(values(&tag.received.amounts, &currencies));
        row
    };
    [head].into_iter().chain(report.tags.iter().map(row)).collect()
}

fn over_time(report: &AdvertiserReport) -> Vec<Line> {
    let currencies = currencies(report);
    let mut head = line(&["begins_utc", "event_tag_id", "name", "type"]);
    head.extend(line(&RECEIVED));
    head.extend(line(&CREDIT));
    head.extend(value_columns(&currencies));
    let rows = report.tags.iter().flat_map(|tag| {
        report.starts.iter().zip(&tag.over_time).map(|(start, (part, told))| {
            let mut row = vec![label(*start, report.span)];
            row.extend(named(&tag.tag));
            row.extend(received(part));
            row.extend(credit(*told));
            row.extend(values(&part.amounts, &currencies));
            row
        })
    });
    [head].into_iter().chain(rows).collect()
}

fn line_items(report: &AdvertiserReport) -> Vec<Line> {
    let currencies = currencies(report);
    let mut head =
        line(&["campaign_id", "campaign", "line_item_id", "line_item", "event_tag_id", "name", "type"]);
    head.extend(line(&["post_click", "post_view"]));
    head.extend(value_columns(&currencies));
    let rows = report.line_items.iter().flat_map(|item| {
        item.credited.iter().map(|(tag, told)| {
            let mut row = vec![item.campaign_id.to_string(), campaign_name(item)];
            row.extend([item.id.to_string(), line_item_name(item)]);
            row.extend(named(tag));
            row.extend(shown(told.as_ref().map(|told| [told.post_click, told.post_view])));
            match told {
                Some(told) => row.extend(values(&told.amounts, &currencies)),
                None => row.extend(currencies.iter().map(|_| HIDDEN.to_owned())),
            }
            row
        })
    });
    [head].into_iter().chain(rows).collect()
}

fn warnings(report: &AdvertiserReport) -> Vec<Line> {
    let head = line(&["event_tag_id", "name", "type", "warning", "advice", "example"]);
    let rows = report.warnings.iter().map(|found| {
        let (what, advice, example) = warning(&found.kind);
        let mut row = named(&found.tag);
        row.extend([what, advice.to_owned(), example]);
        row
    });
    [head].into_iter().chain(rows).collect()
}

const RECEIVED: [&str; 3] = ["received", "by_pixel", "by_api"];
const CREDIT: [&str; 3] = ["post_click", "post_view", "not_credited"];
const HIDDEN: &str = "hidden";

fn line(cells: &[&str]) -> Line {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

fn named(tag: &Tag) -> Line {
    vec![tag_id(tag), tag_name(tag), tag.event.name().to_owned()]
}

fn received(received: &Received) -> [String; 3] {
    [received.all(), received.by_pixel, received.by_api].map(|count| count.to_string())
}

fn credit(told: Option<Credit>) -> [String; 3] {
    shown(told.map(|credit| [credit.post_click, credit.post_view, credit.none]))
}

fn shown<const N: usize>(counts: Option<[u64; N]>) -> [String; N] {
    match counts {
        Some(counts) => counts.map(|count| count.to_string()),
        None => std::array::from_fn(|_| HIDDEN.to_owned()),
    }
}

/// All that occur, each of which is a column.
fn currencies(report: &AdvertiserReport) -> Vec<Currency> {
    let amounts = report.tags.iter().flat_map(|tag| &tag.received.amounts);
    let mut currencies: Vec<_> = amounts.map(|(currency, _)| *currency).collect();
    currencies.sort_by_key(Currency::to_string);
    currencies.dedup();
    currencies
}

fn value_columns(currencies: &[Currency]) -> impl Iterator<Item = String> {
    currencies.iter().map(|currency| format!("value_{currency}"))
}

fn values(amounts: &[(Currency, i128)], currencies: &[Currency]) -> Vec<String> {
    let sum = |currency| {
        amounts.iter().find(|(known, _)| known == currency).map(|(_, micros)| plain_amount(*micros))
    };
    currencies.iter().map(|currency| sum(currency).unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_a_formula() {
        for (cell, expect) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("Sale = 1", "Sale = 1"),
            ("", ""),
        ] {
            assert_eq!(harmless(cell), expect);
        }
        let rows = [vec!["=a,\"b\"".to_owned(), "c\nd".to_owned()]];
        assert_eq!(written(&rows).as_deref(), Some("\"'=a,\"\"b\"\"\",\"c\nd\"\r\n"));
    }

    #[test]
    fn every_table_has_a_name_of_its_own() {
        assert_eq!(Table::names(), "event-tags, over-time, line-items, warnings");
        assert!(Table::ALL.into_iter().all(|table| Table::named(table.name()) == Some(table)));
        assert_eq!(Table::named("x"), None);
    }
}
