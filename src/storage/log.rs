//! The log as the rest of the program sees it.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use super::account_settings::AccountSettings;
use super::dedup::Dedup;
use super::disk::Disk;
use super::durable::Durable;
use super::erasures::Erasures;
use super::file::lock_path;
use super::group::Group;
use super::housekeeper::Housekeeper;
use super::match_table::{MatchRejection, MatchTable};
use super::metrics::LogMetrics;
use super::opt_outs::OptOuts;
use super::options::{Housekeeping, LogOptions};
use super::pool::{Pool, RESERVE_FILES};
use super::queue::Queue;
use super::recovery::{Index, OpenError, Recovered, Recovery, recover};
use super::sweep::Sweep;
use super::touches::{Touches, earliest};
use super::worker::Appender;
use super::writer::Writer;
use crate::domain::conversion::Source;
use crate::domain::id::EventId;
use crate::domain::time::{Clock, Rng, Timestamp};

/// What became of an entry that the log took.
#[derive(Debug, PartialEq, Eq)]
pub enum Appended {
    Stored(Durable),
    /// The log has this event already, under this id and by this source, at least as safe as this entry's class asks for.
    Duplicate {
        id: EventId,
        source: Source,
    },
    /// The match table says so already, since less than a day; nothing was stored.
    Known,
    /// The match table does not take the match; nothing was stored.
    Rejected(MatchRejection),
    /// Its subject had opted out, or had what was known before erased, by the time the writer came to it. Nothing was
    /// stored.
    OptedOut,
}

/// Why the log did not take an entry. After an error the entry may be there anyway; a repetition of it is a
/// duplicate then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    #[error("the log has more waiting than it may; try again")]
    Overloaded,
    #[error("the disk takes nothing now; try again later")]
    Unavailable,
}

/// The log of one data directory; there is one of it at a time. Dropping it closes it.
pub struct Log {
    queue: Arc<Queue>,
    pool: Arc<Pool>,
    opt_outs: Arc<OptOuts>,
    erasures: Arc<Erasures>,
    matches: Arc<MatchTable>,
    settings: Arc<AccountSettings>,
    metrics: LogMetrics,
    writer: Option<JoinHandle<bool>>,
    housekeeper: Option<JoinHandle<()>>,
    /// Released last.
    _lock: Box<dyn std::any::Any + Send + Sync>,
}

/// Not all that the log had accepted is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the disk did not take all of what the log had accepted")]
pub struct CloseError;

impl Log {
    /// Opens the log in `dir`, or makes one. Returns when the first entry could be written.
    pub fn open(
        dir: &Path,
        options: LogOptions,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<(Self, Recovery), OpenError> {
        if let Some(mistake) = options.mistake() {
            return Err(OpenError::Options(mistake));
        }
        let fail = |source| OpenError::Io { dir: dir.to_owned(), source };
        disk.create_dir(dir).map_err(fail)?;
        let lock = disk.lock(&lock_path(dir)).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => OpenError::Locked(dir.to_owned()),
            _ => fail(error),
        })?;
        let index = index(&options, clock.now().0);
        let recovered = recover(&*disk, dir, index)?;
        let recovery = recovered.recovery.clone();
        let parts = Parts { dir: dir.to_owned(), options, disk, clock, rng };
        Ok((parts.start(recovered, lock).map_err(fail)?, recovery))
    }

    /// One for each worker thread, with the future that has to run on that same thread for as long as it appends. The
    /// future ends after the log has closed. `turn` returns once the thread has looked for new work.
    pub fn appender<T, P>(&self, turn: T) -> (Appender, impl Future<Output = ()> + Send + 'static + use<T, P>)
    where
        T: Fn() -> P + Send + Sync + 'static,
        P: Future<Output = ()> + Send + 'static,
    {
        Appender::new(&self.queue, turn)
    }

    pub fn opt_outs(&self) -> Arc<OptOuts> {
        Arc::clone(&self.opt_outs)
    }

    pub fn erasures(&self) -> Arc<Erasures> {
        Arc::clone(&self.erasures)
    }

    pub fn matches(&self) -> Arc<MatchTable> {
        Arc::clone(&self.matches)
    }

    pub fn account_settings(&self) -> Arc<AccountSettings> {
        Arc::clone(&self.settings)
    }

    pub const fn metrics(&self) -> &LogMetrics {
        &self.metrics
    }

    /// `false` while the disk takes nothing, or nothing but opt-outs.
    pub fn is_ready(&self) -> bool {
        self.queue.is_ready()
    }

    /// Takes no more, and returns when everything that was accepted is on the disk.
    pub fn close(mut self) -> Result<(), CloseError> {
        if self.stop() { Ok(()) } else { Err(CloseError) }
    }

    fn stop(&mut self) -> bool {
        self.queue.close();
        let synced = self.writer.take().is_some_and(|writer| writer.join().unwrap_or(false));
        // The writer may have waited for a file, so its helper goes second.
        self.pool.close();
        if let Some(housekeeper) = self.housekeeper.take() {
            let _ = housekeeper.join();
        }
        synced
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if self.writer.is_some() {
            self.stop();
        }
    }
}

