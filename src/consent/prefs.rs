//! The settings that people have over their own data: the `pg_prefs` cookie, or a signed-in account's.

use std::fmt;

use crate::domain::id::HashedAccountId;
use crate::domain::time::Timestamp;

/// One setting. All are on until somebody switches them off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setting {
    /// "Personalize ads". Off, it denies everything.
    Personalize,
    /// "Share your data with business partners".
    Partners,
    /// "Personalize across your devices".
    Devices,
    /// "Track where you see content across the web".
    Web,
}

impl Setting {
    /// In the order of the cookie's characters.
    pub const ALL: [Self; 4] = [Self::Personalize, Self::Partners, Self::Devices, Self::Web];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Personalize => "personalize",
            Self::Partners => "partners",
            Self::Devices => "devices",
            Self::Web => "web",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Which settings are off. Identifies nobody: there are sixteen of these in the world.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prefs {
    off: u8,
}

impl Prefs {
    /// Four characters, one for each setting: `1` where it is off, else `0`.
    pub fn parse(text: &str) -> Result<Self, MalformedPrefs> {
        let characters: [u8; 4] = text.as_bytes().try_into().map_err(|_| MalformedPrefs)?;
        let mut prefs = Self::default();
        for (setting, character) in Setting::ALL.into_iter().zip(characters) {
            match character {
                b'1' => prefs = prefs.without(setting),
                b'0' => {}
                _ => return Err(MalformedPrefs),
            }
        }
        Ok(prefs)
    }

    pub const fn is_off(self, setting: Setting) -> bool {
        self.off & setting.bit() != 0
    }

    /// With `setting` switched off.
    #[must_use]
    pub const fn without(self, setting: Setting) -> Self {
        Self { off: self.off | setting.bit() }
    }

    /// Off is what either of them has off.
    #[must_use]
    pub const fn stricter(self, other: Self) -> Self {
        Self { off: self.off | other.off }
    }
}

/// What a signed-in account chose: takes the place of what it chose before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountPrefs {
    pub account: HashedAccountId,
    pub prefs: Prefs,
    pub at: Timestamp,
}

/// The settings of signed-in accounts as a reader sees them.
pub trait AccountPrefsView {
    /// All on where nothing else is known.
    fn prefs_of(&self, account: HashedAccountId) -> Prefs;
}

/// What [`Prefs::parse`] reads.
impl fmt::Display for Prefs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Setting::ALL
            .into_iter()
            .try_for_each(|setting| f.write_str(if self.is_off(setting) { "1" } else { "0" }))
    }
}

/// Not four characters of `0` and `1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedPrefs;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_sixteen_are_read_as_they_are_written() {
        for number in 0..16 {
            let text = format!("{number:04b}");
            let prefs = Prefs::parse(&text).unwrap();
            assert_eq!(prefs.to_string(), text);
            for (setting, character) in Setting::ALL.into_iter().zip(text.chars()) {
                assert_eq!(prefs.is_off(setting), character == '1', "{text} {setting:?}");
            }
        }
        assert_eq!(Prefs::default().to_string(), "0000");
    }

    #[test]
    fn of_two_the_stricter_counts() {
        let prefs = |text| Prefs::parse(text).unwrap();
        assert_eq!(prefs("0101").stricter(prefs("0110")), prefs("0111"));
        assert_eq!(prefs("0000").without(Setting::Devices), prefs("0010"));
    }

    #[test]
    fn whatever_else_is_malformed() {
        for text in ["", "0", "000", "00000", "0002", " 000", "0000 ", "1 00", "１０", "yes!"] {
            assert_eq!(Prefs::parse(text), Err(MalformedPrefs), "{text:?}");
        }
    }
}
