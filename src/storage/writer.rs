//! The one that writes: owns the current file, the keys of what is stored, and the set of the opted-out.
//!
//! Nothing gets into the log but through [`Writer::commit`], and nothing is acknowledged before it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::active::{Active, Previous};
use super::dedup::{Dedup, Key};
use super::durable::Durable;
use super::entry::{Entry, EntryKind};
use super::frame::{FRAME_BYTES_MAX, HEAD_BYTES, Head};
use super::group::{BEGIN_FRAME_BYTES, Group, Outcome, Round, begin_head};
use super::housekeeper::Housekeeper;
use super::log::AppendError;
use super::metrics::{Kind, LogMetrics};
use super::opt_outs::OptOuts;
use super::pool::{Chore, Gathered, Pool, RESERVE_FILES};
use super::queue::{Batch, Queue};
use super::record::{CONVERSION, OPT_OUT, StoredConversion, StoredOptOut, VERSION};
use crate::consent::gate::Permitted;
use crate::consent::regulated::Regulated;
use crate::domain::conversion::Conversion;
use crate::domain::opt_out::{Choice, OptOut, OptOutView};
use crate::domain::time::Clock;

pub(super) struct Writer {
    pub(super) queue: Arc<Queue>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) pool: Arc<Pool>,
    /// Where there is no thread for it.
    pub(super) housekeeper: Option<Housekeeper>,
    pub(super) metrics: LogMetrics,
    pub(super) dedup: Dedup,
    pub(super) opt_outs: Arc<OptOuts>,
    /// `None` while the disk takes nothing.
    pub(super) file: Option<Active>,
    /// What the next file will say of the one before it, but for what `file` adds.
    pub(super) previous: Previous,
    /// The current file is the last one there is; what is left of it is for opt-outs.
    pub(super) opt_outs_only: bool,
    /// The current file is full and there is no other.
    pub(super) is_blocked: bool,
    /// Files before the current one, oldest first.
    pub(super) closed: Vec<ClosedFile>,
    pub(super) next_sequence: u64,
    /// The log's own time; does not go back when the clock does.
    pub(super) now_ms: u64,
    pub(super) retain: Option<Duration>,
    pub(super) retry_after: Duration,
    pub(super) group: Group,
    pub(super) payload: Vec<u8>,
    pub(super) groups_given_up: u64,
    /// The file whose opt-outs are being gathered.
    pub(super) retiring: Option<u64>,
}

/// A file that nothing is added to any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClosedFile {
    pub(super) number: u64,
    /// Of its newest entry.
    pub(super) last_at_ms: u64,
}

impl Writer {
    /// Settles which file comes first, so that readiness is known when the log is open.
    pub(super) fn start_up(&mut self) {
        if self.file.is_none() {
            // An only file is for opt-outs alone.
            let _ = self.next_file(true);
        } else {
            self.opt_outs_only = self.pool.ready() == 0;
        }
        self.update_readiness();
    }

    /// Until the log closes and everything it accepted is on the disk; says whether it is.
    pub(super) fn run(mut self) -> bool {
        self.queue.become_writer();
        let mut round = Round::default();
        let done = catch_unwind(AssertUnwindSafe(|| self.run_rounds(&mut round)));
        if done.is_err() {
            self.break_down(&mut round);
        }
        done.unwrap_or(false)
    }

    fn run_rounds(&mut self, round: &mut Round) -> bool {
        let mut batches = Vec::new();
        self.keep_house(round);
        loop {
            // Before the queue is looked at: what comes in after this look is seen in the next.
            let is_closed = self.queue.is_closed();
            if is_closed {
                batches.extend(self.queue.workers().iter().flat_map(|worker| worker.take_rest()));
            }
            self.queue.take(&mut batches);
            if !batches.is_empty() {
                self.take_round(round, &mut batches);
            } else if is_closed {
                return self.finish(round);
            } else {
                self.sleep();
            }
            self.keep_house(round);
        }
    }

    fn sleep(&self) {
        let is_waiting = self.housekeeper.is_some() && !self.is_ready();
        if is_waiting {
            std::thread::park_timeout(self.retry_after);
        } else if self.retain.is_some() {
            std::thread::park_timeout(RETENTION_CHECK_EVERY);
        } else {
            std::thread::park();
        }
    }

    /// Everything in `batches`, in its order, in as few groups as will do.
    pub(super) fn take_round(&mut self, round: &mut Round, batches: &mut Vec<Batch>) {
        self.now_ms = self.now_ms.max(self.clock.now().0);
        round.fill(batches);
        for at in 0..round.len() {
            let entries = std::mem::take(&mut round.batch(at).entries);
            for (entry, _) in &entries {
                let outcome = self.take_entry(round, at, entry);
                self.group.expect(at, round.batch(at).needs_sync, outcome);
            }
            // Its last outcome is not told before the next commit, so the batch is still here.
            round.batch(at).entries = entries;
        }
        self.commit(round);
    }

