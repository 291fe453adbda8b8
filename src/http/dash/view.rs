//! The dashboard in words, as its template takes it.

use askama::Template;

use super::facts::{self, Fact};
use crate::http::figures::{duration, moment, number, percent, share};
use crate::service::dashboard::{Dashboard, Hits, Reason};
use crate::service::matches_seen::{MatchesSeen, PartnerSeen, RefusedMatch};
use crate::service::operation::{ErasureState, Readiness};
use crate::service::storage_access::StorageAccess;

#[derive(Template)]
#[template(path = "dash.html", config = "static/dash/askama.toml")]
pub(super) struct Page {
    style: &'static str,
    script: &'static str,
    /// Does not bring itself up to date.
    still: bool,
    since: String,
    /// RFC 3339, as all that end so.
    since_at: String,
    now: String,
    now_at: String,
    uptime: String,
    ready: bool,
    /// Why not, and what else somebody should know.
    notes: Vec<&'static str>,
    total: String,
    outcomes: Vec<OutcomeRow>,
    reasons: Vec<ReasonRow>,
    log: Vec<Fact>,
    syncs: Vec<Fact>,
    kinds: Vec<Fact>,
    rows: Vec<TableRow>,
    matches: Vec<MatchGroup>,
    refused: Vec<RefusedGroup>,
    opt_outs: Vec<Fact>,
    /// Empty where no list is wanted.
    list: Vec<Fact>,
}

struct OutcomeRow {
    word: &'static str,
    text: &'static str,
    count: String,
    share: String,
    /// Where its part of the bar begins and how long it is, in percent.
    from: String,
    width: String,
}

struct ReasonRow {
    outcome: &'static str,
    code: String,
    text: &'static str,
    count: String,
    share: String,
}

struct TableRow {
    partner: String,
    kinds: String,
    /// For each standing, then all.
    counts: Vec<String>,
}

struct MatchGroup {
    partner: String,
    rows: Vec<MatchRow>,
}

struct MatchRow {
    access: &'static str,
    /// Kept, came in, asked, told.
    counts: [String; 4],
    rate: String,
    is_sum: bool,
}

struct RefusedGroup {
    partner: String,
    rows: Vec<RefusedRow>,
}

struct RefusedRow {
    step: &'static str,
    reason: ReasonRow,
}

impl Page {
    pub(super) fn new(seen: Dashboard, still: bool) -> Self {
        let Dashboard { since, now, readiness, hits, log, partners, refused_matches, opt_outs } = seen;
        Self {
            style: concat!("/dash.css?v=", env!("CARGO_PKG_VERSION")),
            script: concat!("/dash.js?v=", env!("CARGO_PKG_VERSION")),
            still,
            since: moment(since),
            since_at: since.to_string(),
            now: moment(now),
            now_at: now.to_string(),
            uptime: duration(now.ms_since(since)),
            ready: readiness.is_ready(),
            notes: notes(&readiness),
            total: number(hits.total),
            outcomes: outcomes(&hits),
            reasons: hits.reasons.into_iter().map(|reason| ReasonRow::of(reason, hits.total)).collect(),
            kinds: facts::kinds(&log),
            syncs: facts::syncs(&log.syncs),
            log: facts::log(&log, readiness.log),
            rows: partners.iter().filter(|partner| !partner.name.is_empty()).map(TableRow::of).collect(),
            matches: partners.iter().filter_map(MatchGroup::of).collect(),
            refused: refused(refused_matches),
            opt_outs: facts::opt_outs(&opt_outs),
            list: readiness.vendor_list.as_ref().map(facts::list).unwrap_or_default(),
        }
    }
}

fn notes(readiness: &Readiness) -> Vec<&'static str> {
    let mut notes = Vec::new();
    if !readiness.log {
        notes.push("The disk takes nothing: hits are answered with 503, opt-outs are still taken while there is room for them.");
    }
    if readiness.draining {
        notes.push("The server is ending: it answers what is under way.");
    }
    match readiness.erasures {
        ErasureState::Done | ErasureState::Pending => {}
        ErasureState::Failing => notes.push("An erasure came to nothing and is tried again."),
        ErasureState::Late => notes.push("An erasure is late: its rows are still in a file."),
    }
    if readiness.vendor_list.as_ref().is_some_and(|list| !list.counts()) {
        notes.push("The vendor list permits nothing: where the GDPR applies, all hits are refused.");
    }
    notes
}

