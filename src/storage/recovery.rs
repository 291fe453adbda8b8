//! Opening a log: reads all of it, mends what a crash left, and refuses to go on where something was lost that was on
//! the disk.
//!
//! Every step can be cut short and done again.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::account_settings::AccountSettings;
use super::active::{Active, Previous};
use super::chain::{Chain, ChainError, Link};
use super::dedup::{Dedup, First};
use super::disk::{Access, Disk};
use super::erasures::Erasures;
use super::file::{FILE_BYTES_MAX, FILE_BYTES_MIN, Header, log_path, new_path};
use super::frame::{self, FRAME_BYTES_MAX, Frame, HEAD_BYTES, Head};
use super::housekeeper::zero;
use super::match_table::MatchTable;
use super::opt_outs::OptOuts;
use super::pool::Prepared;
use super::record::{
    BEGIN, CONCEALED, CONVERSION, CREDITABLE, EMBED_VIEW, ERASED, ERASURE, MATCH, OPT_OUT, SETTINGS, SKIP,
    StoredConversion, StoredOptOut, TOUCH, UNMATCH, VERSION,
};
use super::record_embed::StoredEmbedView;
use super::record_erasure::{StoredErased, StoredErasure};
use super::record_match::{StoredMatch, StoredUnmatch};
use super::record_settings::StoredSettings;
use super::record_touch::StoredTouch;
use super::scan::{Piece, Summary, pieces, skips};
use super::touches::Touches;
use super::writer::ClosedFile;
use crate::consent::evidence::Evidence;
use crate::consent::prefs::Prefs;
use crate::domain::erasure::Erasure;
use crate::domain::matching::{MatchProof, PartnerMatch};
use crate::domain::opt_out::{Choice, OptOut, Subject};
use crate::domain::time::Timestamp;

/// What opening a log found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    pub files: u64,
    /// Conversions, page views, ad touches, matches, opt-outs, settings, and erasures that are pending.
    pub entries: u64,
    /// Subjects that have opted out.
    pub opt_outs: u64,
    /// Signed-in accounts that have switched a setting off.
    pub account_settings: u64,
    /// Erasures whose rows may still be in a file.
    pub pending_erasures: u64,
    /// Keys of events that may come again.
    pub dedup_keys: u64,
    /// Rows of the match table.
    pub match_rows: u64,
    /// Ad touches that conversions can be credited to.
    pub touches: u64,
    /// Bytes of unfinished writes that were cut off the end.
    pub torn_bytes: u64,
    /// Bytes that were lost before they were on the disk, with later ones behind them.
    pub lost_bytes: u64,
    /// Files that held nothing that counts.
    pub discarded_files: u64,
}

/// Why a log was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the log's options are wrong: {0}")]
    Options(&'static str),
    #[error("another process is using the data directory {0}")]
    Locked(PathBuf),
    #[error("the data directory {dir} could not be used")]
    Io { dir: PathBuf, source: io::Error },
    #[error(
        "file {file:016x}.log is damaged at {offset}, where it was whole on the disk before; \
         `pixelgate log repair --accept-loss` goes on without what is lost"
    )]
    Damaged { file: u64, offset: u64 },
    #[error("{0}; `pixelgate log repair --accept-loss` goes on without what is lost")]
    Incomplete(String),
    #[error("file {file:016x}.log has an entry at {offset} that this version does not know")]
    Unknown { file: u64, offset: u64 },
}

/// What is derived from the log.
pub(super) struct Index {
    pub(super) dedup: Dedup,
    pub(super) opt_outs: OptOuts,
    pub(super) settings: AccountSettings,
    pub(super) erasures: Erasures,
    /// Nothing older can be a duplicate's first.
    pub(super) dedup_from_ms: u64,
    pub(super) matches: MatchTable,
    /// Matches from before this are past their time.
    pub(super) matches_from_ms: u64,
    pub(super) touches: Touches,
    /// What is from before this no conversion can be credited to any more.
    pub(super) touches_from_ms: u64,
}

