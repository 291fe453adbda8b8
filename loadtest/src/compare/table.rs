//! The comparison in words and figures.

use super::Report;
use super::measure::Sample;
use super::opt_outs::OptOuts;
use super::subject::Subject;
use crate::console::micros;

/// The middle value and the extremes over all rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let half = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[half] } else { f64::midpoint(values[half - 1], values[half]) };
        Some(Self { median, min, max })
    }
}

pub(super) fn lines(report: &Report) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<30} {:>22} {:>22} {:>10} {:>9} {:>9} {:>7} {:>7}",
        "median (min-max)", "CPU/request", "CPU / nginx", "requests/s", "p50", "p99", "server", "gener."
    )];
    for subject in subjects(report) {
        lines.extend(row(report, subject));
    }
    lines.extend(report.idle.iter().map(|(subject, idle)| {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let (name, held, asked) = (subject.name(), idle.held, idle.asked);
        let (after, before) = (mib(idle.resident_bytes), mib(idle.resident_bytes_before));
        format!(
            "{name:<30} {held} of {asked} idle connections: {after:.1} MiB resident ({before:.1} MiB before)"
        )
    }));
    if let Some(over) = &report.overload {
        lines.push(format!(
            "overload: peak {:.0}/s (core shared with {} busy loops); {} connections, offered {:.0}/s, sent {:.0}/s, good {:.0}/s = {:.1} % of peak, \
             503 {:.0}/s, gave up {:.0}/s; accepted p50 {}, p99 {} (from the real send time {})",
            over.peak_per_s, over.spinners, over.connections, over.offered_per_s, over.sent_per_s, over.goodput_per_s,
            over.goodput_of_peak * 100.0, over.turned_away_per_s, over.gave_up_per_s, micros(over.accepted_us.p50),
            micros(over.accepted_us.p99), micros(over.accepted_service_us.p99)
        ));
    }
    if let Some(opt_outs) = report.overload.as_ref().and_then(|over| over.opt_outs.as_ref()) {
        let error = opt_outs.first_error.as_ref().map(|error| format!("; first error: {error}"));
        lines.push(format!(
            "opt-outs under that overload: {} of {} taken = {:.2} %, page and form p50 {}, p99 {}{}",
            opt_outs.taken,
            opt_outs.asked,
            opt_outs.share() * 100.0,
            micros(opt_outs.taken_us.p50),
            micros(opt_outs.taken_us.p99),
            error.unwrap_or_default()
        ));
    }
    lines.push(report.note.to_owned());
    lines.extend(warnings(report));
    lines
}

/// What was promised, in words, and whether it was met. Only what was measured.
pub(super) fn limits(report: &Report) -> Vec<(String, bool)> {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let ratio = |subject| spread_of_ratios(report, subject).map(|ratio| ratio.median);
    let p50 =
        spread(report, Subject::Conversions, |sample| sample.latency_us.p50).map(|p50| p50.median / 1000.0);
    let idle = report.idle.iter().find(|(subject, _)| *subject == Subject::PageViews).map(|(_, idle)| idle);
    let over = report.overload.as_ref();
    let samples = report.rounds.iter().flatten();
    let (answers, wrong) = samples
        .fold((0, 0), |(answers, wrong), (_, sample)| (answers + sample.answers, wrong + sample.wrong));
    let all = [
        (
            "answers that are not what is compared / all",
            (answers > 0).then(|| wrong as f64 / answers as f64),
            Limit::AtMost(0.001),
        ),
        ("CPU/request of page views / nginx", ratio(Subject::PageViews), Limit::AtMost(1.0)),
        ("CPU/request of conversions / nginx", ratio(Subject::Conversions), Limit::AtMost(1.25)),
        ("CPU/request of match redirects / nginx", ratio(Subject::Redirects), Limit::AtMost(1.2)),
        ("p50 of conversions (disk), ms", p50, Limit::AtMost(1.0)),
        (
            "idle connections held / asked",
            idle.map(|idle| idle.held as f64 / idle.asked as f64),
            Limit::AtLeast(1.0),
        ),
        (
            "resident with idle connections, MiB",
            idle.map(|idle| mib(idle.resident_bytes)),
            Limit::AtMost(60.0),
        ),
        ("goodput at overload / peak", over.map(|over| over.goodput_of_peak), Limit::AtLeast(0.9)),
        (
            "accepted p99 at overload, ms",
            over.map(|over| over.accepted_us.p99 / 1000.0),
            Limit::AtMost(250.0),
        ),
        (
            "opt-outs taken at overload / asked",
            over.and_then(|over| over.opt_outs.as_ref()).map(OptOuts::share),
            Limit::AtLeast(0.999),
        ),
    ];
    all.into_iter().filter_map(|(name, value, limit)| value.map(|value| limit.judge(name, value))).collect()
}

