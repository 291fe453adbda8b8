//! What the operator decided about consent.

use std::fmt;
use std::sync::Arc;

use super::tcf::vendor_list::{ListFault, VendorList};
use crate::domain::time::Timestamp;

/// The part of the configuration that the gate reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What applies where a request says nothing and its country is not known.
    pub default_regime: Regime,
    /// Our participant id in AdChoices signals, if we have one.
    pub adchoices_participant: Option<u16>,
    /// Our id in TC strings and in the Global Vendor List. Without it no TC string permits anything.
    pub vendor_id: Option<u16>,
    /// What all vendors have declared, ourselves and our partners among them. Without it no TC string permits
    /// anything.
    pub vendors: Option<Arc<VendorList>>,
    /// How many days old that list may be. An older one is as good as none.
    pub vendors_days_max: u32,
}

impl Policy {
    /// Everything but the regime that nobody can choose for the operator is as if it was not configured.
    pub const fn new(default_regime: Regime) -> Self {
        Self {
            default_regime,
            adchoices_participant: None,
            vendor_id: None,
            vendors: None,
            vendors_days_max: VENDORS_DAYS_MAX,
        }
    }

    /// The vendor list, if it can be relied on at `now`.
    pub fn vendors_at(&self, now: Timestamp) -> Result<&VendorList, ListFault> {
        let vendors = self.vendors.as_deref().ok_or(ListFault::Missing)?;
        vendors.fault(now, self.vendors_days_max).map_or(Ok(vendors), Err)
    }

    /// Identifies the policy in stored evidence, so that a decision can be traced to the settings behind it.
    pub fn version(&self) -> PolicyVersion {
        // FNV-1a over the settings' names and values: stable across releases, unlike std's hasher.
        let mut text = format!("default_regime={}", self.default_regime.name());
        // Only what is set: a setting that is new must not change the version of policies without it.
        if let Some(participant) = self.adchoices_participant {
            text.push_str(&format!(" adchoices_participant={participant}"));
        }
        if let Some(id) = self.vendor_id {
            let list = self.vendors.as_ref().map_or(0, |vendors| vendors.version());
            let days = self.vendors_days_max;
            text.push_str(&format!(" vendor={id} vendor_list={list} vendor_list_days={days}"));
        }
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        PolicyVersion(hash)
    }
}

/// A list comes out every week. This is a dozen missed ones: long enough for somebody to notice that fetching them has
/// stopped, short enough that nobody's withdrawal from the list is overlooked for more than a quarter.
const VENDORS_DAYS_MAX: u32 = 90;

/// A law or a default that decides about one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Regime {
    /// No law that asks for more than honouring an opt-out.
    None,
    /// The laws of the States: allowed unless opted out.
    Us,
    /// GDPR and ePrivacy, and what the United Kingdom and Switzerland have of them: consent comes first.
    Gdpr,
}

impl Regime {
    pub const ALL: [Self; 3] = [Self::None, Self::Us, Self::Gdpr];

    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Us => "us",
            Self::Gdpr => "gdpr",
        }
    }

    /// The inverse of [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|regime| regime.name() == name)
    }
}

/// A hash of the settings that a decision was made under. Prints as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyVersion(pub u64);

impl fmt::Display for PolicyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
