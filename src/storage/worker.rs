//! What one worker thread holds of the log: who waits for an answer, and what goes to the writer next.
//!
//! Everything in here but [`Worker::give_back`] happens on the worker's own thread, so that its lock is never waited
//! for and a wake is never a system call.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::durable::{AckClass, Durable};
use super::entry::Entry;
use super::log::{AppendError, Appended};
use super::queue::{Answer, Batch, Queue, Ticket, Ticketed};

/// Hands entries to the log from one worker thread; cheap to clone.
#[derive(Clone)]
pub struct Appender {
    worker: Arc<Worker>,
}

impl Appender {
    pub(super) fn new<T, P>(
        queue: &Arc<Queue>,
        turn: T,
    ) -> (Self, impl Future<Output = ()> + Send + 'static + use<T, P>)
    where
        T: Fn() -> P + Send + Sync + 'static,
        P: Future<Output = ()> + Send + 'static,
    {
        let worker = Arc::new(Worker::new(Arc::clone(queue)));
        queue.enlist(Arc::clone(&worker));
        let batcher = Arc::clone(&worker);
        let batching = async move {
            while poll_fn(|context| batcher.poll(context)).await == Step::Turn {
                turn().await;
            }
        };
        (Self { worker }, batching)
    }

    /// Takes `entry` in now. What is returned is ready once the entry is as safe as its kind's class promises, which
    /// takes as long as the batcher is not polled.
    pub fn append(&self, entry: Entry) -> Append<'_> {
        Append(match self.worker.accept(entry) {
            Ok(Accepted::Waiting(ticket)) => Progress::Waiting(Waiting { worker: &self.worker, ticket }),
            Ok(Accepted::Answered(appended)) => Progress::Answered(Ok(appended)),
            Err(error) => Progress::Answered(Err(error)),
        })
    }
}

/// The log's answer about one entry, now or later. The entry stays in the log if this is dropped.
#[must_use = "nobody learns what became of the entry"]
pub struct Append<'a>(Progress<'a>);

enum Progress<'a> {
    Waiting(Waiting<'a>),
    Answered(Answer),
    /// The answer was given out.
    Over,
}

impl Future for Append<'_> {
    type Output = Result<Appended, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Progress::Waiting(waiting) => Pin::new(waiting).poll(context),
            answered => match std::mem::replace(answered, Progress::Over) {
                Progress::Answered(answer) => Poll::Ready(answer),
                _ => unreachable!("nobody asks for an answer twice"),
            },
        }
    }
}

pub(super) struct Worker {
    queue: Arc<Queue>,
    local: Mutex<Local>,
    done: Mutex<Done>,
}

#[derive(Default)]
struct Local {
    /// Taken in since the batcher last ran: what a write is enough for, and what needs a sync.
    pending: [Vec<Ticketed>; 2],
    slots: Vec<Slot>,
    free: Vec<Ticket>,
    batcher: Option<Waker>,
    /// How many were pending when the batcher looked last and let them wait for more.
    seen: usize,
    /// The batcher has been woken and has not handed its batches over since.
    is_woken: bool,
    /// Batches that the writer has.
    in_flight: usize,
    /// Emptied batches' vectors.
    spare: Vec<(Vec<Ticketed>, Vec<Answer>)>,
}

#[derive(Default)]
struct Done {
    batches: Vec<Batch>,
    batcher: Option<Waker>,
}

/// One who waits.
enum Slot {
    Waiting(Option<Waker>),
    Answered(Answer),
    /// Went away before the answer came.
    Left,
    Free,
}

/// What the batcher does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Lets the thread look once for new work.
    Turn,
    Over,
}

enum Accepted {
    Waiting(Ticket),
    Answered(Appended),
}

impl Worker {
    fn new(queue: Arc<Queue>) -> Self {
        Self { queue, local: Mutex::default(), done: Mutex::default() }
    }

    fn accept(&self, entry: Entry) -> Result<Accepted, AppendError> {
        let mut local = self.local();
        if self.queue.is_closed() {
            return Err(AppendError::Unavailable);
        }
        let kind = entry.kind();
        if !self.queue.has_room(kind, local.pending()) {
            return Err(AppendError::Overloaded);
        }
        let accepted = match self.queue.class(kind) {
            AckClass::Memory => {
                let durable = Durable::by_queueing(&mut local.pending[0], (entry, None));
                Accepted::Answered(Appended::Stored(durable))
            }
            class => {
                let ticket = local.new_ticket();
                local.pending[usize::from(class == AckClass::Disk)].push((entry, Some(ticket)));
                Accepted::Waiting(ticket)
            }
        };
        if !std::mem::replace(&mut local.is_woken, true)
            && let Some(batcher) = &local.batcher
        {
            batcher.wake_by_ref();
        }
        Ok(accepted)
    }

