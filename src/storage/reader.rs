//! The log as its readers see it: stored rows in order, from a directory that may be written to meanwhile.
//!
//! Takes no lock and changes nothing. Never makes a `Permitted` of what it reads: only the gate does.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chain::{Chain, ChainError, Link};
use super::disk::Disk;
use super::entry::EntryKind;
use super::file::{self, Header};
use super::frame::Frame;
use super::real_disk::RealDisk;
use super::record::{BEGIN, CONVERSION, EMBED_VIEW, OPT_OUT, SKIP, StoredConversion, StoredOptOut, VERSION};
use super::record_embed::StoredEmbedView;
use super::scan::{Cursor, Piece};
use crate::consent::evidence::Evidence;
use crate::domain::conversion::{Conversion, ConversionKind};
use crate::domain::embed_view::EmbedView;
use crate::domain::id::EventId;
use crate::domain::opt_out::OptOut;
use crate::domain::time::Timestamp;

/// One entry as the log has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Counts up through the whole log; numbers are left out where something was given up or lost.
    pub sequence: u64,
    /// When it was appended, by the log's own time.
    pub at: Timestamp,
    pub row: Row,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    Conversion { conversion: Conversion, evidence: Evidence },
    OptOut(OptOut),
    EmbedView { view: EmbedView, evidence: Evidence },
}

impl Row {
    /// What an export can go on behind.
    pub const fn event_id(&self) -> Option<EventId> {
        match self {
            Self::Conversion { conversion, .. } => Some(conversion.id),
            Self::EmbedView { view, .. } => Some(view.id),
            Self::OptOut(_) => None,
        }
    }

    pub const fn kind(&self) -> EntryKind {
        match self {
            Self::Conversion { conversion, .. } => match conversion.kind() {
                ConversionKind::PageView => EntryKind::PageView,
                ConversionKind::Conversion => EntryKind::Conversion,
            },
            Self::OptOut(_) => EntryKind::OptOut,
            Self::EmbedView { .. } => EntryKind::EmbedView,
        }
    }
}

/// Where to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Start,
    /// Behind the entry of this sequence number, whether it is there or not.
    AfterSequence(u64),
    /// Behind the event of this id; nothing at all if it is not there.
    AfterEvent(EventId),
}

/// Why the log, or a part of it, could not be read. Reading may go on behind [`Self::Damaged`] and
/// [`Self::Unknown`].
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the log in {dir} could not be read")]
    Io { dir: PathBuf, source: io::Error },
    #[error("the files in {dir} do not make up a log: {why}; `pixelgate log verify` says more")]
    Chain { dir: PathBuf, why: String },
    #[error("file {file:016x}.log has {bytes} damaged bytes at {offset}; `pixelgate log verify` says more")]
    Damaged { file: u64, offset: u64, bytes: u64 },
    #[error("file {file:016x}.log has an entry at {offset} that this version does not know")]
    Unknown { file: u64, offset: u64 },
}

/// Reads what is in `dir` at the moment. Stops quietly where the writer has not finished.
pub fn read(dir: &Path, from: From) -> Result<Rows, ReadError> {
    read_on(Arc::new(RealDisk), dir, from)
}

/// The same on any disk.
pub fn read_on(disk: Arc<dyn Disk>, dir: &Path, from: From) -> Result<Rows, ReadError> {
    let chain = match Chain::read(&*disk, dir) {
        Ok(chain) => chain,
        Err(ChainError::Io(source)) => return Err(ReadError::Io { dir: dir.to_owned(), source }),
        Err(error) => return Err(ReadError::Chain { dir: dir.to_owned(), why: error.to_string() }),
    };
    let links = match from {
        From::AfterSequence(sequence) => chain.links_after(sequence),
        From::Start | From::AfterEvent(_) => &chain.links,
    };
    let links = links.iter().cloned().collect();
    Ok(Rows { disk, dir: dir.to_owned(), links, ends_log: true, from, open: None })
}

