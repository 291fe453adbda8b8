//! People who opt out while the server has more to do than it can.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::client::connection::Connection;
use crate::client::hit::{Event, Hit, Requests, What};
use crate::client::opt_out::opt_out;
use crate::report::summary::Latency;
use crate::target::Target;

/// What became of them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct OptOuts {
    pub(crate) asked: u64,
    /// Acknowledged within [`PATIENCE`].
    pub(crate) taken: u64,
    /// From fetching the page to the answer to its form.
    pub(crate) taken_us: Latency,
    pub(crate) first_error: Option<String>,
}

impl OptOuts {
    pub(crate) fn share(&self) -> f64 {
        self.taken as f64 / self.asked as f64
    }
}

/// The id cookies of `count` browsers that have never been here.
pub(super) fn browsers(target: Target, count: u32, seed: u64) -> Result<Vec<String>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connection = Connection::open(target, 0).await?;
        let (requests, mut request) = (Requests::to(target), Vec::new());
        let mut browsers = Vec::new();
        for number in 0..count {
            let event = Event { run: seed, number: u64::from(number) };
            requests.write(Hit { what: What::PageView, event, cookies: "", extra: "" }, &mut request);
            let reply = connection.exchange(&request).await?;
            browsers.push(reply.id_cookie().context("a first visit got no id")?.to_owned());
        }
        Ok(browsers)
    })
}

/// Opts `browsers` out, a few at a time, spread over `during`.
pub(super) fn run(target: Target, browsers: &[String], during: Duration) -> Result<OptOuts> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let pause = during.mul_f64(f64::from(WORKERS) / browsers.len() as f64);
    let done = std::sync::Arc::new(Mutex::new(Done::new()));
    let share = browsers.len().div_ceil(WORKERS as usize);
    runtime.block_on(async {
        let mut workers = JoinSet::new();
        for (index, browsers) in browsers.chunks(share).enumerate() {
            let (browsers, done) = (browsers.to_vec(), done.clone());
            workers.spawn(async move { work(target, index, &browsers, pause, &done).await });
        }
        workers.join_all().await;
    });
    let done = done.lock().expect("no worker panicked");
    Ok(OptOuts {
        asked: browsers.len() as u64,
        taken: done.taken,
        taken_us: Latency::of(&done.latency),
        first_error: done.first_error.clone(),
    })
}

struct Done {
    taken: u64,
    latency: hdrhistogram::Histogram<u64>,
    first_error: Option<String>,
}

impl Done {
    fn new() -> Self {
        let longest = u64::try_from(PATIENCE.as_nanos()).unwrap_or(u64::MAX);
        let latency = hdrhistogram::Histogram::new_with_bounds(1_000, longest, 3);
        let latency = latency.expect("the bounds are 1 µs and 10 s");
        Self { taken: 0, latency, first_error: None }
    }
}

async fn work(target: Target, index: usize, browsers: &[String], pause: Duration, done: &Mutex<Done>) {
    let mut connection = None;
    for browser in browsers {
        let start = Instant::now();
        let attempt = async {
            let mut open = match connection.take() {
                Some(open) => open,
                None => Connection::open(target, FIRST_INDEX + index).await?,
            };
            opt_out(&mut open, target, browser).await?;
            connection = Some(open);
            anyhow::Ok(())
        };
        let result = timeout(PATIENCE, attempt).await.context("no answer in time").flatten();
        {
            let mut done = done.lock().expect("no worker panicked");
            match result {
                Ok(()) => {
                    done.taken += 1;
                    done.latency
                        .saturating_record(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
                }
                Err(error) => {
                    done.first_error.get_or_insert_with(|| format!("{error:#}"));
                }
            }
        }
        tokio::time::sleep(pause.saturating_sub(start.elapsed())).await;
    }
}

/// As many at a time.
const WORKERS: u32 = 16;
/// Behind the connections of the overload.
const FIRST_INDEX: usize = 10_000;
/// Longer than anybody waits for a page.
const PATIENCE: Duration = Duration::from_secs(10);
