//! What became of hits, of matches and of opt-outs, and how the log does: one moment of a running server for people.
//!
//! Every number comes from [`Readings`]; no identifier of a person gets here, because none gets into a metric.

use super::matches_seen::{self, PartnerSeen, RefusedMatch};
use super::operation::Readiness;
use super::outcome::{Invalid, Outcome};
use super::readings::{Readings, Sample};
use crate::consent::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::storage::match_table::MatchRejection;

/// Numbers since [`Self::since`], where nothing else is said.
pub struct Dashboard {
    /// When the server started.
    pub since: Timestamp,
    pub now: Timestamp,
    pub readiness: Readiness,
    pub hits: Hits,
    pub log: LogSeen,
    /// In the order in which partners are asked; last those that are no longer registered.
    pub partners: Vec<PartnerSeen>,
    pub refused_matches: Vec<RefusedMatch>,
    pub opt_outs: OptOutsSeen,
}

pub struct Hits {
    pub total: u64,
    /// One of each word in [`OUTCOMES`], in that order.
    pub outcomes: Vec<(&'static str, u64)>,
    /// Those that there were, most frequent first.
    pub reasons: Vec<Reason>,
}

/// Why something was not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Of [`OUTCOMES`].
    pub outcome: &'static str,
    pub code: String,
    /// A sentence for people.
    pub text: &'static str,
    pub count: u64,
}

/// Everything that can become of a hit, as `Pixelgate-Outcome` names it.
pub const OUTCOMES: [&str; 7] =
    ["stored", "duplicate", "suppressed", "speculative", "bot", "invalid", "overloaded"];

pub struct LogSeen {
    /// Entries for the writer, now.
    pub waiting: u64,
    /// Entries written, by kind, and in all.
    pub stored: Vec<(String, u64)>,
    pub entries: u64,
    pub bytes: u64,
    pub groups: u64,
    pub syncs: SyncsSeen,
    /// Refused because too much waited, and because the disk took nothing.
    pub overloaded: u64,
    pub unavailable: u64,
    pub write_failures: u64,
    pub sync_failures: u64,
    pub prepare_failures: u64,
    /// Erasures whose rows may still be in a file, now.
    pub erasures_pending: u64,
}

pub struct SyncsSeen {
    pub count: u64,
    pub mean_s: f64,
    /// At most this long; infinite if longer than any bucket. `None` without a sync.
    pub median_s: Option<f64>,
    pub p99_s: Option<f64>,
}

pub struct OptOutsSeen {
    /// Identifiers that are opted out now.
    pub in_force: u64,
    pub taken: u64,
    pub taken_back: u64,
    /// Entries that the writer dropped because an opt-out came in behind the gate.
    pub dropped: u64,
}

impl Dashboard {
    pub fn of(readings: &Readings<'_>, readiness: Readiness, now: Timestamp) -> Self {
        let (partners, refused_matches) = matches_seen::of(readings);
        Self {
            since: Timestamp(readings.sum("pixelgate_start_time_seconds").saturating_mul(1_000)),
            now,
            readiness,
            hits: Hits::of(readings),
            log: LogSeen::of(readings),
            partners,
            refused_matches,
            opt_outs: OptOutsSeen::of(readings),
        }
    }
}

impl Hits {
    fn of(readings: &Readings<'_>) -> Self {
        let mut outcomes: Vec<_> = OUTCOMES.into_iter().map(|outcome| (outcome, 0)).collect();
        let mut reasons = Vec::new();
        for sample in readings.all("pixelgate_hits_total") {
            let reason = Reason::of(sample);
            if let Some((_, count)) = outcomes.iter_mut().find(|(outcome, _)| *outcome == reason.outcome) {
                *count += reason.count;
            }
            if !reason.code.is_empty() && reason.count > 0 {
                reasons.push(reason);
            }
        }
        reasons.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.code.cmp(&b.code)));
        Self { total: readings.sum("pixelgate_hits_total"), outcomes, reasons }
    }
}

