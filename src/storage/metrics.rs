//! What the log counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Cheap to clone; all clones count together.
#[derive(Debug, Clone)]
pub struct LogMetrics {
    /// Entries that were written, by kind.
    pub stored: Family<Kind, Counter>,
    pub duplicates: Counter,
    /// Entries that the writer refused because their subject had opted out after the gate.
    pub opted_out: Counter,
    /// Entries that were refused because too many were waiting.
    pub overloaded: Counter,
    /// Entries that were refused because the disk took nothing.
    pub unavailable: Counter,
    pub groups: Counter,
    pub bytes: Counter,
    pub write_failures: Counter,
    pub sync_failures: Counter,
    pub prepare_failures: Counter,
    pub files_begun: Counter,
    pub files_retired: Counter,
    pub waiting: Gauge,
    pub opt_outs: Gauge,
    pub dedup_keys: Gauge,
    pub sync_seconds: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Kind {
    pub kind: &'static str,
}

impl Default for LogMetrics {
    fn default() -> Self {
        Self {
            stored: Family::default(),
            duplicates: Counter::default(),
            opted_out: Counter::default(),
            overloaded: Counter::default(),
            unavailable: Counter::default(),
            groups: Counter::default(),
            bytes: Counter::default(),
            write_failures: Counter::default(),
            sync_failures: Counter::default(),
            prepare_failures: Counter::default(),
            files_begun: Counter::default(),
            files_retired: Counter::default(),
            waiting: Gauge::default(),
            opt_outs: Gauge::default(),
            dedup_keys: Gauge::default(),
            // 50 µs to 0.8 s.
            sync_seconds: Histogram::new(exponential_buckets(50e-6, 2.0, 15)),
        }
    }
}

impl LogMetrics {
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("log");
        registry.register("stored", "Entries written", self.stored.clone());
        registry.register("duplicates", "Events the log had already", self.duplicates.clone());
        let text = "Entries dropped because their subject opted out behind the gate";
        registry.register("opted_out", text, self.opted_out.clone());
        registry.register("overloaded", "Entries refused because too many waited", self.overloaded.clone());
        registry.register("unavailable", "Entries refused by the disk", self.unavailable.clone());
        registry.register("groups", "Writes of one or more entries", self.groups.clone());
        registry.register("bytes", "Bytes of entries written", self.bytes.clone());
        registry.register("write_failures", "Writes that failed", self.write_failures.clone());
        registry.register("sync_failures", "Syncs that failed", self.sync_failures.clone());
        let text = "Files that could not be made ready";
        registry.register("prepare_failures", text, self.prepare_failures.clone());
        registry.register("files_begun", "Files begun", self.files_begun.clone());
        registry.register("files_retired", "Files dropped for their age", self.files_retired.clone());
        registry.register("waiting", "Entries waiting for the writer", self.waiting.clone());
        registry.register("opt_outs", "Subjects that have opted out", self.opt_outs.clone());
        registry.register("dedup_keys", "Keys of events that may come again", self.dedup_keys.clone());
        registry.register("sync_seconds", "Duration of one sync", self.sync_seconds.clone());
    }
}
