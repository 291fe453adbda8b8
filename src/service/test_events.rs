//! Test events: who tries out a site with a code in its address sees what becomes of each of its events, while it happens.
//!
//! A view of everybody's single events would show advertisers single people. Who opens the site with a code shows only
//! themselves. The code decides nothing and is stored nowhere; what is shown is in memory until the code ends.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::account_caller::AccountCaller;
use super::test_event::TestEvent;
use crate::domain::id::AccountId;
use crate::domain::time::{MS_PER_MINUTE, Rng, Timestamp};

/// The tests of all accounts, at most one each. Shared by all workers.
#[derive(Default)]
pub struct TestEvents {
    /// When the last of them ends, in milliseconds since 1970; 0 where there is none, which is all that a hit asks then.
    end_ms: AtomicU64,
    tests: Mutex<HashMap<AccountId, Test>>,
}

/// Eight letters and digits that stand for one test of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestCode([u8; CODE_CHARS]);

/// A test as its account sees it.
#[derive(Debug, Clone)]
pub struct Test {
    pub code: TestCode,
    pub ends_at: Timestamp,
    /// In the order in which it was known what became of them, at most [`EVENTS_MAX`]. More are not shown: a code that got
    /// about does not make an advertiser a spectator of others for long.
    pub events: Vec<TestEvent>,
}

/// So many accounts have a test that there is no room for another one now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{TESTS_MAX} accounts are testing already; try again later")]
pub struct TooManyTests;

impl TestEvents {
    /// Begins a test of the caller's account. An earlier one ends, and what it showed is gone.
    pub fn begin(&self, caller: &AccountCaller, rng: &dyn Rng, now: Timestamp) -> Result<Test, TooManyTests> {
        let mut tests = self.live(now);
        if tests.len() >= TESTS_MAX && !tests.contains_key(&caller.account_id()) {
            return Err(TooManyTests);
        }
        let code = TestCode::new(rng);
        let test = Test { code, ends_at: now.plus_ms(CODE_MS), events: Vec::new() };
        tests.insert(caller.account_id(), test.clone());
        self.end_ms.store(test.ends_at.0, Ordering::Relaxed);
        Ok(test)
    }

    /// The caller's own; `None` if it has none, or its time is over.
    pub fn of(&self, caller: &AccountCaller, now: Timestamp) -> Option<Test> {
        self.live(now).get(&caller.account_id()).cloned()
    }

    /// Whether anybody is testing. Nearly always nobody is, which costs one look at a number.
    pub fn is_any(&self, now: Timestamp) -> bool {
        let end_ms = self.end_ms.load(Ordering::Relaxed);
        end_ms != 0 && (now.0 < end_ms || !self.live(now).is_empty())
    }

    /// Whose test `code` stands for; `None` if for none, or its time is over.
    pub(super) fn account(&self, code: TestCode, now: Timestamp) -> Option<AccountId> {
        let tests = self.live(now);
        tests.iter().find(|(_, test)| test.code == code).map(|(account_id, _)| *account_id)
    }

    /// Shows `event` to whose test it is part of.
    pub(super) fn show(&self, code: TestCode, event: TestEvent) {
        let mut tests = self.tests.lock().unwrap_or_else(PoisonError::into_inner);
        let test = tests.values_mut().find(|test| test.code == code);
        if let Some(test) = test.filter(|test| test.events.len() < EVENTS_MAX) {
            test.events.push(event);
        }
    }

    /// Those whose time is not over; the others are forgotten.
    fn live(&self, now: Timestamp) -> MutexGuard<'_, HashMap<AccountId, Test>> {
        // Nothing in here leaves half a change behind.
        let mut tests = self.tests.lock().unwrap_or_else(PoisonError::into_inner);
        tests.retain(|_, test| now < test.ends_at);
        let end = tests.values().map(|test| test.ends_at.0).max();
        self.end_ms.store(end.unwrap_or_default(), Ordering::Relaxed);
        tests
    }
}

impl TestCode {
    fn new(rng: &dyn Rng) -> Self {
        let mut random = [0; 8];
        rng.fill(&mut random);
        let mut number = u64::from_le_bytes(random);
        Self(std::array::from_fn(|_| {
            let digit = DIGITS[(number % 36) as usize];
            number /= 36;
            digit
        }))
    }

