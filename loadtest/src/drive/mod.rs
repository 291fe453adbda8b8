//! Drives load at a target and counts what comes back.
//!
//! Everything of a run happens on one thread: the generator costs one core, and no lock disturbs what it measures.

pub(crate) mod mix;
pub(crate) mod plan;
mod schedule;
pub(crate) mod stats;
mod worker;

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use self::plan::{Mode, Plan};
use self::stats::Stats;
use self::worker::Shared;

/// What happens during a run, for whoever watches it.
#[derive(Debug)]
pub(crate) enum Moment<'s> {
    /// The warm-up is over; counting starts.
    Opens,
    /// About ten times a second. The argument counts since `Opens`.
    Tick(&'s Stats),
    /// Counting ends.
    Closes,
}

/// Runs `plan` to its end on this thread.
///
/// # Errors
/// When not a single connection comes about; later failures are counted instead.
pub(crate) fn drive(plan: &Plan, watch: &mut dyn FnMut(Moment<'_>)) -> Result<Stats> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tokio::task::LocalSet::new().run_until(run(plan, watch)))
}

async fn run(plan: &Plan, watch: &mut dyn FnMut(Moment<'_>)) -> Result<Stats> {
    let shared = Rc::new(Shared::new(plan));
    let connections = worker::connect_all(plan).await.context("could not connect")?;
    let opens = Instant::now() + plan.warm_up;
    let closes = opens + plan.duration;
    shared.set_window(opens, closes);
    // Without a warm-up every request counts, also those before this task runs again.
    if plan.warm_up.is_zero() {
        shared.open();
    }
    let mut tasks = tokio::task::JoinSet::new();
    for (index, connection) in connections.into_iter().enumerate() {
        tasks.spawn_local(worker::work(Rc::clone(&shared), index, connection));
    }
    if let Mode::Open { rate, arrivals } = plan.mode {
        tasks.spawn_local(schedule::dispatch(Rc::clone(&shared), rate, arrivals));
    }
    sleep_until(opens).await;
    if !plan.warm_up.is_zero() {
        shared.open();
    }
    watch(Moment::Opens);
    while Instant::now() < closes && !shared.is_done() {
        sleep(TICK.min(closes - Instant::now())).await;
        watch(Moment::Tick(&shared.stats()));
    }
    watch(Moment::Closes);
    shared.close();
    // What is under way may finish: in an open loop the slow answers are the interesting ones.
    let _ = timeout_at(Instant::now() + GRACE, async { while tasks.join_next().await.is_some() {} }).await;
    Ok(shared.finish())
}

const TICK: Duration = Duration::from_millis(100);
/// How long answers may take after the end of a run before they count as never given.
const GRACE: Duration = Duration::from_secs(5);
