//! What an account's campaigns and line items were credited with, as X's statistics tell it.
//!
//! Pure: from counted rows to series of numbers. A conversion is in the hour in which it happened.

use std::ops::Range;

use crate::domain::event::EventType;
use crate::domain::id::{CampaignId, LineItemId};
use crate::domain::link::Placement;
use crate::domain::money::Currency;
use crate::domain::touch::TouchKind;
use crate::storage::tally::{Tally, TallyKey};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatsQuery {
    pub entities: Vec<Entity>,
    /// Since 1970, UTC; whole days where the granularity is a day.
    pub hours: Range<u64>,
    pub granularity: Granularity,
}

/// What conversions are credited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    Campaign(CampaignId),
    LineItem(LineItemId),
}

impl Entity {
    pub fn has(self, placement: &Placement) -> bool {
        match self {
            Self::Campaign(id) => placement.campaign_id == id,
            Self::LineItem(id) => placement.line_item_id == id,
        }
    }
}

/// How long what one number stands for is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    Hour,
    Day,
    Total,
}

impl StatsQuery {
    /// How many numbers a series has.
    pub fn length(&self) -> usize {
        let hours = (self.hours.end - self.hours.start) as usize;
        match self.granularity {
            Granularity::Hour => hours,
            Granularity::Day => hours / 24,
            Granularity::Total => 1,
        }
    }

    /// Which number of a series `hour` belongs to.
    fn at(&self, hour: u64) -> Option<usize> {
        let hours = hour.checked_sub(self.hours.start)? as usize;
        let at = match self.granularity {
            Granularity::Hour => hours,
            Granularity::Day => hours / 24,
            Granularity::Total => 0,
        };
        self.hours.contains(&hour).then_some(at)
    }
}

/// The metrics of one entity in the order of [`METRICS`]; `None` for those without a single conversion.
pub type EntityStats = Vec<Option<Metric>>;

/// What conversions of one type were credited to an entity, one number for each hour or day, or one for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    pub conversions: Credited,
    /// Millionths of pieces; `None` where no conversion names a quantity.
    pub order_quantity: Option<Credited>,
    /// Millionths of the account's currency; `None` where no conversion has a value in it.
    pub sale_amount: Option<Credited>,
}

/// By what was credited. `all` is the sum of both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credited {
    pub all: Vec<i64>,
    pub post_view: Vec<i64>,
    pub post_engagement: Vec<i64>,
}

impl Credited {
    fn new(length: usize) -> Self {
        let zeros = vec![0; length];
        Self { all: zeros.clone(), post_view: zeros.clone(), post_engagement: zeros }
    }

    /// What does not fit stays at the greatest number there is, rather than to be a small one.
    fn add(&mut self, at: usize, kind: TouchKind, amount: i128) {
        let part = match kind {
            TouchKind::View => &mut self.post_view,
            TouchKind::Click => &mut self.post_engagement,
        };
        for sum in [&mut self.all[at], &mut part[at]] {
            *sum = i64::try_from(i128::from(*sum) + amount).unwrap_or(i64::MAX);
        }
    }
}

/// For each entity of `query`, in its order. Values in other currencies than `currency` are left out.
pub fn compute(query: &StatsQuery, rows: &[(TallyKey, Tally)], currency: Currency) -> Vec<EntityStats> {
    let of_entity = |entity: &Entity| {
        let mut stats: EntityStats = vec![None; METRICS.len()];
        for (key, tally) in rows {
            let credit = key.credit.as_ref().filter(|(_, placement)| entity.has(placement));
            let metric = METRICS.iter().position(|(_, event)| *event == key.event);
            if let (Some((kind, _)), Some(metric), Some(at)) = (credit, metric, query.at(key.hour)) {
                let metric = stats[metric].get_or_insert_with(|| Metric::new(query.length()));
                metric.add(at, *kind, tally, currency);
            }
        }
        stats
    };
    query.entities.iter().map(of_entity).collect()
}

impl Metric {
    fn new(length: usize) -> Self {
        Self { conversions: Credited::new(length), order_quantity: None, sale_amount: None }
    }

    fn add(&mut self, at: usize, kind: TouchKind, tally: &Tally, currency: Currency) {
        let length = self.conversions.all.len();
        self.conversions.add(at, kind, tally.rows.into());
        if tally.with_quantity > 0 {
            let quantity = self.order_quantity.get_or_insert_with(|| Credited::new(length));
            quantity.add(at, kind, i128::from(tally.quantity) * MICROS);
        }
        for (_, micros) in tally.amounts.iter().filter(|(known, _)| *known == currency) {
            let amount = self.sale_amount.get_or_insert_with(|| Credited::new(length));
            amount.add(at, kind, *micros);
        }
    }
}

const MICROS: i128 = 1_000_000;

