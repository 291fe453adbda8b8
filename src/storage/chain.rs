//! Which files make up the log, in what order, and how much of each counts.
//!
//! Every file begins with a frame that names the file before it and where that one ends. Files that no other one
//! leads back to were given up before anything in them was acknowledged.

use std::io;
use std::path::Path;

use super::disk::Disk;
use super::file::{self, DATA_AT, FILE_BYTES_MAX, Header, Name};
use super::frame::Frame;
use super::record::{BEGIN, Begin, SKIP};
use super::scan::{Piece, Summary, pieces};

/// The files of a data directory.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chain {
    /// Oldest first; the last one is being written to, or was.
    pub(super) links: Vec<Link>,
    /// Ready and empty, in the order in which they are to be used.
    pub(super) spare: Vec<Header>,
    /// Numbers of files that hold nothing that counts.
    pub(super) void: Vec<u64>,
    /// Numbers of files that were being made ready.
    pub(super) unfinished: Vec<u64>,
    pub(super) number_max: u64,
}

/// One file that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) header: Header,
    /// The first sequence number that can be in it.
    pub(super) sequence: u64,
    /// Frames behind this do not count.
    pub(super) end: u64,
    /// What the next file says was on the disk.
    pub(super) durable: u64,
}

impl Link {
    /// All of the file that counts, and what is found in it.
    pub(super) fn load(&self, disk: &dyn Disk, dir: &Path) -> io::Result<(Vec<u8>, Summary)> {
        let bytes = file::load(disk, dir, self.header.number, self.end)?;
        // It may have been written again since we looked.
        if let Some(end) = Header::decode(&bytes).and_then(|header| header.end) {
            return Ok(self.of_rewritten(bytes, end));
        }
        let mut summary = Summary::new(self.durable);
        pieces(&bytes, self.header).for_each(|piece| summary.take(&piece));
        // Nothing says where the last file ends, or one whose successor has lost the frame that begins it.
        if self.end < FILE_BYTES_MAX {
            summary.expect_end(self.end);
        }
        Ok((bytes, summary))
    }

    /// All of it was on the disk before it took its place.
    fn of_rewritten(&self, mut bytes: Vec<u8>, end: u64) -> (Vec<u8>, Summary) {
        bytes.truncate(end as usize);
        let mut summary = Summary::new(end);
        pieces(&bytes, self.header).for_each(|piece| summary.take(&piece));
        summary.expect_end(end);
        (bytes, summary)
    }
}

/// Why the files do not make up a log.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChainError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("file {0:016x}.log has no header")]
    NoHeader(u64),
    #[error("file {0:016x}.log is missing, or nothing is left in it")]
    Missing(u64),
}

impl Chain {
    pub(super) fn read(disk: &dyn Disk, dir: &Path) -> Result<Self, ChainError> {
        let mut attempts = 0;
        loop {
            let mut chain = Self::default();
            let names = file::list(disk, dir)?;
            let starts = chain.read_starts(disk, dir, &names)?;
            attempts += 1;
            // Where files went away meanwhile for their age, the rest does not fit together: once more.
            match chain.link(disk, dir, starts) {
                Err(ChainError::Missing(_)) if attempts < ATTEMPTS_MAX && file::list(disk, dir)? != names => {
                }
                linked => return linked.map(|()| chain),
            }
        }
    }

    fn read_starts(&mut self, disk: &dyn Disk, dir: &Path, names: &[Name]) -> Result<Vec<Start>, ChainError> {
        let mut starts = Vec::new();
        for name in names {
            self.number_max = self.number_max.max(name.number());
            match name {
                Name::Log(number) => starts.extend(Start::read(disk, dir, *number)?),
                Name::New(number) => self.unfinished.push(*number),
                Name::Lost(_) => {}
            }
        }
        Ok(starts)
    }

    /// From the last file with something in it back to the first.
    fn link(&mut self, disk: &dyn Disk, dir: &Path, mut starts: Vec<Start>) -> Result<(), ChainError> {
        let last = starts.iter().rposition(Start::is_used);
        for start in starts.drain(last.map_or(0, |last| last + 1)..) {
            match start.content {
                Content::Empty => self.spare.push(start.header),
                _ => self.void.push(start.header.number),
            }
        }
        let mut end = (FILE_BYTES_MAX, 0);
        while let Some(start) = starts.pop() {
            let (begin, sequence) = match start.content {
                Content::Begun(begin, sequence) => (Some(begin), sequence),
                Content::Headless(sequence) => (None, sequence),
                Content::Empty | Content::Torn => {
                    self.void.push(start.header.number);
                    continue;
                }
            };
            let (end_here, durable) = start.header.end.map_or(end, |own| (own, own));
            self.links.push(Link { header: start.header, sequence, end: end_here, durable });
            end = match begin {
                Some(begin) => {
                    self.skip_to(begin.previous, &mut starts)?;
                    (u64::from(begin.end), u64::from(begin.durable))
                }
                None => {
                    let previous = starts.iter().rfind(|start| start.is_used());
                    let end = previous.map(|previous| end_before(disk, dir, previous.header, sequence));
                    (end.transpose()?.unwrap_or(FILE_BYTES_MAX), 0)
                }
            };
        }
        self.links.reverse();
        Ok(())
    }

