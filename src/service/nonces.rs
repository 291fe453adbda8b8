//! Which signed requests have been seen, so that none counts twice.
//!
//! In memory, and bounded: a restart forgets them, but what was signed more than some minutes ago does not count anyway.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::domain::time::{MS_PER_MINUTE, Timestamp};

/// Shared by all workers.
#[derive(Debug, Default)]
pub struct Nonces {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    known: HashSet<[u8; 16]>,
    in_order: VecDeque<(Timestamp, [u8; 16])>,
}

impl Nonces {
    /// `false` if it has been used, or more have been within their time than are kept.
    pub fn use_once(&self, digest: &[u8; 32], now: Timestamp) -> bool {
        let mut short = [0; 16];
        short.copy_from_slice(&digest[..16]);
        // Nothing in here leaves half a change behind.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((at, old)) = seen.in_order.front().copied()
            && now.ms_since(at) > KEPT_MS
        {
            seen.in_order.pop_front();
            seen.known.remove(&old);
        }
        if seen.in_order.len() >= NONCES_MAX || !seen.known.insert(short) {
            return false;
        }
        seen.in_order.push_back((now, short));
        true
    }
}

/// A signature of five minutes ahead counts until five minutes after its time.
const KEPT_MS: u64 = 11 * MS_PER_MINUTE;
/// 48 MB at most.
const NONCES_MAX: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_counts_once_until_nobody_could_use_it_again() {
        let nonces = Nonces::default();
        let (one, other) = ([1; 32], [2; 32]);
        assert!(nonces.use_once(&one, Timestamp(0)));
        assert!(!nonces.use_once(&one, Timestamp(KEPT_MS)));
        assert!(nonces.use_once(&other, Timestamp(KEPT_MS)));
        assert!(nonces.use_once(&one, Timestamp(KEPT_MS + 1)));
        assert!(!nonces.use_once(&other, Timestamp(KEPT_MS + 1)));
    }
}
