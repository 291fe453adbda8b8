//! When the writer has the files looked through for what is to go: for erasures, and for what is past its time.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::erasures::{Doomed, Erasures};
use super::group::Round;
use super::options::Retain;
use super::pass::{Pass, Report};
use super::pool::RESERVE_FILES;
use super::rewrite::{Going, ROW_KINDS, Times};
use super::writer::{ClosedFile, Writer};
use crate::domain::erasure::Erasure;
use crate::domain::opt_out::{Subject, Subjects};
use crate::domain::time::Timestamp;

/// What the writer knows of this.
pub(super) struct Sweep {
    pub(super) retain: Retain,
    pub(super) erase_within: Duration,
    /// The first and the last erasure that is pending: when the one was asked for, and the other's sequence number.
    pub(super) pending: Option<(u64, u64)>,
    pub(super) is_under_way: bool,
    /// After a failure, and between two looks at all files.
    not_before: Option<Instant>,
    looked_at_ms: u64,
    /// When the latest erasures were asked for. Hits from before may still be on their way to the writer.
    recent: HashMap<Subject, u64>,
    /// When older ones were forgotten last.
    recent_from_ms: u64,
}

impl Sweep {
    pub(super) fn new(retain: Retain, erase_within: Duration, pending: Option<(u64, u64)>) -> Self {
        Self {
            retain,
            erase_within,
            pending,
            is_under_way: false,
            not_before: None,
            looked_at_ms: 0,
            recent: HashMap::new(),
            recent_from_ms: 0,
        }
    }

    /// `erasures` are on the disk, with these sequence numbers.
    pub(super) fn note_pending(&mut self, erasures: Vec<(u64, Erasure)>, known: &Erasures) {
        for (sequence, erasure) in erasures {
            known.add(sequence, erasure);
        }
        self.pending = known.first_and_last();
    }

    pub(super) fn note_recent(&mut self, erasure: &Erasure) {
        if erasure.at.0 > self.recent_from_ms + millis(ON_ITS_WAY_MAX) {
            let from_ms = self.recent_from_ms;
            self.recent.retain(|_, at_ms| *at_ms > from_ms);
            self.recent_from_ms = erasure.at.0;
        }
        self.recent.insert(erasure.subject, erasure.at.0);
    }

    /// Whether any of `subjects` has asked for erasure since a hit about them came in.
    pub(super) fn is_before_erasure(&self, subjects: &Subjects, at: Timestamp) -> bool {
        !self.recent.is_empty()
            && subjects
                .iter()
                .flatten()
                .any(|subject| self.recent.get(subject).is_some_and(|asked_at_ms| at.0 < *asked_at_ms))
    }

    /// The other half of the time is for the work, and for another attempt.
    fn erase_from_ms(&self) -> Option<u64> {
        self.pending.map(|(first_at_ms, _)| first_at_ms + millis(self.erase_within / 2))
    }

    /// How long the writer may sleep; `None`: until it is woken.
    pub(super) fn rest(&self, now_ms: u64) -> Option<Duration> {
        let erase_in =
            self.erase_from_ms().map(|from_ms| Duration::from_millis(from_ms.saturating_sub(now_ms)));
        let retry_in = self.not_before.map(|at| at.saturating_duration_since(Instant::now()));
        let erase_in = erase_in.map(|time| time.max(retry_in.unwrap_or_default()));
        let erase_in = erase_in.filter(|_| !self.is_under_way).map(|time| time.clamp(REST_MIN, CHECK_EVERY));
        let has_to_look = self.pending.is_some() || self.retain != Retain::default();
        erase_in.or(has_to_look.then_some(CHECK_EVERY))
    }
}

impl Writer {
    /// Between two rounds: starts a pass where it is time for one, and learns what became of the last.
    pub(super) fn sweep(&mut self, round: &mut Round) {
        self.take_reports();
        if self.sweep.is_under_way || (self.sweep.pending.is_none() && self.sweep.retain == Retain::default())
        {
            return;
        }
        let now_ms = self.clock.now().0;
        self.note_age(now_ms);
        if self.sweep.not_before.is_some_and(|at| Instant::now() < at) {
            return;
        }
        let erases = self.sweep.erase_from_ms().is_some_and(|from_ms| now_ms >= from_ms);
        if !erases && now_ms < self.sweep.looked_at_ms + millis(CHECK_EVERY) {
            return;
        }
        self.sweep.looked_at_ms = now_ms;
        // A file may just be on its way to be ready; whoever makes it wakes us.
        if self.start_pass(round, now_ms, erases).is_none() && self.pool.is_failing() {
            self.note_failure("there is no file to go on in".to_owned());
        }
    }