fn outcomes(hits: &Hits) -> Vec<OutcomeRow> {
    let mut before = 0;
    let row = |&(word, count): &(&'static str, u64)| {
        let from = format!("{:.3}", percent(before, hits.total));
        before += count;
        let width = format!("{:.3}", percent(count, hits.total));
        OutcomeRow {
            word,
            text: meaning(word),
            count: number(count),
            share: share(count, hits.total),
            from,
            width,
        }
    };
    hits.outcomes.iter().map(row).collect()
}

fn meaning(outcome: &str) -> &'static str {
    match outcome {
        "stored" => "in the log",
        "duplicate" => "in the log already",
        "suppressed" => "the gate said no",
        "speculative" => "fetched ahead, seen by nobody",
        "bot" => "a known crawler",
        "invalid" => "no hit, by its parameters",
        "overloaded" => "to be tried again later",
        _ => "",
    }
}

impl ReasonRow {
    fn of(Reason { outcome, code, text, count }: Reason, total: u64) -> Self {
        Self { outcome, code, text, count: number(count), share: share(count, total) }
    }
}

impl TableRow {
    fn of(partner: &PartnerSeen) -> Self {
        let all = partner.rows.iter().sum();
        let counts = partner.rows.into_iter().chain([all]).map(number).collect();
        Self { partner: partner.name.clone(), kinds: partner.kinds.join(", "), counts }
    }
}

impl MatchGroup {
    /// `None` where there was nothing.
    fn of(partner: &PartnerSeen) -> Option<Self> {
        let each = StorageAccess::ALL.into_iter().zip(partner.by_access);
        let each = each.filter(|(_, seen)| *seen != MatchesSeen::default());
        let mut rows: Vec<_> = each.map(|(access, seen)| MatchRow::of(access_text(access), seen)).collect();
        if rows.len() > 1 {
            rows.push(MatchRow { is_sum: true, ..MatchRow::of("all", partner.total()) });
        }
        (!rows.is_empty()).then(|| Self { partner: partner_text(&partner.name), rows })
    }
}

impl MatchRow {
    fn of(access: &'static str, MatchesSeen { asked, told, inbound, kept }: MatchesSeen) -> Self {
        let counts = [kept, inbound, asked, told].map(number);
        Self { access, counts, rate: share(kept, inbound), is_sum: false }
    }
}

const fn access_text(access: StorageAccess) -> &'static str {
    match access {
        StorageAccess::Active => "work",
        StorageAccess::None => "kept apart or blocked",
        StorageAccess::Unknown => "not said",
    }
}

fn partner_text(name: &str) -> String {
    if name.is_empty() { "none that we know".to_owned() } else { name.to_owned() }
}

/// By partner; what is given is in that order already.
fn refused(matches: Vec<RefusedMatch>) -> Vec<RefusedGroup> {
    let mut groups: Vec<RefusedGroup> = Vec::new();
    for RefusedMatch { partner, step, reason } in matches {
        let (partner, row) = (partner_text(&partner), RefusedRow::of(&step, reason));
        match groups.last_mut().filter(|group| group.partner == partner) {
            Some(group) => group.rows.push(row),
            None => groups.push(RefusedGroup { partner, rows: vec![row] }),
        }
    }
    groups
}

impl RefusedRow {
    fn of(step: &str, reason: Reason) -> Self {
        let step = match step {
            "start" => "asked",
            "introduction" => "told",
            _ => "came in",
        };
        let code = if reason.code.is_empty() { reason.outcome.to_owned() } else { reason.code.clone() };
        // Of what, is not said: requests at three steps have no sum that means anything.
        Self { step, reason: ReasonRow::of(Reason { code, ..reason }, 0) }
    }
}