fn index(options: &LogOptions, now_ms: u64) -> Index {
    let window_ms = u64::try_from(options.dedup_window.as_millis()).unwrap_or(u64::MAX);
    Index {
        dedup: Dedup::new(window_ms, options.dedup_keys_max),
        opt_outs: OptOuts::default(),
        settings: AccountSettings::default(),
        erasures: Erasures::default(),
        matches: MatchTable::new(options.match_rows_max),
        dedup_from_ms: now_ms.saturating_sub(window_ms),
        matches_from_ms: options
            .retain
            .matches
            .map_or(0, |time| now_ms.saturating_sub(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))),
        touches: Touches::new(options.touches_max),
        touches_from_ms: earliest(Timestamp(now_ms), options.retain).0,
    }
}

/// What a log is made of.
struct Parts {
    dir: PathBuf,
    options: LogOptions,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

impl Parts {
    fn start(self, recovered: Recovered, lock: Box<dyn std::any::Any + Send + Sync>) -> io::Result<Log> {
        let pool = Arc::new(Pool::default());
        let metrics = LogMetrics::default();
        let queue = Arc::new(Queue::new(self.options.queue_entries_max, self.options.ack));
        let mut housekeeper = Housekeeper {
            disk: self.disk,
            dir: self.dir,
            rng: self.rng,
            options: self.options.clone(),
            pool: Arc::clone(&pool),
            metrics: metrics.clone(),
            next_number: recovered.next_number,
        };
        let has_file = recovered.file.is_some();
        let mut writer = writer(recovered, &self.options, &queue, &pool, self.clock, &metrics);
        make_first(&pool, &mut housekeeper, has_file)?;
        let (opt_outs, erasures) = (Arc::clone(&writer.opt_outs), Arc::clone(&writer.erasures));
        let (matches, settings) = (Arc::clone(&writer.matches), Arc::clone(&writer.settings));
        let housekeeper = match self.options.housekeeping {
            Housekeeping::Inline => {
                writer.housekeeper = Some(housekeeper);
                None
            }
            Housekeeping::Background => {
                let queue = Arc::clone(&queue);
                Some(thread("log-housekeeper", move || housekeeper.run(&queue))?)
            }
        };
        writer.start_up();
        let writer = Some(thread("log-writer", move || writer.run())?);
        Ok(Log {
            queue,
            pool,
            opt_outs,
            erasures,
            matches,
            settings,
            metrics,
            writer,
            housekeeper,
            _lock: lock,
        })
    }
}

/// As many files as there have to be before anything is accepted: one to write to, and the opt-outs' reserve. A full
/// disk is no reason not to start where there is one already.
fn make_first(pool: &Pool, housekeeper: &mut Housekeeper, has_file: bool) -> io::Result<()> {
    let wanted = RESERVE_FILES + usize::from(!has_file);
    while pool.ready() < wanted {
        match housekeeper.prepare(None) {
            Ok(prepared) => pool.put(prepared),
            Err(error) if !has_file && pool.ready() == 0 => return Err(error),
            Err(error) => {
                tracing::warn!(error = %error, "the log has no file in reserve");
                pool.set_failing();
                break;
            }
        }
    }
    Ok(())
}

fn writer(
    recovered: Recovered,
    options: &LogOptions,
    queue: &Arc<Queue>,
    pool: &Arc<Pool>,
    clock: Arc<dyn Clock>,
    metrics: &LogMetrics,
) -> Writer {
    for prepared in recovered.spare {
        pool.put(prepared);
    }
    metrics.opt_outs.set(recovered.index.opt_outs.len() as i64);
    metrics.account_settings.set(recovered.index.settings.len() as i64);
    metrics.touches.set(recovered.index.touches.len() as i64);
    metrics.match_rows.set(recovered.index.matches.len() as i64);
    metrics.erasures_pending.set(recovered.index.erasures.pending().0 as i64);
    Writer {
        queue: Arc::clone(queue),
        clock,
        pool: Arc::clone(pool),
        housekeeper: None,
        metrics: metrics.clone(),
        dedup: recovered.index.dedup,
        opt_outs: Arc::new(recovered.index.opt_outs),
        matches: Arc::new(recovered.index.matches),
        settings: Arc::new(recovered.index.settings),
        touches: recovered.index.touches,
        file: recovered.file,
        previous: recovered.previous,
        opt_outs_only: false,
        is_blocked: false,
        closed: recovered.closed,
        next_sequence: recovered.last_sequence + 1,
        now_ms: recovered.last_at_ms,
        sweep: Sweep::new(options.retain, options.erase_within, recovered.index.erasures.first_and_last()),
        erasures: Arc::new(recovered.index.erasures),
        retry_after: options.retry_after,
        group: Group::default(),
        payload: Vec::new(),
        groups_given_up: 0,
        retiring: None,
    }
}

fn thread<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    Builder::new().name(name.to_owned()).spawn(run)
}
