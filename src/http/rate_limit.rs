//! How often one client may ask.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::{DashMapStateStore, ShrinkableKeyedStateStore};
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

use super::address::AddressKey;
use super::response::Answer;
use crate::domain::time::Timestamp;

/// How many requests a key may make: `burst` at once, `per_second` in the long run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub per_second: NonZeroU32,
    pub burst: NonZeroU32,
}

/// The rates by kind of key; `None` is no limit.
#[derive(Debug, Clone, Default)]
pub struct Rates {
    /// Per IPv4 address or IPv6 /64.
    pub address: Option<Rate>,
    /// The same for opt-outs alone.
    pub opt_out: Option<Rate>,
    /// Per secret that a caller shows, right or wrong.
    pub token: Option<Rate>,
}

/// Over the limit; try again after this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter {
    pub seconds: u64,
}

impl RetryAfter {
    pub fn answer(self) -> Answer {
        Answer::text(429, "too many requests\n").with("Retry-After", self.seconds.to_string())
    }
}

/// All rate limits. Takes a bounded amount of memory whoever asks: when the keys of one kind are too many, those
/// that come on top share one.
pub struct RateLimits<C: Clock = DefaultClock> {
    address: Option<Limiter<C>>,
    opt_out: Option<Limiter<C>>,
    token: Option<Limiter<C>>,
    /// Tokens are kept as keyed hashes only, so that their length costs nothing and no secret stays in memory.
    tokens: RandomState,
}

impl RateLimits {
    pub fn new(rates: &Rates) -> Self {
        Self::with_clock(rates, KEYS_MAX, &DefaultClock::default())
    }
}

impl<C: Clock + Clone> RateLimits<C> {
    fn with_clock(rates: &Rates, keys_max: usize, clock: &C) -> Self {
        let limiter = |rate: Option<Rate>| rate.map(|rate| Limiter::new(rate, keys_max, clock.clone()));
        Self {
            address: limiter(rates.address),
            opt_out: limiter(rates.opt_out),
            token: limiter(rates.token),
            tokens: RandomState::new(),
        }
    }

    pub fn check_address(&self, client: IpAddr) -> Result<(), RetryAfter> {
        self.address.as_ref().map_or(Ok(()), |limiter| limiter.check(AddressKey::of(client).0))
    }

    pub fn check_opt_out(&self, client: IpAddr) -> Result<(), RetryAfter> {
        self.opt_out.as_ref().map_or(Ok(()), |limiter| limiter.check(AddressKey::of(client).0))
    }

    pub fn check_token(&self, token: &str) -> Result<(), RetryAfter> {
        self.token.as_ref().map_or(Ok(()), |limiter| limiter.check(self.tokens.hash_one(token)))
    }
}

/// One limit for whoever asks, in the time of whoever asks: what a server knows of its clock, and a test holds.
pub struct OneLimit {
    limiter: RateLimiter<NotKeyed, InMemoryState, ToldClock, NoOpMiddleware<Nanos>>,
    clock: ToldClock,
}

impl OneLimit {
    pub fn new(rate: Rate) -> Self {
        let quota = Quota::per_second(rate.per_second).allow_burst(rate.burst);
        let clock = ToldClock::default();
        Self { limiter: RateLimiter::direct_with_clock(quota, clock.clone()), clock }
    }

    /// Whether one more is within the limit at `now`; then it is counted.
    pub fn takes(&self, now: Timestamp) -> bool {
        self.clock.tell(now);
        self.limiter.check().is_ok()
    }
}

/// The time that has passed as far as it was told, which never goes back.
#[derive(Debug, Clone, Default)]
struct ToldClock {
    told: Arc<Mutex<Told>>,
}

#[derive(Debug, Default)]
struct Told {
    last: Timestamp,
    passed_ms: u64,
}

impl ToldClock {
    fn tell(&self, now: Timestamp) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        // Workers tell a little out of order. More than that is a clock that was set back, which stops no time.
        if now >= told.last || told.last.ms_since(now) > SET_BACK_MS {
            told.passed_ms += now.ms_since(told.last);
            told.last = now;
        }
    }
}

