//! Erasing what is stored about somebody.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::erasure::{Erasure, ErasureId};
use crate::domain::opt_out::Subject;
use crate::domain::time::{Clock, Rng, Timestamp};
use crate::storage::entry::Entry;
use crate::storage::erasures::{ErasureRequest, Erasures};
use crate::storage::log::AppendError;
use crate::storage::worker::Appender;

/// The use case. Needs no permit: an erasure only ever removes.
pub struct ErasureService {
    pub log: Appender,
    pub erasures: Arc<Erasures>,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
    /// How long what is erased may still be in a file.
    pub within: Duration,
}

/// What whoever asked is given. Names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    pub id: ErasureId,
    pub at: Timestamp,
    /// From `at` on.
    pub within: Duration,
}

impl ErasureService {
    /// Returns once the request is on the disk: nothing that was stored about any of `subjects` is shown any more, and
    /// within the time that the receipt says it is gone from every file. Whoever opted out stays opted out. After an
    /// error it may hold for some of them; a repetition does no harm.
    pub async fn erase(&self, subjects: &[Subject]) -> Result<Receipt, AppendError> {
        self.erase_as(self.new_id(), subjects).await
    }

    /// The same under a receipt that whoever asked can tell beforehand.
    pub async fn erase_as(&self, id: ErasureId, subjects: &[Subject]) -> Result<Receipt, AppendError> {
        let at = self.clock.now();
        // All are handed over before the first answer is waited for, so that one sync does for them all.
        let erasure = |&subject: &Subject| self.log.append(Entry::Erasure(Erasure { id, subject, at }));
        let appended: Vec<_> = subjects.iter().map(erasure).collect();
        for append in appended {
            append.await?;
        }
        Ok(Receipt { id, at, within: self.within })
    }

    /// Names nothing else.
    pub fn new_id(&self) -> ErasureId {
        let mut random = [0; 10];
        self.rng.fill(&mut random);
        ErasureId::new(self.clock.now().0, random)
    }

    /// The receipt of a request that is on the disk, if it is one of the latest, which outlast a start of the server.
    pub fn receipt(&self, id: ErasureId) -> Option<Receipt> {
        self.erasures.get(id).map(|request| Receipt { id, at: request.at, within: self.within })
    }

    /// The latest requests, newest first.
    pub fn latest(&self, count: usize) -> Vec<ErasureRequest> {
        self.erasures.latest(count)
    }
}