impl Index {
    /// `false` if the frame is one that this version does not know.
    fn replay(&mut self, frame: &Frame<'_>) -> bool {
        match (frame.head.kind, frame.head.version) {
            (BEGIN | SKIP, _) => true,
            (CONVERSION | CREDITABLE, VERSION)
                if frame.head.at_ms < self.dedup_from_ms.min(self.touches_from_ms) =>
            {
                true
            }
            (CONVERSION | CREDITABLE, VERSION) => {
                let stored = StoredConversion::read(frame.payload);
                stored.map(|stored| self.replay_conversion(stored, frame.head.at_ms)).is_some()
            }
            (OPT_OUT, VERSION) => {
                let opt_out = StoredOptOut::read(frame.payload);
                opt_out.map(|opt_out| self.replay_opt_out(&opt_out)).is_some()
            }
            (ERASURE, VERSION) => {
                let erasure = StoredErasure::read(frame.payload);
                erasure.map(|erasure| self.replay_erasure(frame.head.sequence, erasure)).is_some()
            }
            (ERASED, VERSION) => {
                StoredErased::read(frame.payload).map(|erased| self.erasures.replay_erased(&erased)).is_some()
            }
            (CONCEALED, VERSION) => {
                let digest = frame.payload.try_into();
                digest.map(|digest| self.opt_outs.insert_concealed(digest)).is_ok()
            }
            (SETTINGS, VERSION) => {
                let settings = StoredSettings::read(frame.payload);
                settings.map(|found| self.settings.set(found.account, found.prefs)).is_some()
            }
            (EMBED_VIEW, VERSION) => StoredEmbedView::read(frame.payload).is_some(),
            (TOUCH, VERSION) if frame.head.at_ms < self.touches_from_ms => true,
            (TOUCH, VERSION) => {
                let touch = StoredTouch::read(frame.payload);
                touch.map(|(touch, evidence)| _ = self.touches.insert(&touch, &evidence)).is_some()
            }
            (MATCH, VERSION) if frame.head.at_ms < self.matches_from_ms => true,
            (MATCH, VERSION) => {
                let found = StoredMatch::read(frame.payload);
                found
                    .map(|(found, evidence)| self.replay_match(&found, &evidence, frame.head.at_ms))
                    .is_some()
            }
            (UNMATCH, VERSION) => {
                let unmatch = StoredUnmatch::read(frame.payload);
                unmatch.map(|gone| self.matches.remove(gone.partner_id, gone.browser_id)).is_some()
            }
            _ => false,
        }
    }

    fn replay_opt_out(&mut self, opt_out: &OptOut) {
        self.opt_outs.replay(opt_out);
        if opt_out.choice == Choice::Out {
            self.matches.remove_subject(opt_out.subject);
            self.touches.forget(opt_out.subject);
        }
    }

    fn replay_erasure(&mut self, sequence: u64, erasure: Erasure) {
        self.matches.remove_subject(erasure.subject);
        self.touches.forget(erasure.subject);
        if let Subject::SignedIn(account) = erasure.subject {
            self.settings.set(account, Prefs::default());
        }
        self.erasures.add(sequence, erasure);
    }

    fn replay_match(&mut self, found: &PartnerMatch, evidence: &Evidence, at_ms: u64) {
        self.matches.insert(found, evidence, Timestamp(at_ms));
        if let MatchProof::State(nonce) = found.proof
            && at_ms >= self.dedup_from_ms
        {
            let key = self.dedup.key_of_state(found.partner_id, nonce);
            self.dedup.insert(key, First::of_match(found.id), at_ms);
        }
    }

    fn replay_conversion(&mut self, stored: StoredConversion<'_>, at_ms: u64) {
        if at_ms >= self.dedup_from_ms {
            for key in self.dedup.keys_of_stored(&stored).into_iter().flatten() {
                self.dedup.insert(key, First::of_stored(&stored), at_ms);
            }
        }
        // Few have one, and only they are read as a whole.
        let shows = at_ms >= self.touches_from_ms && stored.has_hash();
        if let Some((conversion, evidence)) = shows.then(|| stored.take()).flatten() {
            self.touches.note(&conversion, &evidence);
        }
    }
}

