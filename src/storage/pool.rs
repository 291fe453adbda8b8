//! Files that are ready to be written to, made ahead of the need and taken from by the writer.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::disk::DiskFile;
use super::file::Header;
use super::pass::{Pass, Report};
use super::record_erasure::SubjectDigest;
use crate::consent::prefs::AccountPrefs;
use crate::domain::opt_out::OptOut;

/// An empty file: all zeros behind its header, both on the disk.
pub(super) struct Prepared {
    pub(super) header: Header,
    pub(super) file: Box<dyn DiskFile>,
    /// Its length in bytes.
    pub(super) capacity: u64,
}

/// What the housekeeper is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chore {
    /// Make one more file ready.
    Prepare,
    /// Take a file away that holds nothing that counts.
    Discard(u64),
    /// Find the opt-outs and settings in a file, so that they can be carried forward.
    Gather(u64),
    /// Use a file again of which nothing is needed any more.
    Recycle(u64),
    /// Look through the next file of the pass that is under way. The others come first.
    Look,
}

/// The opt-outs and settings of a file that is to go.
pub(super) struct Gathered {
    pub(super) number: u64,
    pub(super) opt_outs: Vec<OptOut>,
    pub(super) concealed: Vec<SubjectDigest>,
    /// The last of each account.
    pub(super) settings: Vec<AccountPrefs>,
}

#[derive(Default)]
pub(super) struct Pool {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Prepared>,
    chores: VecDeque<Chore>,
    gathered: Vec<Gathered>,
    pass: Option<Pass>,
    /// The last chore was [`Chore::Look`].
    has_looked: bool,
    reports: Vec<Report>,
    /// The last attempt to make a file ready, or to use one, failed.
    is_failing: bool,
    is_closed: bool,
}

impl Pool {
    /// Takes the next file if more than `keep` are ready.
    pub(super) fn take(&self, keep: usize) -> Option<Prepared> {
        let mut state = self.state();
        let taken = if state.ready.len() > keep { state.ready.pop_front() } else { None };
        self.changed.notify_all();
        taken
    }

    /// Waits until more than `keep` files are ready, or none will be soon.
    pub(super) fn wait_for_more_than(&self, keep: usize) {
        let mut state = self.state();
        while state.ready.len() <= keep && !state.is_failing && !state.is_closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn put(&self, prepared: Prepared) {
        let mut state = self.state();
        state.is_failing = false;
        state.ready.push_back(prepared);
        self.changed.notify_all();
    }

    pub(super) fn ready(&self) -> usize {
        self.state().ready.len()
    }

    pub(super) fn is_failing(&self) -> bool {
        self.state().is_failing
    }

    pub(super) fn set_failing(&self) {
        self.state().is_failing = true;
        self.changed.notify_all();
    }

    pub(super) fn ask(&self, chore: Chore) {
        self.state().chores.push_back(chore);
        self.changed.notify_all();
    }

    /// Before everything else, and before a new file is made.
    pub(super) fn ask_first(&self, chore: Chore) {
        self.state().chores.push_front(chore);
        self.changed.notify_all();
    }

    pub(super) fn hand_over(&self, gathered: Gathered) {
        self.state().gathered.push(gathered);
    }

    pub(super) fn take_gathered(&self) -> Vec<Gathered> {
        std::mem::take(&mut self.state().gathered)
    }

    /// The next chore, if there is one now.
    pub(super) fn next_chore(&self) -> Option<Chore> {
        self.state().pick()
    }

    pub(super) fn start(&self, pass: Pass) {
        self.state().pass = Some(pass);
        self.changed.notify_all();
    }

    pub(super) fn take_pass(&self) -> Option<Pass> {
        self.state().pass.take()
    }

    pub(super) fn report(&self, report: Report) {
        self.state().reports.push(report);
    }

    pub(super) fn take_reports(&self) -> Vec<Report> {
        std::mem::take(&mut self.state().reports)
    }

    /// Waits for the next chore; `None` when the log closes. After a failure nothing is tried again for
    /// `retry_after`.
    pub(super) fn wait_for_chore(&self, retry_after: Duration) -> Option<Chore> {
        let mut state = self.state();
        if state.is_failing {
            let waited = self.changed.wait_timeout_while(state, retry_after, |state| !state.is_closed);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        while !state.is_closed {
            if let Some(chore) = state.pick() {
                return Some(chore);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in the critical sections leaves half a change behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A pass waits while files are to be made ready; where that fails, they take turns.
    fn pick(&mut self) -> Option<Chore> {
        if let Some(chore) = self.chores.pop_front() {
            return Some(chore);
        }
        let prepares = self.ready.len() < READY_FILES;
        let looks = self.pass.is_some() && (!prepares || (self.is_failing && !self.has_looked));
        self.has_looked = looks;
        if looks { Some(Chore::Look) } else { prepares.then_some(Chore::Prepare) }
    }
}

/// Two for anything, and the last one for opt-outs alone, so that they can be stored on a full disk.
pub(super) const READY_FILES: usize = 3;
/// How many of them only an opt-out may take.
pub(super) const RESERVE_FILES: usize = 1;
