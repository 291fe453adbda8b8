//! What the operator can choose about the log.

use std::time::Duration;

use super::durable::AckClass;
use super::entry::EntryKind;
use super::file::{FILE_BYTES_MAX, FILE_BYTES_MIN};

/// Sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// The size of one log file, 16 KiB to 1 GiB.
    pub file_bytes: u64,
    pub ack: AckClasses,
    /// Entries that may wait for the writer. Page views are refused from a half of it, matches and touches from three quarters,
    /// conversions from nine tenths, opt-outs at twice of it.
    pub queue_entries_max: usize,
    /// How long the same event is known to be the same, by the log's own time.
    pub dedup_window: Duration,
    /// Keys of events kept for that; beyond it the oldest are forgotten early. About 60 bytes of memory each.
    pub dedup_keys_max: usize,
    /// Rows of the match table, about 170 bytes of memory each; beyond it new ones are refused.
    pub match_rows_max: usize,
    /// Ad touches that conversions can be credited to, about 230 bytes of memory each, and a quarter as many times
    /// that somebody was seen on a device, about 600 bytes each; beyond it the oldest are forgotten early.
    pub touches_max: usize,
    pub retain: Retain,
    /// Within this time of an erasure nothing of its subject is left in any file.
    pub erase_within: Duration,
    /// How long to wait before the disk is tried again after it took nothing.
    pub retry_after: Duration,
    pub housekeeping: Housekeeping,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            file_bytes: 64 << 20,
            ack: AckClasses::default(),
            queue_entries_max: 16_384,
            dedup_window: Duration::from_secs(48 * 3_600),
            dedup_keys_max: 20_000_000,
            match_rows_max: 50_000_000,
            touches_max: 5_000_000,
            retain: Retain::default(),
            erase_within: Duration::from_secs(24 * 3_600),
            retry_after: Duration::from_secs(1),
            housekeeping: Housekeeping::Background,
        }
    }
}

impl LogOptions {
    /// What is wrong with the options, if anything is.
    pub fn mistake(&self) -> Option<&'static str> {
        if !(FILE_BYTES_MIN..=FILE_BYTES_MAX).contains(&self.file_bytes) {
            Some("a log file has 16 KiB to 1 GiB")
        } else if self.queue_entries_max < QUEUE_ENTRIES_MIN {
            Some("the queue has room for at least 16 entries")
        } else if self.retain.shortest().is_some_and(|shortest| shortest < self.dedup_window) {
            Some("entries are kept at least as long as duplicates of them are looked for")
        } else {
            None
        }
    }
}

const QUEUE_ENTRIES_MIN: usize = 16;

/// How long entries of each kind are kept, by the log's own time; `None`: for ever. Not shorter than the time for which
/// duplicates are known. Opt-outs and settings are kept for ever.
///
/// What is past its time goes within a day, or a tenth of its time if that is shorter, so that a file is not rewritten
/// for every entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retain {
    pub page_view: Option<Duration>,
    pub conversion: Option<Duration>,
    pub embed_view: Option<Duration>,
    pub matches: Option<Duration>,
    pub touch: Option<Duration>,
}

impl Retain {
    /// The same time for everything.
    pub const fn all(time: Duration) -> Self {
        let time = Some(time);
        Self { page_view: time, conversion: time, embed_view: time, matches: time, touch: time }
    }

    fn shortest(self) -> Option<Duration> {
        [self.page_view, self.conversion, self.embed_view, self.matches, self.touch]
            .into_iter()
            .flatten()
            .min()
    }
}

/// Who makes files ready and takes old ones away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Housekeeping {
    /// A thread of its own, ahead of the need.
    Background,
    /// The writer, between two groups: slower, but the order of operations on the disk is always the same.
    Inline,
}

/// How safe each kind of entry is before its sender is told. Opt-outs, settings and erasures are always
/// [`AckClass::Disk`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckClasses {
    pub page_view: AckClass,
    pub conversion: AckClass,
    pub matches: AckClass,
    pub touch: AckClass,
}

impl Default for AckClasses {
    fn default() -> Self {
        let os = AckClass::Os;
        Self { page_view: os, conversion: AckClass::Disk, matches: os, touch: os }
    }
}

impl AckClasses {
    pub const fn of(self, kind: EntryKind) -> AckClass {
        match kind {
            EntryKind::PageView | EntryKind::EmbedView => self.page_view,
            EntryKind::Conversion => self.conversion,
            EntryKind::Match | EntryKind::Unmatch => self.matches,
            EntryKind::Touch => self.touch,
            EntryKind::OptOut | EntryKind::Erasure | EntryKind::Settings => AckClass::Disk,
        }
    }
}
