//! What was not stored, as the page and its file tell it.

use super::view::Moment;
use super::words::{about_id, about_name, why};
use crate::domain::conversion::ShortText;
use crate::http::figures::number;
use crate::service::advertiser_report::AdvertiserReport;
use crate::service::tag_watch::Unstored;
use crate::service::unstored_report::{BySource, Line, TagUnstored, What, is_of_people};

/// The section of the page.
pub(super) struct UnstoredView {
    /// The server's start.
    pub(super) since: Moment,
    pub(super) tags: Vec<TagView>,
    pub(super) hides: bool,
}

pub(super) struct TagView {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) rows: Vec<RowView>,
}

pub(super) struct RowView {
    pub(super) text: String,
    /// Part of the row above it that is none.
    pub(super) is_part: bool,
    /// `None`: hidden.
    pub(super) counts: BySource<Option<String>>,
}

impl UnstoredView {
    pub(super) fn of(report: &AdvertiserReport) -> Self {
        let tag = |tag: &TagUnstored| TagView {
            name: about_name(&tag.about),
            id: about_id(&tag.about),
            rows: rows(tag).into_iter().map(RowView::of).collect(),
        };
        Self {
            since: Moment::of(report.since),
            tags: report.unstored.iter().map(tag).collect(),
            hides: report.unstored.iter().any(TagUnstored::hides),
        }
    }
}

impl RowView {
    fn of(row: Row) -> Self {
        let text = match (&row.event_name, row.is_part) {
            (Some(name), _) => format!("Called “{name}”"),
            (None, true) => capital(&row.why),
            (None, false) if row.outcome == SUPPRESSED => capital(&row.why),
            (None, false) => format!("{}: {}", capital(row.outcome), row.why),
        };
        Self { text, is_part: row.is_part, counts: row.counts.map(|count| count.map(number)) }
    }
}

/// A row of the table.
pub(super) struct Row {
    /// Words as answers have them; no reason where it is the sum of all of them, or where an event's name is what is counted.
    pub(super) outcome: &'static str,
    pub(super) reason: &'static str,
    pub(super) why: String,
    pub(super) event_name: Option<String>,
    is_part: bool,
    /// `None`: hidden.
    pub(super) counts: BySource<Option<u64>>,
}

/// First why, and then the names of events for which there is no tag.
pub(super) fn rows(tag: &TagUnstored) -> Vec<Row> {
    let names = tag.names.iter().map(|(name, counts)| Row::of_name(Some(name), *counts));
    let others = (tag.other_names != [0; 2]).then(|| Row::of_name(None, tag.other_names));
    tag.lines.iter().map(Row::of).chain(names).chain(others).collect()
}

impl Row {
    fn of(line: &Line) -> Self {
        let (outcome, reason, is_part) = match line.what {
            What::Refused => (SUPPRESSED, "", false),
            What::Unstored(why) => (why.word(), why.reason(), is_of_people(why)),
        };
        Self { outcome, reason, why: why(line.what), event_name: None, is_part, counts: line.counts }
    }

    fn of_name(name: Option<&ShortText>, counts: BySource<u64>) -> Self {
        Self {
            outcome: Unstored::WithOthers.word(),
            reason: "",
            why: match name {
                Some(_) => "the pixel has no event tag of this name".to_owned(),
                None => "other names that the pixel has no event tag for".to_owned(),
            },
            event_name: name.map(|name| name.as_str().to_owned()),
            is_part: true,
            counts: counts.map(Some),
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// What consent refuses.
const SUPPRESSED: &str = "suppressed";