    /// The batcher: runs behind the connections that are ready now, so that all they append becomes one batch. While
    /// each further turn brings more, it lets the batch grow: on a busy thread a batch costs more than its entries do.
    fn poll(self: &Arc<Self>, context: &mut Context<'_>) -> Poll<Step> {
        // First who is asked to wake us, then what there is: in the other order an answer could fall in between.
        let mut batches = self.take_done(context.waker());
        for batch in &mut batches {
            self.deliver(batch);
        }
        drop(batches);
        let mut local = self.local();
        let pending = local.pending();
        if pending > local.seen && pending < BATCH_ENTRIES && !self.queue.is_closed() {
            local.seen = pending;
            return Poll::Ready(Step::Turn);
        }
        local.seen = 0;
        local.is_woken = false;
        if !local.batcher.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            local.batcher = Some(context.waker().clone());
        }
        let mut next = self.take_pending(&mut local);
        if !next.is_empty() {
            // Under the lock, so that a closing writer finds every entry either here or in the queue.
            self.queue.push(&mut next);
        }
        let is_over = self.queue.is_closed() && local.in_flight == 0;
        drop(local);
        if is_over { Poll::Ready(Step::Over) } else { Poll::Pending }
    }

    fn take_done(&self, waker: &Waker) -> Vec<Batch> {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if !done.batcher.as_ref().is_some_and(|old| old.will_wake(waker)) {
            done.batcher = Some(waker.clone());
        }
        std::mem::take(&mut done.batches)
    }

    fn take_pending(self: &Arc<Self>, local: &mut Local) -> Vec<Batch> {
        let mut batches = Vec::new();
        for needs_sync in [false, true] {
            if local.pending[usize::from(needs_sync)].is_empty() {
                continue;
            }
            let (entries, answers) = local.spare.pop().unwrap_or_default();
            let entries = std::mem::replace(&mut local.pending[usize::from(needs_sync)], entries);
            batches.push(Batch { worker: Arc::clone(self), entries, answers, needs_sync });
            local.in_flight += 1;
        }
        batches
    }

    /// What was accepted and never handed over, when the log closes.
    pub(super) fn take_rest(self: &Arc<Self>) -> Vec<Batch> {
        let mut local = self.local();
        self.take_pending(&mut local)
    }

    /// Called by the writer when every entry of `batch` has its answer.
    pub(super) fn give_back(batch: Batch) {
        let worker = Arc::clone(&batch.worker);
        let mut done = worker.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.batches.push(batch);
        // Once for all that are given back before the batcher has run.
        let batcher = if done.batches.len() == 1 { done.batcher.clone() } else { None };
        drop(done);
        if let Some(batcher) = batcher {
            batcher.wake();
        }
    }

    /// Lets the batcher see that the log has closed.
    pub(super) fn wake_batcher(&self) {
        let batcher = self.done.lock().unwrap_or_else(PoisonError::into_inner).batcher.clone();
        if let Some(batcher) = batcher {
            batcher.wake();
        }
    }

    fn deliver(&self, batch: &mut Batch) {
        let mut local = self.local();
        local.in_flight -= 1;
        for ((_, ticket), answer) in batch.entries.iter().zip(batch.answers.drain(..)) {
            if let Some(ticket) = ticket {
                local.answer(*ticket, answer);
            }
        }
        batch.entries.clear();
        if local.spare.len() < SPARE_MAX {
            local.spare.push((std::mem::take(&mut batch.entries), std::mem::take(&mut batch.answers)));
        }
    }

    fn local(&self) -> MutexGuard<'_, Local> {
        // Nothing in the critical sections leaves half a change behind.
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// More batches than this are rarely in flight.
const SPARE_MAX: usize = 8;

/// As many as this go to the writer without waiting for more.
const BATCH_ENTRIES: usize = 32;

impl Local {
    fn pending(&self) -> usize {
        self.pending.iter().map(Vec::len).sum()
    }

    fn new_ticket(&mut self) -> Ticket {
        match self.free.pop() {
            Some(ticket) => {
                self.slots[ticket] = Slot::Waiting(None);
                ticket
            }
            None => {
                self.slots.push(Slot::Waiting(None));
                self.slots.len() - 1
            }
        }
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer) {
        match std::mem::replace(&mut self.slots[ticket], Slot::Answered(answer)) {
            Slot::Waiting(waker) => {
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
            Slot::Left => self.release(ticket),
            Slot::Answered(_) | Slot::Free => {
                unreachable!("a ticket gets one answer, before it is free again")
            }
        }
    }

    fn release(&mut self, ticket: Ticket) {
        self.slots[ticket] = Slot::Free;
        self.free.push(ticket);
    }
}

/// Waits for one answer.
struct Waiting<'a> {
    worker: &'a Worker,
    ticket: Ticket,
}

impl Future for Waiting<'_> {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let mut local = self.worker.local();
        let slot = &mut local.slots[self.ticket];
        match std::mem::replace(slot, Slot::Left) {
            // Stays as if it had left; dropping it is what frees the ticket.
            Slot::Answered(answer) => Poll::Ready(answer),
            Slot::Waiting(Some(waker)) if waker.will_wake(context.waker()) => {
                *slot = Slot::Waiting(Some(waker));
                Poll::Pending
            }
            Slot::Waiting(_) => {
                *slot = Slot::Waiting(Some(context.waker().clone()));
                Poll::Pending
            }
            Slot::Left | Slot::Free => unreachable!("nobody waits for an answer twice"),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut local = self.worker.local();
        match local.slots[self.ticket] {
            Slot::Waiting(_) => local.slots[self.ticket] = Slot::Left,
            Slot::Answered(_) | Slot::Left => local.release(self.ticket),
            Slot::Free => {}
        }
    }
}
