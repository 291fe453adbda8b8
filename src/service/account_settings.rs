//! The settings of signed-in accounts, as their operator records them.

use std::sync::Arc;

use crate::consent::prefs::{AccountPrefs, Prefs};
use crate::domain::id::HashedAccountId;
use crate::domain::time::Clock;
use crate::storage::entry::Entry;
use crate::storage::log::AppendError;
use crate::storage::worker::Appender;

/// The use case. Needs no permit: the settings say what somebody does not want.
pub struct AccountSettingsService {
    pub log: Appender,
    pub clock: Arc<dyn Clock>,
}

impl AccountSettingsService {
    /// Returns once all of `settings` are on the disk; each takes the place of what its account had. After an error some
    /// of them may be there; a repetition does no harm, and until it comes nothing is on that they switch off.
    pub async fn record(&self, settings: &[(HashedAccountId, Prefs)]) -> Result<(), AppendError> {
        let at = self.clock.now();
        let settings = settings.iter().map(|&(account, prefs)| AccountPrefs { account, prefs, at });
        // All are handed over before the first answer is waited for, so that one sync does for them all.
        let appended: Vec<_> = settings.map(|settings| self.log.append(Entry::Settings(settings))).collect();
        for append in appended {
            append.await?;
        }
        Ok(())
    }
}
