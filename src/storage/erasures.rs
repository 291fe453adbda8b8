//! The requests for erasure that the log has: which are still to be done, and what became of the others.
//!
//! Memory only: a replay of the log rebuilds it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::record_erasure::StoredErased;
use crate::domain::erasure::{Erasure, ErasureId};
use crate::domain::opt_out::Subject;
use crate::domain::time::Timestamp;

/// Changed by the log's writer alone.
#[derive(Debug, Default)]
pub struct Erasures {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// By sequence number.
    pending: BTreeMap<u64, Erasure>,
    requests: BTreeMap<ErasureId, ErasureRequest>,
    /// Why the last attempt came to nothing, if it did.
    failure: Option<String>,
}

/// What became of one request. Names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasureRequest {
    pub id: ErasureId,
    pub at: Timestamp,
    /// How many subjects it was for, and for how many of them something may be left in a file.
    pub subjects: u64,
    pub pending: u64,
    /// Rows that were taken out of the files; fewer than there were if the server was killed meanwhile.
    pub rows: u64,
    /// When the last of them was gone.
    pub erased_at: Option<Timestamp>,
}

/// Who is to be erased, each from all that the log has before a sequence number.
pub(super) type Doomed = HashMap<Subject, u64>;

impl Erasures {
    /// Newest first.
    pub fn latest(&self, count: usize) -> Vec<ErasureRequest> {
        self.state().requests.values().rev().take(count).copied().collect()
    }

    pub fn get(&self, id: ErasureId) -> Option<ErasureRequest> {
        self.state().requests.get(&id).copied()
    }

    /// How many subjects may still be in a file, and since when the first of them waits.
    pub fn pending(&self) -> (u64, Option<Timestamp>) {
        let state = self.state();
        (state.pending.len() as u64, state.pending.values().map(|erasure| erasure.at).min())
    }

    /// Why the last attempt to take rows out of the files came to nothing, if it did.
    pub fn failure(&self) -> Option<String> {
        self.state().failure.clone()
    }

    /// Returns once nothing is pending, or after `timeout`, or when an attempt failed; says whether nothing is.
    pub fn wait(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = self.state();
        while !state.pending.is_empty() && state.failure.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.pending.is_empty()
    }

    pub(super) fn add(&self, sequence: u64, erasure: Erasure) {
        let mut state = self.state();
        let request = state.request(erasure.id, erasure.at);
        request.subjects += 1;
        request.pending += 1;
        request.erased_at = None;
        state.pending.insert(sequence, erasure);
    }

    /// What the log says was done before this start.
    pub(super) fn replay_erased(&self, erased: &StoredErased) {
        let mut state = self.state();
        let request = state.request(erased.id(), erased.at());
        request.subjects += 1;
        request.note_erased(erased.rows, Timestamp(erased.erased_at_ms));
        state.forget_oldest();
    }

    /// When the first of those that are pending was asked for, and the last one's sequence number.
    pub(super) fn first_and_last(&self) -> Option<(u64, u64)> {
        let pending = &self.state().pending;
        let first_at_ms = pending.values().map(|erasure| erasure.at.0).min()?;
        Some((first_at_ms, *pending.keys().next_back()?))
    }

    pub(super) fn doomed(&self) -> Doomed {
        let pending = &self.state().pending;
        // Later ones reach further.
        pending.iter().map(|(sequence, erasure)| (erasure.subject, *sequence)).collect()
    }

    /// The erasures up to the sequence number `through` are done.
    pub(super) fn finish(&self, through: u64, rows: &HashMap<u64, u64>, at: Timestamp) {
        let mut state = self.state();
        let later = state.pending.split_off(&(through + 1));
        for (sequence, erasure) in std::mem::replace(&mut state.pending, later) {
            let rows = rows.get(&sequence).copied().unwrap_or(0);
            let request = state.request(erasure.id, erasure.at);
            request.pending -= 1;
            request.note_erased(rows, at);
        }
        state.failure = None;
        state.forget_oldest();
        self.changed.notify_all();
    }

    pub(super) fn fail(&self, why: String) {
        self.state().failure = Some(why);
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in the critical sections leaves half a change behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn request(&mut self, id: ErasureId, at: Timestamp) -> &mut ErasureRequest {
        let new = ErasureRequest { id, at, subjects: 0, pending: 0, rows: 0, erased_at: None };
        self.requests.entry(id).or_insert(new)
    }

    fn forget_oldest(&mut self) {
        while self.requests.len() > REQUESTS_MAX {
            let done = self.requests.values().find(|request| request.pending == 0).map(|request| request.id);
            let Some(done) = done else { break };
            self.requests.remove(&done);
        }
    }
}

impl ErasureRequest {
    fn note_erased(&mut self, rows: u64, at: Timestamp) {
        self.rows += rows;
        if self.pending == 0 {
            self.erased_at = self.erased_at.max(Some(at));
        }
    }
}

/// How many requests are remembered; the log knows them all.
const REQUESTS_MAX: usize = 10_000;
