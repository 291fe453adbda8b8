//! Which events the log has already, for as long as the same event may come again.
//!
//! Memory only: a replay of the log rebuilds it.

use std::hash::{BuildHasher, RandomState};

use super::record::{StoredConversion, event_code};
use super::shard::Shard;
use crate::domain::conversion::{Conversion, ShortText, Source};
use crate::domain::id::{EventId, PartnerId};

/// The keys of the events of one window, and under which id each event was stored.
///
/// Spread over shards, so that neither growing nor forgetting ever holds the writer for long. Within a shard keys are
/// forgotten in the order in which they came; to drop whole hours at once would mean to look in every hour's map for
/// each event.
pub(super) struct Dedup {
    shards: Vec<Shard>,
    hasher: RandomState,
    window_ms: u64,
    shard_keys_max: usize,
    /// In all shards; they are too many to be asked after every group.
    keys: usize,
}

/// A keyed hash of what makes two events the same. Among 20 million of them a new event meets another's by chance once
/// in 10^12 times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key(pub(super) u64);

/// The event that has a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct First {
    pub(super) id: EventId,
    pub(super) source: Source,
}

impl First {
    pub(super) fn of_stored(stored: &StoredConversion<'_>) -> Self {
        // One that this version does not know only says where duplicates of it come from.
        Self { id: stored.id(), source: stored.source().unwrap_or(Source::Pixel) }
    }

    /// Browsers bring them, and nobody asks.
    pub(super) const fn of_match(id: EventId) -> Self {
        Self { id, source: Source::Pixel }
    }
}

/// The keys of one event: by its event id, and by its conversion id.
pub(super) type Keys = [Option<Key>; 2];

impl Dedup {
    pub(super) fn new(window_ms: u64, keys_max: usize) -> Self {
        let shards = std::iter::repeat_with(Shard::default).take(SHARDS).collect();
        Self {
            shards,
            hasher: RandomState::new(),
            window_ms,
            shard_keys_max: keys_max.div_ceil(SHARDS).max(1),
            keys: 0,
        }
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

    /// Of the state that came back with a match: it counts once, for as long as events are known.
    pub(super) fn key_of_state(&self, partner_id: PartnerId, nonce: u64) -> Key {
        self.key(("state", partner_id, nonce))
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
        Key(self.hasher.hash_one(&what))
    }

    /// The event with one of `keys` that was stored within the window before `now_ms`.
    pub(super) fn find(&mut self, keys: &Keys, now_ms: u64) -> Option<(Key, First)> {
        let earliest_ms = now_ms.saturating_sub(self.window_ms);
        keys.iter().flatten().find_map(|key| {
            let shard = self.shard(*key);
            let forgotten = shard.forget_before(earliest_ms);
            let found = shard.get(*key).map(|first| (*key, first));
            self.keys -= forgotten;
            found
        })
    }

    /// `key` must not be in there. Times must not go back.
    pub(super) fn insert(&mut self, key: Key, first: First, now_ms: u64) {
        let keys_max = self.shard_keys_max;
        let shard = self.shard(key);
        let forgotten = shard.entries() >= keys_max && shard.forget_oldest();
        let is_new = shard.insert(key, first, now_ms);
        self.keys = self.keys + usize::from(is_new) - usize::from(forgotten);
    }

    /// Takes an insertion back.
    pub(super) fn remove(&mut self, key: Key) {
        let was_there = self.shard(key).remove(key);
        self.keys -= usize::from(was_there);
    }

    pub(super) const fn len(&self) -> usize {
        self.keys
    }

    fn shard(&mut self, key: Key) -> &mut Shard {
        &mut self.shards[(key.0 >> 32) as usize % SHARDS]
    }
}

const SHARDS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: First = First { id: EventId::from_bytes([1; 16]), source: Source::Api };

    fn keys(dedup: &Dedup, event_id: &str) -> Keys {
        dedup.keys((5, 12), Some(event_id), None, Some("ignored without a tag"))
    }

    #[test]
    fn an_event_is_known_up_to_the_end_of_its_window_and_not_past_it() {
        let mut dedup = Dedup::new(1_000, 1_000);
        let keys = keys(&dedup, "a");
        let key = keys[0].expect("a key");
        assert_eq!((keys[1], dedup.find(&keys, 50)), (None, None));
        dedup.insert(key, FIRST, 50);
        assert_eq!(dedup.find(&keys, 1_050), Some((key, FIRST)));
        assert_eq!(dedup.find(&keys, 1_051), None);
        assert_eq!(dedup.len(), 0);
    }

    #[test]
    fn what_is_taken_back_is_new_again() {
        let mut dedup = Dedup::new(1_000, 1_000);
        let keys = keys(&dedup, "a");
        let key = keys[0].expect("a key");
        dedup.insert(key, FIRST, 0);
        dedup.remove(key);
        assert_eq!(dedup.find(&keys, 0), None);
        dedup.insert(key, FIRST, 900);
        assert_eq!(dedup.find(&keys, 1_500), Some((key, FIRST)), "its earlier time is taken back as well");
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
            dedup.insert(key, FIRST, number);
        }
        assert_eq!(dedup.len(), SHARDS * 4);
        let newest = keys(&dedup, "9999");
        assert!(dedup.find(&newest, 10_000).is_some());
    }
}
