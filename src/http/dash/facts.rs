//! The tables of the dashboard that are lines of a name and a value.

use crate::http::figures::{bytes, number, seconds};
use crate::service::dashboard::{LogSeen, OptOutsSeen, SyncsSeen};
use crate::service::vendor_list::VendorListStatus;

/// One line.
pub(super) struct Fact {
    pub(super) label: String,
    pub(super) value: String,
    /// It should not be so.
    pub(super) is_bad: bool,
}

impl Fact {
    fn new(label: &str, value: impl Into<String>) -> Self {
        Self { label: label.to_owned(), value: value.into(), is_bad: false }
    }

    fn count(label: &str, count: u64) -> Self {
        Self::new(label, number(count))
    }

    /// Of what should not be.
    fn failures(label: &str, count: u64) -> Self {
        Self { is_bad: count > 0, ..Self::count(label, count) }
    }
}

pub(super) fn log(log: &LogSeen, is_ready: bool) -> Vec<Fact> {
    let state = if is_ready { "takes what it is given" } else { "takes nothing" };
    vec![
        Fact { is_bad: !is_ready, ..Fact::new("State, now", state) },
        Fact::count("Entries waiting, now", log.waiting),
        Fact::count("Entries written", log.entries),
        Fact::new("Bytes written", bytes(log.bytes)),
        Fact::count("Writes, of one or more entries", log.groups),
        Fact::failures("Refused: too much was waiting", log.overloaded),
        Fact::failures("Refused: the disk took nothing", log.unavailable),
        Fact::failures("Writes that failed", log.write_failures),
        Fact::failures("Syncs that failed", log.sync_failures),
        Fact::failures("Files that could not be made ready", log.prepare_failures),
        Fact::count("Erasures not yet out of every file, now", log.erasures_pending),
    ]
}

pub(super) fn syncs(syncs: &SyncsSeen) -> Vec<Fact> {
    let at_most = |bound_s: Option<f64>| match bound_s {
        None => "–".to_owned(),
        Some(bound_s) if bound_s.is_infinite() => "longer than can be told".to_owned(),
        Some(bound_s) => format!("≤ {}", seconds(bound_s)),
    };
    let mean = if syncs.count == 0 { "–".to_owned() } else { seconds(syncs.mean_s) };
    vec![
        Fact::count("Syncs", syncs.count),
        Fact::new("On average", mean),
        Fact::new("Half of them", at_most(syncs.median_s)),
        Fact::new("99 of 100", at_most(syncs.p99_s)),
    ]
}

pub(super) fn kinds(log: &LogSeen) -> Vec<Fact> {
    let facts = log.stored.iter().map(|(kind, count)| Fact::count(&kind.replace('_', " "), *count));
    let mut facts: Vec<_> = facts.collect();
    if facts.is_empty() {
        facts.push(Fact::count("None yet", 0));
    }
    facts
}

pub(super) fn opt_outs(opt_outs: &OptOutsSeen) -> Vec<Fact> {
    vec![
        Fact::count("In force, now", opt_outs.in_force),
        Fact::count("Taken", opt_outs.taken),
        Fact::count("Taken back", opt_outs.taken_back),
        Fact::count("Entries they stopped on the way to the disk", opt_outs.dropped),
    ]
}

pub(super) fn list(list: &VendorListStatus) -> Vec<Fact> {
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    let counts = if list.counts() { "may permit something" } else { "permit nothing" };
    vec![
        Fact { is_bad: list.state != "usable", ..Fact::new("State", list.state) },
        Fact { is_bad: !list.counts(), ..Fact::new("TC strings", counts) },
        Fact::new("Version", or_dash(list.version.map(|version| version.to_string()))),
        Fact::new("Published", or_dash(list.last_updated.as_deref().map(|at| at[..10].to_owned()))),
        Fact::new("Age in days", or_dash(list.age_days.map(number))),
        Fact::new("Vendors", or_dash(list.vendors.map(|vendors| number(vendors as u64)))),
        Fact::new("Of those, deleted", or_dash(list.deleted.map(|deleted| number(deleted as u64)))),
        Fact::new("We, vendor", or_dash(list.vendor_id.map(|id| id.to_string()))),
        Fact::new("Our entry", list.vendor.unwrap_or("–")),
    ]
}