/// The rows of a log; holds the bytes of one file at a time.
pub struct Rows {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    links: VecDeque<Link>,
    /// Whether the last of `links` is the log's last file, whose end may be unfinished.
    ends_log: bool,
    from: From,
    open: Option<OpenFile>,
}

struct OpenFile {
    header: Header,
    bytes: Vec<u8>,
    cursor: Cursor,
}

impl Iterator for Rows {
    type Item = Result<Stored, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(open) = &mut self.open else {
                match self.open_next()? {
                    Ok(()) => continue,
                    Err(error) => return Some(Err(error)),
                }
            };
            match open.next(self.ends_log && self.links.is_empty()) {
                Some(Ok(stored)) if !wants(&mut self.from, &stored) => {}
                Some(read) => return Some(read),
                None => self.open = None,
            }
        }
    }
}

impl Rows {
    /// All rows, file by file, oldest first: for who wants the newest rows and not read all the others for them.
    pub fn by_file(self) -> impl DoubleEndedIterator<Item = Self> {
        let Self { disk, dir, links, .. } = self;
        let count = links.len();
        links.into_iter().enumerate().map(move |(number, link)| Self {
            disk: disk.clone(),
            dir: dir.clone(),
            links: VecDeque::from([link]),
            ends_log: number + 1 == count,
            from: From::Start,
            open: None,
        })
    }

    /// `None` after the last file.
    fn open_next(&mut self) -> Option<Result<(), ReadError>> {
        let link = self.links.pop_front()?;
        match file::load(&*self.disk, &self.dir, link.header.number, link.end) {
            Ok(bytes) => self.open = Some(OpenFile { header: link.header, bytes, cursor: Cursor::new() }),
            // Dropped for its age since we looked.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Some(Err(ReadError::Io { dir: self.dir.clone(), source })),
        }
        Some(Ok(()))
    }
}

impl OpenFile {
    fn next(&mut self, is_last: bool) -> Option<Result<Stored, ReadError>> {
        let file = self.header.number;
        loop {
            match self.cursor.next(&self.bytes, self.header)? {
                Piece::Frame(offset, frame) => match decode(&frame) {
                    Some(None) => {}
                    decoded => return Some(decoded.flatten().ok_or(ReadError::Unknown { file, offset })),
                },
                Piece::Torn(_) if is_last => return None,
                Piece::Gap(range) | Piece::Torn(range) => {
                    let (offset, bytes) = (range.start, range.end - range.start);
                    return Some(Err(ReadError::Damaged { file, offset, bytes }));
                }
            }
        }
    }
}

/// Whether `stored` is one of those that were asked for.
fn wants(from: &mut From, stored: &Stored) -> bool {
    match *from {
        From::Start => true,
        From::AfterSequence(sequence) => stored.sequence > sequence,
        From::AfterEvent(id) => {
            if stored.row.event_id() == Some(id) {
                *from = From::Start;
            }
            false
        }
    }
}

/// `None` if the frame is of a kind or version that this program does not know, `Some(None)` if it is one of the log's
/// own marks.
fn decode(frame: &Frame<'_>) -> Option<Option<Stored>> {
    let row = match (frame.head.kind, frame.head.version) {
        (CONVERSION, VERSION) => {
            let (conversion, evidence) = StoredConversion::read(frame.payload)?.take()?;
            Row::Conversion { conversion, evidence }
        }
        (OPT_OUT, VERSION) => Row::OptOut(StoredOptOut::read(frame.payload)?),
        (EMBED_VIEW, VERSION) => {
            let (view, evidence) = StoredEmbedView::read(frame.payload)?;
            Row::EmbedView { view, evidence }
        }
        (BEGIN | SKIP, _) => return Some(None),
        _ => return None,
    };
    Some(Some(Stored { sequence: frame.head.sequence, at: Timestamp(frame.head.at_ms), row }))
}
