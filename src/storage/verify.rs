//! Looks at a log from outside, and takes out of it what is beyond saving.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::account_settings::AccountSettings;
use super::chain::{Chain, ChainError, Link};
use super::dedup::Dedup;
use super::disk::{Access, Disk};
use super::erasures::Erasures;
use super::file::{self, DATA_AT, FILE_BYTES_MAX, Header, lock_path, log_path, lost_path};
use super::frame;
use super::group::{BEGIN_FRAME_BYTES, begin_head};
use super::match_table::MatchTable;
use super::opt_outs::OptOuts;
use super::real_disk::RealDisk;
use super::record::Begin;
use super::recovery::{Index, OpenError, Recovery, skip, survey};
use super::touches::Touches;

/// What is in the files of a data directory.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Oldest first.
    pub files: Vec<FileReport>,
    /// Files that are ready and empty.
    pub spare_files: u64,
    /// Why the files do not make up a log, if they do not.
    pub broken_chain: Option<String>,
}

impl Verification {
    /// Whether the log would open.
    pub fn is_whole(&self) -> bool {
        self.broken_chain.is_none() && self.files.iter().all(|file| !file.is_corrupt)
    }
}

/// What is in one file. Offsets and lengths are in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    pub name: String,
    /// Whole ones, the log's own marks included.
    pub frames: u64,
    /// Up to the end of the last whole frame.
    pub bytes: u64,
    pub first_bad_offset: Option<u64>,
    pub bad_bytes: u64,
    /// What is bad was once whole on the disk. If not, it is what a cut of power left, and the next start mends it.
    pub is_corrupt: bool,
    /// It was written again without some of its rows, which were erased or past their time.
    pub is_rewritten: bool,
}

/// Reads every frame in `dir`; changes nothing and takes no lock. Of a log that is open, the last write may look
/// torn.
pub fn verify(dir: &Path) -> io::Result<Verification> {
    verify_on(&RealDisk, dir)
}

/// The same on any disk.
pub fn verify_on(disk: &dyn Disk, dir: &Path) -> io::Result<Verification> {
    let chain = match Chain::read(disk, dir) {
        Ok(chain) => chain,
        Err(ChainError::Io(error)) => return Err(error),
        Err(error) => {
            return Ok(Verification { broken_chain: Some(error.to_string()), ..Verification::default() });
        }
    };
    let files = chain.links.iter().map(|link| report(disk, dir, link)).collect::<io::Result<_>>()?;
    Ok(Verification { files, spare_files: chain.spare.len() as u64, broken_chain: None })
}

fn report(disk: &dyn Disk, dir: &Path, link: &Link) -> io::Result<FileReport> {
    let (_, summary) = link.load(disk, dir)?;
    let name = log_path(dir, link.header.number).file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(FileReport {
        name: name.unwrap_or_default(),
        frames: summary.frames,
        bytes: summary.end,
        first_bad_offset: summary.broken().map(|range| range.start).min(),
        bad_bytes: summary.broken().map(|range| range.end - range.start).sum(),
        is_corrupt: summary.corrupt_at().is_some(),
        is_rewritten: link.header.end.is_some(),
    })
}

/// What a repair did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Damaged bytes that are skipped from now on.
    pub skipped_bytes: u64,
    /// Files without a header, set aside under a name that ends in `.lost`.
    pub files_set_aside: u64,
    /// Files that were linked to another one because the one before them is gone.
    pub files_relinked: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    #[error("another process is using the data directory {0}")]
    Locked(PathBuf),
    #[error("the data directory could not be used")]
    Io(#[from] io::Error),
    #[error("{0}; nothing was changed: a repair gives that up, so it has to be asked for with --accept-loss")]
    LossNotAccepted(String),
}

/// Makes a log that was damaged one that opens. What cannot be read is given up if `accept_loss`; else nothing is
/// changed. Does nothing to a log that opens.
pub fn repair(dir: &Path, accept_loss: bool) -> Result<Repaired, RepairError> {
    repair_on(&RealDisk, dir, accept_loss)
}