/// A log that was read and is ready to go on.
pub(super) struct Recovered {
    pub(super) index: Index,
    pub(super) file: Option<Active>,
    /// What the next file is to say of the last one, if nothing can be added to that.
    pub(super) previous: Previous,
    pub(super) spare: Vec<Prepared>,
    pub(super) closed: Vec<ClosedFile>,
    pub(super) last_sequence: u64,
    pub(super) last_at_ms: u64,
    pub(super) next_number: u64,
    pub(super) recovery: Recovery,
}

/// Opens the log in `dir` for writing. Nothing is changed before all of it has been found whole.
pub(super) fn recover(disk: &dyn Disk, dir: &Path, index: Index) -> Result<Recovered, OpenError> {
    let fail = |source| OpenError::Io { dir: dir.to_owned(), source };
    let (mut recovered, chain, mut files) = survey(disk, dir, index)?;
    recovered.clear_away(disk, dir, &chain).map_err(fail)?;
    // One that was written again has no room. It is the last only if what was behind it was given up.
    if let Some((header, summary)) = files.pop_if(|(header, _)| header.end.is_none()) {
        recovered.closed.pop();
        let mut file = mend_last(disk, dir, header, &summary).map_err(fail)?;
        file.first_sequence = chain.links.last().map_or(0, |last| last.sequence);
        recovered.file = Some(file);
    } else if let Some(last) = chain.links.last() {
        recovered.previous = Previous { number: last.header.number, end: last.end, durable: last.durable };
    }
    for (header, summary) in files.iter().filter(|(_, summary)| summary.broken().next().is_some()) {
        let ranges: Vec<_> = summary.broken().cloned().collect();
        if let Err(error) = skip(disk, dir, *header, &ranges) {
            // It was given up because the disk failed there, and all that counts of it can be read.
            tracing::warn!(error = %error, file.number = header.number, "a part of the log stays unmarked as lost");
        }
    }
    for header in &chain.spare {
        recovered.spare.extend(open_spare(disk, dir, *header).map_err(fail)?);
    }
    Ok(recovered)
}

/// Reads all of the log in `dir`, changes nothing, and says what is in each file.
pub(super) fn survey(disk: &dyn Disk, dir: &Path, index: Index) -> Result<Survey, OpenError> {
    let chain = Chain::read(disk, dir).map_err(|error| match error {
        ChainError::Io(source) => OpenError::Io { dir: dir.to_owned(), source },
        error => OpenError::Incomplete(error.to_string()),
    })?;
    let mut recovered = Recovered {
        index,
        file: None,
        previous: Previous::default(),
        spare: Vec::new(),
        closed: Vec::new(),
        last_sequence: 0,
        last_at_ms: 0,
        next_number: chain.number_max + 1,
        recovery: Recovery::default(),
    };
    let mut files = Vec::new();
    for link in &chain.links {
        files.push((link.header, recovered.read_file(disk, dir, link)?));
    }
    recovered.recovery.opt_outs = recovered.index.opt_outs.len() as u64;
    recovered.recovery.account_settings = recovered.index.settings.len() as u64;
    recovered.recovery.pending_erasures = recovered.index.erasures.pending().0;
    recovered.recovery.match_rows = recovered.index.matches.len() as u64;
    recovered.recovery.touches = recovered.index.touches.len() as u64;
    recovered.recovery.dedup_keys = recovered.index.dedup.len() as u64;
    Ok((recovered, chain, files))
}

/// With what is in each file that counts.
type Survey = (Recovered, Chain, Vec<(Header, Summary)>);

