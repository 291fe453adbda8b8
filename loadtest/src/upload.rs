//! `loadtest upload`: conversions from an advertiser's servers, in batches, each batch waited for.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::task::{JoinSet, LocalSet};

use crate::Verdict;
use crate::cli::Upload;
use crate::client::connection::Connection;
use crate::compare::scratch;
use crate::console::{Console, micros};
use crate::process::pixelgate::{Mode, Start, export, find_program};
use crate::process::usage;
use crate::random;
use crate::target::Target;

#[derive(Debug, Serialize)]
struct Report {
    batch: u16,
    connections: u16,
    conversions: u64,
    conversions_per_s: f64,
    /// Of the server alone.
    cpu_us_per_conversion: f64,
    /// Of a batch: p50, p99, and the longest.
    batch_us: [f64; 3],
    /// What the log has of them afterwards.
    stored: u64,
}

pub(crate) fn run(args: &Upload, console: Console) -> Result<Verdict> {
    let program = find_program(args.server.as_deref())?;
    let scratch = scratch(args.scratch.as_deref())?;
    let start = Start { mode: Mode::Production, ..Start::new(&program, scratch.path()) };
    let mut server = start.start()?;
    let pids = usage::family(server.process.id());
    let before = usage::cpu_ns(&pids)?;
    let world = Rc::new(World::new(args));
    let begun = Instant::now();
    send_all(&world, server.target, args)?;
    let (time, cpu_ns) = (begun.elapsed(), usage::cpu_ns(&pids)? - before);
    server.process.stop(STOP_MAX)?;
    let rows = export(&program, &scratch.path().join("data"))?;
    let conversions = world.conversions.get();
    let latency = world.latency.borrow();
    let report = Report {
        batch: args.batch,
        connections: args.connections,
        conversions,
        conversions_per_s: conversions as f64 / time.as_secs_f64(),
        cpu_us_per_conversion: cpu_ns as f64 / 1_000.0 / conversions as f64,
        batch_us: [latency.value_at_quantile(0.5), latency.value_at_quantile(0.99), latency.max()]
            .map(|ns| ns as f64 / 1_000.0),
        stored: rows.lines().count() as u64,
    };
    let [p50, p99, max] = report.batch_us.map(micros);
    console.say(format!(
        "{conversions} conversions in batches of {} over {} connections: {:.0} a second, {:.2} µs of the server's processor time each",
        args.batch, args.connections, report.conversions_per_s, report.cpu_us_per_conversion
    ));
    console.say(format!("a batch takes p50 {p50}, p99 {p99}, max {max}"));
    console.result(&report)?;
    ensure!(
        report.stored == conversions,
        "{conversions} were acknowledged, and the log has {}",
        report.stored
    );
    Ok(if report.conversions_per_s >= PER_S_MIN { Verdict::Kept } else { Verdict::Broken })
}

/// What all connections share.
struct World {
    run: u64,
    batch: u16,
    number: Cell<u64>,
    conversions: Cell<u64>,
    latency: RefCell<Histogram<u64>>,
    until: Instant,
}

impl World {
    fn new(args: &Upload) -> Self {
        Self {
            run: random::fresh_seed(),
            batch: args.batch,
            number: Cell::new(0),
            conversions: Cell::new(0),
            latency: RefCell::new(Histogram::new(3).expect("three digits are allowed")),
            until: Instant::now() + args.seconds,
        }
    }

    /// One batch after the other, as long as the run lasts.
    async fn send(self: Rc<Self>, target: Target, index: usize) -> Result<()> {
        let mut connection = Connection::open(target, index).await?;
        while Instant::now() < self.until {
            let request = self.request(target);
            let begun = Instant::now();
            let reply = connection.exchange(request.as_bytes()).await?;
            let (status, stored) = (reply.status, count(reply.body, b"\"ack\":\"disk\""));
            ensure!(
                status == 200 && stored == usize::from(self.batch),
                "answered {status} with {stored} stored: {}",
                String::from_utf8_lossy(reply.body)
            );
            let ns = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.latency.borrow_mut().record(ns)?;
            self.conversions.set(self.conversions.get() + u64::from(self.batch));
        }
        Ok(())
    }

    fn request(&self, target: Target) -> String {
        let items: Vec<_> = (0..self.batch).map(|_| self.item()).collect();
        let body = format!("{{\"conversions\":[{}]}}", items.join(","));
        format!(
            "POST /12/measurement/conversions/o8z6j HTTP/1.1\r\nHost: {}\r\nX-Pixel-Token: {TOKEN}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            target.address(),
            body.len()
        )
    }

    /// One of a person and an order of its own.
    fn item(&self) -> String {
        let number = self.number.get();
        self.number.set(number + 1);
        let (run, mixed) = (self.run, (self.run ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        format!(
            "{{\"conversion_time\":\"2026-11-22T03:04:05.678Z\",\"event_id\":\"tw-o8z6j-o87ne\",\"conversion_id\":\"{run:x}-{number}\",\
             \"number_items\":1,\"price_currency\":\"USD\",\"value\":\"12.50\",\"identifiers\":[{{\"hashed_email\":\"{mixed:064x}\"}}]}}"
        )
    }
}

fn send_all(world: &Rc<World>, target: Target, args: &Upload) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(LocalSet::new().run_until(async {
        let mut connections = JoinSet::new();
        for index in 0..usize::from(args.connections) {
            connections.spawn_local(Rc::clone(world).send(target, index));
        }
        while let Some(ended) = connections.join_next().await {
            ended??;
        }
        Ok(())
    }))
}

fn count(text: &[u8], part: &[u8]) -> usize {
    text.windows(part.len()).filter(|window| *window == part).count()
}

/// In `production.toml`.
const TOKEN: &str = "for-measurements-alone";
const STOP_MAX: Duration = Duration::from_secs(30);
const PER_S_MIN: f64 = 50_000.0;
