//! Opting out, and back in.

use std::sync::Arc;

use crate::domain::id::BrowserId;
use crate::domain::opt_out::{Choice, OptOut, Subject};
use crate::domain::time::Clock;
use crate::storage::entry::Entry;
use crate::storage::log::AppendError;
use crate::storage::worker::Appender;

/// The use case. Needs no permit: an opt-out only ever removes.
pub struct OptOutService {
    pub log: Appender,
    pub clock: Arc<dyn Clock>,
}

impl OptOutService {
    /// Returns once the choice is on the disk for every id. After an error it may be there for some of them; a
    /// repetition does no harm.
    pub async fn choose(&self, browser_ids: &[BrowserId], choice: Choice) -> Result<(), AppendError> {
        for &browser_id in browser_ids {
            let at = self.clock.now();
            self.log
                .append(Entry::OptOut(OptOut { subject: Subject::Browser(browser_id), at, choice }))
                .await?;
        }
        Ok(())
    }
}