    fn take_entry(&mut self, round: &mut Round, at: usize, entry: &Entry) -> Outcome {
        match entry {
            Entry::OptOut(opt_out) => self.take_opt_out(round, opt_out),
            Entry::Conversion(conversion) => self.take_conversion(round, at, entry.kind(), conversion),
        }
    }

    fn take_opt_out(&mut self, round: &mut Round, opt_out: &OptOut) -> Outcome {
        if opt_out.choice == Choice::Out {
            // Before the write, not after: if the write fails we have still stopped storing.
            self.opt_outs.insert(opt_out.subject);
            self.group.keep_out(opt_out.subject);
        }
        let stored = StoredOptOut::lend(opt_out);
        self.payload.clear();
        stored.write(&mut self.payload);
        let outcome = self.place(round, EntryKind::OptOut, OPT_OUT, true);
        if outcome == Outcome::Stored {
            self.group.has_opt_out = true;
            if opt_out.choice == Choice::In {
                self.group.lift(opt_out.subject);
            }
        }
        outcome
    }

    fn take_conversion(
        &mut self,
        round: &mut Round,
        at: usize,
        kind: EntryKind,
        permitted: &Permitted<Conversion>,
    ) -> Outcome {
        let conversion = permitted.value();
        // The gate may have looked before the opt-out came. Nobody gets between here and the log.
        if conversion.subject().is_some_and(|subject| self.opt_outs.is_opted_out(subject)) {
            self.metrics.opted_out.inc();
            return Outcome::OptedOut;
        }
        let keys = self.dedup.keys_of(conversion);
        if let Some((key, id)) = self.dedup.find(&keys, self.now_ms) {
            return self.note_duplicate(round.batch(at), key, Outcome::Duplicate(id));
        }
        self.payload.clear();
        StoredConversion::lend(conversion, permitted.evidence()).write(&mut self.payload);
        let needs_sync = round.batch(at).needs_sync;
        let outcome = self.place(round, kind, CONVERSION, needs_sync);
        if outcome == Outcome::Stored {
            for key in keys.into_iter().flatten() {
                self.dedup.insert(key, conversion.id, self.now_ms);
                self.group.note_key(key, needs_sync);
            }
        }
        outcome
    }

    /// A duplicate is not acknowledged before the first of its kind is as safe as either of them has to be.
    fn note_duplicate(&mut self, batch: &mut Batch, key: Key, duplicate: Outcome) -> Outcome {
        self.metrics.duplicates.inc();
        if !batch.needs_sync {
            batch.needs_sync = self.group.has_unsynced(key);
            return duplicate;
        }
        let Some(file) = &self.file else { return Outcome::Refused(AppendError::Unavailable) };
        self.group.wants_sync |= file.is_dirty() || !self.group.frames.is_empty();
        duplicate
    }

    /// Puts `self.payload` into the group.
    fn place(&mut self, round: &mut Round, kind: EntryKind, code: u8, needs_sync: bool) -> Outcome {
        let bytes = HEAD_BYTES + self.payload.len();
        if bytes > FRAME_BYTES_MAX || !self.make_room(round, kind, bytes) {
            self.metrics.unavailable.inc();
            return Outcome::Refused(AppendError::Unavailable);
        }
        let file = self.file.as_ref().expect("there is room in a file");
        let salt = file.header.frame_salt();
        if !file.is_begun && self.group.frames.is_empty() {
            let head = begin_head(self.next_sequence, self.now_ms);
            self.group.begin(self.previous.begin(), head, salt);
        }
        let head = Head {
            sequence: self.next_sequence,
            at_ms: self.now_ms,
            durable: file.durable as u32,
            kind: code,
            version: VERSION,
        };
        self.next_sequence += 1;
        self.group.push(salt, head, &self.payload, kind, needs_sync);
        Outcome::Stored
    }

    /// Whether an entry of `kind` with `bytes` finds room in the current file, after changing files if need be.
    fn make_room(&mut self, round: &mut Round, kind: EntryKind, bytes: usize) -> bool {
        if self.group.frames.len() + bytes > GROUP_BYTES_MAX {
            self.commit(round);
        }
        if self.opt_outs_only && kind != EntryKind::OptOut {
            self.opt_outs_only = !self.has_more_than(0);
            if self.opt_outs_only {
                self.update_readiness();
                return false;
            }
        }
        if self.fits(bytes) {
            return true;
        }
        self.commit(round);
        // A commit that failed may have changed files already.
        self.fits(bytes) || (self.next_file(kind == EntryKind::OptOut) && self.fits(bytes))
    }