    /// `None` if it could not be started now.
    fn start_pass(&mut self, round: &mut Round, now_ms: u64, erases: bool) -> Option<()> {
        let [before_ms, overdue_ms] = self.sweep.retain.ages(now_ms);
        let last = self.sweep.pending.filter(|_| erases).map_or(0, |(_, last)| last);
        let is_in_current = self.file.as_ref().is_some_and(|file| {
            file.is_begun
                && (file.first_sequence <= last || is_overdue([file.first_at_ms; ROW_KINDS], overdue_ms))
        });
        if !is_in_current && self.files_with(erases, overdue_ms).is_empty() {
            // An erasure in a file that went for its age took all that it was about with it.
            self.finish_erasures(last, &HashMap::new(), now_ms);
            return Some(());
        }
        self.close_file(round, is_in_current)?;
        let files = self.files_with(erases, overdue_ms);
        let doomed = if erases { self.erasures.doomed() } else { Doomed::new() };
        let going = Going { doomed, before_ms, overdue_ms, at_ms: now_ms };
        self.sweep.is_under_way = true;
        self.pool.start(Pass::new(going, last, files));
        if let Some(housekeeper) = &mut self.housekeeper {
            housekeeper.run_once();
            self.take_reports();
        }
        Some(())
    }

    /// The files that have to be looked through.
    fn files_with(&self, erases: bool, overdue_ms: Times) -> HashSet<u64> {
        let is_wanted = |file: &&ClosedFile| {
            erases || (Some(file.number) != self.retiring && is_overdue(file.oldest_at_ms, overdue_ms))
        };
        self.closed.iter().filter(is_wanted).map(|file| file.number).collect()
    }

    /// Makes sure that it is on the disk where the last file ends that is looked through.
    fn close_file(&mut self, round: &mut Round, leaves_current: bool) -> Option<()> {
        if leaves_current && (self.pool.ready() <= RESERVE_FILES || !self.next_file(false)) {
            return None;
        }
        if self.file.as_ref().is_some_and(|file| !file.is_begun) {
            self.begin_file(round);
        }
        self.file.as_ref().filter(|file| file.is_begun).map(|_| ())
    }

    fn take_reports(&mut self) {
        for report in self.pool.take_reports() {
            match report {
                Report::Looked { number, oldest_at_ms } => {
                    let looked = self.closed.iter_mut().find(|file| file.number == number);
                    looked.into_iter().for_each(|file| file.oldest_at_ms = oldest_at_ms);
                }
                Report::Finished(pass) => {
                    self.sweep.is_under_way = false;
                    self.finish_erasures(pass.through, &pass.done, pass.going.at_ms);
                }
                Report::Failed(error) => {
                    self.sweep.is_under_way = false;
                    self.note_failure(error.to_string());
                }
            }
        }
    }

    fn note_failure(&mut self, why: String) {
        tracing::warn!(why, "rows that are to go are still in the log's files");
        self.metrics.rewrite_failures.inc();
        self.sweep.not_before = Some(Instant::now() + self.retry_after * RETRY_FACTOR);
        self.erasures.fail(why);
    }

    fn finish_erasures(&mut self, through: u64, rows: &HashMap<u64, u64>, at_ms: u64) {
        self.erasures.finish(through, rows, Timestamp(at_ms));
        self.sweep.pending = self.erasures.first_and_last();
        self.metrics.erasures_pending.set(self.erasures.pending().0 as i64);
        self.note_age(at_ms);
    }

    fn note_age(&self, now_ms: u64) {
        let first_at_ms = self.sweep.pending.map_or(now_ms, |(first_at_ms, _)| first_at_ms);
        self.metrics.erasure_oldest_s.set((now_ms.saturating_sub(first_at_ms) / 1_000) as i64);
    }
}

/// Whether one of a file's oldest rows is from before its kind's time.
fn is_overdue(oldest_at_ms: Times, overdue_ms: Times) -> bool {
    oldest_at_ms.iter().zip(&overdue_ms).any(|(at_ms, overdue_ms)| at_ms < overdue_ms)
}

impl Retain {
    /// Whether all that is left of `file` is past its time. What is kept for ever must not be there at all.
    pub(super) fn is_over(self, file: &ClosedFile, now_ms: u64) -> bool {
        self.by_kind().into_iter().zip(file.oldest_at_ms).all(|(time, oldest_at_ms)| match time {
            Some(time) => file.last_at_ms < now_ms.saturating_sub(millis(time)),
            None => oldest_at_ms == u64::MAX,
        })
    }

    const fn by_kind(self) -> [Option<Duration>; ROW_KINDS] {
        [self.page_view, self.conversion, self.embed_view, self.matches, self.touch]
    }

    /// From before when the rows of each kind may go, and from before when they have to.
    fn ages(self, now_ms: u64) -> [Times; 2] {
        let before = |late: fn(Duration) -> Duration| {
            self.by_kind().map(|time| time.map_or(0, |time| now_ms.saturating_sub(millis(time + late(time)))))
        };
        [before(|_| Duration::ZERO), before(|time| (time / 10).min(LATE_MAX))]
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What is past its time may stay this much longer, so that a file is not written again for every row.
const LATE_MAX: Duration = Duration::from_secs(24 * 3_600);
/// By the log's clock, and how long the writer sleeps at most while there is something to look for.
const CHECK_EVERY: Duration = Duration::from_secs(60);
const REST_MIN: Duration = Duration::from_millis(10);
/// Nothing waits for the writer this long.
const ON_ITS_WAY_MAX: Duration = Duration::from_secs(600);
/// To look through files again and again is dearer than to ask for room.
const RETRY_FACTOR: u32 = 30;
