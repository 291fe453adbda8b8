//! Credits made anew from the log, by the same rules and with the same index as when they were stored.
//!
//! What is stored with a conversion is what was known when it was stored. A touch of an earlier moment may have come just
//! behind it, from another thread; it counts here. Everything else comes to the very same.

use std::collections::VecDeque;

use super::options::Retain;
use super::reader::{ReadError, Row, Stored};
use super::touches::{Touches, earliest};
use crate::domain::opt_out::{Choice, OptOut};
use crate::domain::time::Timestamp;

/// The rows of a log from its start, with the credits that they come to now.
pub struct Recomputed<R> {
    rows: R,
    touches: Touches,
    /// Those behind which something that counts for them may still come.
    waiting: VecDeque<Result<Stored, ReadError>>,
    /// Of the newest row.
    now: Timestamp,
    is_over: bool,
}

impl<R: Iterator<Item = Result<Stored, ReadError>>> Recomputed<R> {
    /// `rows` from the start of the log. `touches_max` as in the options of the log.
    pub fn new(rows: R, touches_max: usize) -> Self {
        let touches = Touches::new(touches_max);
        Self { rows, touches, waiting: VecDeque::new(), now: Timestamp(0), is_over: false }
    }

    /// What the writer did with the row when it stored it.
    fn learn(&mut self, stored: &mut Stored) {
        self.now = stored.at;
        self.touches.expire_some(earliest(stored.at, Retain::default()));
        match &mut stored.row {
            Row::Touch { touch, evidence } => _ = self.touches.insert(touch, evidence),
            Row::OptOut(OptOut { subject, choice: Choice::Out, .. }) => self.touches.forget(*subject),
            Row::Conversion { conversion, evidence, credit } => {
                *credit = self.touches.credit(conversion, evidence, stored.at).map(Box::new);
                self.touches.note(conversion, evidence);
            }
            Row::OptOut(_)
            | Row::EmbedView { .. }
            | Row::Match { .. }
            | Row::Unmatch(_)
            | Row::Settings(_) => {}
        }
    }

    /// Whether nothing more can come that counts for the first that waits.
    fn is_due(&self) -> bool {
        let is_old = |stored: &Stored| self.now.ms_since(stored.at) > BEHIND_MS_MAX;
        let first = self.waiting.front();
        self.waiting.len() > BEHIND_ROWS_MAX || first.is_some_and(|first| first.as_ref().map_or(true, is_old))
    }

    /// The better of what was known then and of what is known now: who opted out since has taken nothing back.
    fn settle(&self, stored: &mut Stored) {
        if let Row::Conversion { conversion, evidence, credit } = &mut stored.row {
            let later = self.touches.credit(conversion, evidence, stored.at).map(Box::new);
            *credit = credit.take().into_iter().chain(later).max_by_key(|credit| credit.rank());
        }
    }
}

impl<R: Iterator<Item = Result<Stored, ReadError>>> Iterator for Recomputed<R> {
    type Item = Result<Stored, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over && !self.is_due() {
            match self.rows.next() {
                Some(mut row) => {
                    row.iter_mut().for_each(|stored| self.learn(stored));
                    self.waiting.push_back(row);
                }
                None => self.is_over = true,
            }
        }
        let mut row = self.waiting.pop_front()?;
        row.iter_mut().for_each(|stored| self.settle(stored));
        Some(row)
    }
}

/// No thread is so far behind the others with what it took in, by the log's own time.
const BEHIND_MS_MAX: u64 = 60_000;
/// Nor by more rows than this, which is what is kept in memory.
const BEHIND_ROWS_MAX: usize = 100_000;
