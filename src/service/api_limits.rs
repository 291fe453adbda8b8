//! How often an account may ask the advertisers' API: so many requests in each quarter of an hour, as X counts them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::id::AccountId;
use crate::domain::time::{MS_PER_MINUTE, Timestamp};

/// Shared by all workers.
#[derive(Debug)]
pub struct ApiLimits {
    pub per_window: u32,
    /// Whether more are refused, or only counted.
    pub enforced: bool,
    used: Mutex<HashMap<AccountId, Window>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Window {
    number: u64,
    used: u32,
}

/// What is left after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    pub limit: u32,
    pub remaining: u32,
    /// When the next window begins, in seconds since 1970.
    pub reset_s: u64,
    pub is_exceeded: bool,
}

impl ApiLimits {
    pub fn new(per_window: u32, enforced: bool) -> Self {
        Self { per_window, enforced, used: Mutex::default() }
    }

    /// Counts one more request.
    pub fn take(&self, account_id: AccountId, now: Timestamp) -> Allowance {
        let number = now.0 / WINDOW_MS;
        // A number each; a panic leaves a good one.
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let window = used.entry(account_id).or_default();
        if window.number != number {
            *window = Window { number, used: 0 };
        }
        window.used = window.used.saturating_add(1);
        Allowance {
            limit: self.per_window,
            remaining: self.per_window.saturating_sub(window.used),
            reset_s: (number + 1) * WINDOW_MS / 1_000,
            is_exceeded: self.enforced && window.used > self.per_window,
        }
    }
}

const WINDOW_MS: u64 = 15 * MS_PER_MINUTE;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_its_requests_in_each_quarter_of_an_hour() {
        let limits = ApiLimits::new(2, true);
        let [one, other] = ["z1", "z2"].map(|id| id.parse().expect("an id"));
        let take = |account, ms| {
            let left = limits.take(account, Timestamp(ms));
            (left.remaining, left.reset_s, left.is_exceeded)
        };
        assert_eq!(take(one, 0), (1, 900, false));
        assert_eq!(take(one, 1), (0, 900, false));
        assert_eq!(take(one, WINDOW_MS - 1), (0, 900, true));
        assert_eq!(take(other, WINDOW_MS - 1), (1, 900, false));
        assert_eq!(take(one, WINDOW_MS), (1, 1_800, false));
        let counting = ApiLimits::new(0, false);
        assert!(!counting.take(one, Timestamp(0)).is_exceeded);
    }
}