    /// `None` for what cannot be a code.
    pub fn parse(text: &str) -> Option<Self> {
        let code: [u8; CODE_CHARS] = text.trim().as_bytes().try_into().ok()?;
        let code = code.map(|byte| byte.to_ascii_lowercase());
        code.iter().all(|byte| DIGITS.contains(byte)).then_some(Self(code))
    }
}

impl fmt::Display for TestCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).expect("letters and digits are ASCII"))
    }
}

const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const CODE_CHARS: usize = 8;
const CODE_MS: u64 = 30 * MS_PER_MINUTE;
/// Of one code. An event takes about 300 bytes.
pub const EVENTS_MAX: usize = 100;
/// 30 MB if all of them have all of their events.
const TESTS_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::account_caller::{AccountKeys, AccountSecrets};

    struct Counting(AtomicU64);

    impl Rng for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.copy_from_slice(&self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        }
    }

    fn caller(number: u64) -> AccountCaller {
        let token = format!("token-{number}");
        let secrets = AccountSecrets {
            account_id: AccountId::from_number(number),
            pixel_token: None,
            bearer_token: Some(token.clone().into()),
            oauth: None,
        };
        AccountKeys::new(&[secrets]).by_bearer_token(&token).expect("the token is known")
    }

    #[test]
    fn a_code_ends_after_half_an_hour_and_then_nothing_of_it_is_left() {
        let (tests, rng) = (TestEvents::default(), Counting(AtomicU64::new(0)));
        assert!(!tests.is_any(Timestamp(0)));
        let test = tests.begin(&caller(1), &rng, Timestamp(0)).expect("room");
        let last = Timestamp(CODE_MS - 1);
        assert_eq!(
            (tests.is_any(last), tests.account(test.code, last)),
            (true, Some(caller(1).account_id()))
        );
        assert!(tests.of(&caller(2), last).is_none());
        // The first hit after that sees to it.
        assert!(!tests.is_any(Timestamp(CODE_MS)));
        assert!(tests.of(&caller(1), Timestamp(0)).is_none() && tests.account(test.code, last).is_none());
    }

    #[test]
    fn a_new_code_ends_the_one_before_it() {
        let (tests, rng) = (TestEvents::default(), Counting(AtomicU64::new(0)));
        let [one, other] = [0, 1].map(|at| tests.begin(&caller(1), &rng, Timestamp(at)).expect("room").code);
        assert_eq!(tests.account(one, Timestamp(2)), None);
        assert_eq!(tests.account(other, Timestamp(2)), Some(caller(1).account_id()));
    }

    #[test]
    fn a_code_shows_a_hundred_events_and_no_more() {
        let (tests, rng) = (TestEvents::default(), Counting(AtomicU64::new(0)));
        let test = tests.begin(&caller(1), &rng, Timestamp(0)).expect("room");
        for at in 0..=EVENTS_MAX as u64 {
            tests.show(test.code, TestEvent::at(Timestamp(at)));
        }
        let events = tests.of(&caller(1), Timestamp(0)).expect("a test").events;
        assert_eq!((events.len(), events[EVENTS_MAX - 1].at), (EVENTS_MAX, Timestamp(EVENTS_MAX as u64 - 1)));
    }

    #[test]
    fn a_thousand_accounts_test_at_once_and_no_more_until_one_has_ended() {
        let (tests, rng) = (TestEvents::default(), Counting(AtomicU64::new(0)));
        for account in 0..TESTS_MAX as u64 {
            assert!(tests.begin(&caller(account), &rng, Timestamp(account)).is_ok());
        }
        let late = caller(TESTS_MAX as u64);
        assert_eq!(tests.begin(&late, &rng, Timestamp(CODE_MS - 1)).err(), Some(TooManyTests));
        assert!(tests.begin(&caller(5), &rng, Timestamp(CODE_MS - 1)).is_ok(), "it has one already");
        assert!(tests.begin(&late, &rng, Timestamp(CODE_MS)).is_ok());
    }

    #[test]
    fn codes_are_eight_letters_and_digits() {
        let code = TestCode::new(&Counting(AtomicU64::new(37))).to_string();
        assert_eq!(code, "11000000");
        assert_eq!(TestCode::parse(" 11000000 "), TestCode::parse(&code));
        assert_eq!(TestCode::parse("ABCDEFGH").map(|code| code.to_string()).as_deref(), Some("abcdefgh"));
        for text in ["", "1100000", "110000000", "1100-000", "ä000000"] {
            assert_eq!(TestCode::parse(text), None, "{text:?}");
        }
    }
}
