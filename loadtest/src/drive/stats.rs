//! What came back.

use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::Instant;

use super::mix::Browser;
use crate::client::reply::Reply;

/// The counts of one run, for its window only.
#[derive(Debug, Clone)]
pub(crate) struct Stats {
    /// Nanoseconds from the intended send time to the whole answer, for answers below 400.
    pub(crate) latency: Histogram<u64>,
    /// The same from the moment when the request was really sent.
    pub(crate) service: Histogram<u64>,
    pub(crate) statuses: Vec<(u16, u64)>,
    /// By `Pixelgate-Outcome`: word and, where there is one, reason or class.
    pub(crate) outcomes: Vec<((String, String), u64)>,
    pub(crate) browsers: [u64; Browser::ALL.len()],
    pub(crate) seconds: Vec<Second>,
    pub(crate) sent: u64,
    pub(crate) answers: u64,
    /// Answers below 400 that came inside the window, whenever they were due.
    pub(crate) good_in_window: u64,
    pub(crate) answers_in_window: u64,
    /// Connections that failed while a request was on its way.
    pub(crate) broken: u64,
    pub(crate) connects_failed: u64,
    /// Arrivals that lost their patience before a connection was free.
    pub(crate) abandoned: u64,
    /// Arrivals that were still waiting for a connection or an answer some time after the run.
    pub(crate) unsent: u64,
    pub(crate) first_error: Option<String>,
    pub(crate) window: Duration,
}

/// One second of a run, by the time of the answer.
#[derive(Debug, Clone)]
pub(crate) struct Second {
    pub(crate) good: u64,
    pub(crate) turned_away: u64,
    pub(crate) other: u64,
    pub(crate) latency: Histogram<u64>,
}

/// When a request should have been sent, was sent, and was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) intended: Instant,
    pub(crate) sent: Instant,
    pub(crate) answered: Instant,
}

impl Stats {
    pub(crate) fn new() -> Self {
        Self {
            latency: histogram(3),
            service: histogram(3),
            statuses: Vec::new(),
            outcomes: Vec::new(),
            browsers: [0; Browser::ALL.len()],
            seconds: Vec::new(),
            sent: 0,
            answers: 0,
            good_in_window: 0,
            answers_in_window: 0,
            broken: 0,
            connects_failed: 0,
            abandoned: 0,
            unsent: 0,
            first_error: None,
            window: Duration::ZERO,
        }
    }

    /// Counts an answer that came `since_opening` of the window.
    pub(super) fn answered_in_window(&mut self, status: u16, times: Times, since_opening: Duration) {
        self.answers_in_window += 1;
        self.good_in_window += u64::from(status < 400);
        self.second(since_opening).record(status, nanos(times.answered - times.intended));
    }

    /// Counts `reply` with its latency.
    pub(super) fn record(&mut self, browser: Browser, reply: &Reply<'_>, times: Times) {
        let good = reply.status < 400;
        let latency = nanos(times.answered - times.intended);
        self.answers += 1;
        self.browsers[browser as usize] += 1;
        if good {
            self.latency.saturating_record(latency);
            self.service.saturating_record(nanos(times.answered - times.sent));
        }
        count(&mut self.statuses, |&status| status == reply.status, || reply.status);
        let outcome = reply.outcome();
        let detail = outcome.reason.or(outcome.ack).unwrap_or_default();
        let is_same = |known: &(String, String)| known.0 == outcome.word && known.1 == detail;
        count(&mut self.outcomes, is_same, || (outcome.word.to_owned(), detail.to_owned()));
    }

    pub(super) fn note_error(&mut self, error: &anyhow::Error) {
        self.first_error.get_or_insert_with(|| format!("{error:#}"));
    }

    /// How many answers had `word` and `detail` (reason or class) as outcome.
    pub(crate) fn outcome(&self, word: &str, detail: &str) -> u64 {
        let same = self.outcomes.iter().find(|((known, more), _)| known == word && more == detail);
        same.map_or(0, |&(_, count)| count)
    }

    pub(crate) fn status(&self, status: u16) -> u64 {
        self.statuses.iter().find(|(known, _)| *known == status).map_or(0, |&(_, count)| count)
    }

    pub(crate) fn throughput(&self) -> f64 {
        self.answers_in_window as f64 / self.window.as_secs_f64().max(f64::EPSILON)
    }

    pub(crate) fn goodput(&self) -> f64 {
        self.good_in_window as f64 / self.window.as_secs_f64().max(f64::EPSILON)
    }

    fn second(&mut self, at: Duration) -> &mut Second {
        let index = usize::try_from(at.as_secs()).unwrap_or(usize::MAX).min(SECONDS_MAX - 1);
        while self.seconds.len() <= index {
            self.seconds.push(Second { good: 0, turned_away: 0, other: 0, latency: histogram(2) });
        }
        &mut self.seconds[index]
    }
}

impl Second {
    fn record(&mut self, status: u16, latency_ns: u64) {
        match status {
            0..400 => {
                self.good += 1;
                self.latency.saturating_record(latency_ns);
            }
            503 => self.turned_away += 1,
            _ => self.other += 1,
        }
    }
}

/// Counts are few and mostly the first: a list beats a map here.
fn count<K>(counts: &mut Vec<(K, u64)>, is_same: impl Fn(&K) -> bool, key: impl FnOnce() -> K) {
    match counts.iter_mut().find(|(known, _)| is_same(known)) {
        Some((_, count)) => *count += 1,
        None => counts.push((key(), 1)),
    }
}

fn histogram(significant_digits: u8) -> Histogram<u64> {
    Histogram::new_with_bounds(1000, LATENCY_MAX_NS, significant_digits)
        .expect("the bounds are 1 µs and 10 minutes")
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

const LATENCY_MAX_NS: u64 = 600 * 1_000_000_000;
/// A day. Later answers count for the last second.
const SECONDS_MAX: usize = 86_400;
