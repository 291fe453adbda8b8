//! What a payload means: the stored layout of the settings of signed-in accounts.
//!
//! As in [`record`](super::record), a layout never changes.

use serde::{Deserialize, Serialize};

use super::record::write_postcard;
use crate::consent::prefs::{AccountPrefs, Prefs, Setting};
use crate::domain::id::HashedAccountId;
use crate::domain::time::Timestamp;

/// Stored settings in the terms of the disk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredSettings {
    account: [u8; 32],
    at_ms: u64,
    /// A bit for each setting that is off.
    off: u8,
}

impl StoredSettings {
    pub(super) fn lend(settings: &AccountPrefs) -> Self {
        let off = Setting::ALL.into_iter().filter(|setting| settings.prefs.is_off(*setting));
        Self {
            account: settings.account.bytes(),
            at_ms: settings.at.0,
            off: off.fold(0, |off, setting| off | bit(setting)),
        }
    }

    pub(super) fn write(&self, buffer: &mut Vec<u8>) {
        write_postcard(self, buffer);
    }

    /// `None` if it is cut short, or has a setting that this version does not know.
    pub(super) fn read(payload: &[u8]) -> Option<AccountPrefs> {
        let stored: Self = postcard::from_bytes(payload).ok()?;
        let known = Setting::ALL.into_iter().fold(0, |known, setting| known | bit(setting));
        let off = Setting::ALL.into_iter().filter(|setting| stored.off & bit(*setting) != 0);
        (stored.off & !known == 0).then(|| AccountPrefs {
            account: HashedAccountId::from_bytes(stored.account),
            prefs: off.fold(Prefs::default(), Prefs::without),
            at: Timestamp(stored.at_ms),
        })
    }
}

/// Never renumber: these are on disks.
const fn bit(setting: Setting) -> u8 {
    match setting {
        Setting::Personalize => 1,
        Setting::Partners => 2,
        Setting::Devices => 4,
        Setting::Web => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_on_the_disk_as_they_always_were() {
        for (prefs, off) in [("0000", 0), ("1000", 1), ("0100", 2), ("0010", 4), ("0001", 8), ("1111", 15)] {
            let prefs = Prefs::parse(prefs).expect("four bits");
            let account = HashedAccountId::from_bytes([7; 32]);
            let settings = AccountPrefs { account, prefs, at: Timestamp(300) };
            let mut payload = Vec::new();
            StoredSettings::lend(&settings).write(&mut payload);
            assert_eq!(
                payload,
                [&[7; 32][..], &[0xac, 0x02, off]].concat(),
                "a changed layout needs a new version"
            );
            assert_eq!(StoredSettings::read(&payload), Some(settings));
        }
        assert_eq!(
            StoredSettings::read(&[&[7; 32][..], &[1, 16]].concat()),
            None,
            "a setting of a later version"
        );
        assert_eq!(StoredSettings::read(&[7; 32]), None);
    }
}
