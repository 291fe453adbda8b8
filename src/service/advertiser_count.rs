//! What is counted of one event tag for its advertiser's page.

use std::collections::BTreeMap;

use super::advertiser_report::{Credit, People, Received, Tag, TagReport};
use super::report_span::Span;
use super::small_cells::{Rows, Split, shown_beside_sum};
use super::unstored_report::BySource;
use crate::domain::conversion::Source;
use crate::domain::id::{CampaignId, LineItemId};
use crate::domain::time::{MS_PER_HOUR, Timestamp};
use crate::domain::touch::TouchKind;
use crate::storage::tally::{Tally, TallyKey};

/// What is counted for one tag.
pub(super) struct Count {
    pub(super) tag: Tag,
    pub(super) last_at: Option<Timestamp>,
    /// In the span.
    pub(super) all: Sum,
    over_time: BTreeMap<usize, Sum>,
    pub(super) credited: BTreeMap<(CampaignId, LineItemId), Sum>,
    /// Of what happened since the server's start, in whole hours.
    pub(super) since_start: BySource<u64>,
}

#[derive(Default)]
pub(super) struct Sum {
    pub(super) tally: Tally,
    by_api: u64,
    pub(super) post_click: u64,
    pub(super) post_view: u64,
}

impl Count {
    pub(super) fn new(tag: Tag) -> Self {
        let (over_time, credited) = (BTreeMap::new(), BTreeMap::new());
        Self {
            tag,
            last_at: None,
            all: Sum::default(),
            over_time,
            credited,
            since_start: BySource::default(),
        }
    }

    pub(super) fn add(&mut self, key: &TallyKey, tally: &Tally, span: Span, as_of: Timestamp) {
        self.last_at = self.last_at.max(Some(tally.last_at));
        let Some(part) = span.part_of(key.hour, as_of) else { return };
        self.all.add(key, tally);
        self.over_time.entry(part).or_default().add(key, tally);
        if let Some((_, placement)) = &key.credit {
            let place = (placement.campaign_id, placement.line_item_id);
            self.credited.entry(place).or_default().add(key, tally);
        }
    }

    /// `since` is when duplicates are counted from. Of what happened before, the first may be from before as well.
    pub(super) fn add_since(&mut self, key: &TallyKey, tally: &Tally, since: Timestamp) {
        if key.hour.saturating_mul(MS_PER_HOUR) >= since.0 {
            self.since_start[key.source as usize] += tally.rows;
        }
    }

    pub(super) fn report(&self, span: Span) -> TagReport {
        let nothing = Sum::default();
        let parts: Vec<_> = (0..span.parts()).map(|at| self.over_time.get(&at).unwrap_or(&nothing)).collect();
        let credits: Vec<_> = parts.iter().map(|part| part.credit()).collect();
        let credits = shown_beside_sum(&credits, Rows::OfOtherEvents);
        let over_time = parts.iter().zip(credits);
        TagReport {
            tag: self.tag.clone(),
            last_at: self.last_at,
            received: self.all.received(),
            split: self.all.people(),
            over_time: over_time.map(|(part, credit)| (part.received(), credit.map(Credit::of))).collect(),
        }
    }
}

impl Sum {
    fn add(&mut self, key: &TallyKey, tally: &Tally) {
        self.tally.merge(tally);
        match key.source {
            Source::Pixel => {}
            Source::Api => self.by_api += tally.rows,
        }
        match key.credit {
            Some((TouchKind::Click, _)) => self.post_click += tally.rows,
            Some((TouchKind::View, _)) => self.post_view += tally.rows,
            None => {}
        }
    }

    pub(super) fn received(&self) -> Received {
        let mut amounts = self.tally.amounts.clone();
        amounts.sort_by_key(|(currency, _)| currency.to_string());
        Received { by_pixel: self.tally.rows - self.by_api, by_api: self.by_api, amounts }
    }

    const fn credit(&self) -> Split<3> {
        let none = self.tally.rows - self.post_click - self.post_view;
        Split { all: self.tally.rows, groups: [self.post_click, self.post_view, none] }
    }

    fn people(&self) -> People {
        let Tally { rows, match_keys: [a, b, c, d], without_keys, bases, .. } = self.tally;
        let keys = Split { all: rows, groups: [a, b, c, d, without_keys] };
        People {
            credit: self.credit().shown().map(Credit::of),
            match_keys: keys.shown().map(|[a, b, c, d, none]| ([a, b, c, d], none)),
            bases: Split { all: rows, groups: bases }.shown(),
        }
    }
}

impl Credit {
    const fn of([post_click, post_view, none]: [u64; 3]) -> Self {
        Self { post_click, post_view, none }
    }
}
