//! What an advertiser should look at: an event tag whose rows say that something is set up wrong.

use super::advertiser_report::{Count, Tag};
use super::small_cells::EVENTS_MIN;
use crate::domain::event::EventType;
use crate::domain::time::{MS_PER_DAY, Timestamp};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    pub tag: Tag,
    pub kind: WarningKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WarningKind {
    /// So many events are from pages of origins that the pixel does not list; the origin of the latest.
    ForeignOrigin { events: u64, origin: Option<String> },
    /// None of its purchases has a value; when the latest of them came in.
    NoValue { events: u64, latest: Timestamp },
    /// Over half of so many events have nothing that an ad can be found by.
    FewMatchKeys { events: u64 },
    /// Nothing came in for so many days; when the latest did.
    Silent { days: u64, latest: Timestamp },
}

/// Silence that is worth a look.
const SILENT_DAYS: u64 = 7;

/// What the span says; of silence, all that there is.
pub(super) fn of(count: &Count, now: Timestamp) -> Vec<Warning> {
    let tally = &count.all.tally;
    let mut kinds = Vec::new();
    if tally.foreign_origins > 0 {
        let origin = tally.foreign_origin.clone();
        kinds.push(WarningKind::ForeignOrigin { events: tally.foreign_origins, origin });
    }
    if count.tag.event == EventType::Purchase && tally.rows > 0 && tally.amounts.is_empty() {
        kinds.push(WarningKind::NoValue { events: tally.rows, latest: tally.last_at });
    }
    // Fewer are too few to be told.
    if tally.without_keys >= EVENTS_MIN && tally.without_keys > tally.rows / 2 {
        kinds.push(WarningKind::FewMatchKeys { events: tally.rows });
    }
    if let Some(latest) = count.last_at {
        let days = now.ms_since(latest) / MS_PER_DAY;
        if days >= SILENT_DAYS {
            kinds.push(WarningKind::Silent { days, latest });
        }
    }
    kinds.into_iter().map(|kind| Warning { tag: count.tag.clone(), kind }).collect()
}