const SET_BACK_MS: u64 = 1_000;

impl Clock for ToldClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        Duration::from_millis(told.passed_ms).into()
    }
}

struct Limiter<C: Clock> {
    limiter: RateLimiter<u64, Bounded, C, NoOpMiddleware<C::Instant>>,
    store: Bounded,
    clock: C,
}

impl<C: Clock + Clone> Limiter<C> {
    fn new(rate: Rate, keys_max: usize, clock: C) -> Self {
        let store = Bounded::new(keys_max);
        let quota = Quota::per_second(rate.per_second).allow_burst(rate.burst);
        Self { limiter: RateLimiter::new(quota, store.clone(), clock.clone()), store, clock }
    }

    fn check(&self, key: u64) -> Result<(), RetryAfter> {
        if self.store.keys.full.swap(false, Ordering::Relaxed) {
            self.limiter.retain_recent();
            self.store.recount();
        }
        self.limiter.check_key(&key).map_err(|wait| {
            let left = wait.wait_time_from(self.clock.now());
            RetryAfter { seconds: left.as_secs() + u64::from(left.subsec_nanos() > 0) }
        })
    }
}

/// States by key, a bounded number of them.
#[derive(Clone)]
struct Bounded {
    keys: Arc<Keys>,
}

struct Keys {
    known: DashMapStateStore<u64>,
    /// Never less than `known` has.
    count: AtomicUsize,
    count_max: usize,
    /// Of all keys that found no room.
    others: InMemoryState,
    /// Somebody found no room since the last clean-up, and enough were turned away to be worth another.
    full: AtomicBool,
    turned_away: AtomicUsize,
}

impl Bounded {
    fn new(count_max: usize) -> Self {
        Self {
            keys: Arc::new(Keys {
                known: DashMapStateStore::default(),
                count: AtomicUsize::new(0),
                count_max,
                others: InMemoryState::default(),
                full: AtomicBool::new(false),
                turned_away: AtomicUsize::new(0),
            }),
        }
    }

    fn recount(&self) {
        self.keys.count.store(self.keys.known.len(), Ordering::Relaxed);
    }
}

impl Keys {
    /// Whether there is room for one more key. A clean-up looks at every key, so it must be earned by as many
    /// requests as a hundredth of them.
    fn take_room(&self) -> bool {
        let has_room = self.count.fetch_add(1, Ordering::Relaxed) < self.count_max;
        if !has_room {
            self.count.fetch_sub(1, Ordering::Relaxed);
            let turned_away = self.turned_away.fetch_add(1, Ordering::Relaxed);
            if turned_away.is_multiple_of(self.count_max / 100 + 1) {
                self.full.store(true, Ordering::Relaxed);
            }
        }
        has_room
    }
}

impl StateStore for Bounded {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        if self.keys.known.contains_key(key) || self.keys.take_room() {
            self.keys.known.measure_and_replace(key, f)
        } else {
            self.keys.others.measure_and_replace(&NotKeyed::NonKey, f)
        }
    }
}

impl ShrinkableKeyedStateStore<u64> for Bounded {
    fn retain_recent(&self, drop_below: Nanos) {
        ShrinkableKeyedStateStore::retain_recent(&self.keys.known, drop_below);
    }

    fn len(&self) -> usize {
        self.keys.known.len()
    }

    fn is_empty(&self) -> bool {
        self.keys.known.is_empty()
    }
}