impl Recovered {
    fn read_file(&mut self, disk: &dyn Disk, dir: &Path, link: &Link) -> Result<Summary, OpenError> {
        let number = link.header.number;
        let loaded = link.load(disk, dir);
        let (bytes, summary) = loaded.map_err(|source| OpenError::Io { dir: dir.to_owned(), source })?;
        if let Some(offset) = summary.corrupt_at() {
            return Err(OpenError::Damaged { file: number, offset });
        }
        for piece in pieces(&bytes, link.header) {
            let Piece::Frame(offset, frame) = piece else { continue };
            if !self.index.replay(&frame) {
                return Err(OpenError::Unknown { file: number, offset });
            }
            let counts = matches!(
                frame.head.kind,
                CONVERSION | CREDITABLE | OPT_OUT | SETTINGS | EMBED_VIEW | MATCH | TOUCH | ERASURE
            );
            self.recovery.entries += u64::from(counts);
        }
        self.recovery.files += 1;
        self.recovery.lost_bytes += summary.gaps.iter().map(|gap| gap.end - gap.start).sum::<u64>();
        self.recovery.torn_bytes += summary.torn.end - summary.torn.start;
        self.last_sequence = self.last_sequence.max(summary.last_sequence.unwrap_or(0));
        self.last_at_ms = self.last_at_ms.max(summary.last_at_ms);
        self.closed.push(ClosedFile::new(number, summary.first_at_ms, summary.last_at_ms));
        Ok(summary)
    }

    fn clear_away(&mut self, disk: &dyn Disk, dir: &Path, chain: &Chain) -> io::Result<()> {
        let void = chain.void.iter().map(|&number| log_path(dir, number));
        let unfinished = chain.unfinished.iter().map(|&number| new_path(dir, number));
        for path in void.chain(unfinished) {
            disk.unlink(&path)?;
            self.recovery.discarded_files += 1;
        }
        if self.recovery.discarded_files > 0 { disk.sync_dir(dir) } else { Ok(()) }
    }
}

/// Makes the last file one that can be added to: zeros behind its last frame, marks over what is lost between, and
/// all of it on the disk, because what is a duplicate of it may be acknowledged as such.
fn mend_last(disk: &dyn Disk, dir: &Path, header: Header, summary: &Summary) -> io::Result<Active> {
    let file = disk.open(&log_path(dir, header.number), Access::ReadWrite)?;
    zero(&*file, summary.torn.start, summary.torn.end)?;
    for gap in &summary.gaps {
        file.write_at(gap.start, &skip_frames(header, gap.clone()))?;
    }
    file.sync_data()?;
    let capacity = file.length()?.min(FILE_BYTES_MAX);
    let salt = header.frame_salt();
    Ok(Active {
        file,
        header,
        salt,
        capacity,
        offset: summary.end,
        durable: summary.end,
        is_begun: true,
        first_sequence: 0,
        first_at_ms: summary.first_at_ms,
    })
}

/// Writes marks over `ranges`, so that readers pass over them.
pub(super) fn skip(disk: &dyn Disk, dir: &Path, header: Header, ranges: &[Range<u64>]) -> io::Result<()> {
    let file = disk.open(&log_path(dir, header.number), Access::ReadWrite)?;
    for range in ranges {
        file.write_at(range.start, &skip_frames(header, range.clone()))?;
    }
    file.sync_data()
}

/// Frames that stand for a broken range.
fn skip_frames(header: Header, gap: Range<u64>) -> Vec<u8> {
    let mut frames = Vec::new();
    for length in skips(gap, FRAME_BYTES_MAX) {
        let head = Head { sequence: 0, at_ms: 0, durable: 0, kind: SKIP, version: VERSION };
        frame::push(&mut frames, header.frame_salt(), head, |buffer| {
            buffer.resize(buffer.len() + length - HEAD_BYTES, 0);
        });
    }
    frames
}

fn open_spare(disk: &dyn Disk, dir: &Path, header: Header) -> io::Result<Option<Prepared>> {
    let file = disk.open(&log_path(dir, header.number), Access::ReadWrite)?;
    let capacity = file.length()?.min(FILE_BYTES_MAX);
    Ok((capacity >= FILE_BYTES_MIN).then_some(Prepared { header, file, capacity }))
}
