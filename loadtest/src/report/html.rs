//! The HTML report: one file that needs nothing else.

use std::fmt::Write;

use super::plot::{Line, Plot, Scale};
use super::summary::{Latency, SecondSummary, Summary};
use crate::console::micros;

pub(crate) fn page(summary: &Summary) -> String {
    let mut html = String::from(HEAD);
    row_list(&mut html, summary);
    html.push_str(&latency_plot(summary).svg());
    html.push_str(&throughput_plot(summary).svg());
    html.push_str(&latency_over_time(summary).svg());
    let outcomes = summary.outcomes.iter().map(|(name, count)| (name.clone(), *count));
    bars(&mut html, "Outcomes", outcomes);
    bars(
        &mut html,
        "Status codes",
        summary.statuses.iter().map(|(status, count)| (status.to_string(), *count)),
    );
    bars(&mut html, "Browsers", summary.browsers.iter().map(|(&name, count)| (name.to_owned(), *count)));
    html.push_str("</main></html>\n");
    html
}

fn row_list(html: &mut String, summary: &Summary) {
    let rate =
        summary.rate_offered.map_or_else(|| "as fast as it goes".to_owned(), |rate| format!("{rate:.0}/s"));
    let rows = [
        ("Target", summary.target.clone()),
        (
            "Load",
            format!(
                "{}, {rate}, {} connections, {:.1} s",
                summary.mode, summary.connections, summary.window_s
            ),
        ),
        ("Mix", summary.mix.clone()),
        ("Seed", summary.seed.to_string()),
        (
            "Answers",
            format!("{} ({:.0}/s, good {:.0}/s)", summary.answers, summary.answers_per_s, summary.good_per_s),
        ),
        ("Latency from the intended send time", latency(&summary.latency_us)),
        ("Latency from the real send time", latency(&summary.service_us)),
        (
            "Failures",
            format!(
                "{} broken connections, {} failed connects, {} gave up waiting, {} never answered",
                summary.broken, summary.connects_failed, summary.abandoned, summary.unsent
            ),
        ),
    ];
    html.push_str("<table>");
    for (name, value) in rows {
        push(html, format_args!("<tr><th>{name}<td>{}", escape(&value)));
    }
    html.push_str("</table>\n");
}

fn latency(latency: &Latency) -> String {
    let [p50, p90, p99, p999, max] =
        [latency.p50, latency.p90, latency.p99, latency.p999, latency.max].map(micros);
    format!("p50 {p50}, p90 {p90}, p99 {p99}, p99.9 {p999}, max {max}")
}

/// Over the number of nines, so that the tail gets as much room as the middle.
fn latency_plot(summary: &Summary) -> Plot {
    let nines = |quantile: f64| -(1.0 - quantile).log10();
    let points: Vec<_> = summary.quantiles.iter().map(|&(quantile, us)| (nines(quantile), us)).collect();
    let last = points.last().map_or(0.0, |point| point.0);
    let marks = [
        (0.0, "0 %"),
        (0.301, "50 %"),
        (1.0, "90 %"),
        (2.0, "99 %"),
        (3.0, "99.9 %"),
        (4.0, "99.99 %"),
        (5.0, "99.999 %"),
    ];
    let x_marks = marks.iter().filter(|mark| mark.0 <= last).map(|&(x, text)| (x, text.to_owned())).collect();
    let lines = vec![Line { name: "latency", colour: "#0b62c4", points }];
    Plot { title: "Latency by percentile", x_marks, y_unit: "µs", y_scale: Scale::Log, lines }
}

fn throughput_plot(summary: &Summary) -> Plot {
    let lines = vec![
        line(summary, "good", "#1a7f37", |second| second.good as f64),
        line(summary, "turned away (503)", "#b35900", |second| second.turned_away as f64),
        line(summary, "other", "#c1121f", |second| second.other as f64),
    ];
    Plot {
        title: "Answers over time",
        x_marks: time_marks(summary),
        y_unit: "per second",
        y_scale: Scale::Linear,
        lines,
    }
}

fn latency_over_time(summary: &Summary) -> Plot {
    let lines = vec![
        line(summary, "p50", "#0b62c4", |second| second.p50_us),
        line(summary, "p99", "#c1121f", |second| second.p99_us),
    ];
    Plot {
        title: "Latency over time",
        x_marks: time_marks(summary),
        y_unit: "µs",
        y_scale: Scale::Log,
        lines,
    }
}

fn line(
    summary: &Summary,
    name: &'static str,
    colour: &'static str,
    value: fn(&SecondSummary) -> f64,
) -> Line {
    let points = summary.seconds.iter().enumerate().map(|(at, second)| (at as f64, value(second))).collect();
    Line { name, colour, points }
}

fn time_marks(summary: &Summary) -> Vec<(f64, String)> {
    let last = summary.seconds.len().saturating_sub(1);
    let step = (last / 10).max(1);
    (0..=last).step_by(step).map(|second| (second as f64, format!("{second} s"))).collect()
}

fn bars(html: &mut String, title: &str, counts: impl Iterator<Item = (String, u64)>) {
    let counts: Vec<_> = counts.filter(|(_, count)| *count > 0).collect();
    let total = counts.iter().map(|(_, count)| count).sum::<u64>().max(1);
    push(html, format_args!("<h2>{title}</h2><table>"));
    for (name, count) in counts {
        let percent = 100.0 * count as f64 / total as f64;
        push(
            html,
            format_args!(
                "<tr><th>{}<td class=\"n\">{count}<td class=\"n\">{percent:.2} %\
                 <td><svg class=\"bar\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\"><rect width=\"{percent:.2}\" height=\"4\"/></svg>",
                escape(&name)
            ),
        );
    }
    html.push_str("</table>\n");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a String takes all that is written");
}

const HEAD: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Load report</title><style>
body{font:15px/1.5 system-ui,sans-serif;color:#1b1f24;background:#fff;margin:0}
main{max-width:56rem;margin:auto;padding:1rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top;border-bottom:1px solid #e3e6ea;font-weight:400}
th{width:16rem;color:#57606a}.n{text-align:right;width:6rem;font-variant-numeric:tabular-nums}
figure{margin:1.5rem 0}figcaption,h2{font-size:1.05rem;font-weight:600;margin:1.5rem 0 .3rem}
svg text{font-size:11px;fill:#57606a}svg text[fill]{fill:revert-layer}.grid{stroke:#e3e6ea}
.bar{width:100%;height:.8rem}.bar rect{fill:#0b62c4}
</style><main><h1>Load report</h1>
";
