//! Programs that this tool starts, watches and is sure to end.

pub(crate) mod pixelgate;
pub(crate) mod usage;

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::pin;

/// A running program. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    /// The last lines it printed, for error messages.
    tail: VecDeque<String>,
}

impl Process {
    /// Starts `command` on `core`, its output going to us.
    pub(crate) fn start(mut command: Command, core: Option<usize>) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pin::spawn_on(core, command)?;
        let (sender, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            forward(stdout, sender.clone());
        }
        if let Some(stderr) = child.stderr.take() {
            forward(stderr, sender);
        }
        Ok(Self { child, lines, tail: VecDeque::new() })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Reads what the program prints until `wanted` finds what it wants.
    ///
    /// # Errors
    /// When the program ends before that, or `within` is over; with its last lines.
    pub(crate) fn wait_for<T>(
        &mut self,
        within: Duration,
        mut wanted: impl FnMut(&str) -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + within;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let found = wanted(&line);
                    self.keep(line);
                    if let Some(found) = found {
                        return Ok(found);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!("not ready within {within:?}; it printed:\n{}", self.tail())
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait()?;
                    bail!("ended with {status}; it printed:\n{}", self.tail());
                }
            }
        }
    }

    /// `None` while it runs.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// kill -9, without a warning, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        // Already gone is as good as killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end; kills it if it takes longer than `within`.
    pub(crate) fn stop(&mut self, within: Duration) -> Result<ExitStatus> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).context("could not signal the process")?;
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.kill();
        bail!("did not end within {within:?} of SIGTERM; it printed:\n{}", self.tail())
    }

    /// After it is gone: the lines that speak of a panic.
    pub(crate) fn panics(&mut self) -> Vec<String> {
        let mut panics = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(REST_MAX) {
            if line.contains("panic") {
                panics.push(line.clone());
            }
            self.keep(line);
        }
        panics
    }

    /// The last lines that it printed.
    pub(crate) fn tail(&mut self) -> String {
        while let Ok(line) = self.lines.try_recv() {
            self.keep(line);
        }
        self.tail.iter().map(|line| format!("    {line}\n")).collect()
    }

    fn keep(&mut self, line: String) {
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(line);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads to the end, so that the program never blocks on a full pipe.
fn forward(from: impl Read + Send + 'static, to: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let Ok(line) = line else { return };
            // Nobody may be listening any more; reading goes on all the same.
            let _ = to.send(line);
        }
    });
}

/// How long the rest of an ended program's output may take to come through.
const REST_MAX: Duration = Duration::from_secs(1);
const TAIL_LINES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start(command, None).unwrap()
    }

    #[test]
    fn output_is_read_until_the_wanted_line() {
        let mut process = shell("echo one; echo two 2 >&2; exec sleep 60");
        let found =
            process.wait_for(Duration::from_secs(10), |line| line.strip_prefix("two ").map(str::to_owned));
        assert_eq!(found.unwrap(), "2");
        assert!(process.ended().is_none());
        process.stop(Duration::from_secs(10)).unwrap();
    }

    #[test]
    fn a_program_that_ends_early_is_reported_with_its_words() {
        let error =
            shell("echo no such luck; exit 3").wait_for(Duration::from_secs(10), |_| None::<()>).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("exit status: 3") && text.contains("no such luck"), "{text}");
    }
}