/// The same on any disk.
pub fn repair_on(disk: &dyn Disk, dir: &Path, accept_loss: bool) -> Result<Repaired, RepairError> {
    let _lock = disk.lock(&lock_path(dir)).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => RepairError::Locked(dir.to_owned()),
        _ => error.into(),
    })?;
    let mut repaired = Repaired::default();
    let chain = loop {
        match Chain::read(disk, dir) {
            Ok(chain) => break chain,
            Err(ChainError::Io(error)) => return Err(error.into()),
            Err(error) if !accept_loss => return Err(RepairError::LossNotAccepted(error.to_string())),
            Err(ChainError::NoHeader(number)) => {
                disk.rename(&log_path(dir, number), &lost_path(dir, number))?;
                disk.sync_dir(dir)?;
                repaired.files_set_aside += 1;
            }
            Err(ChainError::Missing(number)) => {
                relink(disk, dir, number)?;
                repaired.files_relinked += 1;
            }
        }
    };
    for link in &chain.links {
        repaired.skipped_bytes += skip_damage(disk, dir, link, accept_loss)?;
    }
    Ok(repaired)
}

/// Has every file that follows `missing` follow the one before that instead, and count to where its frames end.
fn relink(disk: &dyn Disk, dir: &Path, missing: u64) -> io::Result<()> {
    let numbers: Vec<u64> = file::list(disk, dir)?
        .into_iter()
        .filter_map(|name| matches!(name, file::Name::Log(_)).then_some(name.number()))
        .collect();
    let previous = numbers.iter().copied().filter(|&number| number < missing).max().unwrap_or(0);
    for number in numbers.into_iter().filter(|&number| number > missing) {
        let file = disk.open(&log_path(dir, number), Access::ReadWrite)?;
        let bytes = file::load_open(&*file, 2 * DATA_AT)?;
        let Some(header) = Header::decode(&bytes) else { continue };
        let Some((head, begin)) = begin_of(&bytes, header) else { continue };
        if begin.previous == missing {
            let begin = Begin { previous, end: FILE_BYTES_MAX as u32, durable: 0 };
            let mut frame = Vec::with_capacity(BEGIN_FRAME_BYTES);
            let head = begin_head(head.sequence, head.at_ms);
            frame::push(&mut frame, header.frame_salt(), head, |buffer| begin.write(buffer));
            file.write_at(DATA_AT, &frame)?;
            file.sync_data()?;
        }
    }
    Ok(())
}

fn begin_of(bytes: &[u8], header: Header) -> Option<(frame::Head, Begin)> {
    let frame = frame::Frame::parse(bytes.get(DATA_AT as usize..)?, header.frame_salt())?;
    let begin = (frame.head.kind == super::record::BEGIN).then(|| Begin::read(frame.payload))??;
    Some((frame.head, begin))
}

fn skip_damage(disk: &dyn Disk, dir: &Path, link: &Link, accept_loss: bool) -> Result<u64, RepairError> {
    let (_, summary) = link.load(disk, dir)?;
    let Some(offset) = summary.corrupt_at() else { return Ok(0) };
    if !accept_loss {
        let error = OpenError::Damaged { file: link.header.number, offset };
        return Err(RepairError::LossNotAccepted(error.to_string()));
    }
    let ranges: Vec<_> = summary.broken().cloned().collect();
    skip(disk, dir, link.header, &ranges)?;
    Ok(ranges.iter().map(|range| range.end - range.start).sum())
}

/// Derives the indexes from the log once more, as every start does, and says what is in them. They live in memory
/// alone, so there is nothing on the disk that could disagree with the log.
pub fn reindex(dir: &Path) -> Result<Recovery, OpenError> {
    read_index(dir).map(|(recovery, _)| recovery)
}

/// What partners call browsers by what is in `dir` at the moment. Takes no lock.
pub fn matches(dir: &Path) -> Result<MatchTable, OpenError> {
    read_index(dir).map(|(_, index)| index.matches)
}

/// Who has opted out by what is in `dir` at the moment. Takes no lock.
pub fn opt_outs(dir: &Path) -> Result<OptOuts, OpenError> {
    read_index(dir).map(|(_, index)| index.opt_outs)
}

fn read_index(dir: &Path) -> Result<(Recovery, Index), OpenError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let index = Index {
        dedup: Dedup::new(u64::MAX, usize::MAX),
        opt_outs: OptOuts::default(),
        settings: AccountSettings::default(),
        erasures: Erasures::default(),
        dedup_from_ms: 0,
        matches: MatchTable::new(usize::MAX),
        matches_from_ms: 0,
        touches: Touches::new(usize::MAX),
        touches_from_ms: 0,
    };
    survey(&*disk, dir, index).map(|(recovered, ..)| (recovered.recovery, recovered.index))
}