/// What the conversions of each type are called.
pub const METRICS: [(&str, EventType); 14] = [
    ("conversion_purchases", EventType::Purchase),
    ("conversion_sign_ups", EventType::SignUp),
    ("conversion_site_visits", EventType::SiteVisit),
    ("conversion_downloads", EventType::Download),
    ("conversion_custom", EventType::Custom),
    ("conversion_add_to_carts", EventType::AddToCart),
    ("conversion_checkouts_initiated", EventType::CheckoutInitiated),
    ("conversion_content_views", EventType::ContentView),
    ("conversion_payment_info_additions", EventType::AddedPaymentInfo),
    ("conversion_add_to_wishlists", EventType::AddToWishlist),
    ("conversion_searches", EventType::Search),
    ("conversion_subscriptions", EventType::Subscribe),
    ("conversion_start_trials", EventType::StartTrial),
    ("conversion_product_customizations", EventType::ProductCustomization),
];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::conversion::Source;
    use crate::domain::id::{AccountId, EventTagId, PixelId};
    use crate::domain::link::LinkName;

    fn row(event: EventType, hour: u64, credit: Option<(TouchKind, u64)>, rows: u64) -> (TallyKey, Tally) {
        let placement = |line_item| Placement {
            account_id: AccountId::from_number(1),
            link: LinkName::parse("spring").expect("a name"),
            campaign_id: CampaignId::from_number(100 + line_item / 2),
            line_item_id: LineItemId::from_number(line_item),
        };
        let key = TallyKey {
            account_id: AccountId::from_number(1),
            pixel_id: PixelId::from_number(2),
            event_tag_id: Some(EventTagId::from_number(3)),
            event,
            source: Source::Pixel,
            hour,
            credit: credit.map(|(kind, line_item)| (kind, Arc::new(placement(line_item)))),
        };
        (key, Tally { rows, ..Tally::default() })
    }

    fn query(entity: Entity, hours: Range<u64>, granularity: Granularity) -> StatsQuery {
        StatsQuery { entities: vec![entity], hours, granularity }
    }

    #[test]
    fn every_event_type_has_a_metric_of_its_own() {
        for event in EventType::ALL {
            assert_eq!(METRICS.iter().filter(|(_, known)| *known == event).count(), 1, "{event}");
        }
    }

    #[test]
    fn a_conversion_counts_in_its_hour_for_what_it_was_credited_to() {
        let rows = [
            row(EventType::Purchase, 49, Some((TouchKind::Click, 4)), 3),
            row(EventType::Purchase, 49, Some((TouchKind::View, 4)), 5),
            row(EventType::Purchase, 50, Some((TouchKind::View, 5)), 7),
            row(EventType::Purchase, 51, None, 11),
            row(EventType::Purchase, 47, Some((TouchKind::View, 4)), 13),
            row(EventType::Purchase, 72, Some((TouchKind::View, 4)), 17),
        ];
        let item = Entity::LineItem(LineItemId::from_number(4));
        let campaign = Entity::Campaign(CampaignId::from_number(102));
        check(&rows, item, 48..51, Granularity::Hour, &[0, 5, 0], &[0, 3, 0]);
        check(&rows, item, 24..72, Granularity::Day, &[13, 5], &[0, 3]);
        check(&rows, item, 48..72, Granularity::Total, &[5], &[3]);
        check(&rows, campaign, 48..51, Granularity::Hour, &[0, 5, 7], &[0, 3, 0]);
        let nothing = compute(&query(item, 0..24, Granularity::Total), &rows, Currency::USD);
        assert_eq!(nothing, [vec![None; METRICS.len()]]);
    }

    #[track_caller]
    fn check(
        rows: &[(TallyKey, Tally)],
        entity: Entity,
        hours: Range<u64>,
        granularity: Granularity,
        view: &[i64],
        engagement: &[i64],
    ) {
        let stats = compute(&query(entity, hours, granularity), rows, Currency::USD);
        let metric = stats[0][0].as_ref().expect("purchases");
        let all: Vec<_> = view.iter().zip(engagement).map(|(one, other)| one + other).collect();
        let expect = Credited { all, post_view: view.to_vec(), post_engagement: engagement.to_vec() };
        assert_eq!(metric.conversions, expect);
        assert!(stats[0][1..].iter().all(Option::is_none));
    }

    #[test]
    fn amounts_are_of_the_accounts_currency_and_never_wrap() {
        let (key, tally) = row(EventType::Purchase, 1, Some((TouchKind::Click, 4)), 2);
        let euro = Currency::parse("EUR").expect("a code");
        let amounts = vec![(euro, 5), (Currency::USD, i128::from(i64::MAX) * 3)];
        let rows = [(key, Tally { quantity: 3, with_quantity: 1, amounts, ..tally })];
        let query = query(Entity::LineItem(LineItemId::from_number(4)), 0..2, Granularity::Total);
        let metric = |currency| compute(&query, &rows, currency)[0][0].clone().expect("purchases");
        let sale = |currency| metric(currency).sale_amount.map(|amount| (amount.all, amount.post_engagement));
        assert_eq!(sale(euro), Some((vec![5], vec![5])));
        assert_eq!(sale(Currency::USD), Some((vec![i64::MAX], vec![i64::MAX])));
        assert_eq!(sale(Currency::parse("CHF").expect("a code")), None);
        assert_eq!(metric(euro).order_quantity.expect("pieces").all, [3_000_000]);
    }
}
