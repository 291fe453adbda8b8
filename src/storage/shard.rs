//! Keys in the order in which they came, each with the id that it stands for.
//!
//! Made for growing: an entry is written once and never moved, and what has to move when the table of numbers grows is
//! eight bytes a key. Memory that a process touches for the first time costs more than all else that is done for a key.

use std::collections::VecDeque;

use hashbrown::HashTable;

use super::dedup::{First, Key};
use crate::domain::conversion::Source;
use crate::domain::id::EventId;

#[derive(Default)]
pub(super) struct Shard {
    /// Oldest first. All but the last are full.
    chunks: VecDeque<Vec<Entry>>,
    /// The number of the very first entry of the first chunk. Numbers wrap around.
    first: u32,
    /// How many entries of the first chunk are forgotten.
    forgotten: usize,
    /// Where each key is: a part of its hash, so that a stranger is told from it without a look at the entry, and the
    /// entry's number.
    numbers: HashTable<(u32, u32)>,
}

struct Entry {
    key: Key,
    id: EventId,
    /// When, by the log, and by which source. In one number, because a flag of its own would make each of millions of
    /// entries a quarter longer.
    came: Came,
}

/// Milliseconds, and in the lowest bit the source.
#[derive(Clone, Copy)]
struct Came(u64);

impl Came {
    const fn new(at_ms: u64, source: Source) -> Self {
        Self((at_ms << 1) | source as u64)
    }

    const fn at_ms(self) -> u64 {
        self.0 >> 1
    }

    const fn source(self) -> Source {
        Source::ALL[(self.0 & 1) as usize]
    }
}

impl Shard {
    pub(super) fn get(&self, key: Key) -> Option<First> {
        let hash = short_hash(key);
        let found = self.numbers.find(spread(hash), |&known| self.is_of(known, hash, key));
        found.map(|&(_, number)| {
            let Entry { id, came, .. } = *self.entry(number);
            First { id, source: came.source() }
        })
    }

    /// Whether `key` was new.
    pub(super) fn insert(&mut self, key: Key, First { id, source }: First, at_ms: u64) -> bool {
        if self.get(key).is_some() {
            return false;
        }
        if self.chunks.back().is_none_or(|last| last.len() == CHUNK_ENTRIES) {
            self.chunks.push_back(Vec::with_capacity(CHUNK_ENTRIES));
        }
        let before = (self.chunks.len() - 1) * CHUNK_ENTRIES;
        let last = self.chunks.back_mut().expect("one was put there if there was none");
        let number = self.first.wrapping_add((before + last.len()) as u32);
        last.push(Entry { key, id, came: Came::new(at_ms, source) });
        let hash = short_hash(key);
        self.numbers.insert_unique(spread(hash), (hash, number), |&(hash, _)| spread(hash));
        true
    }

    /// Whether it was there. Its entry stays, and stands for nothing.
    pub(super) fn remove(&mut self, key: Key) -> bool {
        let hash = short_hash(key);
        let found = self.numbers.find(spread(hash), |&known| self.is_of(known, hash, key)).copied();
        found.is_some_and(|(_, number)| self.remove_number(hash, number))
    }

    /// How many keys those were.
    pub(super) fn forget_before(&mut self, earliest_ms: u64) -> usize {
        let mut keys = 0;
        while self.oldest().is_some_and(|oldest| oldest.came.at_ms() < earliest_ms) {
            keys += usize::from(self.forget_oldest());
        }
        keys
    }

    /// Whether the oldest entry stood for a key.
    pub(super) fn forget_oldest(&mut self) -> bool {
        let Some(key) = self.oldest().map(|oldest| oldest.key) else { return false };
        let number = self.first.wrapping_add(self.forgotten as u32);
        self.forgotten += 1;
        let was_there = self.remove_number(short_hash(key), number);
        if self.forgotten == CHUNK_ENTRIES {
            self.chunks.pop_front();
            self.first = self.first.wrapping_add(CHUNK_ENTRIES as u32);
            self.forgotten = 0;
        }
        was_there
    }

