//! A partner targeting user file on its way in, read as it comes: only what we may use of it is kept, even in memory.

use std::io::{self, Write};
use std::ops::ControlFlow;

use flate2::write::MultiGzDecoder;
use serde::Serialize;

use super::partners::Partner;
use crate::domain::settings::Registry;
use crate::domain::targeting::{BadTargetingRow, TargetingRow};
use crate::domain::time::Timestamp;
use crate::storage::match_table::MatchTable;
use crate::storage::targeting::{ListBuilder, TargetingList};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Tab-separated values.
    Tsv,
    /// The same, compressed with gzip.
    TsvGz,
}

impl Format {
    /// By its first bytes.
    pub fn of(file: &[u8]) -> Self {
        if file.starts_with(&[0x1f, 0x8b]) { Self::TsvGz } else { Self::Tsv }
    }
}

/// What became of the rows of a delivery. Each row counts once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DeliveryCounts {
    pub rows: u64,
    pub kept: u64,
    /// They cannot be read; the first of them are in `errors`.
    pub bad: u64,
    /// No account has the handle.
    pub unknown_advertiser: u64,
    /// The match table does not say that the partner itself has named a browser so, and that its person lets us use that
    /// for audiences.
    pub not_targetable: u64,
    /// The same person in the same audience once more.
    pub repeated: u64,
    pub errors: Vec<BadLine>,
}

/// A row that cannot be read. Repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BadLine {
    /// From 1.
    pub line: u64,
    pub error: &'static str,
}

/// Why nothing of a delivery is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadDelivery {
    #[error("it is no gzip file, or was cut short")]
    Gzip,
    #[error("it has more than {} GiB when unpacked", UNPACKED_BYTES_MAX >> 30)]
    TooLarge,
    #[error("none of its {rows} row(s) can be read; line {line}: {error}")]
    NoGoodRow { rows: u64, line: u64, error: &'static str },
}

/// One delivery of one partner.
pub struct Delivery<'a> {
    reading: Reading<'a>,
    failure: Option<BadDelivery>,
}

enum Reading<'a> {
    Gzip(Box<MultiGzDecoder<Lines<'a>>>),
    Plain(Box<Lines<'a>>),
}

impl<'a> Delivery<'a> {
    pub fn new(format: Format, partner: &'a Partner, registry: &'a Registry, table: &'a MatchTable) -> Self {
        let (list, counts) = (ListBuilder::default(), DeliveryCounts::default());
        let rows = Rows { partner, registry, table, list, counts };
        let lines = Lines { rows, rest: Vec::new(), line: 1, bytes: 0 };
        let reading = match format {
            Format::TsvGz => Reading::Gzip(Box::new(MultiGzDecoder::new(lines))),
            Format::Tsv => Reading::Plain(Box::new(lines)),
        };
        Self { reading, failure: None }
    }

    /// Takes the next bytes; `Break` where no more of them help.
    pub fn take(&mut self, bytes: &[u8]) -> ControlFlow<()> {
        let taken = match &mut self.reading {
            Reading::Gzip(decoder) => decoder.write_all(bytes),
            Reading::Plain(lines) => lines.write_all(bytes),
        };
        match taken {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failure.get_or_insert(BadDelivery::of(&error));
                ControlFlow::Break(())
            }
        }
    }

    /// All of it was there. The list is in force from `taken_at` on.
    pub fn finish(
        self,
        taken_at: Timestamp,
        expires_at: Timestamp,
        day: Option<u32>,
    ) -> Result<(TargetingList, DeliveryCounts), BadDelivery> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let mut lines = match self.reading {
            Reading::Gzip(decoder) => decoder.finish().map_err(|error| BadDelivery::of(&error))?,
            Reading::Plain(lines) => *lines,
        };
        lines.end_line();
        let Rows { list, mut counts, .. } = lines.rows;
        if let Some(BadLine { line, error }) = counts.errors.first().filter(|_| counts.bad == counts.rows) {
            return Err(BadDelivery::NoGoodRow { rows: counts.rows, line: *line, error });
        }
        let (list, repeated) = list.finish(taken_at, expires_at, day);
        counts.kept -= repeated;
        counts.repeated = repeated;
        Ok((list, counts))
    }
}

impl BadDelivery {
    fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::FileTooLarge => Self::TooLarge,
            _ => Self::Gzip,
        }
    }
}

/// Cuts what is written into lines.
struct Lines<'a> {
    rows: Rows<'a>,
    /// The beginning of a line; of one that is too long no more than it takes to know that.
    rest: Vec<u8>,
    line: u64,
    bytes: u64,
}

impl Lines<'_> {
    fn append(&mut self, piece: &[u8]) {
        let room = (LINE_BYTES_MAX + 1).saturating_sub(self.rest.len());
        self.rest.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    fn end_line(&mut self) {
        self.rows.take(self.line, &self.rest);
        self.rest.clear();
        self.line += 1;
    }
}

impl Write for Lines<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes += bytes.len() as u64;
        if self.bytes > UNPACKED_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        let last = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            self.append(piece);
            self.end_line();
        }
        self.append(last);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Judges each row, and keeps what we may use.
struct Rows<'a> {
    partner: &'a Partner,
    registry: &'a Registry,
    table: &'a MatchTable,
    list: ListBuilder,
    counts: DeliveryCounts,
}

impl Rows<'_> {
    fn take(&mut self, line: u64, bytes: &[u8]) {
        if bytes.trim_ascii().is_empty() {
            return;
        }
        self.counts.rows += 1;
        if let Err(error) = self.judge(bytes) {
            self.counts.bad += 1;
            if self.counts.errors.len() < ERRORS_MAX {
                self.counts.errors.push(BadLine { line, error });
            }
        }
    }

    fn judge(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        if bytes.len() > LINE_BYTES_MAX {
            return Err("expected at most 4096 bytes");
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "expected UTF-8")?;
        let row = TargetingRow::parse(text).map_err(BadTargetingRow::expected)?;
        if row.partner_id != self.partner.id {
            return Err(BadTargetingRow::PartnerNumber.expected());
        }
        let id = self.partner.parse_user_id(row.partner_user_id).map_err(|why| why.in_words())?;
        let Some(account_id) = self.registry.account_called(&row.handle) else {
            self.counts.unknown_advertiser += 1;
            return Ok(());
        };
        let Some(who) = self.table.find_targetable(self.partner.id, id.hashed()) else {
            self.counts.not_targetable += 1;
            return Ok(());
        };
        let added = self.list.add(&who, account_id, row.audience, row.score);
        added.map_err(|_| "the list is full: 4,000,000 people or 100,000 audiences")?;
        self.counts.kept += 1;
        Ok(())
    }
}

const LINE_BYTES_MAX: usize = 4_096;
const UNPACKED_BYTES_MAX: u64 = 8 << 30;
const ERRORS_MAX: usize = 100;