    fn fits(&self, bytes: usize) -> bool {
        let begin = BEGIN_FRAME_BYTES;
        self.file.as_ref().is_some_and(|file| {
            let bytes = self.group.frames.len() + bytes + if file.is_begun { 0 } else { begin };
            file.offset + bytes as u64 <= file.capacity
        })
    }

    fn has_more_than(&mut self, files: usize) -> bool {
        match &mut self.housekeeper {
            Some(housekeeper) if self.pool.ready() <= files => housekeeper.run_once(),
            Some(_) => {}
            None => self.pool.wait_for_more_than(files),
        }
        self.pool.ready() > files
    }

    /// Goes on in the next file that is ready. The last of them is for an opt-out alone.
    fn next_file(&mut self, is_for_opt_out: bool) -> bool {
        let keep = if self.has_more_than(RESERVE_FILES) || !is_for_opt_out { RESERVE_FILES } else { 0 };
        let Some(prepared) = self.pool.take(keep) else {
            self.is_blocked = true;
            self.update_readiness();
            return false;
        };
        self.opt_outs_only = keep == 0;
        self.is_blocked = false;
        self.leave_file();
        let file = Active::fresh(prepared);
        if !self.group.frames.is_empty() {
            // What was acknowledged already when the last file failed.
            let head = begin_head(self.next_sequence, self.now_ms);
            self.group.begin(self.previous.begin(), head, file.header.frame_salt());
        }
        self.file = Some(file);
        self.metrics.files_begun.inc();
        self.update_readiness();
        true
    }

    fn leave_file(&mut self) {
        let Some(mut file) = self.file.take() else { return };
        if !file.is_begun {
            self.pool.ask(Chore::Discard(file.header.number));
            return;
        }
        // No frame of the next file may be on the disk before those of this one.
        if file.is_dirty() && file.sync().is_err() {
            self.metrics.sync_failures.inc();
        }
        self.previous = file.leave();
        self.closed.push(ClosedFile { number: file.header.number, last_at_ms: self.now_ms });
    }

    /// Writes the group, syncs it if anyone asked for that, and tells everyone who waits for it.
    fn commit(&mut self, round: &mut Round) {
        let has_work = !self.group.frames.is_empty() || self.group.wants_sync;
        let told = if !has_work {
            self.group.tell_unwritten(round)
        } else if self.file.is_some() && (self.try_commit(round).is_ok() || self.commit_elsewhere(round)) {
            self.finish_group();
            0
        } else {
            self.update_readiness();
            self.groups_given_up += 1;
            self.group.give_up(round, &mut self.dedup)
        };
        self.queue.note_answered(told);
    }

    fn try_commit(&mut self, round: &mut Round) -> std::io::Result<()> {
        let file = self.file.as_mut().expect("a group is committed to a file");
        let frames = &self.group.frames;
        let written = Durable::by_writing(|| file.write(frames));
        let written = written.inspect_err(|_| _ = self.metrics.write_failures.inc())?;
        let told = self.group.tell_written(round, &written);
        self.queue.note_answered(told);
        // The first group of a file always, so that no later one can be there without the frame that begins it.
        if self.group.wants_sync || !file.is_begun {
            let start = Instant::now();
            let synced = Durable::by_syncing(&written, || file.sync_with(self.group.frames.len()));
            let synced = synced.inspect_err(|_| _ = self.metrics.sync_failures.inc())?;
            self.metrics.sync_seconds.observe(start.elapsed().as_secs_f64());
            // Before the answer: whoever is told that the opt-out is taken back may send the next hit at once.
            for subject in self.group.take_lifted() {
                self.opt_outs.remove(subject);
            }
            let told = self.group.tell_synced(round, &synced);
            self.queue.note_answered(told);
        } else {
            let told = self.group.tell_unwritten(round);
            self.queue.note_answered(told);
        }
        file.keep(self.group.frames.len());
        Ok(())
    }

    /// Nothing is known about the current file's last bytes any more, and no second attempt would tell: the group goes
    /// to the next file, which says that they do not count.
    fn commit_elsewhere(&mut self, round: &mut Round) -> bool {
        let Some(bad) = self.file.take() else { return false };
        tracing::error!(
            file.number = bad.header.number,
            "the log gave a file up after a failed write or sync"
        );
        if bad.is_begun {
            self.previous = bad.leave();
            self.closed.push(ClosedFile { number: bad.header.number, last_at_ms: self.now_ms });
        } else {
            self.pool.ask(Chore::Discard(bad.header.number));
        }
        // Only duplicates waited for the sync that failed, and theirs are the bytes that are in doubt.
        if self.group.frames.is_empty() {
            return false;
        }
        let begun = self.next_file(self.group.has_opt_out) && self.try_commit(round).is_ok();
        if !begun && let Some(file) = self.file.take() {
            self.pool.ask(Chore::Discard(file.header.number));
        }
        begun
    }