impl Reason {
    pub(super) fn of(sample: Sample<'_>) -> Self {
        let code = sample.label("reason");
        let outcome = outcome(sample.label("outcome"), code);
        Self { outcome, code: code.to_owned(), text: text(outcome, code), count: sample.count() }
    }
}

/// The metric of hits counts speculative ones and crawlers among the suppressed.
fn outcome(word: &str, code: &str) -> &'static str {
    let refusal = Refusal::ALL.iter().find(|refusal| refusal.code() == code);
    match refusal {
        Some(refusal) if word == SUPPRESSED => Outcome::Refused(*refusal).word(),
        _ => OUTCOMES.into_iter().find(|known| *known == word).unwrap_or(UNKNOWN),
    }
}

fn text(outcome: &str, code: &str) -> &'static str {
    if outcome == "overloaded" {
        return if code == "disk" { "the disk took nothing" } else { "too much was waiting" };
    }
    let refusals = Refusal::ALL.iter().map(|reason| (reason.code(), reason.text()));
    let invalid = Invalid::ALL.iter().map(|reason| (reason.code(), reason.text()));
    let rejections = MatchRejection::ALL.into_iter().map(|reason| (reason.code(), reason.text()));
    let mut all = refusals.chain(invalid).chain(rejections);
    all.find(|(known, _)| *known == code).map_or("", |(_, text)| text)
}

const SUPPRESSED: &str = "suppressed";
/// Of no hit.
const UNKNOWN: &str = "other";

impl LogSeen {
    fn of(readings: &Readings<'_>) -> Self {
        let of = |name: &str| readings.sum(&format!("pixelgate_log_{name}"));
        let kinds = readings.all("pixelgate_log_stored_total");
        let mut stored: Vec<_> =
            kinds.map(|sample| (sample.label("kind").to_owned(), sample.count())).collect();
        stored.sort();
        Self {
            waiting: of("waiting"),
            entries: of("stored_total"),
            stored,
            bytes: of("bytes_total"),
            groups: of("groups_total"),
            syncs: SyncsSeen::of(readings),
            overloaded: of("overloaded_total"),
            unavailable: of("unavailable_total"),
            write_failures: of("write_failures_total"),
            sync_failures: of("sync_failures_total"),
            prepare_failures: of("prepare_failures_total"),
            erasures_pending: of("erasures_pending"),
        }
    }
}

impl SyncsSeen {
    fn of(readings: &Readings<'_>) -> Self {
        let count = readings.sum("pixelgate_log_sync_seconds_count");
        let total_s = readings.seconds("pixelgate_log_sync_seconds_sum");
        let buckets = readings.all("pixelgate_log_sync_seconds_bucket");
        let buckets: Vec<_> = buckets
            .map(|sample| (sample.label("le").parse().unwrap_or(f64::INFINITY), sample.count()))
            .collect();
        // Buckets count all that were at most as long.
        let within = |share: f64| {
            let wanted = (count as f64 * share).ceil() as u64;
            buckets.iter().find(|(_, syncs)| *syncs >= wanted).map(|(bound_s, _)| *bound_s)
        };
        let quantile = |share| if count == 0 { None } else { within(share) };
        let mean_s = if count == 0 { 0.0 } else { total_s / count as f64 };
        Self { count, mean_s, median_s: quantile(0.5), p99_s: quantile(0.99) }
    }
}

impl OptOutsSeen {
    fn of(readings: &Readings<'_>) -> Self {
        let choices = |choice| {
            let made = readings.all("pixelgate_log_choices_total");
            made.filter(|sample| sample.label("choice") == choice).map(Sample::count).sum()
        };
        Self {
            in_force: readings.sum("pixelgate_log_opt_outs"),
            taken: choices("out"),
            taken_back: choices("in"),
            dropped: readings.sum("pixelgate_log_opted_out_total"),
        }
    }
}
