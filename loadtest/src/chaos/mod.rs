//! `loadtest chaos`: breaks the server and checks from outside what it had promised.

mod eio;
mod full_disk;
mod image;
mod kill;
mod ledger;
mod oracle;
mod power;
mod tally;
mod visitors;

use std::path::PathBuf;

use anyhow::{Result, ensure};

use self::tally::Tally;
use crate::Verdict;
use crate::cli::Chaos;
use crate::compare::scratch;
use crate::console::Console;
use crate::process::pixelgate::find_program;
use crate::random;

/// What all kinds of breaking have in common.
#[derive(Debug)]
struct Setting {
    program: PathBuf,
    scratch: tempfile::TempDir,
    connections: usize,
    verify_every: u32,
    seed: u64,
    console: Console,
}

pub(crate) fn run(args: &Chaos, console: Console) -> Result<Verdict> {
    let setting = Setting {
        program: find_program(args.server.as_deref())?,
        scratch: scratch(args.scratch.as_deref())?,
        connections: usize::from(args.connections),
        verify_every: args.verify_every,
        seed: args.seed.unwrap_or_else(random::fresh_seed),
        console,
    };
    let needs_root = args.power.is_some() || args.eio.is_some() || args.full_disk;
    ensure!(
        !needs_root || rustix::process::geteuid().is_root(),
        "--power, --eio and --full-disk mount file systems: run as root"
    );
    console.say(format!("seed {}", setting.seed));
    let mut tallies = Vec::new();
    if let Some(cycles) = args.kill {
        tallies.push(say(console, kill::run(&setting, cycles)?));
    }
    if let Some(cycles) = args.power {
        tallies.push(say(console, power::run(&setting, cycles)?));
    }
    if let Some(injections) = args.eio {
        tallies.push(say(console, eio::run(&setting, injections)?));
    }
    if args.full_disk {
        tallies.push(say(console, full_disk::run(&setting)?));
    }
    console.result(&tallies)?;
    Ok(if tallies.iter().all(Tally::is_clean) { Verdict::Kept } else { Verdict::Broken })
}

/// Right after each kind, because a run of all takes long.
fn say(console: Console, tally: Tally) -> Tally {
    console.say(tally.line());
    tally.problems.iter().for_each(|problem| console.say(format!("  {problem}")));
    tally
}