    /// How many entries there are, those that stand for nothing included.
    pub(super) fn entries(&self) -> usize {
        let last = self.chunks.back().map_or(0, Vec::len);
        self.chunks.len().saturating_sub(1) * CHUNK_ENTRIES + last - self.forgotten
    }

    fn oldest(&self) -> Option<&Entry> {
        self.chunks.front()?.get(self.forgotten)
    }

    fn entry(&self, number: u32) -> &Entry {
        let at = number.wrapping_sub(self.first) as usize;
        &self.chunks[at / CHUNK_ENTRIES][at % CHUNK_ENTRIES]
    }

    fn is_of(&self, (known, number): (u32, u32), hash: u32, key: Key) -> bool {
        known == hash && self.entry(number).key == key
    }

    fn remove_number(&mut self, hash: u32, number: u32) -> bool {
        let found = self.numbers.find_entry(spread(hash), |&(_, known)| known == number);
        found.map(hashbrown::hash_table::OccupiedEntry::remove).is_ok()
    }
}

/// Not the bits that choose the shard.
const fn short_hash(key: Key) -> u32 {
    key.0 as u32
}

/// The table takes its bucket from the low bits and its tag from the highest.
fn spread(hash: u32) -> u64 {
    (u64::from(hash) << 32) | u64::from(hash)
}

/// Entries are allocated this many at once.
const CHUNK_ENTRIES: usize = 256;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Of both sources in turn.
    fn first(number: u64) -> First {
        let id = EventId::from_bytes(u128::from(number).to_be_bytes());
        First { id, source: Source::ALL[(number % 2) as usize] }
    }

    /// Random changes, against a map and a list that do the same plainly.
    #[test]
    fn a_shard_does_what_a_map_and_a_list_do() {
        let (mut shard, mut map, mut list) = (Shard::default(), HashMap::new(), VecDeque::new());
        // Just below the wrap, so that numbers pass it.
        shard.first = u32::MAX - 700;
        let mut random = 1_u64;
        for step in 0..20_000_u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Few low bits, so that short hashes meet.
            let key = Key(((random >> 33) % 900) | ((random >> 63) << 40));
            match random >> 59 {
                0..20 => {
                    let is_new = shard.insert(key, first(step), step);
                    assert_eq!(is_new, !map.contains_key(&key));
                    if is_new {
                        map.insert(key, first(step));
                        list.push_back((key, step));
                    }
                }
                20..23 => {
                    assert_eq!(shard.remove(key), map.remove(&key).is_some());
                    list.retain(|(known, _)| *known != key);
                }
                23..25 => {
                    let earliest_ms = step.saturating_sub(1_500);
                    let due = list.iter().take_while(|(_, at_ms)| *at_ms < earliest_ms).count();
                    assert_eq!(shard.forget_before(earliest_ms), due);
                    for (key, _) in list.drain(..due) {
                        map.remove(&key);
                    }
                }
                _ => assert_eq!(shard.get(key), map.get(&key).copied()),
            }
            assert!(shard.entries() >= map.len());
        }
        assert!(shard.first < 100_000 && !map.is_empty(), "the numbers have passed their end");
    }

    #[test]
    fn memory_is_given_back_with_what_is_forgotten() {
        let mut shard = Shard::default();
        for number in 0..10_000 {
            assert!(shard.insert(Key(number), first(number), number));
        }
        assert_eq!((shard.entries(), shard.forget_before(9_900)), (10_000, 9_900));
        assert_eq!((shard.entries(), shard.chunks.len()), (100, 2));
        while shard.entries() > 0 {
            assert!(shard.forget_oldest());
        }
        assert!(!shard.forget_oldest() && shard.get(Key(9_999)).is_none());
    }
}
