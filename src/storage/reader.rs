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
use super::erasures::Doomed;
use super::file::{self, Header};
use super::frame::Frame;
use super::real_disk::RealDisk;
use super::record::{
    BEGIN, CONCEALED, CONVERSION, ERASED, ERASURE, OPT_OUT, SKIP, StoredConversion, StoredOptOut, VERSION,
};
use super::record_erasure::{StoredErasure, about};
use super::scan::{Cursor, Piece, pieces};
use crate::consent::evidence::Evidence;
use crate::domain::conversion::{Conversion, ConversionKind};
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
#[expect(clippy::large_enum_variant, reason = "nearly every row is a conversion")]
pub enum Row {
    Conversion { conversion: Conversion, evidence: Evidence },
    OptOut(OptOut),
}

impl Row {
    pub const fn kind(&self) -> EntryKind {
        match self {
            Self::Conversion { conversion, .. } => match conversion.kind() {
                ConversionKind::PageView => EntryKind::PageView,
                ConversionKind::Conversion => EntryKind::Conversion,
            },
            Self::OptOut(_) => EntryKind::OptOut,
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
    let doomed =
        doomed(&*disk, dir, links).map_err(|source| ReadError::Io { dir: dir.to_owned(), source })?;
    let links = links.iter().cloned().collect();
    Ok(Rows { disk, dir: dir.to_owned(), links, doomed, from, open: None })
}

/// Whose rows are not shown although they are still there: erasures that are pending stand behind them. Whoever is
/// done with when we look here is out of the files before we come to them.
fn doomed(disk: &dyn Disk, dir: &Path, links: &[Link]) -> io::Result<Doomed> {
    let mut doomed = Doomed::new();
    for link in links {
        let bytes = match file::load(disk, dir, link.header.number, link.end) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            loaded => loaded?,
        };
        for piece in pieces(&bytes, link.header) {
            if let Piece::Frame(_, frame) = piece
                && (frame.head.kind, frame.head.version) == (ERASURE, VERSION)
                && let Some(erasure) = StoredErasure::read(frame.payload)
            {
                doomed.insert(erasure.subject, frame.head.sequence);
            }
        }
    }
    Ok(doomed)
}

/// The rows of a log; holds the bytes of one file at a time.
pub struct Rows {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    links: VecDeque<Link>,
    doomed: Doomed,
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
            match open.next(&self.doomed, self.links.is_empty()) {
                Some(Ok(stored)) if !wants(&mut self.from, &stored) => {}
                Some(read) => return Some(read),
                None => self.open = None,
            }
        }
    }
}

impl Rows {
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
    fn next(&mut self, doomed: &Doomed, is_last: bool) -> Option<Result<Stored, ReadError>> {
        let file = self.header.number;
        loop {
            match self.cursor.next(&self.bytes, self.header)? {
                Piece::Frame(_, frame) if is_doomed(&frame, doomed) => {}
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

fn is_doomed(frame: &Frame<'_>, doomed: &Doomed) -> bool {
    let mut is_doomed = false;
    if !doomed.is_empty() {
        about(frame, |subject| {
            is_doomed = doomed.get(&subject).is_some_and(|before| frame.head.sequence < *before);
            is_doomed
        });
    }
    is_doomed
}

/// Whether `stored` is one of those that were asked for.
fn wants(from: &mut From, stored: &Stored) -> bool {
    match *from {
        From::Start => true,
        From::AfterSequence(sequence) => stored.sequence > sequence,
        From::AfterEvent(id) => {
            if matches!(&stored.row, Row::Conversion { conversion, .. } if conversion.id == id) {
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
        (BEGIN | SKIP, _) | (ERASURE | ERASED | CONCEALED, VERSION) => return Some(None),
        _ => return None,
    };
    Some(Some(Stored { sequence: frame.head.sequence, at: Timestamp(frame.head.at_ms), row }))
}
