//! The one that writes: owns the current file, the keys of what is stored, and the set of the opted-out.
//!
//! Nothing gets into the log but through [`Writer::commit`], and nothing is acknowledged before it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::account_settings::AccountSettings;
use super::active::{Active, Previous};
use super::dedup::{Dedup, First, Key};
use super::entry::{Entry, EntryKind};
use super::erasures::Erasures;
use super::frame::{FRAME_BYTES_MAX, HEAD_BYTES, Head};
use super::group::{Group, Outcome, Round};
use super::housekeeper::Housekeeper;
use super::log::AppendError;
use super::match_table::MatchTable;
use super::metrics::LogMetrics;
use super::opt_outs::OptOuts;
use super::pool::Pool;
use super::queue::{Batch, Queue};
use super::record::{CONCEALED, EMBED_VIEW, ERASURE, OPT_OUT, StoredOptOut, VERSION};
use super::record_embed::StoredEmbedView;
use super::record_erasure::{StoredErasure, SubjectDigest, digest};
use super::rewrite::{ROW_KINDS, Times};
use super::sweep::Sweep;
use super::touches::Touches;
use crate::consent::gate::Permitted;
use crate::consent::regulated::Regulated;
use crate::domain::conversion::Conversion;
use crate::domain::embed_view::EmbedView;
use crate::domain::erasure::Erasure;
use crate::domain::opt_out::{Choice, OptOut, OptOutView, Subjects};
use crate::domain::time::{Clock, Timestamp};

pub(super) struct Writer {
    pub(super) queue: Arc<Queue>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) pool: Arc<Pool>,
    /// Where there is no thread for it.
    pub(super) housekeeper: Option<Housekeeper>,
    pub(super) metrics: LogMetrics,
    pub(super) dedup: Dedup,
    pub(super) opt_outs: Arc<OptOuts>,
    pub(super) matches: Arc<MatchTable>,
    pub(super) settings: Arc<AccountSettings>,
    pub(super) touches: Touches,
    /// `None` while the disk takes nothing.
    pub(super) file: Option<Active>,
    /// What the next file will say of the one before it, but for what `file` adds.
    pub(super) previous: Previous,
    /// The current file is the last one there is; what is left of it is for opt-outs and erasures.
    pub(super) opt_outs_only: bool,
    /// The current file is full and there is no other.
    pub(super) is_blocked: bool,
    /// Files before the current one, oldest first.
    pub(super) closed: Vec<ClosedFile>,
    pub(super) next_sequence: u64,
    /// The log's own time; does not go back when the clock does.
    pub(super) now_ms: u64,
    pub(super) erasures: Arc<Erasures>,
    pub(super) sweep: Sweep,
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
    /// Of its oldest row of each kind, or a time before that; `u64::MAX` if there is none.
    pub(super) oldest_at_ms: Times,
}

