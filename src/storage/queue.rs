//! The bounded queue between the workers and the writer.
//!
//! What goes through it are batches: one lock and at most one wake in either direction for all that a worker took in
//! while it went once through its ready connections.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;

use super::durable::AckClass;
use super::entry::{Entry, EntryKind};
use super::log::{AppendError, Appended};
use super::options::AckClasses;
use super::worker::Worker;

/// What the writer says to one entry.
pub(super) type Answer = Result<Appended, AppendError>;

/// Names the one who waits for an answer among those of its worker.
pub(super) type Ticket = usize;

/// An entry, and who waits for its answer, if anyone does.
pub(super) type Ticketed = (Entry, Option<Ticket>);

/// Entries of one worker that are acknowledged at the same point. Comes back to the worker with its answers; the
/// entries are dropped there, because that is where they were allocated.
pub(super) struct Batch {
    pub(super) worker: Arc<Worker>,
    pub(super) entries: Vec<Ticketed>,
    /// As many as the first entries have got so far.
    pub(super) answers: Vec<Answer>,
    pub(super) needs_sync: bool,
}

/// One for each log.
pub(super) struct Queue {
    state: Mutex<State>,
    /// Entries that were handed over and have no answer yet.
    waiting: AtomicUsize,
    writer: OnceLock<Thread>,
    ready: AtomicBool,
    closed: AtomicBool,
    entries_max: usize,
    pub(super) ack: AckClasses,
}

#[derive(Default)]
struct State {
    batches: Vec<Batch>,
    /// Everyone that may still hold entries when the log closes.
    workers: Vec<Arc<Worker>>,
}

impl Queue {
    pub(super) fn new(entries_max: usize, ack: AckClasses) -> Self {
        Self {
            state: Mutex::default(),
            waiting: AtomicUsize::new(0),
            writer: OnceLock::new(),
            ready: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            entries_max,
            ack,
        }
    }

    /// Whether an entry of `kind` may come to the `pending` ones that its worker holds. The least valuable are turned
    /// away first; opt-outs, settings and erasures have as much room again for themselves.
    pub(super) fn has_room(&self, kind: EntryKind, pending: usize) -> bool {
        let limit = match kind {
            EntryKind::PageView | EntryKind::EmbedView => self.entries_max / 2,
            EntryKind::Match | EntryKind::Unmatch | EntryKind::Touch => self.entries_max * 3 / 4,
            EntryKind::Conversion => self.entries_max * 9 / 10,
            EntryKind::OptOut | EntryKind::Erasure | EntryKind::Settings => self.entries_max * 2,
        };
        self.waiting.load(Ordering::Relaxed) + pending < limit
    }

    pub(super) fn class(&self, kind: EntryKind) -> AckClass {
        self.ack.of(kind)
    }

    pub(super) fn enlist(&self, worker: Arc<Worker>) {
        self.state().workers.push(worker);
    }

    /// Hands over all of `batches`.
    pub(super) fn push(&self, batches: &mut Vec<Batch>) {
        let entries: usize = batches.iter().map(|batch| batch.entries.len()).sum();
        self.waiting.fetch_add(entries, Ordering::Relaxed);
        self.state().batches.append(batches);
        self.wake_writer();
    }

    /// Takes all that is queued.
    pub(super) fn take(&self, into: &mut Vec<Batch>) {
        into.append(&mut self.state().batches);
    }

    pub(super) fn note_answered(&self, entries: usize) {
        self.waiting.fetch_sub(entries, Ordering::Relaxed);
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Has to be called on the writer's own thread.
    pub(super) fn become_writer(&self) {
        self.writer.set(std::thread::current()).expect("a log has one writer");
    }

    /// A system call only where the writer sleeps.
    pub(super) fn wake_writer(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.wake_writer();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    pub(super) fn workers(&self) -> Vec<Arc<Worker>> {
        self.state().workers.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in the critical sections leaves half a change behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
