//! What an advertiser's page shows: the account's event tags and what they have received, what is worth a look, and what the
//! ads were credited with. A pure function of counted rows.
//!
//! What splits people is `None` where it is too small to be told ([`super::small_cells`]); everything else is told.

use std::collections::BTreeMap;

use super::advertiser_warnings::{self, Warning};
use super::report_span::Span;
use super::small_cells::{Rows, Split, shown_beside_sum};
use crate::consent::evidence::Basis;
use crate::domain::attribution::{CreditKey, Windows};
use crate::domain::conversion::Source;
use crate::domain::event::EventType;
use crate::domain::id::{AccountId, CampaignId, EventTagId, LineItemId, PixelId};
use crate::domain::link::Links;
use crate::domain::money::Currency;
use crate::domain::settings::Registry;
use crate::domain::time::Timestamp;
use crate::domain::touch::TouchKind;
use crate::storage::tally::{Tally, TallyKey};

/// Whose report it is, and where all that it has is looked up.
pub struct Account<'a> {
    pub id: AccountId,
    pub registry: &'a Registry,
    pub links: &'a Links,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AdvertiserReport {
    pub account: String,
    pub span: Span,
    /// Until when rows are in it.
    pub as_of: Timestamp,
    /// When each part of the span begins.
    pub starts: Vec<Timestamp>,
    pub tags: Vec<TagReport>,
    /// With what was credited in the span.
    pub line_items: Vec<LineItemReport>,
    pub warnings: Vec<Warning>,
}

/// An event tag; or all page views that name a pixel alone.
#[derive(Debug, Clone, PartialEq)]
pub struct TagReport {
    pub tag: Tag,
    /// When it last received something, if it ever has.
    pub last_at: Option<Timestamp>,
    pub received: Received,
    pub split: People,
    /// For each part of the span.
    pub over_time: Vec<(Received, Option<Credit>)>,
}

impl TagReport {
    /// As the API says it.
    pub const fn status(&self) -> &'static str {
        if self.last_at.is_some() { "TRACKING" } else { "UNVERIFIED" }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    pub pixel_id: PixelId,
    /// `None` for the page views.
    pub id: Option<EventTagId>,
    /// `None` for the page views, and where the tag is no longer there.
    pub name: Option<String>,
    pub event: EventType,
    pub windows: Option<Windows>,
}

/// What came in, which is the advertiser's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    pub by_pixel: u64,
    pub by_api: u64,
    /// Millionths.
    pub amounts: Vec<(Currency, i128)>,
}

impl Received {
    pub const fn all(&self) -> u64 {
        self.by_pixel + self.by_api
    }

    /// Adds what another tag received.
    pub fn add(&mut self, other: &Self) {
        self.by_pixel += other.by_pixel;
        self.by_api += other.by_api;
        for &(currency, micros) in &other.amounts {
            match self.amounts.iter_mut().find(|(known, _)| *known == currency) {
                Some((_, sum)) => *sum += micros,
                None => self.amounts.push((currency, micros)),
            }
        }
    }
}

/// What splits the people behind the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    pub credit: Option<Credit>,
    /// How many events have a key that an ad can be found by, in the order of [`CreditKey::ALL`], and how many have none.
    pub match_keys: Option<([u64; KEYS], u64)>,
    /// In the order of [`Basis::ALL`].
    pub bases: Option<[u64; Basis::ALL.len()]>,
}

/// How many events were credited to an ad, and how many to none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credit {
    pub post_click: u64,
    pub post_view: u64,
    pub none: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LineItemReport {
    pub campaign_id: CampaignId,
    /// `None` where it is no longer there; so with the line item.
    pub campaign: Option<String>,
    pub id: LineItemId,
    pub name: Option<String>,
    /// The event tags of which anything was credited.
    pub credited: Vec<(Tag, Option<Credited>)>,
}

/// Of one event tag, to one line item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credited {
    pub post_click: u64,
    pub post_view: u64,
    pub amounts: Vec<(Currency, i128)>,
}

const KEYS: usize = CreditKey::ALL.len();

/// Of all rows there are; those of other accounts are left out.
pub fn report(
    rows: &[(TallyKey, Tally)],
    account: &Account<'_>,
    as_of: Timestamp,
    span: Span,
) -> AdvertiserReport {
    let mut counts = account.tags();
    for (key, tally) in rows.iter().filter(|(key, _)| key.account_id == account.id) {
        let at = counts.iter().position(|count| count.tag.is_of(key));
        let at = at.unwrap_or_else(|| {
            counts.push(Count::new(Tag::gone(key)));
            counts.len() - 1
        });
        counts[at].add(key, tally, span, as_of);
    }
    // What nobody has set up is a line only where there is something in it.
    counts.retain(|count| count.tag.name.is_some() || count.all.tally.rows > 0);
    AdvertiserReport {
        account: account.registry.account_name(account.id).unwrap_or_default().to_owned(),
        span,
        as_of,
        starts: span.starts(as_of),
        line_items: account.line_items(&counts),
        warnings: counts
            .iter()
            .filter(|count| !count.tag.is_gone())
            .flat_map(|count| advertiser_warnings::of(count, as_of))
            .collect(),
        tags: counts.iter().map(|count| count.report(span)).collect(),
    }
}