impl ClosedFile {
    pub(super) const fn new(number: u64, first_at_ms: u64, last_at_ms: u64) -> Self {
        Self { number, last_at_ms, oldest_at_ms: [first_at_ms; ROW_KINDS] }
    }
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
        let is_waiting = self.housekeeper.is_some() && (!self.is_ready() || self.sweep.is_under_way);
        let rest = if is_waiting { Some(self.retry_after) } else { self.sweep.rest(self.clock.now().0) };
        match rest {
            Some(rest) => std::thread::park_timeout(rest),
            None => std::thread::park(),
        }
    }

    /// Everything in `batches`, in its order, in as few groups as will do.
    fn take_round(&mut self, round: &mut Round, batches: &mut Vec<Batch>) {
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
            Entry::Erasure(erasure) => self.take_erasure(round, erasure),
            Entry::Settings(settings) => self.take_settings(round, settings),
            Entry::Conversion(conversion) => self.take_conversion(round, at, entry.kind(), conversion),
            Entry::EmbedView(view) => self.take_embed_view(round, at, view),
            Entry::Match(found) => self.take_match(round, at, found),
            Entry::Unmatch(unmatch) => self.take_unmatch(round, at, unmatch),
            Entry::Touch(touch) => self.take_touch(round, at, touch),
        }
    }

    pub(super) fn take_opt_out(&mut self, round: &mut Round, opt_out: &OptOut) -> Outcome {
        if opt_out.choice == Choice::Out {
            // Before the write, not after: if the write fails we have still stopped storing.
            self.opt_outs.insert(opt_out.subject);
            self.group.keep_out(opt_out.subject);
            self.forget_matches(opt_out.subject);
            self.touches.forget(opt_out.subject);
        }
        let stored = StoredOptOut::lend(opt_out);
        self.payload.clear();
        stored.write(&mut self.payload);
        let outcome = self.place(round, EntryKind::OptOut, OPT_OUT, true);
        if outcome == Outcome::Stored {
            self.group.has_removal = true;
            self.group.note_choice(opt_out.choice);
            if opt_out.choice == Choice::In {
                self.group.lift(opt_out.subject);
            }
        }
        outcome
    }

    fn take_erasure(&mut self, round: &mut Round, erasure: &Erasure) -> Outcome {
        let subject = erasure.subject;
        // What names the subject is going to go, and the opt-out is to stay.
        let stays_out = self.opt_outs.is_opted_out(subject) && !self.group.lifts(subject);
        if stays_out {
            let outcome = self.take_concealed(round, digest(subject));
            if outcome != Outcome::Stored {
                return outcome;
            }
        }
        self.payload.clear();
        StoredErasure::lend(erasure).write(&mut self.payload);
        let outcome = self.place(round, EntryKind::Erasure, ERASURE, true);
        if outcome == Outcome::Stored {
            self.group.has_removal = true;
            self.group.note_erasure(self.next_sequence - 1, *erasure);
            self.sweep.note_recent(erasure);
            self.forget_matches(subject);
            self.touches.forget(subject);
            self.forget_settings(subject);
            if stays_out {
                self.group.conceal(subject);
            }
        }
        outcome
    }

    /// The opt-out of somebody who is known by a digest alone.
    pub(super) fn take_concealed(&mut self, round: &mut Round, digest: SubjectDigest) -> Outcome {
        self.payload.clear();
        self.payload.extend_from_slice(&digest);
        let outcome = self.place(round, EntryKind::OptOut, CONCEALED, true);
        self.group.has_removal |= outcome == Outcome::Stored;
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
        if self.is_unwanted(&conversion.subjects(), conversion.at) {
            return Outcome::OptedOut;
        }
        let keys = self.dedup.keys_of(conversion);
        if let Some((key, first)) = self.dedup.find(&keys, self.now_ms) {
            return self.note_duplicate(round.batch(at), key, Outcome::Duplicate(first));
        }
        let (code, credited) = self.write_conversion(permitted);
        let needs_sync = round.batch(at).needs_sync;
        let outcome = self.place(round, kind, code, needs_sync);
        if outcome == Outcome::Stored {
            let first = First { id: conversion.id, source: conversion.source };
            for key in keys.into_iter().flatten() {
                self.dedup.insert(key, first, self.now_ms);
                self.group.note_key(key, needs_sync);
            }
            self.learn_from(permitted, credited, needs_sync);
        }
        outcome
    }

    fn take_embed_view(&mut self, round: &mut Round, at: usize, permitted: &Permitted<EmbedView>) -> Outcome {
        let view = permitted.value();
        if self.is_unwanted(&view.subjects(), view.at) {
            return Outcome::OptedOut;
        }
        self.payload.clear();
        StoredEmbedView::lend(view, permitted.evidence()).write(&mut self.payload);
        let needs_sync = round.batch(at).needs_sync;
        self.place(round, EntryKind::EmbedView, EMBED_VIEW, needs_sync)
    }

    /// Whether anyone whom a row of `at` is about has opted out, or has asked since for erasure. The gate may have looked
    /// before that came. Nobody gets between here and the log.
    pub(super) fn is_unwanted(&self, subjects: &Subjects, at: Timestamp) -> bool {
        let opted_out = self.opt_outs.is_any_opted_out(subjects);
        self.metrics.opted_out.inc_by(u64::from(opted_out));
        opted_out || self.sweep.is_before_erasure(subjects, at)
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
    pub(super) fn place(
        &mut self,
        round: &mut Round,
        kind: EntryKind,
        code: u8,
        needs_sync: bool,
    ) -> Outcome {
        let bytes = HEAD_BYTES + self.payload.len();
        if bytes > FRAME_BYTES_MAX || !self.make_room(round, kind, bytes) {
            self.metrics.unavailable.inc();
            return Outcome::Refused(AppendError::Unavailable);
        }
        if self.group.frames.is_empty() && self.file.as_ref().is_some_and(|file| !file.is_begun) {
            self.put_begin();
        }
        let file = self.file.as_ref().expect("there is room in a file");
        let salt = file.salt;
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
}
