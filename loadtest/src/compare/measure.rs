//! One measured run of one subject.

use anyhow::{Context, Result, bail};
use serde::Serialize;

use super::Setting;
use super::subject::{Running, Subject};
use crate::client::connection::Connection;
use crate::client::hit::{Event, Hit, Requests};
use crate::drive::mix::{Browser, Mix};
use crate::drive::plan::{Mode, Plan};
use crate::drive::stats::Stats;
use crate::drive::{Moment, drive};
use crate::process::usage;
use crate::report::summary::Latency;
use crate::target::Target;

/// The figures of one run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sample {
    /// Of the server's processes, user and system.
    pub(crate) cpu_us_per_request: f64,
    pub(crate) requests_per_s: f64,
    pub(crate) latency_us: Latency,
    /// Share of its core that the server used, and the same of the generator.
    pub(crate) server_busy: f64,
    pub(crate) generator_busy: f64,
    pub(crate) answers: u64,
    /// Answers that were not 200 or did not acknowledge what they should have.
    pub(crate) wrong: u64,
    pub(crate) broken: u64,
}

/// Starts `subject`, drives it at full speed, stops it.
pub(super) fn sample(setting: &Setting, subject: Subject) -> Result<Sample> {
    let running = subject.start(setting)?;
    let plan = plan(setting, subject, &running)?;
    let (server, me) = (usage::family(running.process.id()), [std::process::id()]);
    let mut readings = Vec::new();
    let stats = drive(&plan, &mut |moment| {
        if !matches!(moment, Moment::Tick(_)) {
            readings.push((usage::cpu_ns(&server), usage::cpu_ns(&me)));
        }
    })
    .with_context(|| format!("driving {}", subject.name()))?;
    let [(server_before, me_before), (server_after, me_after)] =
        <[_; 2]>::try_from(readings).ok().context("a run opens and closes once")?;
    figures(subject, &stats, server_after? - server_before?, me_after? - me_before?)
}

fn figures(subject: Subject, stats: &Stats, server_ns: u64, generator_ns: u64) -> Result<Sample> {
    if stats.answers == 0 {
        bail!(
            "{} gave no answer: {}",
            subject.name(),
            stats.first_error.as_deref().unwrap_or("no error either")
        );
    }
    let window_ns = stats.window.as_nanos() as f64;
    Ok(Sample {
        cpu_us_per_request: server_ns as f64 / 1000.0 / stats.answers_in_window as f64,
        requests_per_s: stats.throughput(),
        latency_us: Latency::of(&stats.service),
        server_busy: server_ns as f64 / window_ns,
        generator_busy: generator_ns as f64 / window_ns,
        answers: stats.answers,
        wrong: stats.answers - right(subject, stats),
        broken: stats.broken + stats.connects_failed,
    })
}

/// Answers that did what this subject is measured for.
fn right(subject: Subject, stats: &Stats) -> u64 {
    subject.class().map_or_else(|| stats.status(subject.status()), |class| stats.outcome("stored", class))
}

/// A closed loop of one returning browser's hits.
pub(super) fn plan(setting: &Setting, subject: Subject, running: &Running) -> Result<Plan> {
    Ok(Plan {
        target: running.target,
        mode: Mode::Closed,
        mix: Mix::only(Browser::Returning, subject.what()),
        connections: setting.connections,
        warm_up: setting.warm_up,
        duration: setting.duration,
        requests_max: u64::MAX,
        patience: None,
        seed: setting.seed,
        known_browser: Some(cookie_header(setting, subject, running.target)?),
        tc_string: setting.tc_string.clone(),
    })
}

/// The cookies of a returning browser: the id that the server gave it, filled up so that every subject gets as many
/// bytes to read.
fn cookie_header(setting: &Setting, subject: Subject, target: Target) -> Result<String> {
    let cookie = if subject == Subject::Hyper { None } else { Some(first_visit(setting, target)?) };
    let mut header = cookie.unwrap_or_else(|| format!("{}=", crate::client::reply::ID_COOKIE));
    if header.len() + FILLER.len() < setting.cookie_bytes {
        header.push_str(FILLER);
    }
    while header.len() < setting.cookie_bytes {
        header.push('0');
    }
    Ok(header)
}

/// As long as the cookie of this server, or of a usual one where this server takes no part.
pub(super) fn cookie_bytes(setting: &Setting) -> Result<usize> {
    if setting.server.is_none() {
        return Ok(COOKIE_BYTES);
    }
    let running = Subject::PageViews.start(setting)?;
    Ok(first_visit(setting, running.target)?.len())
}

/// Loads the pixel as a fresh browser; returns the id cookie that it got.
fn first_visit(setting: &Setting, target: Target) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connection = Connection::open(target, 0).await?;
        let mut request = Vec::new();
        let event = Event { run: setting.seed ^ u64::MAX, number: 0 };
        let hit = Hit { what: crate::client::hit::What::PageView, event, cookies: "", extra: "" };
        Requests::with_consent(target, setting.tc_string.as_deref()).write(hit, &mut request);
        let reply = connection.exchange(&request).await?;
        let answered = format!("{} ({:?})", reply.status, reply.outcome());
        reply
            .id_cookie()
            .map(str::to_owned)
            .with_context(|| format!("a fresh browser got no id cookie: {answered}"))
    })
}

const FILLER: &str = "; filler=";
const COOKIE_BYTES: usize = 120;
