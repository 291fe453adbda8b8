//! The settings of signed-in accounts that have switched something off.
//!
//! Memory only: a replay of the log rebuilds it. Where nobody has switched anything off, a look-up is one load.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use foldhash::quality::RandomState;

use crate::consent::prefs::{AccountPrefsView, Prefs};
use crate::domain::id::HashedAccountId;

/// Read by hits on any thread, changed by the log's writer alone.
#[derive(Debug)]
pub struct AccountSettings {
    /// Accounts with something off.
    shards: [RwLock<Shard>; SHARDS],
    len: AtomicUsize,
    hasher: RandomState,
}

type Shard = HashMap<HashedAccountId, Prefs, RandomState>;

const SHARDS: usize = 64;

impl Default for AccountSettings {
    fn default() -> Self {
        let hasher = RandomState::default();
        let shards = std::array::from_fn(|_| RwLock::new(Shard::with_hasher(hasher.clone())));
        Self { shards, len: AtomicUsize::new(0), hasher }
    }
}

impl AccountSettings {
    /// How many accounts have switched something off.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::SeqCst)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn set(&self, account: HashedAccountId, prefs: Prefs) {
        let mut shard = write(self.shard(account));
        let before = shard.len();
        match prefs == Prefs::default() {
            true => _ = shard.remove(&account),
            false => _ = shard.insert(account, prefs),
        }
        let after = shard.len();
        // Under the lock, and before the answer to who changed it: whoever was told that it holds is not let past.
        self.len.fetch_add(after.wrapping_sub(before), Ordering::SeqCst);
    }

    /// Switches off what `prefs` has off, and nothing on.
    pub(super) fn tighten(&self, account: HashedAccountId, prefs: Prefs) {
        self.set(account, self.prefs_of(account).stricter(prefs));
    }

    fn shard(&self, account: HashedAccountId) -> &RwLock<Shard> {
        // The high bits: a map takes its bucket from the low ones.
        &self.shards[(self.hasher.hash_one(account) >> 32) as usize % SHARDS]
    }
}

impl AccountPrefsView for AccountSettings {
    fn prefs_of(&self, account: HashedAccountId) -> Prefs {
        if self.is_empty() {
            return Prefs::default();
        }
        read(self.shard(account)).get(&account).copied().unwrap_or_default()
    }
}

// Nothing in the critical sections leaves half a change behind.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: u8) -> HashedAccountId {
        HashedAccountId::from_bytes([number; 32])
    }

    fn prefs(text: &str) -> Prefs {
        Prefs::parse(text).expect("four bits")
    }

    #[test]
    fn the_last_settings_count_and_all_on_are_none() {
        let settings = AccountSettings::default();
        settings.set(account(1), prefs("1000"));
        settings.set(account(2), prefs("0001"));
        settings.set(account(1), prefs("0110"));
        assert_eq!(
            [1, 2, 3].map(|number| settings.prefs_of(account(number)).to_string()),
            ["0110", "0001", "0000"]
        );
        settings.tighten(account(1), prefs("0001"));
        settings.tighten(account(3), prefs("0000"));
        assert_eq!((settings.prefs_of(account(1)).to_string(), settings.len()), ("0111".to_owned(), 2));
        settings.set(account(1), prefs("0000"));
        settings.set(account(2), prefs("0000"));
        settings.set(account(3), prefs("0000"));
        assert!(settings.is_empty() && settings.prefs_of(account(1)) == Prefs::default());
    }

    #[test]
    fn where_nobody_has_settings_a_hit_waits_for_nobody() {
        let settings = AccountSettings::default();
        let held: Vec<_> = settings.shards.iter().map(write).collect();
        // With a lock on its way this would never return.
        assert_eq!(settings.prefs_of(account(1)), Prefs::default());
        drop(held);
        settings.set(account(2), prefs("1000"));
        assert_eq!(settings.prefs_of(account(1)), Prefs::default());
    }
}