    fn finish_group(&mut self) {
        if self.group.has_opt_out {
            self.metrics.opt_outs.set(self.opt_outs.len() as i64);
        }
        self.metrics.groups.inc();
        self.metrics.bytes.inc_by(self.group.frames.len() as u64);
        for (kind, stored) in EntryKind::ALL.into_iter().zip(self.group.clear()) {
            if stored > 0 {
                self.metrics.stored.get_or_create(&Kind { kind: kind.name() }).inc_by(stored);
            }
        }
    }

    const fn is_ready(&self) -> bool {
        self.file.is_some() && !self.opt_outs_only && !self.is_blocked
    }

    fn update_readiness(&self) {
        self.queue.set_ready(self.is_ready());
    }

    /// Between two rounds: takes the disk up again where it works again, and lets old files go.
    fn keep_house(&mut self, round: &mut Round) {
        if let Some(housekeeper) = &mut self.housekeeper {
            housekeeper.run_once();
        }
        if !self.is_ready() {
            self.recover(round);
        }
        self.retire(round);
        self.metrics.waiting.set(self.queue.waiting() as i64);
        self.metrics.dedup_keys.set(self.dedup.len() as i64);
    }

    fn recover(&mut self, round: &mut Round) {
        let ready = self.pool.ready();
        self.opt_outs_only &= ready == 0;
        self.is_blocked &= ready <= RESERVE_FILES;
        if self.file.is_none() && ready > RESERVE_FILES && self.next_file(false) {
            self.begin_file(round);
        }
        self.update_readiness();
    }

    /// Writes the frame that begins the current file, to see whether the disk takes it.
    fn begin_file(&mut self, round: &mut Round) {
        let Some(file) = self.file.as_ref().filter(|_| self.group.frames.is_empty()) else {
            return self.commit(round);
        };
        let head = begin_head(self.next_sequence, self.now_ms);
        self.group.begin(self.previous.begin(), head, file.header.frame_salt());
        self.commit(round);
    }

    /// Lets the oldest file go if all of it is too old: first its opt-outs are found, then they are written again at the
    /// end of the log, and only then it goes.
    fn retire(&mut self, round: &mut Round) {
        for gathered in self.pool.take_gathered() {
            self.carry_forward(round, &gathered);
        }
        let Some(retain) = self.retain.filter(|_| self.retiring.is_none()) else { return };
        let earliest_ms = self.clock.now().0.saturating_sub(retain.as_millis() as u64);
        if let Some(oldest) = self.closed.first().filter(|oldest| oldest.last_at_ms < earliest_ms) {
            self.retiring = Some(oldest.number);
            self.pool.ask(Chore::Gather(oldest.number));
        }
    }

    fn carry_forward(&mut self, round: &mut Round, gathered: &Gathered) {
        self.retiring = None;
        let live = |opt_out: &&OptOut| self.opt_outs.is_opted_out(opt_out.subject);
        let live: Vec<OptOut> = gathered.opt_outs.iter().filter(live).copied().collect();
        let before = self.groups_given_up;
        let all = live.iter().all(|opt_out| self.take_opt_out(round, opt_out) == Outcome::Stored);
        self.commit(round);
        if !all || self.groups_given_up > before {
            return;
        }
        self.closed.retain(|file| file.number != gathered.number);
        self.metrics.files_retired.inc();
        self.pool.ask(Chore::Recycle(gathered.number));
    }

    fn finish(&mut self, round: &mut Round) -> bool {
        self.commit(round);
        let synced = self.file.as_mut().is_none_or(|file| !file.is_dirty() || file.sync().is_ok());
        self.end();
        synced && self.group.is_empty()
    }

    /// Nobody may be left waiting for an answer that cannot come.
    fn break_down(&mut self, round: &mut Round) {
        tracing::error!("the log's writer broke down");
        self.queue.close();
        round.fail_rest();
        let mut batches: Vec<Batch> =
            self.queue.workers().iter().flat_map(|worker| worker.take_rest()).collect();
        self.queue.take(&mut batches);
        round.fill(&mut batches);
        round.fail_rest();
        self.end();
    }

    fn end(&self) {
        self.queue.set_ready(false);
        for worker in self.queue.workers() {
            worker.wake_batcher();
        }
    }
}

/// A 1 MiB write holds a sync up for milliseconds; a quarter of it does not.
const GROUP_BYTES_MAX: usize = 256 << 10;
const RETENTION_CHECK_EVERY: Duration = Duration::from_secs(60);