impl Account<'_> {
    /// Every tag of the account, with nothing received yet; those of a pixel together, its page views last.
    fn tags(&self) -> Vec<Count> {
        let pixels = self.registry.pixels_of(self.id);
        let tags = pixels.flat_map(|pixel| {
            let tags = pixel.event_tags.iter().map(|tag| Tag {
                pixel_id: pixel.id,
                id: Some(tag.id),
                name: Some(tag.name.clone()),
                event: tag.event,
                windows: Some(tag.windows),
            });
            tags.chain([Tag {
                pixel_id: pixel.id,
                id: None,
                name: None,
                event: EventType::SiteVisit,
                windows: None,
            }])
        });
        tags.map(Count::new).collect()
    }

    /// Those of the configuration in its order, also where nothing was credited, and then those that only rows name.
    fn line_items(&self, counts: &[Count]) -> Vec<LineItemReport> {
        let configured = self.links.campaigns_of(self.id).flat_map(|campaign| {
            campaign.line_items.iter().map(|item| LineItemReport {
                campaign_id: campaign.id,
                campaign: Some(campaign.name.clone()),
                id: item.id,
                name: Some(item.name.clone()),
                credited: Vec::new(),
            })
        });
        let mut reports: Vec<_> = configured.collect();
        for count in counts {
            let groups =
                |sum: &Sum| Split { all: count.all.tally.rows, groups: [sum.post_click, sum.post_view] };
            let splits: Vec<_> = count.credited.values().map(groups).collect();
            let shown = shown_beside_sum(&splits, Rows::OfTheSameEvents);
            for ((&(campaign_id, id), sum), shown) in count.credited.iter().zip(shown) {
                let told = shown.map(|[post_click, post_view]| Credited {
                    post_click,
                    post_view,
                    amounts: sum.received().amounts,
                });
                let credited = (count.tag.clone(), told);
                match reports.iter_mut().find(|item| (item.campaign_id, item.id) == (campaign_id, id)) {
                    Some(item) => item.credited.push(credited),
                    None => {
                        let (campaign, name) = (None, None);
                        reports.push(LineItemReport {
                            campaign_id,
                            campaign,
                            id,
                            name,
                            credited: vec![credited],
                        });
                    }
                }
            }
        }
        reports
    }
}

impl Tag {
    fn is_of(&self, key: &TallyKey) -> bool {
        (self.pixel_id, self.id) == (key.pixel_id, key.event_tag_id)
    }

    /// There is no such tag any more.
    const fn is_gone(&self) -> bool {
        self.id.is_some() && self.name.is_none()
    }

    /// One that rows name and nobody has any more.
    const fn gone(key: &TallyKey) -> Self {
        Self { pixel_id: key.pixel_id, id: key.event_tag_id, name: None, event: key.event, windows: None }
    }
}

/// What is counted for one tag.
pub(super) struct Count {
    pub(super) tag: Tag,
    pub(super) last_at: Option<Timestamp>,
    /// In the span.
    pub(super) all: Sum,
    over_time: BTreeMap<usize, Sum>,
    credited: BTreeMap<(CampaignId, LineItemId), Sum>,
}

#[derive(Default)]
pub(super) struct Sum {
    pub(super) tally: Tally,
    by_api: u64,
    post_click: u64,
    post_view: u64,
}

impl Count {
    fn new(tag: Tag) -> Self {
        let (over_time, credited) = (BTreeMap::new(), BTreeMap::new());
        Self { tag, last_at: None, all: Sum::default(), over_time, credited }
    }

    fn add(&mut self, key: &TallyKey, tally: &Tally, span: Span, as_of: Timestamp) {
        self.last_at = self.last_at.max(Some(tally.last_at));
        let Some(part) = span.part_of(key.hour, as_of) else { return };
        self.all.add(key, tally);
        self.over_time.entry(part).or_default().add(key, tally);
        if let Some((_, placement)) = &key.credit {
            let place = (placement.campaign_id, placement.line_item_id);
            self.credited.entry(place).or_default().add(key, tally);
        }
    }

    fn report(&self, span: Span) -> TagReport {
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

    fn received(&self) -> Received {
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

#[cfg(test)]
mod tests;
