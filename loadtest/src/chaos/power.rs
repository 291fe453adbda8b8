//! Power cuts.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::sleep;

use super::Setting;
use super::image::{Mount, make_image};
use super::ledger::Class;
use super::oracle;
use super::tally::Tally;
use super::visitors::World;
use crate::process::pixelgate::{Start, export};

/// One file system, `cycles` times: mount (the journal is replayed), start, load, cut at a random moment. Class `disk`
/// must survive.
pub(super) fn run(setting: &Setting, cycles: u32) -> Result<Tally> {
    let image = setting.scratch.path().join("power.img");
    let at = setting.scratch.path().join("power");
    make_image(&image, IMAGE_BYTES)?;
    std::fs::create_dir(&at).context("could not make the mount point")?;
    let world = Rc::new(World::new(setting.seed));
    let mut tally = Tally::new("power");
    let bar = setting.console.bar(u64::from(cycles), "power");
    while tally.cycles < cycles && tally.start_failures == 0 {
        tally.cycles += 1;
        cycle(setting, &world, &mut tally, Mount::image(&image, &at)?)?;
        let mount = Mount::image(&image, &at)?;
        if tally.cycles.is_multiple_of(setting.verify_every) || tally.cycles == cycles {
            verify(setting, &world, &mut tally, &mount)?;
        }
        mount.unmount()?;
        bar.inc(1);
        bar.set_message(format!("{} acknowledged", world.ledger.borrow().acknowledged()));
    }
    bar.finish_and_clear();
    tally.close(&world.ledger.borrow());
    Ok(tally)
}

fn cycle(setting: &Setting, world: &Rc<World>, tally: &mut Tally, mount: Mount) -> Result<()> {
    let data = mount.path().join("data");
    let mut server = match Start::new(&setting.program, &data).start() {
        Ok(server) => server,
        Err(error) => {
            tally.start_failure(&error);
            return mount.unmount();
        }
    };
    let life = Duration::from_micros(LIFE_US_MIN + world.below(LIFE_US_SPREAD));
    let target = server.target;
    world.visit(target, setting.connections, async || {
        sleep(life).await;
        // The server goes on for a moment with a disk that takes nothing: what it acknowledges now counts.
        let cut = mount.cut_power().await;
        sleep(AFTER_CUT).await;
        server.process.kill();
        cut
    })?;
    tally.note_panics(&mut server.process);
    mount.unmount()
}

/// Recovers the directory by a start, then reads it.
pub(super) fn verify(setting: &Setting, world: &World, tally: &mut Tally, mount: &Mount) -> Result<()> {
    let data = mount.path().join("data");
    match Start::new(&setting.program, &data).start() {
        Ok(mut server) => server.process.kill(),
        Err(error) => tally.start_failure(&error),
    }
    let rows = export(&setting.program, &data)?;
    tally.add(&oracle::check(&world.ledger.borrow(), &rows, Class::Disk)?);
    Ok(())
}

const IMAGE_BYTES: u64 = 1 << 30;
const LIFE_US_MIN: u64 = 5_000;
const LIFE_US_SPREAD: u64 = 250_000;
const AFTER_CUT: Duration = Duration::from_millis(30);
