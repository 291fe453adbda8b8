//! Bars over time as an SVG that the server makes: the page runs no script, and its policy allows no style in a line.

use crate::domain::time::Timestamp;
use crate::http::figures::number;
use crate::service::advertiser_report::TagReport;
use crate::service::report_span::Span;

/// What the template draws. Across, all is in percent, so that texts keep their size on a phone.
pub(super) struct Chart {
    /// For assistive technology: what is to be seen.
    pub(super) title: String,
    pub(super) description: String,
    pub(super) bars: Vec<Bar>,
    /// How many events the line at the top stands for.
    pub(super) top: String,
    /// Under the first bar and under the last.
    pub(super) first: String,
    pub(super) last: String,
}

/// One piece of one bar.
pub(super) struct Bar {
    pub(super) class: &'static str,
    /// In percent of the whole width.
    pub(super) x: String,
    pub(super) width: String,
    /// In pixels from the top.
    pub(super) y: String,
    pub(super) height: String,
}

/// Where the bars begin and end, in pixels from the top.
pub(super) const TOP: f64 = 18.0;
pub(super) const BOTTOM: f64 = 98.0;

impl Chart {
    /// What one tag received in each part of the span.
    pub(super) fn of(report: &TagReport, name: &str, starts: &[Timestamp], span: Span) -> Self {
        let counts: Vec<_> = report.over_time.iter().map(|(received, _)| received.all()).collect();
        let most = counts.iter().copied().max().unwrap_or_default();
        let labels: Vec<_> = starts.iter().map(|start| label(*start, span)).collect();
        let at_most = counts.iter().position(|count| *count == most).and_then(|at| labels.get(at));
        let description = format!(
            "{} in all, of which {} by the pixel and {} by the API; the most, {}, {} {} UTC.",
            number(report.received.all()),
            number(report.received.by_pixel),
            number(report.received.by_api),
            number(most),
            if span == Span::Days30 { "on" } else { "at" },
            at_most.map(String::as_str).unwrap_or_default(),
        );
        let edge = |label: Option<&String>| label.cloned().unwrap_or_default();
        Self {
            title: format!("{name}: events received, by {}", part_name(span)),
            description,
            bars: bars(report, round_up(most)),
            top: number(round_up(most)),
            first: edge(labels.first()),
            last: edge(labels.last()),
        }
    }
}

fn bars(report: &TagReport, top: u64) -> Vec<Bar> {
    let slot = 100.0 / report.over_time.len().max(1) as f64;
    let high = |count: u64| (BOTTOM - TOP) * count as f64 / top.max(1) as f64;
    let mut bars = Vec::new();
    for (at, (received, _)) in report.over_time.iter().enumerate() {
        let mut floor = BOTTOM;
        for (class, count) in [("pixel", received.by_pixel), ("api", received.by_api)] {
            if count > 0 {
                floor -= high(count);
                bars.push(Bar {
                    class,
                    x: format!("{:.2}", slot * (at as f64 + 0.1)),
                    width: format!("{:.2}", slot * 0.8),
                    y: format!("{floor:.1}"),
                    height: format!("{:.1}", high(count)),
                });
            }
        }
    }
    bars
}

/// `2026-11-28`, or `2026-11-28 14:00`
pub(super) fn label(start: Timestamp, span: Span) -> String {
    let text = start.to_string();
    match span {
        Span::Days30 => text[..10].to_owned(),
        Span::Hours48 => format!("{} {}", &text[..10], &text[11..16]),
    }
}

pub(super) const fn part_name(span: Span) -> &'static str {
    match span {
        Span::Days30 => "day",
        Span::Hours48 => "hour",
    }
}

/// The next 1, 2 or 5 with zeros behind it.
fn round_up(count: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for step in [1, 2, 5] {
            match unit.checked_mul(step) {
                Some(round) if round >= count => return round,
                Some(_) => {}
                None => return u64::MAX,
            }
        }
        unit = unit.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_of_a_chart_is_a_round_number() {
        for (count, expect) in
            [(0, 1), (1, 1), (2, 2), (3, 5), (6, 10), (10, 10), (11, 20), (4_999, 5_000), (5_001, 10_000)]
        {
            assert_eq!(round_up(count), expect, "{count}");
        }
        assert!(round_up(u64::MAX) == u64::MAX);
    }

    #[test]
    fn a_part_is_called_by_when_it_begins() {
        let at = Timestamp(1_795_316_400_000);
        assert_eq!(label(at, Span::Days30), "2026-11-22");
        assert_eq!(label(at, Span::Hours48), "2026-11-22 03:00");
    }
}
