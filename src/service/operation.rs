//! What an operator asks of a running server.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde::Serialize;

use super::caller::Caller;
use super::dashboard::Dashboard;
use super::readings::Readings;
use super::vendor_list::VendorListStatus;
use crate::domain::time::Clock;

/// The running server as its operator sees it.
pub struct Operation {
    registry: Registry,
    clock: Arc<dyn Clock>,
    draining: AtomicBool,
    log: Box<dyn Fn() -> LogState + Send + Sync>,
    vendor_list: AskVendorList,
    reload: Reload,
}

/// Reads the configuration again and puts it in force; or says why not, and leaves everything as it was. One at a time, so
/// that an older file cannot win over a newer one. Never waits for the disk on the thread that asks.
pub type Reload = Box<dyn Fn() -> Reloading + Send + Sync>;
pub type Reloading = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// `None` where no list is wanted.
pub type AskVendorList = Box<dyn Fn() -> Option<VendorListStatus> + Send + Sync>;

/// Whether requests should be sent here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// The disk takes what it is given.
    pub log: bool,
    /// What became of erasures; says nothing about requests.
    pub erasures: ErasureState,
    pub draining: bool,
    /// Never a reason to send requests elsewhere: without a list, hits under the GDPR are refused here as anywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor_list: Option<VendorListStatus>,
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
    pub const fn is_ready(&self) -> bool {
        self.log && !self.draining
    }
}

impl Operation {
    pub fn new(
        mut registry: Registry,
        clock: Arc<dyn Clock>,
        log: Box<dyn Fn() -> LogState + Send + Sync>,
        vendor_list: AskVendorList,
        reload: Reload,
    ) -> Self {
        let start: Gauge = Gauge::default();
        start.set(i64::try_from(clock.now().0 / 1_000).unwrap_or(i64::MAX));
        let text = "When the server started, in seconds since 1970";
        registry.register("pixelgate_start_time_seconds", text, start);
        let draining = AtomicBool::new(false);
        Self { registry, clock, draining, log, vendor_list, reload }
    }

    pub fn readiness(&self) -> Readiness {
        let LogState { is_ready, erasures } = (self.log)();
        Readiness {
            log: is_ready,
            erasures,
            draining: self.draining.load(Ordering::Relaxed),
            vendor_list: (self.vendor_list)(),
        }
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

    /// The same numbers for people.
    pub fn dashboard(&self) -> Dashboard {
        Dashboard::of(&Readings::of(&self.metrics()), self.readiness(), self.clock.now())
    }

    pub fn reload(&self, _: &Caller) -> Reloading {
        self.reload_on_signal()
    }

    /// A signal can only come from the operator's own machine and user.
    pub fn reload_on_signal(&self) -> Reloading {
        (self.reload)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draining_server_and_one_without_a_disk_are_not_ready() {
        let operation = |is_ready| {
            let log = Box::new(move || LogState { is_ready, erasures: ErasureState::Late });
            let clock = Arc::new(crate::service::clock::SystemClock);
            let reload = Box::new(|| -> Reloading { Box::pin(std::future::ready(Ok(()))) });
            Operation::new(Registry::default(), clock, log, Box::new(|| None), reload)
        };
        let draining = operation(true);
        assert!(draining.readiness().is_ready());
        draining.start_draining();
        assert!(!draining.readiness().is_ready());
        assert!(!operation(false).readiness().is_ready());
    }
}
