//! Takes rows out of a file that nothing is added to any more, by putting a copy without them in its place.
//!
//! The copy is whole and on the disk before it takes the file's name, so that at every moment there is one of the two.
//! It is shorter than the file was; its header says where it ends.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::active::Previous;
use super::chain::Link;
use super::disk::{Access, Disk, DiskFile};
use super::entry::EntryKind;
use super::erasures::Doomed;
use super::file::{DATA_AT, Header, load_open, log_path, new_path};
use super::frame::{self, FRAME_BYTES_MAX, Frame, HEAD_BYTES, Head};
use super::group::{BEGIN_FRAME_BYTES, begin_head};
use super::record::{BEGIN, Begin, CONVERSION, CREDITABLE, ERASED, ERASURE, SKIP};
use super::record_credit::without_credit;
use super::record_erasure::{About, StoredErased, StoredErasure, about};
use super::scan::{Piece, pieces};
use crate::domain::opt_out::Subject;

/// What is to go, out of every file.
#[derive(Debug, Clone, Default)]
pub(super) struct Going {
    pub(super) doomed: Doomed,
    /// Rows from before these times, by kind.
    pub(super) before_ms: Times,
    /// A file is not written again for those rows alone, unless one is from before these times.
    pub(super) overdue_ms: Times,
    /// When this was decided.
    pub(super) at_ms: u64,
}

/// Kinds of row that go for their age: page views, conversions, visits to pages with embeds, matches and ad touches, in this order
/// where there is one of something for each.
pub(super) const ROW_KINDS: usize = 5;

/// A time for each of them, in Unix milliseconds.
pub(super) type Times = [u64; ROW_KINDS];

const fn row_index(kind: EntryKind) -> usize {
    match kind {
        EntryKind::PageView => 0,
        EntryKind::EmbedView => 2,
        EntryKind::Match => 3,
        EntryKind::Touch => 4,
        _ => 1,
    }
}

/// How many rows were taken out for each subject.
pub(super) type Erased = HashMap<Subject, u64>;

/// What is in a file after it was looked through.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// When the oldest row of each kind was appended; `u64::MAX` where there is none.
    pub(super) oldest_at_ms: Times,
    pub(super) is_rewritten: bool,
    pub(super) erased: Erased,
    /// For each erasure that is done with this file, by its sequence number, the rows that it took out.
    pub(super) done: HashMap<u64, u64>,
    pub(super) erased_rows: u64,
    /// Rows that went for their age.
    pub(super) expired_rows: u64,
}

/// What becomes of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Keep,
    Drop,
    /// A conversion whose credit rests on somebody else, who is to go: without the credit.
    Strip,
    /// An erasure that is done as soon as this file is in its place: all that it is about stands before it.
    Close,
}

/// One file, as it is going to be written.
struct Plan {
    verdicts: Vec<Verdict>,
    /// At most.
    bytes: u64,
    /// Of what is there now.
    oldest_at_ms: Times,
    left: Left,
    /// Something in it must not stay.
    has_to: bool,
}

/// Takes out of the file of `link` what is to go. Changes nothing if nothing of it is there. `previous` is what the
/// file is to say of the one before it if it has lost the frame that says so; `erased` are the rows of earlier files.
pub(super) fn rewrite(
    disk: &dyn Disk,
    dir: &Path,
    (link, previous): (&Link, Previous),
    going: &Going,
    erased: &Erased,
) -> io::Result<Left> {
    let (number, path) = (link.header.number, log_path(dir, link.header.number));
    let has_residue = has_residue(&*disk.open(&path, Access::Read)?, link)?;
    let (bytes, summary) = link.load(disk, dir)?;
    if let Some(offset) = summary.corrupt_at() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, Unreadable::Damaged { number, offset }));
    }
    let mut plan = Plan::new(&bytes, link.header, going)?;
    if !plan.has_to && !has_residue && summary.broken().next().is_none() {
        return Ok(Left { oldest_at_ms: plan.oldest_at_ms, ..Left::default() });
    }
    plan.left.is_rewritten = true;
    let new = new_path(dir, number);
    let put = |plan: &mut Plan| {
        let file = disk.create(&new)?;
        plan.write(&*file, &bytes, (link, previous), erased, going)?;
        disk.rename(&new, &path)?;
        disk.sync_dir(dir)
    };
    let put = put(&mut plan);
    if put.is_err() {
        // Whatever is left goes at the next start; now it would keep a full disk full.
        let _ = disk.unlink(&new);
    }
    put.map(|()| plan.left)
}

