//! The ad touches that conversions can be credited to, by browser and by click id.
//!
//! Memory only: a replay of the log rebuilds it. The log's writer alone has it, so that nothing in it waits for a lock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::options::Retain;
use super::sightings::{Sightings, Span};
use crate::consent::activity::ActivityKind;
use crate::consent::evidence::Evidence;
use crate::domain::attribution::{
    Candidate, Claim, Credit, Person, REACH_DAYS, Shown, Sighting, TouchView, Wanted, shown_together,
};
use crate::domain::conversion::Conversion;
use crate::domain::id::{AccountId, BrowserId, EventId};
use crate::domain::link::Placement;
use crate::domain::opt_out::Subject;
use crate::domain::time::{MS_PER_DAY, Timestamp};
use crate::domain::touch::{IssuedClickId, Touch, TouchKind};

/// Trees, because they grow without ever moving all that they hold at once, and find the last one before a time.
pub(super) struct Touches {
    rows: BTreeMap<RowKey, Row>,
    clicks: BTreeMap<IssuedClickId, RowKey>,
    browsers: BTreeSet<(BrowserKey, RowKey)>,
    /// Each once, shared by its touches.
    placements: BTreeSet<Arc<Placement>>,
    sightings: Sightings,
    rows_max: usize,
}

/// A touch's time and id: their order is the one in which touches count.
type RowKey = (Timestamp, EventId);

struct Row {
    kind: TouchKind,
    placement: Arc<Placement>,
    browser_id: Option<BrowserId>,
    click_id: Option<IssuedClickId>,
    may_link: bool,
}

/// Whose touches are looked for together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct BrowserKey {
    browser_id: BrowserId,
    account_id: AccountId,
    kind: TouchKind,
    may_link: bool,
}

/// What an entry has added, for taking it back if the entry is never written.
#[derive(Debug)]
pub(super) enum Learned {
    Touch(RowKey),
    /// With what was known before.
    Sighting(Shown, Option<Span>),
}

