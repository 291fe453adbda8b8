//! When the requests of an open loop are due.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::plan::Arrivals;
use super::worker::Shared;

/// Lets `rate` requests a second arrive until the window closes. Independent of how fast answers come.
pub(super) async fn dispatch(shared: Rc<Shared>, rate: f64, arrivals: Arrivals) {
    let mut due = Instant::now();
    while due < shared.closes() && !shared.is_done() {
        wait_until(due).await;
        if !shared.arrive(due) {
            return;
        }
        due += gap(&shared, rate, arrivals);
    }
}

fn gap(shared: &Shared, rate: f64, arrivals: Arrivals) -> Duration {
    let mean_s = 1.0 / rate;
    match arrivals {
        Arrivals::Constant => Duration::from_secs_f64(mean_s),
        Arrivals::Poisson => Duration::from_secs_f64(shared.random().exponential(mean_s)),
    }
}

/// Timers fire up to a millisecond late, so the last stretch is spent yielding: the others run meanwhile.
async fn wait_until(due: Instant) {
    loop {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        if left > TIMER_RESOLUTION * 2 {
            sleep(left - TIMER_RESOLUTION).await;
        } else {
            tokio::task::yield_now().await;
        }
    }
}

const TIMER_RESOLUTION: Duration = Duration::from_millis(1);
