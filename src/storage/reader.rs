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
    BEGIN, CONCEALED, CONVERSION, CREDITABLE, EMBED_VIEW, ERASED, ERASURE, MATCH, OPT_OUT, SETTINGS, SKIP,
    StoredConversion, StoredOptOut, TOUCH, UNMATCH, VERSION,
};
use super::record_credit::read_creditable;
use super::record_embed::StoredEmbedView;
use super::record_erasure::{StoredErasure, about};
use super::record_match::{StoredMatch, StoredUnmatch};
use super::record_settings::StoredSettings;
use super::record_touch::StoredTouch;
use super::scan::{Cursor, Piece, pieces};
use crate::consent::evidence::Evidence;
use crate::consent::prefs::AccountPrefs;
use crate::domain::attribution::Credit;
use crate::domain::conversion::{Conversion, ConversionKind};
use crate::domain::embed_view::EmbedView;
use crate::domain::id::EventId;
use crate::domain::matching::{PartnerMatch, Unmatch};
use crate::domain::opt_out::{OptOut, Subject};
use crate::domain::time::Timestamp;
use crate::domain::touch::Touch;

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
    /// `credit`: the ad touch that it was credited to when it was stored.
    Conversion {
        conversion: Conversion,
        evidence: Evidence,
        credit: Option<Box<Credit>>,
    },
    Touch {
        touch: Touch,
        evidence: Evidence,
    },
    OptOut(OptOut),
    EmbedView {
        view: EmbedView,
        evidence: Evidence,
    },
    Match {
        found: PartnerMatch,
        evidence: Evidence,
    },
    Unmatch(Unmatch),
    Settings(AccountPrefs),
}

