//! What the log counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::rewrite::Left;

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
    /// Rows that were taken out of files.
    pub rows_erased: Counter,
    pub rows_expired: Counter,
    pub files_rewritten: Counter,
    pub rewrite_failures: Counter,
    pub erasures_pending: Gauge,
    pub erasure_oldest_s: Gauge,
    pub waiting: Gauge,
    pub opt_outs: Gauge,
    /// Opt-outs, and opt-outs taken back, that are on the disk.
    choices: Family<Chosen, Counter>,
    pub account_settings: Gauge,
    pub dedup_keys: Gauge,
    pub match_rows: Gauge,
    pub touches: Gauge,
    /// Conversions and page views that were credited to an ad touch, by its kind.
    pub credited: Family<Credited, Counter>,
    pub matches_rejected: Family<Rejected, Counter>,
    pub sync_seconds: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Kind {
    pub kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Chosen {
    choice: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Credited {
    pub credit: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Rejected {
    pub reason: &'static str,
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
            rows_erased: Counter::default(),
            rows_expired: Counter::default(),
            files_rewritten: Counter::default(),
            rewrite_failures: Counter::default(),
            erasures_pending: Gauge::default(),
            erasure_oldest_s: Gauge::default(),
            waiting: Gauge::default(),
            opt_outs: Gauge::default(),
            choices: Family::default(),
            account_settings: Gauge::default(),
            dedup_keys: Gauge::default(),
            match_rows: Gauge::default(),
            touches: Gauge::default(),
            credited: Family::default(),
            matches_rejected: Family::default(),
            // 50 µs to 0.8 s.
            sync_seconds: Histogram::new(exponential_buckets(50e-6, 2.0, 15)),
        }
    }
}

impl LogMetrics {
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("pixelgate_log");
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
        self.register_removals(registry);
        registry.register("waiting", "Entries waiting for the writer", self.waiting.clone());
        registry.register("opt_outs", "Subjects that have opted out", self.opt_outs.clone());
        let text = "Opt-outs recorded (out) and taken back (in), one for each identifier";
        registry.register("choices", text, self.choices.clone());
        let text = "Signed-in accounts that have switched a setting off";
        registry.register("account_settings", text, self.account_settings.clone());
        registry.register("dedup_keys", "Keys of events that may come again", self.dedup_keys.clone());
        registry.register("match_rows", "Rows of the match table", self.match_rows.clone());
        let text = "Ad touches that conversions can be credited to";
        registry.register("touches", text, self.touches.clone());
        let text = "Conversions and page views that were credited to an ad touch";
        registry.register("credited", text, self.credited.clone());
        let text = "Matches that the match table did not take, by reason";
        registry.register("matches_rejected", text, self.matches_rejected.clone());
        registry.register("sync_seconds", "Duration of one sync", self.sync_seconds.clone());
    }

    fn register_removals(&self, registry: &mut Registry) {
        registry.register("rows_erased", "Rows erased because their subject asked", self.rows_erased.clone());
        registry.register("rows_expired", "Rows taken out for their age", self.rows_expired.clone());
        let text = "Files written again without some of their rows";
        registry.register("files_rewritten", text, self.files_rewritten.clone());
        let text = "Files that could not be written again; tried again later";
        registry.register("rewrite_failures", text, self.rewrite_failures.clone());
        let text = "Erasures whose rows may still be in a file";
        registry.register("erasures_pending", text, self.erasures_pending.clone());
        let text = "Age in seconds of the oldest of them";
        registry.register("erasure_oldest_s", text, self.erasure_oldest_s.clone());
    }

    /// How many opted out and in, and how many are opted out now.
    pub(super) fn note_choices(&self, [out, back_in]: [u64; 2], opted_out: usize) {
        for (choice, made) in [("out", out), ("in", back_in)] {
            self.choices.get_or_create(&Chosen { choice }).inc_by(made);
        }
        self.opt_outs.set(opted_out as i64);
    }

    pub(super) fn note_looked(&self, left: &Left) {
        self.rows_erased.inc_by(left.erased_rows);
        self.rows_expired.inc_by(left.expired_rows);
        self.files_rewritten.inc_by(u64::from(left.is_rewritten));
    }
}
