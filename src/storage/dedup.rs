//! Which events the log has already, for as long as the same event may come again.
//!
//! Memory only: a replay of the log rebuilds it.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use super::record::{StoredConversion, event_code};
use crate::domain::conversion::{Conversion, ShortText};
use crate::domain::id::EventId;

/// The keys of the events of one window, and under which id each event was stored.
///
/// Spread over shards, so that neither growing nor forgetting ever holds the writer for long. Within a shard keys are
/// forgotten in the order in which they came; to drop whole hours at once would mean to look in every hour's map for
/// each event.
pub(super) struct Dedup {
    shards: Vec<Shard>,
    hashers: [RandomState; 2],
    window_ms: u64,
    shard_keys_max: usize,
    /// In all shards; they are too many to be asked after every group.
    keys: usize,
}

#[derive(Default)]
struct Shard {
    ids: HashMap<Key, EventId, BuildHasherDefault<KeyHasher>>,
    /// Oldest first, with the time of the log at which each came.
    order: VecDeque<(Key, u64)>,
}

/// A keyed hash of what makes two events the same, so long that no two ever meet by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key(u128);

/// The keys of one event: by its event id, and by its conversion id.
pub(super) type Keys = [Option<Key>; 2];

impl Dedup {
    pub(super) fn new(window_ms: u64, keys_max: usize) -> Self {
        let shards = std::iter::repeat_with(Shard::default).take(SHARDS).collect();
        let hashers = [RandomState::new(), RandomState::new()];
        Self { shards, hashers, window_ms, shard_keys_max: keys_max.div_ceil(SHARDS).max(1), keys: 0 }
    }

    pub(super) fn keys_of(&self, conversion: &Conversion) -> Keys {
        self.keys(
            (conversion.pixel_id.number(), event_code(conversion.event)),
            conversion.event_id.as_ref().map(ShortText::as_str),
            conversion.event_tag_id.map(|tag| tag.number()),
            conversion.conversion_id.as_ref().map(ShortText::as_str),
        )
    }

    pub(super) fn keys_of_stored(&self, stored: &StoredConversion<'_>) -> Keys {
        let event = (stored.pixel_id, stored.event);
        self.keys(event, stored.event_id, stored.event_tag_id, stored.conversion_id)
    }

    fn keys(
        &self,
        event: (u64, u8),
        event_id: Option<&str>,
        event_tag_id: Option<u64>,
        conversion_id: Option<&str>,
    ) -> Keys {
        let by_event = event_id.map(|id| self.key(("event", event, id)));
        let by_conversion = event_tag_id.zip(conversion_id).map(|pair| self.key(("conversion", pair)));
        [by_event, by_conversion]
    }

    fn key(&self, what: impl std::hash::Hash) -> Key {
        let [high, low] = self.hashers.each_ref().map(|hasher| hasher.hash_one(&what));
        Key(u128::from(high) << 64 | u128::from(low))
    }

    /// The id under which an event with one of `keys` was stored within the window before `now_ms`.
    pub(super) fn find(&mut self, keys: &Keys, now_ms: u64) -> Option<(Key, EventId)> {
        let earliest_ms = now_ms.saturating_sub(self.window_ms);
        keys.iter().flatten().find_map(|key| {
            let shard = self.shard(*key);
            let forgotten = shard.forget_before(earliest_ms);
            let found = shard.ids.get(key).map(|id| (*key, *id));
            self.keys -= forgotten;
            found
        })
    }

    /// `key` must not be in there. Times must not go back.
    pub(super) fn insert(&mut self, key: Key, id: EventId, now_ms: u64) {
        let keys_max = self.shard_keys_max;
        let shard = self.shard(key);
        let forgotten = if shard.order.len() >= keys_max { shard.forget_oldest() } else { 0 };
        let is_new = shard.ids.insert(key, id).is_none();
        if is_new {
            shard.order.push_back((key, now_ms));
        }
        self.keys = self.keys + usize::from(is_new) - forgotten;
    }

