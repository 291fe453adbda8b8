//! `loadtest run`.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::Verdict;
use crate::cli::Run;
use crate::console::{Console, micros, tenths};
use crate::drive::plan::{Mode, Plan};
use crate::drive::{Moment, drive};
use crate::report::html;
use crate::report::summary::Summary;
use crate::{pin, random, tc_string};

pub(crate) fn run(args: &Run, console: Console) -> Result<Verdict> {
    pin::raise_file_limit();
    if let Some(core) = args.core {
        pin::pin_this_thread(core)?;
    }
    let plan = plan(args);
    console.say(format!("seed {}, {}", plan.seed, plan.mix));
    let bar = console.bar(tenths(plan.duration), "load");
    let stats = drive(&plan, &mut |moment| {
        if let Moment::Tick(stats) = moment {
            bar.inc(1);
            bar.set_message(format!(
                "{} answers, {} not good",
                stats.answers,
                stats.answers - stats.latency.len()
            ));
        }
    })?;
    bar.finish_and_clear();
    let summary = Summary::new(&plan, &stats);
    write_reports(args, &summary)?;
    say(console, &summary);
    console.result(&summary)?;
    Ok(if stats.latency.is_empty() { Verdict::Broken } else { Verdict::Kept })
}

fn plan(args: &Run) -> Plan {
    let mode =
        if args.closed { Mode::Closed } else { Mode::Open { rate: args.rate, arrivals: args.arrivals } };
    Plan {
        target: args.target,
        mode,
        mix: args.mix.with_conversions(args.conversions),
        connections: usize::from(args.connections),
        warm_up: args.warm_up,
        duration: args.seconds,
        requests_max: args.requests,
        patience: args.patience_ms.map(Duration::from_millis),
        seed: args.seed.unwrap_or_else(random::fresh_seed),
        known_browser: None,
        tc_string: args.tc_string.then(tc_string::of_real_size),
    }
}

fn write_reports(args: &Run, summary: &Summary) -> Result<()> {
    if let Some(path) = &args.report {
        let json = serde_json::to_vec_pretty(summary)?;
        std::fs::write(path, json).with_context(|| format!("could not write {}", path.display()))?;
    }
    if let Some(path) = &args.html {
        std::fs::write(path, html::page(summary))
            .with_context(|| format!("could not write {}", path.display()))?;
    }
    Ok(())
}

fn say(console: Console, summary: &Summary) {
    let latency = &summary.latency_us;
    console.say(format!(
        "{} answers in {:.1} s: {:.0}/s, good {:.0}/s",
        summary.answers, summary.window_s, summary.answers_per_s, summary.good_per_s
    ));
    let [p50, p90, p99, p999, max] =
        [latency.p50, latency.p90, latency.p99, latency.p999, latency.max].map(micros);
    console.say(format!(
        "from the intended send time: p50 {p50}, p90 {p90}, p99 {p99}, p99.9 {p999}, max {max}"
    ));
    for (status, count) in &summary.statuses {
        console.say(format!("  status {status}: {count}"));
    }
    for (outcome, count) in &summary.outcomes {
        console.say(format!("  {outcome}: {count}"));
    }
    if summary.broken + summary.connects_failed + summary.abandoned + summary.unsent > 0 {
        console.say(format!(
            "  broken connections {}, failed connects {}, gave up {}, never answered {}; first error: {}",
            summary.broken,
            summary.connects_failed,
            summary.abandoned,
            summary.unsent,
            summary.first_error.as_deref().unwrap_or("none")
        ));
    }
}