/// Of each kind. 16 bytes and a control byte each, in tables up to twice as large: at most 36 MiB.
const KEYS_MAX: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn rate(per_second: u32, burst: u32) -> Rate {
        let some = |number| NonZeroU32::new(number).unwrap();
        Rate { per_second: some(per_second), burst: some(burst) }
    }

    fn by_address(keys_max: usize, clock: &FakeRelativeClock) -> RateLimits<FakeRelativeClock> {
        let rates = Rates { address: Some(rate(1, 2)), ..Rates::default() };
        RateLimits::with_clock(&rates, keys_max, clock)
    }

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn a_burst_is_let_through_and_the_next_is_told_when_to_come_back() {
        let clock = FakeRelativeClock::default();
        let limits = by_address(100, &clock);
        assert_eq!(limits.check_address(address(1)), Ok(()));
        assert_eq!(limits.check_address(address(1)), Ok(()));
        assert_eq!(limits.check_address(address(1)), Err(RetryAfter { seconds: 1 }));
        assert_eq!(limits.check_address(address(2)), Ok(()));

        clock.advance(Duration::from_secs(1));
        assert_eq!(limits.check_address(address(1)), Ok(()));
        assert_eq!(limits.check_address(address(1)), Err(RetryAfter { seconds: 1 }));
    }

    #[test]
    fn one_limit_goes_by_the_time_that_it_is_told() {
        let limit = OneLimit::new(rate(2, 3));
        let taken = |at: u64| (0..10).filter(|_| limit.takes(Timestamp(at))).count();
        for (at, expect) in [
            (1_800_000_000_000, 3),
            (1_800_000_000_499, 0),
            (1_800_000_000_500, 1),
            // Out of order by a little, and back.
            (1_800_000_000_300, 0),
            (1_800_000_000_500, 0),
            (1_800_000_001_000, 1),
            // An hour back: from there on it goes on.
            (1_799_996_400_000, 0),
            (1_799_996_400_500, 1),
            (1_799_996_401_500, 2),
            // An hour forth: a burst.
            (1_800_000_001_500, 3),
        ] {
            assert_eq!(taken(at), expect, "{at}");
        }
    }

    #[test]
    fn one_ipv6_subscriber_has_one_limit() {
        let limits = by_address(100, &FakeRelativeClock::default());
        for last in 0..2_u128 {
            let within = std::net::Ipv6Addr::from(0x2001_0db8 << 96 | last);
            assert_eq!(limits.check_address(within.into()), Ok(()));
        }
        assert!(limits.check_address("2001:db8::ffff:0:9".parse().unwrap()).is_err());
        assert_eq!(limits.check_address("2001:db8:0:1::1".parse().unwrap()), Ok(()));
    }

    #[test]
    fn each_token_is_counted_for_itself() {
        let clock = FakeRelativeClock::default();
        let rates = Rates { token: Some(rate(1, 1)), ..Rates::default() };
        let limits = RateLimits::with_clock(&rates, 100, &clock);
        assert_eq!(limits.check_token("111"), Ok(()));
        assert_eq!(limits.check_token("222"), Ok(()));
        assert_eq!(limits.check_token("111"), Err(RetryAfter { seconds: 1 }));
        assert_eq!(limits.check_address(address(1)), Ok(()));
    }

    #[test]
    fn keys_over_the_cap_share_one_limit_and_take_no_memory() {
        let clock = FakeRelativeClock::default();
        let limits = by_address(100, &clock);
        let passed = (0..100_000).filter(|&n| limits.check_address(address(n)).is_ok()).count();
        let store = &limits.address.as_ref().unwrap().store;
        assert_eq!(store.len(), 100);
        assert_eq!(passed, 100 + 2, "each known key once, all others together as often as one");
    }

    #[test]
    fn room_comes_back_when_keys_have_been_quiet() {
        let clock = FakeRelativeClock::default();
        let limits = by_address(100, &clock);
        for n in 0..103 {
            let _ = limits.check_address(address(n));
        }
        clock.advance(Duration::from_secs(60));
        for n in 1_000..1_102 {
            let _ = limits.check_address(address(n));
        }
        let store = &limits.address.as_ref().unwrap().store;
        assert_eq!(store.len(), 100);
        assert!(store.keys.known.contains_key(&AddressKey::of(address(1_099)).0));
        assert!(!store.keys.known.contains_key(&AddressKey::of(address(5)).0));
    }
}
