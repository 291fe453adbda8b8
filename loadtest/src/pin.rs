//! Which core a thread, and what it starts, may run on.

use std::io;
use std::process::{Child, Command};

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, sched_setaffinity};

/// Keeps the calling thread on `core`.
pub(crate) fn pin_this_thread(core: usize) -> Result<()> {
    if core >= CpuSet::MAX_CPU {
        anyhow::bail!("there is no core {core}");
    }
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).with_context(|| format!("could not pin to core {core}"))
}

/// Starts `command` with all its future threads on `core`, without pinning the caller.
pub(crate) fn spawn_on(core: Option<usize>, mut command: Command) -> Result<Child> {
    let Some(core) = core else { return spawn(&mut command) };
    // A child inherits the mask of the thread that started it, so a thread is pinned just for that.
    let starter = std::thread::spawn(move || {
        pin_this_thread(core)?;
        spawn(&mut command)
    });
    starter.join().unwrap_or_else(|_| anyhow::bail!("the starting thread panicked"))
}

fn spawn(command: &mut Command) -> Result<Child> {
    command.spawn().with_context(|| format!("could not start {}", command.get_program().to_string_lossy()))
}

/// The cores for server and generator: the first and the last that this process may use.
pub(crate) fn two_cores() -> io::Result<(usize, usize)> {
    let set = rustix::thread::sched_getaffinity(None)?;
    let allowed = || (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core));
    let (first, last) = (allowed().next().unwrap_or(0), allowed().next_back().unwrap_or(0));
    Ok((first, last))
}

/// As many open files as the hard limit lets us have: each connection is one.
pub(crate) fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let hard = getrlimit(Resource::Nofile).maximum;
    // Going on with the old limit is fine: a run that needs more fails with the reason.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: hard, maximum: hard });
}
