//! The connections of a run, and what they share.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::mix::Browser;
use super::plan::{Mode, Plan};
use super::stats::{Stats, Times};
use crate::client::connection::Connection;
use crate::client::hit::{Event, Hit, Requests};
use crate::random::Random;

/// State of a run. Lives on one thread; nothing is borrowed across an `.await`.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) plan: Plan,
    requests: Requests,
    stats: RefCell<Stats>,
    random: RefCell<Random>,
    browsers: RefCell<Vec<Rc<str>>>,
    waiting: RefCell<VecDeque<Instant>>,
    arrived: Semaphore,
    number: Cell<u64>,
    window: Cell<(Instant, Instant)>,
    closed: Cell<bool>,
    unfinished: Cell<u64>,
    /// No more requests than this; without a limit during the warm-up, which has one in time.
    number_max: Cell<u64>,
}

impl Shared {
    pub(super) fn new(plan: &Plan) -> Self {
        let known = plan.known_browser.as_deref().map(Rc::from);
        Self {
            plan: plan.clone(),
            requests: Requests::with_consent(plan.target, plan.tc_string.as_deref()),
            stats: RefCell::new(Stats::new()),
            random: RefCell::new(Random::new(plan.seed)),
            browsers: RefCell::new(known.into_iter().collect()),
            waiting: RefCell::default(),
            arrived: Semaphore::new(0),
            number: Cell::new(0),
            window: Cell::new((Instant::now(), Instant::now())),
            closed: Cell::new(false),
            unfinished: Cell::new(0),
            number_max: Cell::new(u64::MAX),
        }
    }

    pub(super) fn set_window(&self, opens: Instant, closes: Instant) {
        self.window.set((opens, closes));
    }

    pub(super) fn closes(&self) -> Instant {
        self.window.get().1
    }

    pub(super) fn stats(&self) -> Ref<'_, Stats> {
        self.stats.borrow()
    }

    pub(super) fn random(&self) -> RefMut<'_, Random> {
        self.random.borrow_mut()
    }

    pub(super) fn is_done(&self) -> bool {
        self.closed.get() || (self.number.get() >= self.number_max.get() && self.unfinished.get() == 0)
    }

    /// The warm-up is over: from here on requests are counted and limited.
    pub(super) fn open(&self) {
        self.number_max.set(self.number.get().saturating_add(self.plan.requests_max));
    }

    /// An arrival at `intended`, or `false` when there have been enough.
    pub(super) fn arrive(&self, intended: Instant) -> bool {
        if self.number.get() + self.waiting.borrow().len() as u64 >= self.number_max.get() {
            return false;
        }
        self.waiting.borrow_mut().push_back(intended);
        self.arrived.add_permits(1);
        true
    }

    /// Ends the run: nothing new is sent, in an open loop but for what has arrived.
    pub(super) fn close(&self) {
        let (opens, closes) = self.window.get();
        let end = closes.min(Instant::now());
        self.window.set((opens, end));
        self.stats.borrow_mut().window = end.saturating_duration_since(opens);
        self.closed.set(true);
        self.arrived.close();
    }

    pub(super) fn finish(&self) -> Stats {
        let mut stats = self.stats.borrow().clone();
        stats.unsent += self.waiting.borrow().len() as u64 + self.unfinished.get();
        stats
    }

    /// When the next request should be sent; `None` at the end.
    async fn next(&self) -> Option<Instant> {
        if self.plan.mode == Mode::Closed {
            let over = self.closed.get() || self.number.get() >= self.number_max.get();
            return (!over).then(Instant::now);
        }
        loop {
            // After the end the semaphore is closed, and what has arrived is still sent.
            if let Ok(permit) = self.arrived.acquire().await {
                permit.forget();
            }
            match self.waiting.borrow_mut().pop_front() {
                Some(intended) if self.is_lost(intended) => {
                    self.stats.borrow_mut().abandoned += u64::from(intended >= self.window.get().0);
                }
                Some(intended) => return Some(intended),
                None if self.closed.get() => return None,
                None => {}
            }
        }
    }

    fn is_lost(&self, intended: Instant) -> bool {
        self.plan.patience.is_some_and(|patience| intended.elapsed() > patience)
    }

    /// Writes the next request; returns its kind.
    fn compose(&self, out: &mut Vec<u8>) -> Browser {
        let number = self.number.get() + 1;
        self.number.set(number);
        self.unfinished.set(self.unfinished.get() + 1);
        let mut random = self.random.borrow_mut();
        let mut browser = self.plan.mix.browser(&mut random);
        let what = self.plan.mix.what(&mut random);
        let known = self.browsers.borrow();
        let cookies: &str = match browser {
            Browser::OptedOut => "pg_optout=1",
            Browser::Returning if known.is_empty() => {
                browser = Browser::Fresh;
                ""
            }
            Browser::Returning => &known[random.below(known.len() as u64) as usize],
            _ => "",
        };
        let event = Event { run: self.plan.seed, number };
        self.requests.write(Hit { what, event, cookies, extra: browser.extra() }, out);
        browser
    }

    fn record(
        &self,
        browser: Browser,
        reply: &crate::client::reply::Reply<'_>,
        intended: Instant,
        sent: Instant,
    ) {
        let times = Times { intended, sent, answered: Instant::now() };
        let window = self.window.get();
        let counts = Counts::of(times, window, self.plan.mode);
        let mut stats = self.stats.borrow_mut();
        if counts.for_throughput {
            stats.answered_in_window(reply.status, times, times.answered - window.0);
        }
        if counts.for_latency {
            stats.record(browser, reply, times);
        }
        drop(stats);
        if let Some(cookie) = reply.id_cookie() {
            self.remember(cookie);
        }
    }

    fn remember(&self, cookie: &str) {
        let mut known = self.browsers.borrow_mut();
        if known.len() < BROWSERS_MAX {
            known.push(cookie.into());
        }
    }
}

