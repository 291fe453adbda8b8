//! A disk filled to the brim.

use std::io::Write;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Setting;
use super::image::Mount;
use super::ledger::{Class, Ledger};
use super::oracle;
use super::tally::Tally;
use super::visitors::World;
use crate::client::connection::Connection;
use crate::client::hit::{Hit, Requests, What};
use crate::client::opt_out::opt_out;
use crate::process::pixelgate::{Pixelgate, Start, export};
use crate::target::Target;

/// Fills a small file system: conversions must get 503 with `Retry-After`, opt-outs must still be taken, and with room
/// again the server must go on without a restart.
pub(super) fn run(setting: &Setting) -> Result<Tally> {
    let at = setting.scratch.path().join("full");
    std::fs::create_dir(&at).context("could not make the mount point")?;
    let mount = Mount::tmpfs(DISK_BYTES, &at)?;
    let data = at.join("data");
    let start = Start::new(&setting.program, &data);
    let world = Rc::new(World::new(setting.seed));
    let mut tally = Tally::new("full disk");
    tally.cycles = 1;
    let mut server = start.start().context("on an empty disk")?;
    let story = tell(setting, &world, &mut tally, &mut server, &at);
    if let Err(error) = story {
        tally.problem(format!("{error:#}; the server printed:\n{}", server.process.tail()));
    }
    server.process.kill();
    tally.note_panics(&mut server.process);
    match start.start() {
        Ok(mut server) => server.process.kill(),
        Err(error) => tally.start_failure(&error),
    }
    let rows = export(&setting.program, &data)?;
    tally.add(&oracle::check(&world.ledger.borrow(), &rows, Class::Os)?);
    tally.close(&world.ledger.borrow());
    drop(server);
    mount.unmount()?;
    Ok(tally)
}

fn tell(
    setting: &Setting,
    world: &Rc<World>,
    tally: &mut Tally,
    server: &mut Pixelgate,
    at: &Path,
) -> Result<()> {
    let target = server.target;
    let filler = at.join("filler");
    let deadline = Instant::now() + FULL_MAX;
    world.visit(target, setting.connections, async || {
        tokio::time::sleep(BEFORE_FULL).await;
        // Now and then more, because the server frees and takes room while the disk fills.
        while !turned_away(&world.ledger.borrow()) && Instant::now() < deadline {
            fill(&filler)?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    })?;
    ensure!(turned_away(&world.ledger.borrow()), "no 503 within {FULL_MAX:?} of the disk being full");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connection = Connection::open(target, 0).await?;
        let opted_out = refuse_but_opt_out(world, &mut connection, target).await?;
        let ready = readiness(server.admin).await?;
        tally.remarks.push(format!("opt-outs taken while full {opted_out}, readiness {ready} then"));
        std::fs::remove_file(&filler).context("could not free the disk")?;
        let waited = recover(world, &mut connection, target).await?;
        tally.remarks.push(format!("stored again {} ms after there was room", waited.as_millis()));
        anyhow::Ok(())
    })?;
    ensure!(server.process.ended().is_none(), "the server ended");
    Ok(())
}

fn turned_away(ledger: &Ledger) -> bool {
    ledger.turned_away > 0
}

/// Appends to `filler` until not a byte fits.
fn fill(filler: &Path) -> Result<()> {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(filler)?;
    for chunk in [&[0_u8; 1 << 16][..], &[0_u8; 1 << 12], &[0_u8; 1]] {
        while file.write(chunk).is_ok_and(|written| written > 0) {}
    }
    Ok(())
}

/// Opts out as many browsers as ask; checks that a conversion is refused in the right words before each.
async fn refuse_but_opt_out(world: &World, connection: &mut Connection, target: Target) -> Result<usize> {
    let mut opted_out = 0;
    for _ in 0..OPT_OUTS {
        let (status, retry_after) = conversion(world, connection, target).await?;
        ensure!(status != 503 || retry_after, "a 503 without Retry-After");
        // Refused hits bring no new browsers, so there may be fewer than wanted.
        let Some(browser) = world.any_browser() else { break };
        world.ledger.borrow_mut().opting_out(&browser);
        opt_out(connection, target, &browser)
            .await
            .context("an opt-out was not taken while the disk was full")?;
        world.ledger.borrow_mut().opted_out(&browser);
        opted_out += 1;
    }
    ensure!(opted_out > 0, "there was no browser to opt out");
    Ok(opted_out)
}

/// Tries until a conversion is stored.
async fn recover(world: &World, connection: &mut Connection, target: Target) -> Result<Duration> {
    let start = Instant::now();
    while start.elapsed() < RECOVERY_MAX {
        if conversion(world, connection, target).await?.0 == 200 {
            return Ok(start.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    anyhow::bail!("still refusing {RECOVERY_MAX:?} after there was room")
}

async fn readiness(admin: Target) -> Result<u16> {
    let mut connection = Connection::open(admin, 0).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {}\r\n\r\n", admin.address());
    Ok(connection.exchange(request.as_bytes()).await?.status)
}

/// The status, and whether there is a `Retry-After`.
async fn conversion(world: &World, connection: &mut Connection, target: Target) -> Result<(u16, bool)> {
    let attempt = world.attempt(What::Conversion, "");
    world.ledger.borrow_mut().sending(&attempt);
    let mut request = Vec::new();
    Requests::to(target)
        .write(Hit { what: attempt.what, event: attempt.event, cookies: "", extra: "" }, &mut request);
    let reply = connection.exchange(&request).await?;
    world.ledger.borrow_mut().answered(&attempt, reply.status, &reply.outcome());
    Ok((reply.status, !reply.headers("retry-after").is_empty()))
}

/// A few log files of development mode.
const DISK_BYTES: u64 = 40 << 20;
const BEFORE_FULL: Duration = Duration::from_millis(300);
const FULL_MAX: Duration = Duration::from_secs(60);
const RECOVERY_MAX: Duration = Duration::from_secs(30);
const OPT_OUTS: usize = 20;
