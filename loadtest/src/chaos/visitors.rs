//! Visitors of a server that is about to break.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{sleep, timeout};

use super::ledger::{Attempt, Ledger, browser_id};
use crate::client::connection::Connection;
use crate::client::hit::{Event, Hit, Requests, What};
use crate::client::opt_out::opt_out;
use crate::random::Random;
use crate::target::Target;

/// The world outside the server: who visits, and what they were told. Lives longer than any server process.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) ledger: RefCell<Ledger>,
    random: RefCell<Random>,
    /// Id cookies of browsers that have not opted out. Several connections share one browser, as tabs do.
    browsers: RefCell<Vec<Rc<str>>>,
    /// Id cookies of some that have, and that the server must know again after a restart.
    gone: RefCell<Vec<Rc<str>>>,
    run: u64,
    number: Cell<u64>,
    stop: Cell<bool>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            ledger: RefCell::default(),
            random: RefCell::new(Random::new(seed)),
            browsers: RefCell::default(),
            gone: RefCell::default(),
            run: seed,
            number: Cell::new(0),
            stop: Cell::new(false),
        }
    }

    pub(crate) fn below(&self, end: u64) -> u64 {
        self.random.borrow_mut().below(end)
    }

    /// Visits `target` over `connections` connections until `breaks` has returned and the visitors have noticed.
    pub(crate) fn visit<T>(
        self: &Rc<Self>,
        target: Target,
        connections: usize,
        breaks: impl AsyncFnOnce() -> Result<T>,
    ) -> Result<T> {
        self.stop.set(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(LocalSet::new().run_until(async {
            self.send_again(target).await?;
            let mut visitors = JoinSet::new();
            for index in 0..connections {
                visitors.spawn_local(Rc::clone(self).visitor(target, index));
            }
            let broken = breaks().await;
            self.stop.set(true);
            // What has already arrived here is still read: an acknowledgement counts once it was sent.
            let _ = timeout(NOTICE_MAX, async { while visitors.join_next().await.is_some() {} }).await;
            broken
        }))
    }

    /// Sends again what was never answered. None of it may be stored twice.
    async fn send_again(&self, target: Target) -> Result<()> {
        let attempts = self.ledger.borrow_mut().take_unanswered();
        let mut connection = Connection::open(target, 0).await?;
        for attempt in attempts {
            timeout(ANSWER_MAX, self.hit(&mut connection, target, attempt))
                .await
                .context("no answer in time")??;
        }
        Ok(())
    }

    /// One tab after the other, until the server is gone.
    async fn visitor(self: Rc<Self>, target: Target, index: usize) {
        let Ok(mut connection) = Connection::open(target, index).await else { return };
        while !self.stop.get() {
            if self.act(&mut connection, target).await.is_err() {
                return;
            }
        }
    }

    async fn act(&self, connection: &mut Connection, target: Target) -> Result<()> {
        let choice = self.below(100);
        let Some(browser) = self.pick(&self.browsers).filter(|_| choice < 98) else {
            return self.arrive(connection, target).await;
        };
        match choice {
            0..2 => self.leave(connection, target, &browser).await,
            2..8 => match self.pick(&self.gone) {
                Some(gone) => self.hit(connection, target, self.attempt(What::Conversion, &gone)).await,
                None => Ok(()),
            },
            8..12 => {
                let attempt = self.attempt(What::Conversion, &browser);
                self.hit(connection, target, attempt.clone()).await?;
                self.hit(connection, target, Attempt { is_repeat: true, ..attempt }).await
            }
            12..72 => self.hit(connection, target, self.attempt(What::Conversion, &browser)).await,
            72..80 => self.hit(connection, target, self.attempt(What::PartnerId, &browser)).await,
            _ => self.hit(connection, target, self.attempt(What::PageView, &browser)).await,
        }
    }

    /// A browser that was never here.
    async fn arrive(&self, connection: &mut Connection, target: Target) -> Result<()> {
        let what = if self.below(2) == 0 { What::PageView } else { What::PartnerId };
        self.hit(connection, target, self.attempt(what, "")).await
    }

    async fn leave(&self, connection: &mut Connection, target: Target, browser: &Rc<str>) -> Result<()> {
        self.browsers.borrow_mut().retain(|known| known != browser);
        self.ledger.borrow_mut().opting_out(browser);
        // 503 is an honest answer where the disk is broken: then nothing was promised.
        if opt_out(connection, target, browser).await.is_ok() {
            self.ledger.borrow_mut().opted_out(browser);
            remember(&self.gone, Rc::clone(browser));
        }
        Ok(())
    }

    pub(crate) fn attempt(&self, what: What, cookie: &str) -> Attempt {
        let number = self.number.get();
        self.number.set(number + 1);
        Attempt { what, event: Event { run: self.run, number }, cookie: cookie.to_owned(), is_repeat: false }
    }

    /// Sends one hit and notes what it was told.
    pub(crate) async fn hit(
        &self,
        connection: &mut Connection,
        target: Target,
        attempt: Attempt,
    ) -> Result<()> {
        self.ledger.borrow_mut().sending(&attempt);
        let mut request = Vec::new();
        let hit = Hit { what: attempt.what, event: attempt.event, cookies: &attempt.cookie, extra: "" };
        Requests::to(target).write(hit, &mut request);
        let reply = connection.exchange(&request).await?;
        self.ledger.borrow_mut().answered(&attempt, reply.status, &reply.outcome());
        if let Some(cookie) =
            reply.id_cookie().filter(|cookie| browser_id(cookie) != browser_id(&attempt.cookie))
        {
            remember(&self.browsers, cookie.into());
        }
        if reply.status == 503 {
            sleep(AFTER_REFUSAL).await;
        }
        Ok(())
    }

    /// A browser that has not opted out; the next call gives another.
    pub(crate) fn any_browser(&self) -> Option<Rc<str>> {
        self.browsers.borrow_mut().pop()
    }

    fn pick(&self, from: &RefCell<Vec<Rc<str>>>) -> Option<Rc<str>> {
        let from = from.borrow();
        if from.is_empty() { None } else { Some(Rc::clone(&from[self.below(from.len() as u64) as usize])) }
    }
}

/// The latest few: so that they meet often.
fn remember(list: &RefCell<Vec<Rc<str>>>, cookie: Rc<str>) {
    let mut list = list.borrow_mut();
    if list.len() >= BROWSERS_MAX {
        list.remove(0);
    }
    list.push(cookie);
}

const BROWSERS_MAX: usize = 64;
const NOTICE_MAX: Duration = Duration::from_secs(5);
const ANSWER_MAX: Duration = Duration::from_secs(10);
const AFTER_REFUSAL: Duration = Duration::from_millis(2);