#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("file {number:016x}.log is damaged at {offset}; `pixelgate log verify` says more")]
    Damaged { number: u64, offset: u64 },
    #[error("file {number:016x}.log has an entry at {offset} that this version does not know")]
    Unknown { number: u64, offset: u64 },
}

/// Whether a write that failed left something behind the file's end.
fn has_residue(file: &dyn DiskFile, link: &Link) -> io::Result<bool> {
    let header = Header::decode(&load_open(file, DATA_AT)?).unwrap_or(link.header);
    let length = file.length()?;
    let mut at = header.end.unwrap_or(link.end);
    let mut bytes = vec![0; READ_BYTES];
    while at < length {
        let read = file.read_at(at, &mut bytes)?;
        if read == 0 || bytes[..read].iter().any(|&byte| byte != 0) {
            return Ok(read > 0);
        }
        at += read as u64;
    }
    Ok(false)
}

impl Plan {
    fn new(bytes: &[u8], header: Header, going: &Going) -> io::Result<Self> {
        let none = [u64::MAX; ROW_KINDS];
        let left = Left { oldest_at_ms: none, ..Left::default() };
        let bytes_at_least = DATA_AT + BEGIN_FRAME_BYTES as u64;
        let mut plan =
            Self { verdicts: Vec::new(), bytes: bytes_at_least, oldest_at_ms: none, left, has_to: false };
        for piece in pieces(bytes, header) {
            let Piece::Frame(offset, frame) = piece else { continue };
            let number = header.number;
            let unknown =
                || io::Error::new(io::ErrorKind::InvalidData, Unreadable::Unknown { number, offset });
            let verdict = plan.judge(&frame, going).ok_or_else(unknown)?;
            plan.bytes += match verdict {
                Verdict::Keep | Verdict::Strip => frame.length() as u64,
                Verdict::Drop => 0,
                Verdict::Close => (HEAD_BYTES + StoredErased::BYTES_MAX) as u64,
            };
            plan.verdicts.push(verdict);
        }
        Ok(plan)
    }

    /// `None` if this version does not know the frame.
    fn judge(&mut self, frame: &Frame<'_>, going: &Going) -> Option<Verdict> {
        let head = frame.head;
        let mut doomed = None;
        let about = about(frame, |subject| {
            let is_doomed = going.dooms(subject, head.sequence);
            doomed = is_doomed.then_some(subject);
            is_doomed
        })?;
        if let Some(subject) = doomed {
            *self.left.erased.entry(subject).or_default() += 1;
            self.left.erased_rows += 1;
            self.has_to = true;
            return Some(Verdict::Drop);
        }
        Some(match about {
            About::Row(kind) => match self.judge_row(row_index(kind), head.at_ms, going) {
                Verdict::Keep if going.takes_credit(frame) => {
                    self.has_to = true;
                    Verdict::Strip
                }
                verdict => verdict,
            },
            // The frame that begins the file is written apart.
            About::Nobody if matches!(head.kind, BEGIN | SKIP) => Verdict::Drop,
            About::Nobody if head.kind == ERASURE && going.is_done_at(frame) => {
                self.has_to = true;
                Verdict::Close
            }
            About::Nobody | About::Choice => Verdict::Keep,
        })
    }

    fn judge_row(&mut self, index: usize, at_ms: u64, going: &Going) -> Verdict {
        self.oldest_at_ms[index] = self.oldest_at_ms[index].min(at_ms);
        if at_ms < going.before_ms[index] {
            self.has_to |= at_ms < going.overdue_ms[index];
            self.left.expired_rows += 1;
            return Verdict::Drop;
        }
        self.left.oldest_at_ms[index] = self.left.oldest_at_ms[index].min(at_ms);
        Verdict::Keep
    }

