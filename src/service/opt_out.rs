//! Opting out, and back in.

use std::sync::Arc;

use crate::domain::id::BrowserId;
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
    /// Returns once the choice is on the disk for every id. After an error it may be there for some of them; a
    /// repetition does no harm.
    pub async fn choose(&self, browser_ids: &[BrowserId], choice: Choice) -> Result<Recorded, AppendError> {
        let mut recorded = Recorded { at: self.clock.now(), choice, ids: 0, ack: None };
        for &browser_id in browser_ids {
            let at = self.clock.now();
            let opt_out = OptOut { subject: Subject::Browser(browser_id), at, choice };
            if let Appended::Stored(proof) = self.log.append(Entry::OptOut(opt_out)).await? {
                recorded.ids += 1;
                // As safe as the least safe of them.
                recorded.ack = Some(recorded.ack.map_or(proof.ack(), |ack| ack.min(proof.ack())));
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
    pub ids: u32,
    /// How safe that is; `None` where the browser showed no id, so that only its cookie knows.
    pub ack: Option<AckClass>,
}