    /// Takes files off `starts` until `previous` is the last one. None is left if it was dropped for its age.
    fn skip_to(&mut self, previous: u64, starts: &mut Vec<Start>) -> Result<(), ChainError> {
        if previous != 0 && !starts.is_empty() && !starts.iter().any(|start| start.header.number == previous)
        {
            return Err(ChainError::Missing(previous));
        }
        while starts.last().is_some_and(|start| start.header.number != previous) {
            self.void.extend(starts.pop().map(|start| start.header.number));
        }
        Ok(())
    }

    /// The files that can have frames numbered above `sequence`.
    pub(super) fn links_after(&self, sequence: u64) -> &[Link] {
        let first = self.links.iter().rposition(|link| link.sequence <= sequence.saturating_add(1));
        &self.links[first.unwrap_or(0)..]
    }
}

/// Where the frame `sequence` is in a file that a damaged one follows: the same entry was written again there, and
/// counts once.
fn end_before(disk: &dyn Disk, dir: &Path, header: Header, sequence: u64) -> io::Result<u64> {
    let bytes = file::load(disk, dir, header.number, FILE_BYTES_MAX)?;
    let again = pieces(&bytes, header).find_map(|piece| match piece {
        Piece::Frame(at, frame) if frame.head.sequence >= sequence && frame.head.kind != BEGIN => Some(at),
        _ => None,
    });
    Ok(again.unwrap_or(FILE_BYTES_MAX))
}

struct Start {
    header: Header,
    content: Content,
}

enum Content {
    /// Zeros: ready to be used.
    Empty,
    /// Neither empty nor with a whole frame: nothing was ever acknowledged in it.
    Torn,
    /// The frame that begins it, and that frame's sequence number.
    Begun(Begin, u64),
    /// Frames, but not the one that should begin it; with the first one's sequence number.
    Headless(u64),
}

impl Start {
    const fn is_used(&self) -> bool {
        matches!(self.content, Content::Begun(..) | Content::Headless(_))
    }

    /// `None` if the file went away meanwhile.
    fn read(disk: &dyn Disk, dir: &Path, number: u64) -> Result<Option<Self>, ChainError> {
        let start = match file::load(disk, dir, number, START_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            loaded => loaded?,
        };
        let header = Header::decode(&start).filter(|header| header.number == number);
        let header = header.ok_or(ChainError::NoHeader(number))?;
        let content = match begin(&start, header) {
            Some(begun) => begun,
            None => Self::look_further(disk, dir, header)?,
        };
        Ok(Some(Self { header, content }))
    }

    fn look_further(disk: &dyn Disk, dir: &Path, header: Header) -> Result<Content, ChainError> {
        let first_group = file::load(disk, dir, header.number, FIRST_GROUP_BYTES)?;
        if first_group.get(DATA_AT as usize..).unwrap_or_default().iter().all(|&byte| byte == 0) {
            return Ok(Content::Empty);
        }
        let bytes = file::load(disk, dir, header.number, FILE_BYTES_MAX)?;
        let sequences = pieces(&bytes, header).filter_map(|piece| match piece {
            // A mark over what was lost has no number; where there is nothing else, nothing was written again.
            Piece::Frame(_, frame) => {
                Some(if frame.head.kind == SKIP { u64::MAX } else { frame.head.sequence })
            }
            Piece::Gap(_) | Piece::Torn(_) => None,
        });
        Ok(sequences.min().map_or(Content::Torn, Content::Headless))
    }
}

/// The frame that begins a file, if it is there.
fn begin(start: &[u8], header: Header) -> Option<Content> {
    let frame = Frame::parse(start.get(DATA_AT as usize..)?, header.frame_salt())?;
    let begin = (frame.head.kind == BEGIN).then(|| Begin::read(frame.payload))??;
    Some(Content::Begun(begin, frame.head.sequence))
}

/// Files are dropped once in minutes.
const ATTEMPTS_MAX: usize = 10;
/// Nothing is written behind a file's first group before that is on the disk, and no group is longer than this.
const FIRST_GROUP_BYTES: u64 = 1 << 20;
/// The header and the frame that begins the file.
const START_BYTES: u64 = 2 * DATA_AT;
