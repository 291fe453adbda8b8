//! What is counted of partner targeting user files.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::targeting::Targeting;
use super::targeting_delivery::DeliveryCounts;

#[derive(Debug, Default)]
pub struct TargetingMetrics {
    deliveries: Family<Labels, Counter>,
    rows: Family<Labels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    /// A registered partner's name, or nothing.
    partner: String,
    outcome: &'static str,
}

impl TargetingMetrics {
    pub(super) fn count(&self, partner: &str, outcome: &'static str, counts: Option<&DeliveryCounts>) {
        let labels = |outcome| Labels { partner: partner.to_owned(), outcome };
        self.deliveries.get_or_create(&labels(outcome)).inc();
        let Some(counts) = counts else { return };
        for (outcome, rows) in [
            ("kept", counts.kept),
            ("bad", counts.bad),
            ("unknown-advertiser", counts.unknown_advertiser),
            ("not-targetable", counts.not_targetable),
            ("repeated", counts.repeated),
        ] {
            self.rows.get_or_create(&labels(outcome)).inc_by(rows);
        }
    }

    pub fn register(&self, registry: &mut Registry) {
        let text = "Partner targeting user files by partner and what became of them";
        registry.register("pixelgate_targeting_deliveries", text, self.deliveries.clone());
        let text = "Rows of partner targeting user files by partner and what became of them";
        registry.register("pixelgate_targeting_rows", text, self.rows.clone());
    }
}

/// The lists in force, as gauges that are worked out when somebody asks.
pub struct TargetingListsInForce(pub Arc<Targeting>);

impl fmt::Debug for TargetingListsInForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetingListsInForce").finish_non_exhaustive()
    }
}

impl Collector for TargetingListsInForce {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let targeting = &*self.0;
        let live = targeting.live.load();
        let lists: Vec<_> = live
            .partners
            .iter()
            .filter_map(|partner| Some((&*partner.name, targeting.store.get(partner.id)?)))
            .collect();
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let text = "Rows of the targeting list in force, by partner";
        let mut family =
            encoder.encode_descriptor("pixelgate_targeting_list_rows", text, None, MetricType::Gauge)?;
        for (partner, list) in &lists {
            let labels = [("partner", *partner)];
            ConstGauge::new(number(list.len() as u64)).encode(family.encode_family(&labels)?)?;
        }
        let text = "When the targeting list in force expires, in seconds since 1970, by partner";
        let name = "pixelgate_targeting_list_expires_seconds";
        let mut family = encoder.encode_descriptor(name, text, None, MetricType::Gauge)?;
        for (partner, list) in &lists {
            let labels = [("partner", *partner)];
            ConstGauge::new(number(list.expires_at.0 / 1_000)).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
