//! Operators' work that may wait for the disk, away from the threads that answer requests.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Room for some such work at once. It is done even if whoever asked for it has gone away.
pub(super) struct Background {
    room: Arc<Semaphore>,
}

/// Nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotDone {
    #[error("{WAITING_MAX} requests are waiting for the disk already; try again later")]
    Busy,
    #[error("it ended by a panic, which the log tells of")]
    Panicked,
}

impl Default for Background {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(WAITING_MAX)) }
    }
}

impl Background {
    /// What `work` gives, on a thread of its own. The runtime that this is called on ends after it.
    pub(super) fn run<T: Send + 'static, W: FnOnce() -> T + Send + 'static>(
        &self,
        work: W,
    ) -> impl Future<Output = Result<T, NotDone>> + Send + use<T, W> {
        let room = Arc::clone(&self.room).try_acquire_owned();
        async move {
            let room = room.map_err(|_| NotDone::Busy)?;
            let working = tokio::task::spawn_blocking(move || {
                let done = work();
                drop(room);
                done
            });
            working.await.map_err(|_| NotDone::Panicked)
        }
    }
}

/// More than one operator ever asks for at once.
const WAITING_MAX: usize = 8;
