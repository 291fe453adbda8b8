//! kill -9 under load.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::sleep;

use super::Setting;
use super::ledger::Class;
use super::oracle;
use super::tally::Tally;
use super::visitors::World;
use crate::process::pixelgate::{Start, export};

/// One data directory, `cycles` times: start, load, kill at a random moment. The page cache survives, so class `os`
/// must survive too.
pub(super) fn run(setting: &Setting, cycles: u32) -> Result<Tally> {
    let data = tempfile::tempdir_in(setting.scratch.path()).context("could not make a data directory")?;
    let start = Start::new(&setting.program, data.path());
    let world = Rc::new(World::new(setting.seed));
    let mut tally = Tally::new("kill");
    let bar = setting.console.bar(u64::from(cycles), "kill");
    while tally.cycles < cycles {
        tally.cycles += 1;
        let mut server = match start.start() {
            Ok(server) => server,
            Err(error) => {
                tally.start_failure(&error);
                break;
            }
        };
        let life = Duration::from_micros(LIFE_US_MIN + world.below(LIFE_US_SPREAD));
        let target = server.target;
        world.visit(target, setting.connections, async || {
            sleep(life).await;
            server.process.kill();
            Ok(())
        })?;
        tally.note_panics(&mut server.process);
        if tally.cycles.is_multiple_of(setting.verify_every) || tally.cycles == cycles {
            verify(&start, &world, &mut tally)?;
        }
        bar.inc(1);
        bar.set_message(format!("{} acknowledged", world.ledger.borrow().acknowledged()));
    }
    bar.finish_and_clear();
    tally.close(&world.ledger.borrow());
    Ok(tally)
}

/// Recovers the directory by a start and an orderly end, then reads it.
fn verify(start: &Start<'_>, world: &World, tally: &mut Tally) -> Result<()> {
    match start.start() {
        Ok(mut server) => {
            if let Err(error) = server.process.stop(STOP_MAX) {
                tally.problem(format!("cycle {}: {error:#}", tally.cycles));
            }
        }
        Err(error) => tally.start_failure(&error),
    }
    let rows = export(start.program, start.data)?;
    tally.add(&oracle::check(&world.ledger.borrow(), &rows, Class::Os)?);
    Ok(())
}

/// From "hardly started" to "in the middle of everything".
const LIFE_US_MIN: u64 = 5_000;
const LIFE_US_SPREAD: u64 = 250_000;
const STOP_MAX: Duration = Duration::from_secs(30);