#[derive(Debug, Clone, Copy)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Limit {
    fn judge(self, name: &str, value: f64) -> (String, bool) {
        let (met, sign, limit) = match self {
            Self::AtMost(limit) => (value <= limit, "≤", limit),
            Self::AtLeast(limit) => (value >= limit, "≥", limit),
        };
        let word = if met { "met   " } else { "MISSED" };
        (format!("{word} {name}: {value:.3} {sign} {limit}"), met)
    }
}

fn row(report: &Report, subject: Subject) -> Option<String> {
    let cpu = spread(report, subject, |sample| sample.cpu_us_per_request)?;
    let per_s = spread(report, subject, |sample| sample.requests_per_s)?;
    let p50 = spread(report, subject, |sample| sample.latency_us.p50)?;
    let p99 = spread(report, subject, |sample| sample.latency_us.p99)?;
    let server = spread(report, subject, |sample| sample.server_busy)?;
    let generator = spread(report, subject, |sample| sample.generator_busy)?;
    let ratio = spread_of_ratios(report, subject).map_or_else(
        || "-".to_owned(),
        |ratio| format!("{:.3} ({:.3}-{:.3})", ratio.median, ratio.min, ratio.max),
    );
    Some(format!(
        "{:<30} {:>22} {:>22} {:>10.0} {:>9} {:>9} {:>5.0} % {:>5.0} %",
        subject.name(),
        format!("{:.2} ({:.2}-{:.2}) µs", cpu.median, cpu.min, cpu.max),
        ratio,
        per_s.median,
        micros(p50.median),
        micros(p99.median),
        server.median * 100.0,
        generator.median * 100.0
    ))
}

fn warnings(report: &Report) -> impl Iterator<Item = String> {
    let samples = report.rounds.iter().flatten();
    let bad = samples.filter(|(_, sample)| sample.wrong + sample.broken > 0);
    bad.map(|(subject, sample)| {
        format!(
            "WARNING {}: {} of {} answers were not what is compared, {} connections broke",
            subject.name(),
            sample.wrong,
            sample.answers,
            sample.broken
        )
    })
}

fn subjects(report: &Report) -> Vec<Subject> {
    report.rounds.first().map(|round| round.iter().map(|(subject, _)| *subject).collect()).unwrap_or_default()
}

fn spread(report: &Report, subject: Subject, figure: fn(&Sample) -> f64) -> Option<Spread> {
    Spread::of(report.rounds.iter().filter_map(|round| find(round, subject)).map(figure).collect())
}

/// Within each round, because neighbours in time are alike.
fn spread_of_ratios(report: &Report, subject: Subject) -> Option<Spread> {
    let ratio = |round: &Vec<(Subject, Sample)>| {
        Some(find(round, subject)?.cpu_us_per_request / find(round, subject.peer())?.cpu_us_per_request)
    };
    Spread::of(report.rounds.iter().filter_map(ratio).collect())
}

fn find(round: &[(Subject, Sample)], wanted: Subject) -> Option<&Sample> {
    round.iter().find(|(subject, _)| *subject == wanted).map(|(_, sample)| sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(Spread::of(vec![]), None);
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(Spread::of(vec![4.0, 1.0]).map(|spread| spread.median), Some(2.5));
    }

    #[test]
    fn a_limit_holds_at_itself() {
        assert!(Limit::AtMost(1.0).judge("a", 1.0).1 && !Limit::AtMost(1.0).judge("a", 1.001).1);
        assert!(Limit::AtLeast(0.9).judge("a", 0.9).1 && !Limit::AtLeast(0.9).judge("a", 0.899).1);
    }
}
