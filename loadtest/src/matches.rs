//! `loadtest matches`: a match table of many rows. Filled through the gate and the log as the server fills it, asked in
//! this process, and read again by a real server.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use pixelgate::consent::rule::Circumstances;
use pixelgate::domain::id::{BrowserId, EventId, PartnerId};
use pixelgate::domain::matching::{MatchProof, MatchScope, PartnerMatch};
use pixelgate::domain::partner::{PartnerListing, PartnerUserId};
use pixelgate::storage::digest::sha256;
use pixelgate::storage::entry::Entry;
use pixelgate::storage::match_table::MatchTable;
use pixelgate::storage::options::LogOptions;
use serde::Serialize;

use crate::Verdict;
use crate::cli::Matches;
use crate::compare::scratch;
use crate::console::{Console, micros};
use crate::fill;
use crate::process::pixelgate::{Start, find_program};
use crate::process::usage;
use crate::random::Random;

#[derive(Debug, Serialize)]
struct Report {
    rows: u64,
    rows_per_s: f64,
    disk_bytes_per_row: f64,
    /// What a partner calls a browser, and which browsers it calls so: p50, p99, p99.9 and the longest, in microseconds.
    by_browser_us: [f64; 4],
    by_partner_user_us: [f64; 4],
    /// From the start of the program until it listens, and what it holds then beside an empty one.
    start_s: f64,
    server_bytes_per_row: f64,
}

/// As many partners share the rows.
const PARTNERS: u64 = 10;
/// `by_browser` and `by_partner_user`, p99.
const P99_MAX_US: f64 = 50.0;

pub(crate) fn run(args: &Matches, console: Console) -> Result<Verdict> {
    let program = find_program(args.server.as_deref())?;
    let scratch = scratch(args.scratch.as_deref())?;
    let (empty, full) = (scratch.path().join("empty"), scratch.path().join("full"));
    let (filled, by_browser, by_partner_user) = fill_and_ask(&full, args, console)?;
    let disk_bytes = disk_bytes(&full)?;
    let (_, before) = start(&program, &empty)?;
    let (start_s, after) = start(&program, &full)?;
    let rows = args.rows as f64;
    let report = Report {
        rows: args.rows,
        rows_per_s: rows / filled.as_secs_f64(),
        disk_bytes_per_row: disk_bytes as f64 / rows,
        by_browser_us: quantiles(&by_browser),
        by_partner_user_us: quantiles(&by_partner_user),
        start_s,
        server_bytes_per_row: after.saturating_sub(before) as f64 / rows,
    };
    console.say(format!(
        "{} rows of {PARTNERS} partners: {:.0} a second into gate and log, {:.0} bytes of disk each",
        report.rows, report.rows_per_s, report.disk_bytes_per_row
    ));
    for (what, [p50, p99, p999, max]) in
        [("by browser", report.by_browser_us), ("by partner user id", report.by_partner_user_us)]
    {
        let [p50, p99, p999, max] = [p50, p99, p999, max].map(micros);
        console.say(format!("look-up {what}: p50 {p50}, p99 {p99}, p99.9 {p999}, max {max}"));
    }
    console.say(format!(
        "a server with them listens after {:.1} s, and holds {:.0} bytes of memory a row",
        report.start_s, report.server_bytes_per_row
    ));
    console.result(&report)?;
    let met = report.by_browser_us[1] < P99_MAX_US && report.by_partner_user_us[1] < P99_MAX_US;
    Ok(if met { Verdict::Kept } else { Verdict::Broken })
}

type Asked = (Duration, Histogram<u64>, Histogram<u64>);

fn fill_and_ask(dir: &Path, args: &Matches, console: Console) -> Result<Asked> {
    let options = LogOptions { match_rows_max: usize::MAX, ..LogOptions::default() };
    let log = fill::open(dir, options)?;
    let start = Instant::now();
    fill::fill(&log, args.rows, "matches", console, |number, gate, about| {
        gate.admit(found(number, about), about).ok().map(Entry::Match)
    })?;
    let filled = start.elapsed();
    let table = log.matches();
    ensure!(table.len() as u64 == args.rows, "the table has {} rows", table.len());
    let by_browser = ask(&table, args, |table, number| {
        let known = table.get(partner(number), browser(number));
        known.is_some_and(|known| *known.partner_user_id == *user_id(number))
    })?;
    let by_partner_user = ask(&table, args, |table, number| {
        table.browsers_of(partner(number), &user_id(number)) == [browser(number)]
    })?;
    log.close().context("the log could not be closed")?;
    Ok((filled, by_browser, by_partner_user))
}

fn ask(
    table: &MatchTable,
    args: &Matches,
    is_right: impl Fn(&MatchTable, u64) -> bool,
) -> Result<Histogram<u64>> {
    let (mut random, mut times) = (Random::new(1), Histogram::new_with_bounds(1, 60_000_000_000, 3)?);
    for _ in 0..args.look_ups {
        let number = random.below(args.rows);
        let start = Instant::now();
        let right = is_right(table, number);
        times.saturating_record(start.elapsed().as_nanos() as u64);
        ensure!(right, "row {number} is not as it was stored");
    }
    Ok(times)
}

fn quantiles(times: &Histogram<u64>) -> [f64; 4] {
    [times.value_at_quantile(0.5), times.value_at_quantile(0.99), times.value_at_quantile(0.999), times.max()]
        .map(|ns| ns as f64 / 1_000.0)
}

fn start(program: &Path, data: &Path) -> Result<(f64, u64)> {
    let start = Instant::now();
    let server = Start::new(program, data).start()?;
    let seconds = start.elapsed().as_secs_f64();
    Ok((seconds, usage::resident_bytes(&usage::family(server.process.id()))?))
}

/// Of whole files, most of which are full.
pub(crate) fn disk_bytes(dir: &Path) -> Result<u64> {
    let files = std::fs::read_dir(dir)?.collect::<Result<Vec<_>, _>>()?;
    files.iter().try_fold(0, |sum, file| Ok(sum + file.metadata()?.len()))
}

fn found(number: u64, about: &Circumstances<'_>) -> PartnerMatch {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&number.to_le_bytes());
    PartnerMatch {
        id: EventId::new(about.now.0, random),
        at: about.now,
        partner_id: partner(number),
        listing: PartnerListing::Unlisted,
        partner_user_id: PartnerUserId::from_stored(&user_id(number), sha256),
        browser_id: browser(number),
        scope: MatchScope::Global,
        proof: MatchProof::Signed,
        country: None,
    }
}

/// 111 and the ones behind it.
fn partner(number: u64) -> PartnerId {
    PartnerId::from_number(111 + (number % PARTNERS) as u32)
}

fn browser(number: u64) -> BrowserId {
    let mut random = Random::new(number / PARTNERS);
    BrowserId::from_bytes(
        [random.next().to_le_bytes(), random.next().to_le_bytes()].concat().try_into().unwrap_or_default(),
    )
}

/// As long as a UUID.
fn user_id(number: u64) -> String {
    let mut random = Random::new(!number);
    format!("{:016x}-{:016x}-{}", random.next(), random.next(), number % 10)
}
