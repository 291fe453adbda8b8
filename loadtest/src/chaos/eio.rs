//! A sync that fails.
//!
//! strace makes one fdatasync fail without doing it, and the power is cut a little later: what only that sync would
//! have made safe is really lost then, so an acknowledgement that relied on it shows.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::time::sleep;

use super::Setting;
use super::image::{Mount, make_image};
use super::power::verify;
use super::tally::Tally;
use super::visitors::World;
use crate::process::pixelgate::Start;

/// `injections` times on a fresh file system: start, fail one sync, cut the power, start again.
pub(super) fn run(setting: &Setting, injections: u32) -> Result<Tally> {
    let at = setting.scratch.path().join("eio");
    std::fs::create_dir(&at).context("could not make the mount point")?;
    let image = setting.scratch.path().join("eio.img");
    let mut tally = Tally::new("eio");
    let mut outcome = Outcome::default();
    let bar = setting.console.bar(u64::from(injections), "eio");
    for injection in 0..injections {
        tally.cycles += 1;
        make_image(&image, IMAGE_BYTES)?;
        let world = Rc::new(World::new(setting.seed + u64::from(injection)));
        inject(setting, &world, &mut tally, &mut outcome, Mount::image(&image, &at)?)?;
        let mount = Mount::image(&image, &at)?;
        verify(setting, &world, &mut tally, &mount)?;
        mount.unmount()?;
        tally.close(&world.ledger.borrow());
        bar.inc(1);
    }
    bar.finish_and_clear();
    tally.remarks.push(format!("syncs failed {}", outcome.failed));
    tally.remarks.push(format!("refused to start on a failed sync {}", outcome.refused));
    tally.remarks.push(format!("same file synced again {}", outcome.retried));
    Ok(tally)
}

/// How the injections went.
#[derive(Debug, Default)]
struct Outcome {
    failed: u32,
    refused: u32,
    retried: u32,
}

fn inject(
    setting: &Setting,
    world: &Rc<World>,
    tally: &mut Tally,
    outcome: &mut Outcome,
    mount: Mount,
) -> Result<()> {
    let trace = setting.scratch.path().join("eio.trace");
    let wrapper = strace(&trace, 1 + world.below(SYNC_MAX));
    let data = mount.path().join("data");
    let start = Start { wrapper: &wrapper, ..Start::new(&setting.program, &data) };
    match start.start() {
        Ok(mut server) => {
            let target = server.target;
            world.visit(target, setting.connections, async || {
                let deadline = Instant::now() + INJECTION_MAX;
                while Instant::now() < deadline && failed_sync(&trace).is_none() {
                    sleep(Duration::from_millis(5)).await;
                }
                sleep(Duration::from_micros(world.below(AFTER_US_SPREAD))).await;
                let cut = mount.cut_power().await;
                server.process.kill();
                cut
            })?;
            tally.note_panics(&mut server.process);
        }
        // Not starting when the first sync fails is right, as long as the next start works.
        Err(_) if failed_sync(&trace).is_some() => {
            outcome.refused += 1;
        }
        Err(error) => tally.start_failure(&error),
    }
    let trace = std::fs::read_to_string(&trace).unwrap_or_default();
    outcome.failed += u32::from(trace.contains(INJECTED));
    if let Some(file) = synced_again(&trace) {
        outcome.retried += 1;
        tally.problem(format!("injection {}: a failed sync was tried again on {file}", tally.cycles));
    }
    mount.unmount()
}

/// `-D` keeps the server our child, so that killing it kills the server and not its tracer.
fn strace(trace: &Path, nth: u64) -> Vec<String> {
    let inject = format!("inject=fdatasync:error=EIO:when={nth}");
    let trace = trace.display().to_string();
    ["strace", "-D", "-f", "-y", "--seccomp-bpf", "-e", "trace=fdatasync", "-e", &inject, "-o", &trace]
        .map(str::to_owned)
        .to_vec()
}

fn failed_sync(trace: &Path) -> Option<()> {
    std::fs::read_to_string(trace).ok().filter(|trace| trace.contains(INJECTED)).map(drop)
}

/// The file on which a sync succeeded after one had failed: the kernel reports a lost page once only, so that the second
/// answer is worth nothing.
fn synced_again(trace: &str) -> Option<&str> {
    let (mut failed, mut under_way) = (Vec::new(), HashMap::new());
    for line in trace.lines() {
        let thread = line.split_whitespace().next()?;
        // `fdatasync(9</d/a>) = 0`, or in two lines when another thread's came in between.
        if let Some((_, rest)) = line.split_once("fdatasync(") {
            under_way.insert(thread, rest.split([')', ' ']).next().unwrap_or(rest));
        }
        let Some(&file) = under_way.get(thread) else { continue };
        if line.contains(INJECTED) {
            failed.push(file);
        } else if line.ends_with("= 0") && failed.contains(&file) {
            return Some(file);
        }
    }
    None
}

const INJECTED: &str = "(INJECTED)";
/// Counted per thread. Late enough to reach the middle of the load.
const SYNC_MAX: u64 = 60;
const INJECTION_MAX: Duration = Duration::from_secs(5);
const AFTER_US_SPREAD: u64 = 60_000;
const IMAGE_BYTES: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_sync_of_a_failed_file_is_seen() {
        let failed = "12 fdatasync(9</d/a>) = -1 EIO (Input/output error) (INJECTED)\n";
        assert_eq!(
            synced_again(&format!("11 fdatasync(9</d/a>) = 0\n{failed}12 fdatasync(10</d/b>) = 0\n")),
            None
        );
        assert_eq!(synced_again(&format!("{failed}12 fdatasync(9</d/a>) = 0\n")), Some("9</d/a>"));
        let split = "12 fdatasync(9</d/a> <unfinished ...>\n13 fdatasync(8</d/b>) = 0\n12 <... fdatasync resumed>) = 0\n";
        assert_eq!(synced_again(&format!("{failed}{split}")), Some("9</d/a>"));
    }
}
