//! Fills a log through the gate, as the server fills it, but without its sockets.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use pixelgate::consent::gate::Gate;
use pixelgate::consent::policy::{Policy, Regime};
use pixelgate::consent::rule::Circumstances;
use pixelgate::consent::signals::Signals;
use pixelgate::domain::opt_out::{OptOutView, Subject};
use pixelgate::domain::time::Clock;
use pixelgate::service::clock::SystemClock;
use pixelgate::service::crypto::SystemRng;
use pixelgate::storage::entry::Entry;
use pixelgate::storage::log::{Appended, Log};
use pixelgate::storage::options::LogOptions;
use pixelgate::storage::real_disk::RealDisk;

use crate::console::Console;

/// So many entries are with the log at a time.
const TOGETHER: u64 = 4_096;

pub(crate) fn open(dir: &Path, options: LogOptions) -> Result<Log> {
    let opened =
        Log::open(dir, options, Arc::new(RealDisk), Arc::new(SystemClock), Arc::new(SystemRng::new()));
    let (log, _) = opened.context("the log could not be made")?;
    Ok(log)
}

/// `rows` entries; `make` asks the gate for each, by its number.
pub(crate) fn fill(
    log: &Log,
    rows: u64,
    what: &'static str,
    console: Console,
    make: impl Fn(u64, &Gate, &Circumstances<'_>) -> Option<Entry>,
) -> Result<()> {
    let (appender, batcher) = log.appender(tokio::task::yield_now);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let gate = Gate::new(Policy::new(Regime::None));
    let signals = Signals::default();
    let heard = gate.hear(&signals);
    let bar = console.bar(rows, what);
    runtime.block_on(async {
        let batcher = tokio::spawn(batcher);
        let mut next = 0;
        while next < rows {
            let until = rows.min(next + TOGETHER);
            let about = Circumstances {
                heard: &heard,
                directed_to_children: false,
                opt_outs: &NoOptOuts,
                now: SystemClock.now(),
            };
            let entries = (next..until).map(|number| make(number, &gate, &about));
            let appends: Vec<_> = entries.map(|entry| entry.map(|entry| appender.append(entry))).collect();
            for append in appends {
                match append.context("the gate refused an entry")?.await {
                    Ok(Appended::Stored(_)) => {}
                    other => bail!("an entry was not stored: {other:?}"),
                }
            }
            next = until;
            bar.set_position(next);
        }
        batcher.abort();
        Ok(())
    })?;
    bar.finish_and_clear();
    Ok(())
}

struct NoOptOuts;

impl OptOutView for NoOptOuts {
    fn is_opted_out(&self, _: Subject) -> bool {
        false
    }
}