impl Touches {
    pub(super) fn new(rows_max: usize) -> Self {
        Self {
            rows: BTreeMap::new(),
            clicks: BTreeMap::new(),
            browsers: BTreeSet::new(),
            placements: BTreeSet::new(),
            sightings: Sightings::default(),
            rows_max,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// A touch without any id can be found by nothing, so it is not kept.
    pub(super) fn insert(&mut self, touch: &Touch, evidence: &Evidence) -> Option<Learned> {
        if touch.browser_id.is_none() && touch.click_id.is_none() {
            return None;
        }
        let key = (touch.at, touch.id);
        let row = Row {
            kind: touch.kind,
            placement: self.shared(&touch.placement),
            browser_id: touch.browser_id,
            click_id: touch.click_id,
            may_link: may_link(evidence),
        };
        if let Some(click_id) = row.click_id {
            self.clicks.insert(click_id, key);
        }
        self.browsers.extend(row.browser_key().map(|browser| (browser, key)));
        self.rows.insert(key, row);
        while self.rows.len() > self.rows_max {
            let Some((&oldest, _)) = self.rows.first_key_value() else { break };
            self.remove(oldest);
        }
        Some(Learned::Touch(key))
    }

    /// Notes whom `conversion` shows with what.
    pub(super) fn note(&mut self, conversion: &Conversion, evidence: &Evidence) -> Vec<Learned> {
        let mut learned = Vec::new();
        for shown in shown_together(conversion, may_link(evidence)) {
            let before = self.sightings.see(shown, conversion.at);
            learned.push(Learned::Sighting(shown, before));
        }
        let sightings_max = self.rows_max / TOUCHES_PER_SIGHTING;
        while self.sightings.len() > sightings_max
            && self.sightings.forget_oldest(Timestamp(0), sightings_max)
        {}
        learned
    }

    /// What a conversion that the log takes at `now` is to be credited to.
    pub(super) fn credit(
        &self,
        conversion: &Conversion,
        evidence: &Evidence,
        now: Timestamp,
    ) -> Option<Credit> {
        if self.rows.is_empty() {
            return None;
        }
        Claim::of(conversion, may_link(evidence), now)?.credit(self)
    }

    pub(super) fn unlearn(&mut self, learned: Learned) {
        match learned {
            Learned::Touch(key) => self.remove(key),
            Learned::Sighting(shown, before) => self.sightings.set(shown, before),
        }
    }

    /// All that is about `subject` is gone from here on.
    pub(super) fn forget(&mut self, subject: Subject) {
        if let Subject::Browser(browser_id) = subject {
            let from = BrowserKey {
                browser_id,
                account_id: AccountId::from_number(0),
                kind: TouchKind::View,
                may_link: false,
            };
            let theirs = self.browsers.range((from, FIRST_ROW)..);
            let theirs = theirs.take_while(|(browser, _)| browser.browser_id == browser_id);
            let theirs: Vec<_> = theirs.map(|(_, key)| *key).collect();
            theirs.into_iter().for_each(|key| self.remove(key));
        }
        self.sightings.forget(subject);
    }

    /// Forgets a few of those from before `earliest`.
    pub(super) fn expire_some(&mut self, earliest: Timestamp) {
        for _ in 0..EXPIRED_AT_ONCE {
            match self.rows.first_key_value() {
                Some((&key, _)) if key.0 < earliest => self.remove(key),
                _ => break,
            }
        }
        for _ in 0..EXPIRED_AT_ONCE {
            if !self.sightings.forget_oldest(earliest, usize::MAX) {
                break;
            }
        }
    }

    fn remove(&mut self, key: RowKey) {
        let Some(row) = self.rows.remove(&key) else { return };
        if let Some(browser) = row.browser_key() {
            self.browsers.remove(&(browser, key));
        }
        if let Some(click_id) = row.click_id {
            self.clicks.remove(&click_id);
        }
    }

    fn shared(&mut self, placement: &Arc<Placement>) -> Arc<Placement> {
        if let Some(known) = self.placements.get(placement) {
            return Arc::clone(known);
        }
        self.placements.insert(Arc::clone(placement));
        Arc::clone(placement)
    }

    fn candidate(&self, key: RowKey) -> Option<Candidate<'_>> {
        let Row { kind, placement, browser_id, may_link, .. } = self.rows.get(&key)?;
        let (at, id) = key;
        Some(Candidate { id, at, kind: *kind, browser_id: *browser_id, placement, may_link: *may_link })
    }
}

/// From before when nothing counts at `now`, where touches are kept as `retain` says.
pub(super) fn earliest(now: Timestamp, retain: Retain) -> Timestamp {
    let reach_ms = REACH_DAYS * MS_PER_DAY;
    let kept_ms = retain.touch.and_then(|time| u64::try_from(time.as_millis()).ok());
    Timestamp(now.0.saturating_sub(kept_ms.map_or(reach_ms, |kept_ms| kept_ms.min(reach_ms))))
}

const fn may_link(evidence: &Evidence) -> bool {
    evidence.activities.contains(ActivityKind::LinkDevices)
}

const FIRST_ROW: RowKey = (Timestamp(0), EventId::from_bytes([0; 16]));
const LAST_ID: EventId = EventId::from_bytes([255; 16]);

/// A sighting takes three times the memory of a touch, and most touches are of people of whom there is none.
const TOUCHES_PER_SIGHTING: usize = 4;

/// More would hold up who waits for the log; the next round goes on.
const EXPIRED_AT_ONCE: usize = 1_000;

impl Row {
    fn browser_key(&self) -> Option<BrowserKey> {
        let Self { kind, may_link, .. } = *self;
        let account_id = self.placement.account_id;
        self.browser_id.map(|browser_id| BrowserKey { browser_id, account_id, kind, may_link })
    }
}

impl TouchView for Touches {
    fn of_click(&self, click_id: IssuedClickId) -> Option<Candidate<'_>> {
        self.candidate(*self.clicks.get(&click_id)?)
    }

    fn latest(&self, browser_id: BrowserId, wanted: Wanted) -> Option<Candidate<'_>> {
        let Wanted { account_id, kind, until, linkable } = wanted;
        let last = |may_link| {
            let browser = BrowserKey { browser_id, account_id, kind, may_link };
            let theirs = self.browsers.range((browser, FIRST_ROW)..=(browser, (until, LAST_ID)));
            theirs.map(|(_, key)| *key).next_back()
        };
        let others = if linkable { None } else { last(false) };
        self.candidate(last(true).max(others)?)
    }

    fn seen_with(&self, person: Person, account_id: AccountId) -> impl Iterator<Item = Sighting> {
        self.sightings.of(person, account_id)
    }
}

#[cfg(test)]
mod tests;
