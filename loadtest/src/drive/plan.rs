//! What a run does.

use std::time::Duration;

use super::mix::Mix;
use crate::target::Target;

/// One run, bounded in time and in number.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) target: Target,
    pub(crate) mode: Mode,
    pub(crate) mix: Mix,
    pub(crate) connections: usize,
    /// Not counted in any figure.
    pub(crate) warm_up: Duration,
    pub(crate) duration: Duration,
    pub(crate) requests_max: u64,
    /// An arrival that could not be sent within this time gives up, as a client would; `None` waits for ever.
    pub(crate) patience: Option<Duration>,
    pub(crate) seed: u64,
    /// `name=value` of a browser that was here before the run, for the returning browsers until there are more.
    pub(crate) known_browser: Option<String>,
    /// Sent along with every hit.
    pub(crate) tc_string: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    /// `rate` arrivals a second, whether or not the server keeps up.
    Open { rate: f64, arrivals: Arrivals },
    /// Every connection sends its next request as soon as it has its answer.
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Arrivals {
    /// At equal intervals.
    Constant,
    /// Independent of each other, as visitors are: exponential intervals.
    Poisson,
}
