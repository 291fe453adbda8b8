//! The vendor list as its operator sees it: what it is, how old, and whether it counts.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use serde::Serialize;

use super::live::SharedLive;
use crate::consent::policy::Policy;
use crate::domain::time::{Clock, MS_PER_DAY, Timestamp};

/// The list in force. Looked at anew by everybody who asks, because it ages.
pub struct VendorListWatch {
    pub live: SharedLive,
    pub clock: Arc<dyn Clock>,
}

impl VendorListWatch {
    /// `None` without a vendor id: then no list is wanted.
    pub fn status(&self) -> Option<VendorListStatus> {
        let live = self.live.load();
        let policy = live.gate.policy();
        policy.vendor_id.map(|_| VendorListStatus::of(policy, self.clock.now()))
    }
}

/// What there is to know about the list at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VendorListStatus {
    /// `usable`, `missing`, `too-old` or `from-future`; in all but the first no TC string permits anything.
    pub state: &'static str,
    pub version: Option<u16>,
    /// RFC 3339.
    pub last_updated: Option<String>,
    /// Whole days; 0 for a list from the future.
    pub age_days: Option<u64>,
    pub vendors: Option<usize>,
    /// Vendors that have left, of those.
    pub deleted: Option<usize>,
    /// Ours.
    pub vendor_id: Option<u16>,
    /// `listed`, `deleted` or `not-listed`; in all but the first no TC string permits anything.
    pub vendor: Option<&'static str>,
    #[serde(skip)]
    age_ms: u64,
}

impl VendorListStatus {
    pub fn of(policy: &Policy, now: Timestamp) -> Self {
        let list = policy.vendors.as_deref();
        let age_ms = list.map_or(0, |list| now.ms_since(list.last_updated()));
        Self {
            state: policy.vendors_at(now).map_or_else(|fault| fault.code(), |_| USABLE),
            version: list.map(|list| list.version()),
            last_updated: list.map(|list| list.last_updated().to_string()),
            age_days: list.map(|_| age_ms / MS_PER_DAY),
            vendors: list.map(|list| list.len()),
            deleted: list.map(|list| list.deleted()),
            vendor_id: policy.vendor_id,
            vendor: policy.vendor_id.map(|id| match list.and_then(|list| list.get(id)) {
                Some(declaration) if declaration.deleted => "deleted",
                Some(_) => LISTED,
                None => "not-listed",
            }),
            age_ms,
        }
    }

    /// TC strings can permit something, to us if there is an id that is ours.
    pub fn counts(&self) -> bool {
        self.state == USABLE && self.vendor.is_none_or(|vendor| vendor == LISTED)
    }
}

const USABLE: &str = "usable";
const LISTED: &str = "listed";

/// For people: `version 312 of 2026-10-29T16:00:00.000Z, 6 days old, 1200 vendors (31 deleted): usable; vendor 755 is
/// listed`.
impl fmt::Display for VendorListStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(version), Some(updated), Some(days), Some(vendors), Some(deleted)) =
            (self.version, &self.last_updated, self.age_days, self.vendors, self.deleted)
        {
            write!(
                f,
                "version {version} of {updated}, {days} days old, {vendors} vendors ({deleted} deleted): "
            )?;
        }
        f.write_str(self.state)?;
        match (self.vendor_id, self.vendor) {
            (Some(id), Some(vendor)) => write!(f, "; vendor {id} is {vendor}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for VendorListWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VendorListWatch").finish_non_exhaustive()
    }
}

/// Gauges that are worked out when somebody asks.
impl Collector for VendorListWatch {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(status) = self.status() else { return Ok(()) };
        let mut gauge = |name, help, value: i64| {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        let text = "1 if TC strings can permit something: the vendor list is usable and has us";
        gauge("pixelgate_vendor_list_usable", text, i64::from(status.counts()))?;
        let Some(version) = status.version else { return Ok(()) };
        gauge("pixelgate_vendor_list_version", "Version of the vendor list", i64::from(version))?;
        let age_s = i64::try_from(status.age_ms / 1_000).unwrap_or(i64::MAX);
        gauge("pixelgate_vendor_list_age_seconds", "Time since the vendor list was published", age_s)
    }
}
