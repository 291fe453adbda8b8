//! How a group gets to the disk, and into which file.
//!
//! A write or a sync that failed is never tried again on the same file.

use std::time::Instant;

use super::active::Active;
use super::durable::Durable;
use super::entry::EntryKind;
use super::frame;
use super::group::{BEGIN_FRAME_BYTES, MatchChange, Round, begin_head};
use super::match_table::MatchTable;
use super::metrics::Kind;
use super::pool::{Chore, RESERVE_FILES};
use super::writer::{ClosedFile, Writer};
use crate::domain::matching::Unmatch;
use crate::domain::time::Timestamp;

impl Writer {
    /// Whether an entry of `kind` with `bytes` finds room in the current file, after changing files if need be.
    pub(super) fn make_room(&mut self, round: &mut Round, kind: EntryKind, bytes: usize) -> bool {
        if self.group.frames.len() + bytes > GROUP_BYTES_MAX {
            self.commit(round);
        }
        if self.opt_outs_only && !kind.only_removes() {
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
        self.fits(bytes) || (self.next_file(kind.only_removes()) && self.fits(bytes))
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

    /// Goes on in the next file that is ready. The last of them is for opt-outs and erasures alone.
    pub(super) fn next_file(&mut self, is_for_removal: bool) -> bool {
        let keep = if self.has_more_than(RESERVE_FILES) || !is_for_removal { RESERVE_FILES } else { 0 };
        let Some(prepared) = self.pool.take(keep) else {
            self.is_blocked = true;
            self.update_readiness();
            return false;
        };
        self.opt_outs_only = keep == 0;
        self.is_blocked = false;
        self.leave_file();
        self.file = Some(Active::fresh(prepared));
        if !self.group.frames.is_empty() {
            // What was acknowledged already when the last file failed.
            self.put_begin();
        }
        self.metrics.files_begun.inc();
        self.update_readiness();
        true
    }

    /// Puts the frame into the group that begins the current file.
    pub(super) fn put_begin(&mut self) {
        let Some(file) = &mut self.file else { return };
        file.first_sequence = frame::sequence(&self.group.frames).unwrap_or(self.next_sequence);
        file.first_at_ms = self.now_ms;
        let head = begin_head(file.first_sequence, self.now_ms);
        self.group.begin(self.previous.begin(), head, file.salt);
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
        self.closed.push(ClosedFile::new(file.header.number, file.first_at_ms, self.now_ms));
    }

    /// Writes the group, syncs it if anyone asked for that, and tells everyone who waits for it.
    pub(super) fn commit(&mut self, round: &mut Round) {
        let has_work = !self.group.frames.is_empty() || self.group.wants_sync;
        let told = if !has_work {
            self.group.tell_unwritten(round)
        } else if self.file.is_some() && (self.try_commit(round).is_ok() || self.commit_elsewhere(round)) {
            self.finish_group();
            0
        } else {
            self.update_readiness();
            self.groups_given_up += 1;
            self.pool.set_failing();
            self.group.give_up(round, &mut self.dedup, &mut self.touches)
        };
        self.queue.note_answered(told);
    }

    fn try_commit(&mut self, round: &mut Round) -> std::io::Result<()> {
        let file = self.file.as_mut().expect("a group is committed to a file");
        let frames = &self.group.frames;
        let written = Durable::by_writing(|| file.write(frames));
        let written = written.inspect_err(|_| _ = self.metrics.write_failures.inc())?;
        // Before the answer: whoever is told that it is stored may ask for it at once.
        learn(&self.matches, self.group.take_matches(false), self.now_ms);
        let told = self.group.tell_written(round, &written);
        self.queue.note_answered(told);
        // The first group of a file always, so that no later one can be there without the frame that begins it.
        if self.group.wants_sync || !file.is_begun {
            let start = Instant::now();
            let synced = Durable::by_syncing(&written, || file.sync_with(self.group.frames.len()));
            let synced = synced.inspect_err(|_| _ = self.metrics.sync_failures.inc())?;
            self.metrics.sync_seconds.observe(start.elapsed().as_secs_f64());
            // Before the answer: whoever is told that the opt-out is taken back may send the next hit at once.
            let (concealed, lifted, erasures) = self.group.take_changes();
            learn(&self.matches, self.group.take_matches(true), self.now_ms);
            concealed.into_iter().for_each(|subject| self.opt_outs.conceal(subject));
            lifted.into_iter().for_each(|subject| self.opt_outs.remove(subject));
            let settings = self.group.take_settings();
            settings.into_iter().for_each(|(account, prefs)| self.settings.set(account, prefs));
            self.metrics.account_settings.set(self.settings.len() as i64);
            if !erasures.is_empty() {
                self.sweep.note_pending(erasures, &self.erasures);
                self.metrics.erasures_pending.set(self.erasures.pending().0 as i64);
            }
            if self.group.has_removal {
                self.metrics.note_choices(self.group.take_choices(), self.opt_outs.len());
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
            self.closed.push(ClosedFile::new(bad.header.number, bad.first_at_ms, self.now_ms));
        } else {
            self.pool.ask(Chore::Discard(bad.header.number));
        }
        // Only duplicates waited for the sync that failed, and theirs are the bytes that are in doubt.
        if self.group.frames.is_empty() {
            return false;
        }
        let begun = self.next_file(self.group.has_removal) && self.try_commit(round).is_ok();
        if !begun && let Some(file) = self.file.take() {
            self.pool.ask(Chore::Discard(file.header.number));
        }
        begun
    }

    fn finish_group(&mut self) {
        self.metrics.groups.inc();
        self.metrics.bytes.inc_by(self.group.frames.len() as u64);
        for (kind, stored) in EntryKind::ALL.into_iter().zip(self.group.clear()) {
            if stored > 0 {
                self.metrics.stored.get_or_create(&Kind { kind: kind.name() }).inc_by(stored);
            }
        }
    }
}

fn learn(table: &MatchTable, changes: Vec<MatchChange>, now_ms: u64) {
    for change in changes {
        match change {
            MatchChange::Match(found, evidence) => table.insert(&found, &evidence, Timestamp(now_ms)),
            MatchChange::Unmatch(Unmatch { partner_id, browser_id, .. }) => {
                table.remove(partner_id, browser_id);
            }
        }
    }
}

/// A 1 MiB write holds a sync up for milliseconds; a quarter of it does not.
const GROUP_BYTES_MAX: usize = 256 << 10;
