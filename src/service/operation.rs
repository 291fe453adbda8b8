//! What an operator asks of a running server.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::registry::Registry;
use serde::Serialize;

use super::caller::Caller;

/// The running server as its operator sees it.
pub struct Operation {
    registry: Registry,
    draining: AtomicBool,
    log: Box<dyn Fn() -> LogState + Send + Sync>,
    /// One at a time, so that an older file cannot win over a newer one.
    reload: Mutex<Reload>,
}

/// Reads the configuration again and puts it in force; or says why not, and leaves everything as it was.
pub type Reload = Box<dyn Fn() -> Result<(), String> + Send>;

/// Whether requests should be sent here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// The disk takes what it is given.
    pub log: bool,
    /// What became of erasures; says nothing about requests.
    pub erasures: ErasureState,
    pub draining: bool,
}

/// The log as its operator has to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogState {
    pub is_ready: bool,
    pub erasures: ErasureState,
}

/// Whether what was erased is gone from every file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasureState {
    Done,
    Pending,
    /// The last attempt came to nothing, for want of room perhaps; it is tried again.
    Failing,
    /// The time for it is over.
    Late,
}

impl Readiness {
    pub const fn is_ready(self) -> bool {
        self.log && !self.draining
    }
}

impl Operation {
    pub fn new(registry: Registry, log: Box<dyn Fn() -> LogState + Send + Sync>, reload: Reload) -> Self {
        Self { registry, draining: AtomicBool::new(false), log, reload: Mutex::new(reload) }
    }

    pub fn readiness(&self) -> Readiness {
        let LogState { is_ready, erasures } = (self.log)();
        Readiness { log: is_ready, erasures, draining: self.draining.load(Ordering::Relaxed) }
    }

    /// From here on [`Self::readiness`] is negative, so that no more requests are sent here.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// All metrics in the OpenMetrics text format.
    pub fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .expect("a String takes all that is written");
        text
    }

    pub fn reload(&self, _: &Caller) -> Result<(), String> {
        self.reload_on_signal()
    }

    /// A signal can only come from the operator's own machine and user.
    pub fn reload_on_signal(&self) -> Result<(), String> {
        // After a panic in a reload the next one starts from the file again; nothing is half done.
        let reload = self.reload.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        reload()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draining_server_and_one_without_a_disk_are_not_ready() {
        let log = |is_ready| Box::new(move || LogState { is_ready, erasures: ErasureState::Late });
        let operation = Operation::new(Registry::default(), log(true), Box::new(|| Ok(())));
        assert!(operation.readiness().is_ready());
        operation.start_draining();
        assert!(!operation.readiness().is_ready());
        let operation = Operation::new(Registry::default(), log(false), Box::new(|| Ok(())));
        assert!(!operation.readiness().is_ready());
    }
}