    fn write(
        &mut self,
        file: &dyn DiskFile,
        bytes: &[u8],
        (link, previous): (&Link, Previous),
        erased: &Erased,
        going: &Going,
    ) -> io::Result<()> {
        file.preallocate(self.bytes)?;
        let salt = link.header.frame_salt();
        let mut out = Out { file, at: DATA_AT, buffer: begin(bytes, link, previous) };
        let frames = pieces(bytes, link.header).filter_map(|piece| match piece {
            Piece::Frame(_, frame) => Some(frame),
            Piece::Gap(_) | Piece::Torn(_) => None,
        });
        for (frame, verdict) in frames.zip(std::mem::take(&mut self.verdicts)) {
            let head = Head { durable: 0, ..frame.head };
            match verdict {
                Verdict::Drop => continue,
                Verdict::Keep => {
                    frame::push(&mut out.buffer, salt, head, |buffer| {
                        buffer.extend_from_slice(frame.payload)
                    });
                }
                Verdict::Strip => {
                    let plain = without_credit(frame.payload).map_or(frame.payload, |(_, plain)| plain);
                    frame::push(&mut out.buffer, salt, Head { kind: CONVERSION, ..head }, |buffer| {
                        buffer.extend_from_slice(plain)
                    });
                }
                Verdict::Close => {
                    let stored = self.close(&frame, erased, going);
                    frame::push(&mut out.buffer, salt, Head { kind: ERASED, ..head }, |buffer| {
                        stored.write(buffer)
                    });
                }
            }
            out.flush_from(WRITE_BYTES)?;
        }
        out.flush_from(1)?;
        file.write_at(0, &Header { end: Some(out.at), ..link.header }.encode())?;
        file.sync_data()
    }

    fn close(&mut self, frame: &Frame<'_>, erased: &Erased, going: &Going) -> StoredErased {
        let erasure = StoredErasure::read(frame.payload).expect("it was read when it was judged");
        let before = erased.get(&erasure.subject).copied().unwrap_or(0);
        let rows = before + self.left.erased.get(&erasure.subject).copied().unwrap_or(0);
        self.left.done.insert(frame.head.sequence, rows);
        StoredErased::new(&erasure, going.at_ms, rows)
    }
}

impl Going {
    /// Whether what an entry of this sequence number says about `subject` is to go.
    fn dooms(&self, subject: Subject, sequence: u64) -> bool {
        self.doomed.get(&subject).is_some_and(|before| sequence < *before)
    }

    /// Whether the credit of the conversion in `frame` rests on somebody else who is to go.
    fn takes_credit(&self, frame: &Frame<'_>) -> bool {
        let is_creditable = frame.head.kind == CREDITABLE && !self.doomed.is_empty();
        let credited = is_creditable.then(|| without_credit(frame.payload)).flatten();
        let dooms = |subject: &Subject| self.dooms(*subject, frame.head.sequence);
        credited.is_some_and(|(others, _)| others.iter().flatten().any(dooms))
    }

    /// Whether the erasure in `frame` is one of those that are being done.
    fn is_done_at(&self, frame: &Frame<'_>) -> bool {
        let erasure = StoredErasure::read(frame.payload);
        let until = erasure.and_then(|erasure| self.doomed.get(&erasure.subject).copied());
        until.is_some_and(|until| frame.head.sequence <= until)
    }
}

/// The frame that begins the file; if it has lost its own, one that says the same.
fn begin(bytes: &[u8], link: &Link, previous: Previous) -> Vec<u8> {
    let salt = link.header.frame_salt();
    let found = bytes.get(DATA_AT as usize..).and_then(|frames| Frame::parse(frames, salt));
    let own = found.filter(|frame| frame.head.kind == BEGIN);
    let own = own.and_then(|frame| Some((frame.head, Begin::read(frame.payload)?)));
    let (head, begin) = own.unwrap_or_else(|| (begin_head(link.sequence, 0), previous.begin()));
    let mut buffer = Vec::with_capacity(WRITE_BYTES + FRAME_BYTES_MAX);
    frame::push(&mut buffer, salt, Head { durable: 0, ..head }, |buffer| begin.write(buffer));
    buffer
}

/// What is being written.
struct Out<'a> {
    file: &'a dyn DiskFile,
    at: u64,
    buffer: Vec<u8>,
}

impl Out<'_> {
    /// Writes what is there if it is at least `bytes`.
    fn flush_from(&mut self, bytes: usize) -> io::Result<()> {
        if self.buffer.len() >= bytes {
            self.file.write_at(self.at, &self.buffer)?;
            self.at += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }
}

const READ_BYTES: usize = 1 << 20;
const WRITE_BYTES: usize = 1 << 20;
