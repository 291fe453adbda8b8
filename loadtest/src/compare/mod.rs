//! `loadtest compare`: what a hit costs, beside nginx and a bare hyper server.

pub(crate) mod bare_hyper;
mod extra;
mod measure;
mod nginx;
mod opt_outs;
pub(crate) mod subject;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use self::extra::{Idle, Overload};
use self::measure::Sample;
use self::subject::Subject;
use crate::Verdict;
use crate::cli::Compare;
use crate::console::Console;
use crate::process::pixelgate::find_program;
use crate::{pin, random, tc_string};

/// What all runs of a comparison have in common.
#[derive(Debug)]
struct Setting {
    server: Option<PathBuf>,
    nginx: PathBuf,
    server_args: Vec<String>,
    server_core: usize,
    generator_core: usize,
    connections: usize,
    warm_up: Duration,
    duration: Duration,
    seed: u64,
    scratch: tempfile::TempDir,
    /// Every subject gets a `Cookie` header of this many bytes.
    cookie_bytes: usize,
    /// Sent along with every hit.
    tc_string: Option<String>,
}

/// All figures of a comparison.
#[derive(Debug, Serialize)]
struct Report {
    seed: u64,
    server_core: usize,
    generator_core: usize,
    connections: usize,
    seconds: f64,
    cookie_bytes: usize,
    /// Length of the TC string that came with every hit.
    tc_string_bytes: Option<usize>,
    note: &'static str,
    rounds: Vec<Vec<(Subject, Sample)>>,
    idle: Vec<(Subject, Idle)>,
    overload: Option<Overload>,
}

pub(crate) fn run(args: &Compare, console: Console) -> Result<Verdict> {
    pin::raise_file_limit();
    let mut setting = setting(args)?;
    setting.cookie_bytes = measure::cookie_bytes(&setting)?;
    pin::pin_this_thread(setting.generator_core)?;
    console.say(format!(
        "seed {}, server on core {}, generator on core {}, {} connections, {} rounds of {:?}, cookies of {} bytes",
        setting.seed, setting.server_core, setting.generator_core, setting.connections, args.rounds, args.seconds,
        setting.cookie_bytes
    ));
    if let Some(text) = &setting.tc_string {
        console.say(format!("gdpr=1 and a TC string of 1,200 vendors, {} bytes, in every hit", text.len()));
    }
    let rounds = rounds(args, &setting, console)?;
    let report = Report {
        seed: setting.seed,
        server_core: setting.server_core,
        generator_core: setting.generator_core,
        connections: setting.connections,
        seconds: args.seconds.as_secs_f64(),
        cookie_bytes: setting.cookie_bytes,
        tc_string_bytes: setting.tc_string.as_ref().map(String::len),
        note: NOTE,
        rounds,
        idle: idle(args, &setting)?,
        overload: overload(args, &setting)?,
    };
    let lines = table::lines(&report);
    lines.iter().for_each(|line| console.say(line));
    let limits = table::limits(&report);
    for (text, _) in &limits {
        console.say(text);
    }
    if let Some(path) = &args.report {
        std::fs::write(path, serde_json::to_vec_pretty(&report)?)
            .with_context(|| format!("could not write {}", path.display()))?;
    }
    console.result(&report)?;
    let missed = limits.iter().any(|(_, met)| !met);
    Ok(if args.check && missed { Verdict::Broken } else { Verdict::Kept })
}

fn setting(args: &Compare) -> Result<Setting> {
    let (first, last) = pin::two_cores()?;
    let needs_server = args.only.iter().any(|subject| subject.is_pixelgate());
    let server = needs_server.then(|| find_program(args.server.as_deref())).transpose()?;
    Ok(Setting {
        server,
        nginx: args.nginx.clone(),
        server_args: args.server_args.clone(),
        server_core: args.server_core.unwrap_or(first),
        generator_core: args.generator_core.unwrap_or(last),
        connections: usize::from(args.connections),
        warm_up: args.warm_up,
        duration: args.seconds,
        seed: args.seed.unwrap_or_else(random::fresh_seed),
        scratch: scratch(args.scratch.as_deref())?,
        cookie_bytes: 0,
        tc_string: args.tc_string.then(tc_string::of_real_size),
    })
}

/// A directory that goes away with the run. Beside this program, because `/tmp` is often no disk.
pub(crate) fn scratch(parent: Option<&std::path::Path>) -> Result<tempfile::TempDir> {
    let parent = match parent {
        Some(parent) => parent.to_owned(),
        None => std::env::current_exe()?.parent().context("this program has no directory")?.to_owned(),
    };
    tempfile::Builder::new()
        .prefix("loadtest-")
        .tempdir_in(&parent)
        .context("could not make a directory for data")
}

/// A B C D A B C D …: what changes slowly on the machine hits all alike.
fn rounds(args: &Compare, setting: &Setting, console: Console) -> Result<Vec<Vec<(Subject, Sample)>>> {
    let bar = console.bar(u64::from(args.rounds) * args.only.len() as u64, "compare");
    let mut rounds = Vec::new();
    for _ in 0..args.rounds {
        let mut round = Vec::new();
        for &subject in &args.only {
            bar.set_message(subject.name());
            round.push((subject, measure::sample(setting, subject)?));
            bar.inc(1);
        }
        rounds.push(round);
    }
    bar.finish_and_clear();
    Ok(rounds)
}

fn idle(args: &Compare, setting: &Setting) -> Result<Vec<(Subject, Idle)>> {
    let count = usize::from(args.idle);
    let once = args.only.iter().filter(|&&subject| count > 0 && subject != Subject::Conversions);
    once.map(|&subject| Ok((subject, extra::idle(setting, subject, count)?))).collect()
}

fn overload(args: &Compare, setting: &Setting) -> Result<Option<Overload>> {
    let wanted = args.overload > 0.0 && args.only.contains(&Subject::PageViews);
    wanted.then(|| extra::overload(setting, args)).transpose()
}

const NOTE: &str = "CPU is that of all threads of the server's processes, user and system, from /proc/PID/task/*/schedstat; \
    kernel threads (journal, writeback) are excluded for all";
