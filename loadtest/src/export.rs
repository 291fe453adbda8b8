//! `loadtest export`: a log of many rows, had out by `pixelgate export` in each of its formats.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use pixelgate::consent::rule::Circumstances;
use pixelgate::domain::conversion::{Conversion, Country, Identifiers, ShortText, Source};
use pixelgate::domain::event::EventType;
use pixelgate::domain::id::{AccountId, BrowserId, EventId, EventTagId, PixelId};
use pixelgate::domain::money::{Currency, Money};
use pixelgate::domain::page::PageAddress;
use pixelgate::domain::time::{MS_PER_DAY, Timestamp};
use pixelgate::storage::entry::Entry;
use pixelgate::storage::options::LogOptions;
use serde::Serialize;

use crate::Verdict;
use crate::cli::Export;
use crate::compare::scratch;
use crate::console::Console;
use crate::fill;
use crate::matches::disk_bytes;
use crate::process::pixelgate::find_program;
use crate::process::usage;
use crate::random::Random;

#[derive(Debug, Serialize)]
struct Report {
    rows: u64,
    days: u64,
    log_bytes_per_row: f64,
    exports: Vec<Exported>,
}

#[derive(Debug, Serialize)]
struct Exported {
    format: &'static str,
    seconds: f64,
    rows_per_s: f64,
    bytes_per_row: f64,
    files: u64,
    /// Resident, at most, as far as somebody saw who looked a hundred times a second.
    memory_bytes: u64,
}

pub(crate) fn run(args: &Export, console: Console) -> Result<Verdict> {
    let program = find_program(args.server.as_deref())?;
    let scratch = scratch(args.scratch.as_deref())?;
    let data = scratch.path().join("data");
    let log = fill::open(&data, LogOptions::default())?;
    fill::fill(&log, args.rows, "events", console, |number, gate, about| {
        gate.admit(event(number, args.days, about), about).ok().map(Entry::Conversion)
    })?;
    log.close().context("the log could not be closed")?;
    let export = |format| export(&program, &data, scratch.path(), format, args.rows);
    let exports = ["ndjson", "csv", "parquet"].map(export).into_iter().collect::<Result<Vec<_>>>()?;
    let log_bytes_per_row = disk_bytes(&data)? as f64 / args.rows as f64;
    let report = Report { rows: args.rows, days: args.days, log_bytes_per_row, exports };
    console.say(format!(
        "{} rows of {} days, {:.0} bytes of log each",
        report.rows, report.days, report.log_bytes_per_row
    ));
    for one in &report.exports {
        console.say(format!(
            "{:>7}: {:.2} s, {:.0} rows a second, {:.0} bytes a row in {} file(s), at most {} MiB of memory",
            one.format,
            one.seconds,
            one.rows_per_s,
            one.bytes_per_row,
            one.files,
            one.memory_bytes >> 20
        ));
    }
    console.result(&report)?;
    Ok(Verdict::Kept)
}

fn export(program: &Path, data: &Path, scratch: &Path, format: &'static str, rows: u64) -> Result<Exported> {
    let output = scratch.join(format);
    let mut command = Command::new(program);
    command.args(["export", "--format", format, "--data-dir"]).arg(data);
    if format == "parquet" {
        command.arg("--output").arg(&output);
    } else {
        std::fs::create_dir(&output)?;
        command.stdout(std::fs::File::create(output.join("export"))?);
    }
    let start = Instant::now();
    let mut process = command.stdin(Stdio::null()).spawn().context("the export does not start")?;
    let mut memory_bytes = 0;
    let status = loop {
        // Gone already: then it is as it was.
        memory_bytes = memory_bytes.max(usage::resident_bytes(&[process.id()]).unwrap_or(0));
        match process.try_wait()? {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    ensure!(status.success(), "the export to {format} ended with {status}");
    let (files, bytes) = files(&output)?;
    Ok(Exported {
        format,
        seconds,
        rows_per_s: rows as f64 / seconds,
        bytes_per_row: bytes as f64 / rows as f64,
        files,
        memory_bytes,
    })
}

/// How many there are below `dir`, and their bytes.
fn files(dir: &Path) -> Result<(u64, u64)> {
    let (mut count, mut bytes) = (0, 0);
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let (more, of_them) = match entry.file_type()?.is_dir() {
            true => files(&entry.path())?,
            false => (1, entry.metadata()?.len()),
        };
        count += more;
        bytes += of_them;
    }
    Ok((count, bytes))
}

/// One of three is a purchase, the others are page views.
fn event(number: u64, days: u64, about: &Circumstances<'_>) -> Conversion {
    let mut random = Random::new(number);
    let mut id = [0; 10];
    id[..8].copy_from_slice(&number.to_le_bytes());
    let is_purchase = number.is_multiple_of(3);
    let browser = [random.next().to_le_bytes(), random.next().to_le_bytes()].concat();
    Conversion {
        id: EventId::new(about.now.0, id),
        at: Timestamp(about.now.0 - number % days * MS_PER_DAY),
        account_id: AccountId::from_number(1),
        pixel_id: PixelId::from_number(2),
        event_tag_id: is_purchase.then(|| EventTagId::from_number(3)),
        windows: None,
        event: if is_purchase { EventType::Purchase } else { EventType::SiteVisit },
        source: Source::Pixel,
        event_id: None,
        conversion_id: is_purchase.then(|| ShortText::parse(&format!("order-{number}"))).flatten(),
        value: is_purchase.then(|| Money::from_micros(random.below(100_000_000) as i64, Currency::USD)),
        quantity: is_purchase.then_some(1),
        identifiers: Identifiers {
            browser_id: Some(BrowserId::from_bytes(browser.try_into().unwrap_or_default())),
            ..Identifiers::default()
        },
        page: PageAddress::reduce(&format!("https://shop.example/products/{}", random.below(10_000))),
        country: Country::parse("US"),
        restricted_data_use: false,
        origin_ok: true,
    }
}
