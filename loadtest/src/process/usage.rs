//! CPU time and memory of a process, as the kernel accounts for them.
//!
//! Kernel threads (journal, writeback) belong to no process and are not counted, for nobody.

use std::path::Path;

use anyhow::{Context, Result};

/// `root` and all its descendants. nginx works in a child of the process that we started.
pub(crate) fn family(root: u32) -> Vec<u32> {
    let mut family = vec![root];
    let mut next = 0;
    while let Some(&pid) = family.get(next) {
        family.extend(children(pid));
        next += 1;
    }
    family
}

/// Nanoseconds on a core so far, of all threads of `pids`. Threads that have ended are not in it.
pub(crate) fn cpu_ns(pids: &[u32]) -> Result<u64> {
    let mut sum = 0;
    for &pid in pids {
        for entry in std::fs::read_dir(format!("/proc/{pid}/task")).context("the process is gone")? {
            // The first field: time on a core. A thread may end while we read.
            let text = std::fs::read_to_string(entry?.path().join("schedstat")).unwrap_or_default();
            let nanos = text.split_whitespace().next().and_then(|field| field.parse::<u64>().ok());
            sum += nanos.unwrap_or(0);
        }
    }
    Ok(sum)
}

/// Resident bytes of `pids`, shared pages counted for each.
pub(crate) fn resident_bytes(pids: &[u32]) -> Result<u64> {
    pids.iter()
        .map(|pid| status_kib(Path::new(&format!("/proc/{pid}/status")), "VmRSS:").map(|kib| kib * 1024))
        .sum()
}

fn status_kib(path: &Path, field: &str) -> Result<u64> {
    let text = std::fs::read_to_string(path).context("the process is gone")?;
    let value = text.lines().find_map(|line| line.strip_prefix(field)).context("no such field in /proc")?;
    Ok(value.trim().trim_end_matches("kB").trim().parse()?)
}

fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists =
        tasks.flatten().map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<u32>>())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_shows_as_cpu_time_and_memory() {
        let me = [std::process::id()];
        let before = cpu_ns(&me).unwrap();
        let sum = (0..20_000_000_u64)
            .fold(0_u64, |sum, n| sum.wrapping_mul(31).wrapping_add(std::hint::black_box(n)));
        assert_ne!(sum, 1);
        assert!(cpu_ns(&me).unwrap() > before + 1_000_000);
        assert!(resident_bytes(&me).unwrap() > 1 << 20);
    }
}
