//! The JSON report of one run. All times are in microseconds unless the name says otherwise.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::drive::mix::Browser;
use crate::drive::plan::{Arrivals, Mode, Plan};
use crate::drive::stats::Stats;

/// Everything worth keeping of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) target: String,
    /// `open constant`, `open poisson` or `closed`.
    pub(crate) mode: String,
    pub(crate) rate_offered: Option<f64>,
    pub(crate) mix: String,
    pub(crate) seed: u64,
    pub(crate) connections: usize,
    pub(crate) window_s: f64,
    pub(crate) sent: u64,
    pub(crate) answers: u64,
    pub(crate) answers_per_s: f64,
    /// Answers below 400 a second: a 503 is not goodput.
    pub(crate) good_per_s: f64,
    /// From the intended send time, so that waiting for a slow server counts.
    pub(crate) latency_us: Latency,
    /// From the real send time.
    pub(crate) service_us: Latency,
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) outcomes: BTreeMap<String, u64>,
    pub(crate) browsers: BTreeMap<&'static str, u64>,
    pub(crate) broken: u64,
    pub(crate) connects_failed: u64,
    pub(crate) abandoned: u64,
    pub(crate) unsent: u64,
    pub(crate) first_error: Option<String>,
    pub(crate) seconds: Vec<SecondSummary>,
    /// Quantile and latency, ever finer towards 1.
    pub(crate) quantiles: Vec<(f64, f64)>,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Latency {
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct SecondSummary {
    pub(crate) good: u64,
    pub(crate) turned_away: u64,
    pub(crate) other: u64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Summary {
    pub(crate) fn new(plan: &Plan, stats: &Stats) -> Self {
        let (mode, rate_offered) = match plan.mode {
            Mode::Open { rate, arrivals: Arrivals::Constant } => ("open constant", Some(rate)),
            Mode::Open { rate, arrivals: Arrivals::Poisson } => ("open poisson", Some(rate)),
            Mode::Closed => ("closed", None),
        };
        Self {
            target: plan.target.origin(),
            mode: mode.to_owned(),
            rate_offered,
            mix: plan.mix.to_string(),
            seed: plan.seed,
            connections: plan.connections,
            window_s: stats.window.as_secs_f64(),
            sent: stats.sent,
            answers: stats.answers,
            answers_per_s: stats.throughput(),
            good_per_s: stats.goodput(),
            latency_us: Latency::of(&stats.latency),
            service_us: Latency::of(&stats.service),
            statuses: stats.statuses.iter().copied().collect(),
            outcomes: stats
                .outcomes
                .iter()
                .map(|((word, detail), count)| (label(word, detail), *count))
                .collect(),
            browsers: Browser::ALL.map(|browser| (browser.name(), stats.browsers[browser as usize])).into(),
            broken: stats.broken,
            connects_failed: stats.connects_failed,
            abandoned: stats.abandoned,
            unsent: stats.unsent,
            first_error: stats.first_error.clone(),
            seconds: seconds(stats),
            quantiles: quantiles(&stats.latency),
        }
    }
}

impl Latency {
    pub(crate) fn of(nanos: &Histogram<u64>) -> Self {
        let at = |quantile: f64| nanos.value_at_quantile(quantile) as f64 / 1000.0;
        let max = if nanos.is_empty() { 0.0 } else { nanos.max() as f64 / 1000.0 };
        Self { mean: nanos.mean() / 1000.0, p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max }
    }
}

fn label(word: &str, detail: &str) -> String {
    match (word, detail) {
        ("", _) => "(no outcome)".to_owned(),
        (word, "") => word.to_owned(),
        (word, detail) => format!("{word}; {detail}"),
    }
}

fn seconds(stats: &Stats) -> Vec<SecondSummary> {
    let each = stats.seconds.iter().map(|second| SecondSummary {
        good: second.good,
        turned_away: second.turned_away,
        other: second.other,
        p50_us: second.latency.value_at_quantile(0.5) as f64 / 1000.0,
        p99_us: second.latency.value_at_quantile(0.99) as f64 / 1000.0,
    });
    // The last one may be a fraction of a second, which would look like a collapse.
    let whole = stats.window.as_secs().max(1);
    each.take(usize::try_from(whole).unwrap_or(usize::MAX)).collect()
}

/// As many quantiles as the number of samples supports.
fn quantiles(nanos: &Histogram<u64>) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    for nines in 0..60 {
        let quantile = 1.0 - 10_f64.powf(-f64::from(nines) / 10.0);
        if (1.0 - quantile) * nanos.len() as f64 <= 1.0 {
            break;
        }
        points.push((quantile, nanos.value_at_quantile(quantile) as f64 / 1000.0));
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_stop_where_the_samples_do() {
        let mut nanos = Histogram::new_with_bounds(1000, 1_000_000_000, 3).unwrap();
        (1..=1000).for_each(|us| nanos.record(us * 1000).unwrap());
        let points = quantiles(&nanos);
        let (last, us) = points.last().copied().unwrap();
        assert!((0.99..0.9995).contains(&last), "{last}");
        assert!((990.0..=1001.0).contains(&us), "{us}");
        assert!(points.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
    }

    #[test]
    fn outcomes_are_labelled_with_reason_or_class() {
        assert_eq!(label("stored", "os"), "stored; os");
        assert_eq!(label("bot", ""), "bot");
        assert_eq!(label("", ""), "(no outcome)");
    }
}
