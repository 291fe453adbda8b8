//! Makes files ready ahead of the need, and takes away those that are not needed any more.
//!
//! Nothing in here touches a file that counts, but for reading it, and putting a copy in its place that a
//! [`pass`](super::pass) made.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Access, Disk, DiskFile};
use super::file::{self, DATA_AT, FILE_BYTES_MAX, Header, log_path, new_path};
use super::metrics::LogMetrics;
use super::options::LogOptions;
use super::pass::Report;
use super::pool::{Chore, Gathered, Pool, Prepared, READY_FILES};
use super::queue::Queue;
use super::record::{CONCEALED, OPT_OUT, SETTINGS, StoredOptOut};
use super::record_erasure::SubjectDigest;
use super::record_settings::StoredSettings;
use super::scan::{Piece, pieces};
use crate::consent::prefs::AccountPrefs;
use crate::domain::opt_out::{Choice, OptOut};
use crate::domain::time::Rng;

pub(super) struct Housekeeper {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
    pub(super) rng: Arc<dyn Rng>,
    pub(super) options: LogOptions,
    pub(super) pool: Arc<Pool>,
    pub(super) metrics: LogMetrics,
    /// Higher than that of any file there is.
    pub(super) next_number: u64,
}

impl Housekeeper {
    /// Until the log closes.
    pub(super) fn run(mut self, queue: &Queue) {
        while let Some(chore) = self.pool.wait_for_chore(self.options.retry_after) {
            self.attempt(chore);
            // It may have been waiting for a file, or for opt-outs to carry forward.
            queue.wake_writer();
        }
    }

    /// Does what there is to do now; stops at the first failure.
    pub(super) fn run_once(&mut self) {
        while let Some(chore) = self.pool.next_chore() {
            if !self.attempt(chore) {
                break;
            }
        }
    }

    fn attempt(&mut self, chore: Chore) -> bool {
        let done = match chore {
            Chore::Prepare => self.prepare(None).map(|prepared| self.pool.put(prepared)),
            Chore::Discard(number) => self.discard(number),
            Chore::Gather(number) => {
                let gathered = self.gather(number).map(|gathered| self.pool.hand_over(gathered));
                gathered.inspect_err(|_| self.pool.ask(Chore::Gather(number)))
            }
            Chore::Look => return self.look(),
            Chore::Recycle(number) => {
                self.recycle(number).inspect_err(|_| self.pool.ask_first(Chore::Recycle(number)))
            }
        };
        if let Err(error) = &done {
            self.metrics.prepare_failures.inc();
            self.pool.set_failing();
            tracing::warn!(error = %error, "the log could not make a file ready");
        }
        done.is_ok()
    }

    /// A failure is told to the writer alone: files can be made ready all the same.
    fn look(&mut self) -> bool {
        let Some(mut pass) = self.pool.take_pass() else { return true };
        match pass.step(&*self.disk, &self.dir) {
            Ok(Some((number, left))) => {
                self.metrics.note_looked(&left);
                self.pool.report(Report::Looked { number, oldest_at_ms: left.oldest_at_ms });
                self.pool.start(pass);
            }
            Ok(None) => self.pool.report(Report::Finished(Box::new(pass))),
            Err(error) => {
                self.pool.report(Report::Failed(error));
                return false;
            }
        }
        true
    }

    /// A file that is empty and on the disk under its name: a new one, or `old`. On a full disk an old one is the only
    /// way to get one.
    pub(super) fn prepare(&mut self, old: Option<u64>) -> io::Result<Prepared> {
        let header = Header::new(self.next_number, &*self.rng);
        // Not the same number again after a failure: nothing is known about that file then.
        self.next_number += 1;
        let prepared = self.fill(header, old);
        if prepared.is_err() {
            // Whatever is left goes at the next start; now it would keep a full disk full.
            let _ = self.disk.unlink(&new_path(&self.dir, header.number));
            let _ = self.disk.unlink(&log_path(&self.dir, header.number));
        }
        prepared
    }

    fn fill(&self, header: Header, old: Option<u64>) -> io::Result<Prepared> {
        let new = new_path(&self.dir, header.number);
        let file = match old {
            Some(old) => self.take_over(old, &new)?,
            None => self.disk.create(&new)?,
        };
        file.preallocate(self.options.file_bytes)?;
        // Written out, not only reserved, so that a sync of frames later has no metadata to write.
        zero(&*file, DATA_AT, self.options.file_bytes.max(file.length()?))?;
        file.write_at(0, &header.encode())?;
        file.sync_data()?;
        self.disk.rename(&new, &log_path(&self.dir, header.number))?;
        self.disk.sync_dir(&self.dir)?;
        Ok(Prepared { header, capacity: file.length()?.min(FILE_BYTES_MAX), file })
    }

    fn take_over(&self, old: u64, new: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.disk.rename(&log_path(&self.dir, old), new)?;
        // Before it is written over, or a cut of power leaves a part of the log without its contents.
        self.disk.sync_dir(&self.dir)?;
        self.disk.open(new, Access::ReadWrite)
    }

    /// At once, because what is in it is to be gone; and before any later file, so that no file of the log is ever
    /// without the one before it.
    fn recycle(&mut self, old: u64) -> io::Result<()> {
        if self.pool.ready() <= READY_FILES
            && let Ok(prepared) = self.prepare(Some(old))
        {
            self.pool.put(prepared);
            return Ok(());
        }
        self.discard(old)
    }

    fn discard(&self, number: u64) -> io::Result<()> {
        match self.disk.unlink(&log_path(&self.dir, number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.disk.sync_dir(&self.dir),
        }
    }

    fn gather(&self, number: u64) -> io::Result<Gathered> {
        let bytes = file::load(&*self.disk, &self.dir, number, FILE_BYTES_MAX)?;
        let header = Header::decode(&bytes).ok_or(io::ErrorKind::InvalidData)?;
        let opt_outs = pieces(&bytes, header).filter_map(|piece| opt_out(&piece)).collect();
        let concealed = pieces(&bytes, header).filter_map(|piece| concealed(&piece)).collect();
        let settings = pieces(&bytes, header).filter_map(|piece| settings(&piece));
        let settings: HashMap<_, _> = settings.map(|found| (found.account, found)).collect();
        Ok(Gathered { number, opt_outs, concealed, settings: settings.into_values().collect() })
    }
}

fn opt_out(piece: &Piece<'_>) -> Option<OptOut> {
    let Piece::Frame(_, frame) = piece else { return None };
    let opt_out = (frame.head.kind == OPT_OUT).then(|| StoredOptOut::read(frame.payload))??;
    (opt_out.choice == Choice::Out).then_some(opt_out)
}

fn concealed(piece: &Piece<'_>) -> Option<SubjectDigest> {
    let Piece::Frame(_, frame) = piece else { return None };
    (frame.head.kind == CONCEALED).then(|| frame.payload.try_into().ok())?
}

fn settings(piece: &Piece<'_>) -> Option<AccountPrefs> {
    let Piece::Frame(_, frame) = piece else { return None };
    (frame.head.kind == SETTINGS).then(|| StoredSettings::read(frame.payload))?
}

/// Writes zeros over `from..to`.
pub(super) fn zero(file: &dyn DiskFile, from: u64, to: u64) -> io::Result<()> {
    let zeros = vec![0; ZERO_BYTES.min(to.saturating_sub(from) as usize)];
    let mut at = from;
    while at < to {
        let bytes = zeros.len().min((to - at) as usize);
        file.write_at(at, &zeros[..bytes])?;
        at += bytes as u64;
    }
    Ok(())
}

const ZERO_BYTES: usize = 1 << 20;