impl Row {
    /// What an export can go on behind.
    pub const fn event_id(&self) -> Option<EventId> {
        match self {
            Self::Conversion { conversion, .. } => Some(conversion.id),
            Self::EmbedView { view, .. } => Some(view.id),
            Self::Match { found, .. } => Some(found.id),
            Self::Touch { touch, .. } => Some(touch.id),
            Self::OptOut(_) | Self::Unmatch(_) | Self::Settings(_) => None,
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
            Self::Match { .. } => EntryKind::Match,
            Self::Unmatch(_) => EntryKind::Unmatch,
            Self::Settings(_) => EntryKind::Settings,
            Self::Touch { .. } => EntryKind::Touch,
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

impl ReadError {
    pub(super) fn of_chain(dir: &Path, error: ChainError) -> Self {
        match error {
            ChainError::Io(source) => Self::Io { dir: dir.to_owned(), source },
            error => Self::Chain { dir: dir.to_owned(), why: error.to_string() },
        }
    }
}

/// Reads what is in `dir` at the moment. Stops quietly where the writer has not finished.
pub fn read(dir: &Path, from: From) -> Result<Rows, ReadError> {
    read_on(Arc::new(RealDisk), dir, from)
}

/// The same on any disk.
pub fn read_on(disk: Arc<dyn Disk>, dir: &Path, from: From) -> Result<Rows, ReadError> {
    let chain = Chain::read(&*disk, dir).map_err(|error| ReadError::of_chain(dir, error))?;
    let links = match from {
        From::AfterSequence(sequence) => chain.links_after(sequence),
        From::Start | From::AfterEvent(_) => &chain.links,
    };
    let doomed =
        doomed(&*disk, dir, links).map_err(|source| ReadError::Io { dir: dir.to_owned(), source })?;
    let links = links.iter().cloned().collect();
    let ends_log = true;
    Ok(Rows { disk, dir: dir.to_owned(), links, ends_log, doomed, from, open: None })
}

/// The rows of each file, newest file first, for who wants the newest and not read all the others for them. Each file
/// has to be asked for in turn: it tells of erasures that are about rows in the files before it.
pub fn newest_first(dir: &Path) -> Result<impl Iterator<Item = Rows>, ReadError> {
    newest_first_on(Arc::new(RealDisk), dir)
}

/// The same on any disk.
pub fn newest_first_on(
    disk: Arc<dyn Disk>,
    dir: &Path,
) -> Result<impl Iterator<Item = Rows> + use<>, ReadError> {
    let dir = dir.to_owned();
    let chain = Chain::read(&*disk, &dir).map_err(|error| ReadError::of_chain(&dir, error))?;
    let (mut doomed, mut ends_log) = (Doomed::new(), true);
    Ok(chain.links.into_iter().rev().map(move |link| {
        // What cannot be read is told when it is asked for its rows.
        let open = load(&*disk, &dir, &link).ok().flatten();
        open.iter().for_each(|open| open.note_erasures(&mut doomed));
        Rows {
            disk: disk.clone(),
            dir: dir.clone(),
            links: if open.is_some() { VecDeque::new() } else { VecDeque::from([link]) },
            ends_log: std::mem::replace(&mut ends_log, false),
            doomed: doomed.clone(),
            from: From::Start,
            open,
        }
    }))
}

/// Whose rows are not shown although they are still there: erasures that are pending stand behind them. Whoever is
/// done with when we look here is out of the files before we come to them.
fn doomed(disk: &dyn Disk, dir: &Path, links: &[Link]) -> io::Result<Doomed> {
    let mut doomed = Doomed::new();
    for link in links {
        load(disk, dir, link)?.iter().for_each(|open| open.note_erasures(&mut doomed));
    }
    Ok(doomed)
}

/// `None`: it was dropped for its age since we looked.
fn load(disk: &dyn Disk, dir: &Path, link: &Link) -> io::Result<Option<OpenFile>> {
    match file::load(disk, dir, link.header.number, link.end) {
        Ok(bytes) => Ok(Some(OpenFile { header: link.header, bytes, cursor: Cursor::new() })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The rows of a log; holds the bytes of one file at a time.
pub struct Rows {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    links: VecDeque<Link>,
    doomed: Doomed,
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
            match open.next(&self.doomed, self.ends_log && self.links.is_empty()) {
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
        let opened = load(&*self.disk, &self.dir, &link).map(|open| self.open = open);
        Some(opened.map_err(|source| ReadError::Io { dir: self.dir.clone(), source }))
    }
}

impl OpenFile {
    fn note_erasures(&self, doomed: &mut Doomed) {
        for piece in pieces(&self.bytes, self.header) {
            if let Piece::Frame(_, frame) = piece
                && (frame.head.kind, frame.head.version) == (ERASURE, VERSION)
                && let Some(erasure) = StoredErasure::read(frame.payload)
            {
                let until = doomed.entry(erasure.subject).or_default();
                *until = frame.head.sequence.max(*until);
            }
        }
    }

    fn next(&mut self, doomed: &Doomed, is_last: bool) -> Option<Result<Stored, ReadError>> {
        let file = self.header.number;
        loop {
            match self.cursor.next(&self.bytes, self.header)? {
                Piece::Frame(_, frame) if is_doomed(&frame, doomed) => {}
                Piece::Frame(offset, frame) => match decode(&frame) {
                    Some(None) => {}
                    decoded => {
                        let stored = decoded.flatten().map(|stored| stored.without_credit_to(doomed));
                        return Some(stored.ok_or(ReadError::Unknown { file, offset }));
                    }
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

impl Stored {
    /// A credit that rests on somebody else who is to be erased is not shown any more, as if it was gone already.
    pub(super) fn without_credit_to(mut self, doomed: &Doomed) -> Self {
        let is_doomed = |other: &Subject| doomed.get(other).is_some_and(|before| self.sequence < *before);
        if let Row::Conversion { conversion, credit, .. } = &mut self.row
            && let Some(known) = credit
            && known.others.iter().flatten().any(is_doomed)
        {
            (conversion.windows, *credit) = (None, None);
        }
        self
    }
}

pub(super) fn is_doomed(frame: &Frame<'_>, doomed: &Doomed) -> bool {
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
            if stored.row.event_id() == Some(id) {
                *from = From::Start;
            }
            false
        }
    }
}

/// `None` if the frame is of a kind or version that this program does not know, `Some(None)` if it is one of the log's
/// own marks.
pub(super) fn decode(frame: &Frame<'_>) -> Option<Option<Stored>> {
    let row = match (frame.head.kind, frame.head.version) {
        (CONVERSION, VERSION) => {
            let (conversion, evidence) = StoredConversion::read(frame.payload)?.take()?;
            Row::Conversion { conversion, evidence, credit: None }
        }
        (CREDITABLE, VERSION) => {
            let (stored, attribution) = read_creditable(frame.payload)?;
            let (mut conversion, evidence) = stored.take()?;
            let credit = attribution.take(&mut conversion)?.map(Box::new);
            Row::Conversion { conversion, evidence, credit }
        }
        (TOUCH, VERSION) => {
            let (touch, evidence) = StoredTouch::read(frame.payload)?;
            Row::Touch { touch, evidence }
        }
        (OPT_OUT, VERSION) => Row::OptOut(StoredOptOut::read(frame.payload)?),
        (EMBED_VIEW, VERSION) => {
            let (view, evidence) = StoredEmbedView::read(frame.payload)?;
            Row::EmbedView { view, evidence }
        }
        (MATCH, VERSION) => {
            let (found, evidence) = StoredMatch::read(frame.payload)?;
            Row::Match { found, evidence }
        }
        (UNMATCH, VERSION) => Row::Unmatch(StoredUnmatch::read(frame.payload)?),
        (SETTINGS, VERSION) => Row::Settings(StoredSettings::read(frame.payload)?),
        (BEGIN | SKIP, _) | (ERASURE | ERASED | CONCEALED, VERSION) => return Some(None),
        _ => return None,
    };
    Some(Some(Stored { sequence: frame.head.sequence, at: Timestamp(frame.head.at_ms), row }))
}