    /// Takes back the newest insertions, newest first.
    pub(super) fn remove_newest(&mut self, key: Key) {
        let shard = self.shard(key);
        let was_there = shard.ids.remove(&key).is_some();
        if let Some(at) = shard.order.iter().rposition(|(other, _)| *other == key) {
            shard.order.remove(at);
        }
        self.keys -= usize::from(was_there);
    }

    pub(super) const fn len(&self) -> usize {
        self.keys
    }

    fn shard(&mut self, key: Key) -> &mut Shard {
        &mut self.shards[(key.0 >> 64) as usize % SHARDS]
    }
}

impl Shard {
    /// How many those were.
    fn forget_before(&mut self, earliest_ms: u64) -> usize {
        let mut forgotten = 0;
        while self.order.front().is_some_and(|&(_, at_ms)| at_ms < earliest_ms) {
            forgotten += self.forget_oldest();
        }
        forgotten
    }

    fn forget_oldest(&mut self) -> usize {
        let oldest = self.order.pop_front();
        usize::from(oldest.is_some_and(|(key, _)| self.ids.remove(&key).is_some()))
    }
}

const SHARDS: usize = 64;

/// Keys are hashes already.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        let low = bytes.first_chunk().expect("keys are hashed as u128");
        self.0 = u64::from_ne_bytes(*low);
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: EventId = EventId::from_bytes([1; 16]);

    fn keys(dedup: &Dedup, event_id: &str) -> Keys {
        dedup.keys((5, 12), Some(event_id), None, Some("ignored without a tag"))
    }

    #[test]
    fn an_event_is_known_up_to_the_end_of_its_window_and_not_past_it() {
        let mut dedup = Dedup::new(1_000, 1_000);
        let keys = keys(&dedup, "a");
        let key = keys[0].expect("a key");
        assert_eq!((keys[1], dedup.find(&keys, 50)), (None, None));
        dedup.insert(key, ID, 50);
        assert_eq!(dedup.find(&keys, 1_050), Some((key, ID)));
        assert_eq!(dedup.find(&keys, 1_051), None);
        assert_eq!(dedup.len(), 0);
    }

    #[test]
    fn what_is_taken_back_is_new_again() {
        let mut dedup = Dedup::new(1_000, 1_000);
        let keys = keys(&dedup, "a");
        let key = keys[0].expect("a key");
        dedup.insert(key, ID, 0);
        dedup.remove_newest(key);
        assert_eq!(dedup.find(&keys, 0), None);
        dedup.insert(key, ID, 900);
        assert_eq!(dedup.find(&keys, 1_500), Some((key, ID)), "its earlier time is taken back as well");
    }

    #[test]
    fn event_ids_count_per_pixel_and_event_and_conversion_ids_per_tag() {
        let dedup = Dedup::new(1, 1);
        let base = dedup.keys((5, 12), Some("a"), Some(9), Some("c"));
        for other in [
            dedup.keys((6, 12), Some("a"), Some(8), Some("c")),
            dedup.keys((5, 13), Some("a"), Some(9), Some("d")),
            dedup.keys((5, 12), Some("b"), Some(9), None),
        ] {
            assert!(base.iter().zip(&other).all(|(one, two)| one != two));
        }
        assert_eq!(base, dedup.keys((5, 12), Some("a"), Some(9), Some("c")));
    }

    #[test]
    fn beyond_its_limit_the_oldest_are_forgotten() {
        let mut dedup = Dedup::new(u64::MAX, SHARDS * 4);
        for number in 0..10_000_u64 {
            let key = keys(&dedup, &number.to_string())[0].expect("a key");
            dedup.insert(key, ID, number);
        }
        assert_eq!(dedup.len(), SHARDS * 4);
        let newest = keys(&dedup, "9999");
        assert!(dedup.find(&newest, 10_000).is_some());
    }
}
