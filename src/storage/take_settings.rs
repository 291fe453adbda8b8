//! How the writer takes the settings of a signed-in account.

use super::entry::EntryKind;
use super::group::{Outcome, Round};
use super::record::SETTINGS;
use super::record_settings::StoredSettings;
use super::writer::Writer;
use crate::consent::prefs::{AccountPrefs, AccountPrefsView, Prefs};
use crate::domain::opt_out::Subject;
use crate::domain::time::Timestamp;

impl Writer {
    pub(super) fn take_settings(&mut self, round: &mut Round, settings: &AccountPrefs) -> Outcome {
        // What is off is off before the write: if that fails we have still stopped. What is on waits for the disk.
        self.settings.tighten(settings.account, settings.prefs);
        self.payload.clear();
        StoredSettings::lend(settings).write(&mut self.payload);
        let outcome = self.place(round, EntryKind::Settings, SETTINGS, true);
        if outcome == Outcome::Stored {
            self.group.has_removal = true;
            self.group.note_settings(settings.account, settings.prefs);
        }
        outcome
    }

    /// Settings name the account that they are of, and go with it.
    pub(super) fn forget_settings(&mut self, subject: Subject) {
        if let Subject::SignedIn(account) = subject {
            self.group.note_settings(account, Prefs::default());
        }
    }

    /// Writes the settings again that are in a file that is to go, as far as they still hold; says whether all of them
    /// are in the group.
    pub(super) fn carry_settings(&mut self, round: &mut Round, gathered: &[AccountPrefs]) -> bool {
        gathered.iter().all(|found| {
            // A later file may have others, and those must not be overwritten at the next start.
            let prefs = self.settings.prefs_of(found.account);
            let at = if prefs == found.prefs { found.at } else { Timestamp(self.now_ms) };
            prefs == Prefs::default()
                || self.take_settings(round, &AccountPrefs { prefs, at, ..*found }) == Outcome::Stored
        })
    }
}
