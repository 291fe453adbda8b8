//! What became of cookie matches, partner by partner, for people.
//!
//! Every number comes from [`Readings`].

use super::dashboard::Reason;
use super::readings::{Readings, Sample};
use super::storage_access::StorageAccess;
use crate::storage::match_table::Standing;

pub struct PartnerSeen {
    /// Empty for requests that name no partner we know.
    pub name: String,
    /// None of one that is no longer registered.
    pub kinds: Vec<String>,
    /// Rows in the match table now, for each [`Standing`].
    pub rows: [u64; Standing::ALL.len()],
    pub by_access: [MatchesSeen; StorageAccess::ALL.len()],
}

/// Matches of browsers that say the same of third-party cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MatchesSeen {
    /// Browsers sent to be told the partner's id.
    pub asked: u64,
    /// Browsers sent to tell the partner ours.
    pub told: u64,
    /// Requests with a partner's id, or that should have had one.
    pub inbound: u64,
    /// Those of them that are in the log, or were already.
    pub kept: u64,
}

pub struct RefusedMatch {
    pub partner: String,
    /// As in the metric: `start`, `introduction` or `inbound`.
    pub step: String,
    pub reason: Reason,
}

/// What became of matches, partner by partner, and which were refused, by partner and the most frequent first.
pub(super) fn of(readings: &Readings<'_>) -> (Vec<PartnerSeen>, Vec<RefusedMatch>) {
    let (mut partners, mut refused) = (Vec::new(), Vec::new());
    for sample in readings.all("pixelgate_partner_kinds") {
        partner(&mut partners, sample.label("partner")).kinds.push(sample.label("kind").to_owned());
    }
    for sample in readings.all("pixelgate_partner_match_rows") {
        let partner = partner(&mut partners, sample.label("partner"));
        let standing = Standing::ALL.into_iter().position(|known| known.name() == sample.label("standing"));
        if let Some(rows) = standing.and_then(|at| partner.rows.get_mut(at)) {
            *rows = sample.count();
        }
    }
    for sample in readings.all("pixelgate_matches_total") {
        let access = sample.label("storage_access");
        let at = StorageAccess::ALL.into_iter().position(|known| known.name() == access);
        let partner = partner(&mut partners, sample.label("partner"));
        if let Some(seen) = at.and_then(|at| partner.by_access.get_mut(at)) {
            seen.add(sample);
        }
        note_refused(&mut refused, sample);
    }
    refused.sort_by(|a, b| {
        let count = b.reason.count.cmp(&a.reason.count);
        let partner = (a.partner.is_empty(), &a.partner).cmp(&(b.partner.is_empty(), &b.partner));
        partner.then(count).then_with(|| a.reason.code.cmp(&b.reason.code))
    });
    (partners, refused)
}

impl PartnerSeen {
    /// Over all that browsers say of their cookies.
    pub fn total(&self) -> MatchesSeen {
        self.by_access.iter().fold(MatchesSeen::default(), |sum, one| MatchesSeen {
            asked: sum.asked + one.asked,
            told: sum.told + one.told,
            inbound: sum.inbound + one.inbound,
            kept: sum.kept + one.kept,
        })
    }
}

fn partner<'p>(partners: &'p mut Vec<PartnerSeen>, name: &str) -> &'p mut PartnerSeen {
    let at = partners.iter().position(|known| known.name == name).unwrap_or_else(|| {
        let (name, kinds) = (name.to_owned(), Vec::new());
        partners.push(PartnerSeen { name, kinds, rows: Default::default(), by_access: Default::default() });
        partners.len() - 1
    });
    &mut partners[at]
}

impl MatchesSeen {
    fn add(&mut self, sample: Sample<'_>) {
        let count = sample.count();
        match (sample.label("step"), sample.label("outcome")) {
            ("start", "sent") => self.asked += count,
            ("introduction", "sent") => self.told += count,
            ("inbound", outcome) => {
                self.inbound += count;
                self.kept += if matches!(outcome, "stored" | "duplicate") { count } else { 0 };
            }
            _ => {}
        }
    }
}

/// One row for each partner, step and reason, whatever browsers said of their cookies.
fn note_refused(refused: &mut Vec<RefusedMatch>, sample: Sample<'_>) {
    if matches!(sample.label("outcome"), "sent" | "stored" | "duplicate") {
        return;
    }
    let (partner, step, reason) = (sample.label("partner"), sample.label("step"), Reason::of(sample));
    let known = refused.iter_mut().find(|known| {
        let same = known.reason.outcome == reason.outcome && known.reason.code == reason.code;
        same && known.partner == partner && known.step == step
    });
    match known {
        Some(known) => known.reason.count += reason.count,
        None => {
            refused.push(RefusedMatch { partner: partner.to_owned(), step: step.to_owned(), reason });
        }
    }
}
