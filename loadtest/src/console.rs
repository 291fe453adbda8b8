//! All that this tool prints.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// How a command reports: text for people, or one JSON document on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Console {
    Text,
    Json,
}

impl Console {
    pub(crate) const fn new(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }

    /// A line for people; with `--json` it goes to standard error.
    pub(crate) fn say(self, text: impl AsRef<str>) {
        // A reader that has seen enough (`| head`) is no reason to stop.
        let _ = match self {
            Self::Text => writeln!(std::io::stdout(), "{}", text.as_ref()),
            Self::Json => writeln!(std::io::stderr(), "{}", text.as_ref()),
        };
    }

    /// The result, printed with `--json` only.
    pub(crate) fn result(self, value: &impl Serialize) -> Result<()> {
        if self == Self::Json {
            writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(value)?)?;
        }
        Ok(())
    }

    /// A bar of `length` steps; hidden unless standard error is a terminal.
    pub(crate) fn bar(self, length: u64, what: &str) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(length), draw_target());
        let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {eta} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(what.to_owned());
        bar
    }
}

/// An error that ends the program.
pub(crate) fn complain(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr(), "error: {error:#}");
}

/// Microseconds for people.
pub(crate) fn micros(us: f64) -> String {
    match us {
        us if us < 10.0 => format!("{us:.2} µs"),
        us if us < 1000.0 => format!("{us:.0} µs"),
        us if us < 1_000_000.0 => format!("{:.2} ms", us / 1000.0),
        us => format!("{:.2} s", us / 1_000_000.0),
    }
}

/// Tenths of seconds, the unit of the bars of timed runs.
pub(crate) fn tenths(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis() / 100).unwrap_or(u64::MAX)
}

fn draw_target() -> ProgressDrawTarget {
    if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
}
