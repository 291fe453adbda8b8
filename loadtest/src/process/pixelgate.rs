//! The server under test, started as a user starts it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Process;
use crate::target::Target;

/// How to start the server.
#[derive(Debug, Clone)]
pub(crate) struct Start<'a> {
    pub(crate) program: &'a Path,
    pub(crate) data: &'a Path,
    pub(crate) core: Option<usize>,
    /// What comes before the program on the command line: `strace` and its arguments.
    pub(crate) wrapper: &'a [String],
    pub(crate) extra: &'a [String],
    pub(crate) mode: Mode,
}

/// With which settings the server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `serve --dev`.
    Development,
    /// A configuration file without what only developers look at: [`PRODUCTION`].
    Production,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Pixelgate {
    pub(crate) process: Process,
    pub(crate) target: Target,
    pub(crate) admin: Target,
}

impl<'a> Start<'a> {
    pub(crate) const fn new(program: &'a Path, data: &'a Path) -> Self {
        Self { program, data, core: None, wrapper: &[], extra: &[], mode: Mode::Development }
    }

    /// Starts the server; returns once it listens.
    pub(crate) fn start(&self) -> Result<Pixelgate> {
        let mut process = Process::start(self.command()?, self.core)?;
        let (mut target, mut admin) = (None, None);
        process
            .wait_for(START_MAX, |line| {
                if let Some(found) = listener(line) {
                    let slot =
                        if line.to_ascii_lowercase().contains("admin") { &mut admin } else { &mut target };
                    slot.get_or_insert(found);
                }
                target.zip(admin)
            })
            .map(|(target, admin)| Pixelgate { process, target, admin })
            .context("the server did not start")
    }

    fn command(&self) -> Result<Command> {
        let words = self.wrapper.iter().map(String::as_str).map(Path::new).chain([self.program]);
        let mut words = words.map(Path::as_os_str);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).arg("serve");
        match self.mode {
            Mode::Development => {
                command.args(["--dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
                command.arg("--data-dir").arg(self.data);
            }
            Mode::Production => {
                let file = self.data.join("pixelgate.toml");
                let data = self.data.join("data").display().to_string();
                let list = self.data.join("vendor-list.json");
                std::fs::write(&list, VENDOR_LIST).context("could not write the server's vendor list")?;
                let text = PRODUCTION.replace("@data@", &data);
                std::fs::write(&file, text.replace("@vendor_list@", &list.display().to_string()))
                    .context("could not write the server's configuration")?;
                command.arg("--config").arg(file);
            }
        }
        command.args(self.extra);
        Ok(command)
    }
}

const PRODUCTION: &str = include_str!("production.toml");
/// Of the vendor that the strings of [`crate::tc_string`] permit.
const VENDOR_LIST: &str = include_str!("vendor-list.json");

/// The rows that the server has stored, one JSON document a line, oldest first.
pub(crate) fn export(program: &Path, data: &Path) -> Result<String> {
    let mut command = Command::new(program);
    command.args(["export", "--format", "ndjson", "--data-dir"]).arg(data).stdin(Stdio::null());
    let output = command.output().context("could not start the export")?;
    if !output.status.success() {
        bail!("the export ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8(output.stdout).context("the export is not UTF-8")
}

/// `program`, or `pixelgate` in the directory of this program.
pub(crate) fn find_program(program: Option<&Path>) -> Result<PathBuf> {
    let program = match program {
        Some(program) => program.to_owned(),
        None => std::env::current_exe()?.with_file_name("pixelgate"),
    };
    program
        .canonicalize()
        .with_context(|| format!("no server at {}: build it, or name it with --server", program.display()))
}

/// The address in a line such as `listening on http://127.0.0.1:8080`.
fn listener(line: &str) -> Option<Target> {
    let (_, rest) = line.split_once("http://")?;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || ".:[]".contains(c))).unwrap_or(rest.len());
    rest[..end].trim_end_matches('.').parse().ok()
}

/// A start replays the log, which may be gigabytes.
const START_MAX: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expect: Option<&str>) {
        assert_eq!(listener(line).map(Target::origin).as_deref(), expect, "{line}");
    }

    #[test]
    fn listeners_are_found_however_they_are_printed() {
        check("listening on http://127.0.0.1:8080", Some("http://127.0.0.1:8080"));
        check("  listening on http://127.0.0.1:8080/.", Some("http://127.0.0.1:8080"));
        check(r#"{"message":"admin on http://127.0.0.1:9","level":"INFO"}"#, Some("http://127.0.0.1:9"));
        check("origins http://shop.localhost:*", None);
        check("starting", None);
    }
}
