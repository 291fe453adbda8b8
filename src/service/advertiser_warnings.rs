//! What an advertiser should look at: an event tag of which rows, or what was not stored, say that something is set up wrong.

use super::advertiser_count::Count;
use super::advertiser_report::About;
use super::small_cells::EVENTS_MIN;
use super::unstored_report::{BySource, TagUnstored};
use crate::domain::conversion::ShortText;
use crate::domain::event::EventType;
use crate::domain::time::{MS_PER_DAY, Timestamp};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    pub about: About,
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
    /// Pixel and API both told of so many events since the server's start, and never of the same one.
    NoOverlap { events: BySource<u64>, since: Timestamp },
    /// So many events since the server's start are of names that the pixel has no tag for; the most frequent of these, if any
    /// could be kept, and how often it came.
    UnknownEvents { events: u64, name: Option<(ShortText, u64)> },
}

/// Silence that is worth a look.
const SILENT_DAYS: u64 = 7;
/// By each source; of fewer it may be chance that none is told by both.
const OVERLAP_ROWS_MIN: u64 = 10;

/// Those of tags that are there, in their order, and then those of the pixels.
pub(super) fn all(
    counts: &[Count],
    unstored: &[TagUnstored],
    since: Timestamp,
    now: Timestamp,
) -> Vec<Warning> {
    let tags = counts.iter().filter(|count| !count.tag.is_gone());
    let tags = tags.flat_map(|count| {
        let about = About::Tag(count.tag.clone());
        let kinds = of(count, now).into_iter().chain(no_overlap(count, unstored, since));
        kinds.map(|kind| Warning { about: about.clone(), kind }).collect::<Vec<_>>()
    });
    tags.chain(unstored.iter().filter_map(unknown_events)).collect()
}

/// What the span says; of silence, all that there is.
fn of(count: &Count, now: Timestamp) -> Vec<WarningKind> {
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
    kinds
}

fn no_overlap(count: &Count, unstored: &[TagUnstored], since: Timestamp) -> Option<WarningKind> {
    let events = count.since_start;
    let of_tag = |unstored: &&TagUnstored| matches!(&unstored.about, About::Tag(tag) if *tag == count.tag);
    let overlap = unstored.iter().find(of_tag).map_or(0, TagUnstored::overlap);
    let is_so = overlap == 0 && events.iter().all(|events| *events >= OVERLAP_ROWS_MIN);
    is_so.then_some(WarningKind::NoOverlap { events, since })
}

fn unknown_events(unstored: &TagUnstored) -> Option<Warning> {
    let events = unstored.unknown_events();
    let name = unstored.names.first().map(|(name, counts)| (name.clone(), counts.iter().sum()));
    let kind = WarningKind::UnknownEvents { events, name };
    (events > 0).then(|| Warning { about: unstored.about.clone(), kind })
}
