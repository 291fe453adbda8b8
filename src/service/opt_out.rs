//! Opting out, and back in.

use std::sync::Arc;

use crate::domain::opt_out::{Choice, OptOut, Subject};
use crate::domain::time::{Clock, Timestamp};
use crate::storage::durable::AckClass;
use crate::storage::entry::Entry;
use crate::storage::log::{AppendError, Appended};
use crate::storage::worker::Appender;

/// The use case. Needs no permit: an opt-out only ever removes.
pub struct OptOutService {
    pub log: Appender,
    pub clock: Arc<dyn Clock>,
}

impl OptOutService {
    /// Returns once the choice is on the disk for all of `subjects`. After an error it may be there for some of them; a
    /// repetition does no harm.
    pub async fn choose(
        &self,
        subjects: impl IntoIterator<Item = Subject>,
        choice: Choice,
    ) -> Result<Recorded, AppendError> {
        let mut subjects = subjects.into_iter().peekable();
        let mut recorded = Recorded { at: self.clock.now(), choice, ids: 0, ack: None };
        while subjects.peek().is_some() {
            let at = self.clock.now();
            let opt_out = |subject| self.log.append(Entry::OptOut(OptOut { subject, at, choice }));
            // All are handed over before the first answer is waited for, so that one sync does for them all.
            let appended: Vec<_> = subjects.by_ref().take(TOGETHER).map(opt_out).collect();
            for append in appended {
                if let Appended::Stored(proof) = append.await? {
                    recorded.ids += 1;
                    // As safe as the least safe of them.
                    recorded.ack = Some(recorded.ack.map_or(proof.ack(), |ack| ack.min(proof.ack())));
                }
            }
        }
        Ok(recorded)
    }
}

/// A choice that was recorded, without a word of whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    pub at: Timestamp,
    pub choice: Choice,
    /// For how many ids.
    pub ids: u64,
    /// How safe that is; `None` where the browser showed no id, so that only its cookie knows.
    pub ack: Option<AckClass>,
}

/// So many go to the log at once; fewer than it has room for.
const TOGETHER: usize = 1_000;
