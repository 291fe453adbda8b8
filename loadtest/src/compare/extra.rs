//! The rows beyond the closed loop: idle connections and overload.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::opt_outs::{self, OptOuts};
use super::subject::Subject;
use super::{Setting, measure};
use crate::cli::Compare;
use crate::client::connection::Connection;
use crate::client::hit::{Event, Hit, Requests};
use crate::drive::drive;
use crate::drive::plan::{Arrivals, Mode, Plan};
use crate::process::{Process, usage};
use crate::report::summary::Latency;

/// Memory with idle connections.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Idle {
    pub(crate) asked: usize,
    /// Connections that got their answer.
    pub(crate) held: usize,
    pub(crate) resident_bytes_before: u64,
    pub(crate) resident_bytes: u64,
}

/// Opens `count` connections, sends one request over each, and looks at the memory while all stay open.
pub(super) fn idle(setting: &Setting, subject: Subject, count: usize) -> Result<Idle> {
    let running = subject.start(setting)?;
    let plan = measure::plan(setting, subject, &running)?;
    let server = usage::family(running.process.id());
    let resident_bytes_before = usage::resident_bytes(&server)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let connections = runtime.block_on(visit_once_each(&plan, count))?;
    let resident_bytes = usage::resident_bytes(&server)?;
    Ok(Idle { asked: count, held: connections.len(), resident_bytes_before, resident_bytes })
}

/// The connections that were answered, still open.
async fn visit_once_each(plan: &Plan, count: usize) -> Result<Vec<Connection>> {
    let requests = Requests::with_consent(plan.target, plan.tc_string.as_deref());
    let cookies = plan.known_browser.as_deref().unwrap_or_default();
    let (mut held, mut request) = (Vec::with_capacity(count), Vec::new());
    for index in 0..count {
        let Ok(mut connection) = Connection::open(plan.target, index).await else { continue };
        let event = Event { run: plan.seed, number: index as u64 };
        requests
            .write(Hit { what: crate::client::hit::What::PageView, event, cookies, extra: "" }, &mut request);
        let answered =
            connection.exchange(&request).await.is_ok_and(|reply| reply.status == 200 && !reply.close);
        if answered {
            held.push(connection);
        }
    }
    Ok(held)
}

/// What is left of the server when more comes than it can do.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Overload {
    /// Good answers a second to the same connections when each sends again as soon as it is answered; the mean of a run
    /// before and a run after.
    pub(crate) peak_per_s: f64,
    pub(crate) offered_per_s: f64,
    /// What went out on the wire, a second. Less than offered when all connections were busy.
    pub(crate) sent_per_s: f64,
    pub(crate) goodput_per_s: f64,
    pub(crate) goodput_of_peak: f64,
    pub(crate) turned_away_per_s: f64,
    pub(crate) gave_up_per_s: f64,
    /// Of good answers, from the intended send time.
    pub(crate) accepted_us: Latency,
    /// Of good answers, from the real send time.
    pub(crate) accepted_service_us: Latency,
    pub(crate) connections: usize,
    pub(crate) patience_ms: u64,
    /// Busy loops on the server's core, during both measurements.
    pub(crate) spinners: u8,
    pub(crate) broken: u64,
    pub(crate) opt_outs: Option<OptOuts>,
}

/// Finds the peak, offers a multiple of it, and finds the peak again. All with the same connections: a thousand sockets
/// cost any server more cache misses than 64, overloaded or not.
pub(super) fn overload(setting: &Setting, args: &Compare) -> Result<Overload> {
    let (factor, spinners, connections) =
        (args.overload, args.spinners, usize::from(args.overload_connections));
    let subject = Subject::PageViews;
    let running = subject.start(setting)?;
    let _spinners = spin(setting.server_core, spinners)?;
    let closed = Plan { connections, ..measure::plan(setting, subject, &running)? };
    let peak_before = drive(&closed, &mut |_| ())?.goodput();
    let offered_per_s = peak_before * factor;
    let open = Plan {
        mode: Mode::Open { rate: offered_per_s, arrivals: Arrivals::Poisson },
        patience: Some(PATIENCE),
        // Other events than before: duplicates would be cheaper.
        seed: closed.seed + 1,
        ..closed.clone()
    };
    let browsers = opt_outs::browsers(running.target, args.opt_outs, closed.seed + 3)?;
    let during = open.warm_up + open.duration;
    let (stats, opt_outs) = std::thread::scope(|scope| {
        let opting_out =
            (!browsers.is_empty()).then(|| scope.spawn(|| opt_outs::run(running.target, &browsers, during)));
        let stats = drive(&open, &mut |_| ()).context("under overload");
        let opt_outs = opting_out.map(|thread| thread.join().expect("no panic")).transpose();
        anyhow::Ok((stats?, opt_outs?))
    })?;
    let peak_after = drive(&Plan { seed: closed.seed + 2, ..closed }, &mut |_| ())?.goodput();
    let peak_per_s = f64::midpoint(peak_before, peak_after);
    let per_s = |count: u64| count as f64 / stats.window.as_secs_f64();
    Ok(Overload {
        peak_per_s,
        offered_per_s,
        sent_per_s: per_s(stats.sent),
        goodput_per_s: stats.goodput(),
        goodput_of_peak: stats.goodput() / peak_per_s,
        turned_away_per_s: per_s(stats.status(503)),
        gave_up_per_s: per_s(stats.abandoned),
        accepted_us: Latency::of(&stats.latency),
        accepted_service_us: Latency::of(&stats.service),
        connections,
        patience_ms: u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX),
        spinners,
        broken: stats.broken + stats.connects_failed,
        opt_outs,
    })
}

/// One generator core can't outrun a server on a core of its own threefold, so the server gets a part of its core only.
fn spin(core: usize, count: u8) -> Result<Vec<Process>> {
    let spinner = |_| {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("spin");
        Process::start(command, Some(core))
    };
    (0..count).map(spinner).collect()
}

/// How long an arrival waits for a free connection before its visitor has gone on.
const PATIENCE: Duration = Duration::from_millis(100);
