//! What the writer does between two rounds: takes the disk up again where it works again, lets old files go, and ends.

use super::group::{Outcome, Round};
use super::options::Retain;
use super::pool::{Chore, Gathered, RESERVE_FILES};
use super::queue::Batch;
use super::record_erasure::SubjectDigest;
use super::touches::earliest;
use super::writer::Writer;
use crate::domain::opt_out::OptOut;
use crate::domain::time::Timestamp;

impl Writer {
    pub(super) const fn is_ready(&self) -> bool {
        self.file.is_some() && !self.opt_outs_only && !self.is_blocked
    }

    pub(super) fn update_readiness(&self) {
        self.queue.set_ready(self.is_ready());
    }

    /// Between two rounds: takes the disk up again where it works again, and lets old files go.
    pub(super) fn keep_house(&mut self, round: &mut Round) {
        if let Some(housekeeper) = &mut self.housekeeper {
            housekeeper.run_once();
        }
        if !self.is_ready() {
            self.recover(round);
        }
        self.retire(round);
        self.sweep(round);
        if let Some(time) = self.sweep.retain.matches {
            let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            self.matches.expire_some(Timestamp(self.now_ms.saturating_sub(time_ms)));
        }
        self.touches.expire_some(earliest(Timestamp(self.now_ms), self.sweep.retain));
        self.metrics.touches.set(self.touches.len() as i64);
        self.metrics.match_rows.set(self.matches.len() as i64);
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
    pub(super) fn begin_file(&mut self, round: &mut Round) {
        if self.group.frames.is_empty() {
            self.put_begin();
        }
        self.commit(round);
    }

    /// Lets the oldest file go if all that is left of it is too old: first its opt-outs and settings are found, then they are written again at the
    /// end of the log, and only then it goes.
    fn retire(&mut self, round: &mut Round) {
        for gathered in self.pool.take_gathered() {
            self.carry_forward(round, &gathered);
        }
        if self.retiring.is_some() || self.sweep.retain == Retain::default() {
            return;
        }
        let now_ms = self.clock.now().0;
        if let Some(oldest) = self.closed.first().filter(|oldest| self.sweep.retain.is_over(oldest, now_ms)) {
            self.retiring = Some(oldest.number);
            self.pool.ask(Chore::Gather(oldest.number));
        }
    }

    fn carry_forward(&mut self, round: &mut Round, gathered: &Gathered) {
        self.retiring = None;
        // Who was erased meanwhile is not named again: that opt-out was stored behind this file, with the erasure.
        let named = |opt_out: &&OptOut| self.opt_outs.is_named(opt_out.subject);
        let named: Vec<OptOut> = gathered.opt_outs.iter().filter(named).copied().collect();
        let concealed = |digest: &&SubjectDigest| self.opt_outs.is_concealed(**digest);
        let concealed: Vec<SubjectDigest> = gathered.concealed.iter().filter(concealed).copied().collect();
        let before = self.groups_given_up;
        let all = named.iter().all(|opt_out| self.take_opt_out(round, opt_out) == Outcome::Stored)
            && concealed.iter().all(|digest| self.take_concealed(round, *digest) == Outcome::Stored)
            && self.carry_settings(round, &gathered.settings);
        self.commit(round);
        if !all || self.groups_given_up > before {
            return;
        }
        self.closed.retain(|file| file.number != gathered.number);
        self.metrics.files_retired.inc();
        self.pool.ask(Chore::Recycle(gathered.number));
    }

    pub(super) fn finish(&mut self, round: &mut Round) -> bool {
        self.commit(round);
        let synced = self.file.as_mut().is_none_or(|file| !file.is_dirty() || file.sync().is_ok());
        self.end();
        synced && self.group.is_empty()
    }

    /// Nobody may be left waiting for an answer that cannot come.
    pub(super) fn break_down(&mut self, round: &mut Round) {
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
