//! `loadtest guess`: whether the time that a refusal takes tells how much of a guessed key was right.
//!
//! Guesses of all kinds go over one connection, one after the other, in a new order each round, so that whatever else
//! the machine does falls on all of them. The first two kinds are the same, and what lies between them is noise.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::Verdict;
use crate::cli::Guess;
use crate::client::connection::Connection;
use crate::compare::scratch;
use crate::console::{Console, micros};
use crate::process::pixelgate::{Mode, Start, find_program};
use crate::random::{Random, fresh_seed};
use crate::target::Target;

#[derive(Debug, Serialize)]
struct Report {
    rounds: u32,
    kinds: Vec<Kind>,
}

#[derive(Debug, Serialize)]
struct Kind {
    guess: &'static str,
    /// Of the time to the refusal.
    median_us: f64,
    /// How much that is over the first kind's with the same way to authenticate.
    over_first_us: f64,
}

pub(crate) fn run(args: &Guess, console: Console) -> Result<Verdict> {
    let program = find_program(args.server.as_deref())?;
    let scratch = scratch(args.scratch.as_deref())?;
    let start = Start { mode: Mode::Production, ..Start::new(&program, scratch.path()) };
    let mut server = start.start()?;
    let guesses = guesses(server.target);
    let times = ask_all(&guesses, server.target, args.rounds)?;
    server.process.stop(STOP_MAX)?;
    let median = |at: usize| times[at].value_at_quantile(0.5) as f64 / 1_000.0;
    let kinds = guesses.iter().enumerate().map(|(at, guess)| {
        let first = guesses.iter().position(|other| other.way == guess.way).unwrap_or(at);
        Kind { guess: guess.name, median_us: median(at), over_first_us: median(at) - median(first) }
    });
    let report = Report { rounds: args.rounds, kinds: kinds.collect() };
    for Kind { guess, median_us, over_first_us } in &report.kinds {
        console.say(format!("{guess:<52} {}  {over_first_us:+.3} µs", micros(*median_us)));
    }
    console.result(&report)?;
    let noise_us =
        report.kinds.iter().filter(|kind| kind.guess == AGAIN).map(|kind| kind.over_first_us.abs());
    let over_us_max = OVER_US_MAX + 2.0 * noise_us.fold(0.0, f64::max);
    let tells = report.kinds.iter().any(|kind| kind.over_first_us.abs() > over_us_max);
    Ok(if tells { Verdict::Broken } else { Verdict::Kept })
}

/// One kind of wrong key.
struct WrongKey {
    name: &'static str,
    way: Way,
    request: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Token,
    Signature,
}

/// The first two of each way are the same.
fn guesses(target: Target) -> Vec<WrongKey> {
    let (half, all_but_one) = (TOKEN.len() / 2, TOKEN.len() - 1);
    let with_token = |name, right: usize| {
        let wrong = "x".repeat(TOKEN.len() - right);
        let header = format!("X-Pixel-Token: {}{wrong}", &TOKEN[..right]);
        WrongKey { name, way: Way::Token, request: request(target, &header) }
    };
    let signed = |name, consumer_key: &str, access_token: &str| {
        let header = format!(
            "Authorization: OAuth oauth_consumer_key=\"{consumer_key}\", oauth_nonce=\"n\", \
             oauth_signature=\"AAAAAAAAAAAAAAAAAAAAAAAAAAA%3D\", oauth_signature_method=\"HMAC-SHA1\", \
             oauth_timestamp=\"1\", oauth_token=\"{access_token}\", oauth_version=\"1.0\""
        );
        WrongKey { name, way: Way::Signature, request: request(target, &header) }
    };
    vec![
        with_token("a token with nothing right", 0),
        with_token(AGAIN, 0),
        with_token("a token whose first half is right", half),
        with_token("a token of which all but the last character is right", all_but_one),
        signed("a signature of nobody", "measurementx", "for-measurements-alonx"),
        signed(AGAIN, "measurementx", "for-measurements-alonx"),
        signed("a wrong signature of somebody who is there", "measurements", "for-measurements-alone"),
    ]
}

/// With a body, which is read only once it is known who asks.
fn request(target: Target, header: &str) -> String {
    format!(
        "POST /12/measurement/conversions/o8z6j HTTP/1.1\r\nHost: {}\r\n{header}\r\n\
         Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}",
        target.address()
    )
}

/// In nanoseconds, for each kind.
fn ask_all(guesses: &[WrongKey], target: Target, rounds: u32) -> Result<Vec<Histogram<u64>>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut random, mut order) = (Random::new(fresh_seed()), (0..guesses.len()).collect::<Vec<_>>());
    let mut times = vec![Histogram::new(4).expect("four digits are allowed"); guesses.len()];
    runtime.block_on(async {
        let mut connection = Connection::open(target, 0).await?;
        for round in 0..WARM_UP_ROUNDS + rounds {
            for at in (1..order.len()).rev() {
                order.swap(at, random.below(at as u64 + 1) as usize);
            }
            for &at in &order {
                let begun = Instant::now();
                let status = connection.exchange(guesses[at].request.as_bytes()).await?.status;
                let ns = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
                ensure!(status == 401, "{}: answered {status}", guesses[at].name);
                if round >= WARM_UP_ROUNDS {
                    times[at].record(ns)?;
                }
            }
        }
        Ok(times)
    })
}

/// In `production.toml`, as is the one whose access token it is.
const TOKEN: &str = "for-measurements-alone";
const WARM_UP_ROUNDS: u32 = 1_000;
const STOP_MAX: Duration = Duration::from_secs(30);
const AGAIN: &str = "the same again";
/// On top of twice the noise. A signature takes some microseconds to make.
const OVER_US_MAX: f64 = 0.5;
