//! Partners and the match table as metrics have them: of what kinds a partner is, how many rows it has, and how far they
//! are believed.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::live::SharedLive;
use crate::storage::match_table::{MatchTable, RowCounts, Standing};

/// The table, and the partners whose rows are told by name.
pub struct MatchRows {
    pub live: SharedLive,
    pub table: Arc<MatchTable>,
}

impl MatchRows {
    /// All registered partners by their names, also without rows; then by their numbers those that were registered once.
    fn by_partner(&self) -> Vec<(String, RowCounts)> {
        let live = self.live.load();
        let mut rows = self.table.rows_of_partners();
        let registered = live.partners.iter().map(|partner| {
            let at = rows.iter().position(|(id, _)| *id == partner.id);
            (partner.name.clone(), at.map(|at| rows.swap_remove(at).1).unwrap_or_default())
        });
        let mut named: Vec<_> = registered.collect();
        named.extend(rows.into_iter().map(|(id, counts)| (id.to_string(), counts)));
        named
    }
}

impl fmt::Debug for MatchRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MatchRows").finish_non_exhaustive()
    }
}

/// Gauges that are worked out when somebody asks.
impl Collector for MatchRows {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let text = "Registered partners by kind, each 1";
        let mut family =
            encoder.encode_descriptor("pixelgate_partner_kinds", text, None, MetricType::Gauge)?;
        for partner in self.live.load().partners.iter() {
            for kind in partner.kinds.names() {
                let labels = [("partner", &*partner.name), ("kind", kind)];
                ConstGauge::new(1).encode(family.encode_family(&labels)?)?;
            }
        }
        let text = "Rows of the match table by partner and by how far they are believed";
        let mut family =
            encoder.encode_descriptor("pixelgate_partner_match_rows", text, None, MetricType::Gauge)?;
        for (partner, counts) in self.by_partner() {
            for standing in Standing::ALL {
                let labels = [("partner", &*partner), ("standing", standing.name())];
                let rows = i64::try_from(counts.of(standing)).unwrap_or(i64::MAX);
                ConstGauge::new(rows).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