/// Which figures an answer is a part of.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    /// It came in the window, whenever it was due: what is late at the end makes up for what was late at the beginning.
    for_throughput: bool,
    /// In a closed loop the same; in an open one it was due in the window, whenever it came.
    for_latency: bool,
}

impl Counts {
    fn of(times: Times, (opens, closes): (Instant, Instant), mode: Mode) -> Self {
        let is_inside = |moment| moment >= opens && moment < closes;
        let for_throughput = is_inside(times.answered);
        let for_latency = if mode == Mode::Closed { for_throughput } else { is_inside(times.intended) };
        Self { for_throughput, for_latency }
    }
}

/// Opens all connections of `plan`, a few at a time.
///
/// # Errors
/// When none at all comes about.
pub(super) async fn connect_all(plan: &Plan) -> Result<Vec<Option<Connection>>> {
    let mut all = Vec::with_capacity(plan.connections);
    let mut error = None;
    for index in 0..plan.connections {
        match Connection::open(plan.target, index).await {
            Ok(connection) => all.push(Some(connection)),
            Err(failed) => {
                error = Some(failed);
                all.push(None);
            }
        }
    }
    match error {
        Some(error) if all.iter().all(Option::is_none) => Err(error),
        _ => Ok(all),
    }
}

/// One connection's life: sends what is due, connects again after a failure.
pub(super) async fn work(shared: Rc<Shared>, index: usize, mut connection: Option<Connection>) {
    let mut request = Vec::with_capacity(2048);
    while let Some(intended) = shared.next().await {
        let browser = shared.compose(&mut request);
        connection = send(&shared, index, connection, browser, &request, intended).await;
        shared.unfinished.set(shared.unfinished.get() - 1);
    }
}

/// Sends one request; returns the connection if it can be used again.
async fn send(
    shared: &Shared,
    index: usize,
    connection: Option<Connection>,
    browser: Browser,
    request: &[u8],
    intended: Instant,
) -> Option<Connection> {
    let mut connection = match connection {
        Some(connection) => connection,
        None => connect_again(shared, index).await?,
    };
    let sent = Instant::now();
    shared.stats.borrow_mut().sent += u64::from(intended >= shared.window.get().0);
    match connection.exchange(request).await {
        Ok(reply) => {
            shared.record(browser, &reply, intended, sent);
            (!reply.close).then_some(connection)
        }
        Err(error) => {
            let mut stats = shared.stats.borrow_mut();
            stats.broken += 1;
            stats.note_error(&error);
            None
        }
    }
}

async fn connect_again(shared: &Shared, index: usize) -> Option<Connection> {
    match Connection::open(shared.plan.target, index).await {
        Ok(connection) => Some(connection),
        Err(error) => {
            {
                let mut stats = shared.stats.borrow_mut();
                stats.connects_failed += 1;
                stats.note_error(&error);
            }
            // A refused connection costs no time: without a pause a dead server would be hammered.
            sleep(RECONNECT_PAUSE).await;
            None
        }
    }
}

/// How many different returning browsers there are at most.
const BROWSERS_MAX: usize = 4096;
const RECONNECT_PAUSE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::plan::Arrivals;

    const OPEN: Mode = Mode::Open { rate: 1.0, arrivals: Arrivals::Poisson };

    /// Of an answer due and given at these seconds, with a window from 10 to 20.
    #[track_caller]
    fn check(mode: Mode, intended: u64, answered: u64, for_throughput: bool, for_latency: bool) {
        let zero = Instant::now();
        let at = |second| zero + Duration::from_secs(second);
        let times = Times { intended: at(intended), sent: at(intended), answered: at(answered) };
        let counts = Counts::of(times, (at(10), at(20)), mode);
        assert_eq!(counts, Counts { for_throughput, for_latency }, "{mode:?}, {intended} to {answered}");
    }

    #[test]
    fn throughput_counts_what_came_in_the_window_and_latency_what_was_due() {
        check(OPEN, 9, 9, false, false);
        check(OPEN, 9, 10, true, false);
        check(OPEN, 10, 10, true, true);
        check(OPEN, 19, 20, false, true);
        check(OPEN, 20, 21, false, false);
        check(Mode::Closed, 9, 10, true, true);
        check(Mode::Closed, 19, 20, false, false);
    }
}
