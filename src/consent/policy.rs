//! What the operator decided about consent.

use std::fmt;
use std::sync::Arc;

use super::tcf::vendor_list::{ListFault, VendorDeclaration, VendorList};
use crate::domain::time::Timestamp;

/// The part of the configuration that the gate reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What applies where a request says nothing and its country is not known.
    pub default_regime: Regime,
    /// Our participant id in AdChoices signals, if we have one.
    pub adchoices_participant: Option<u16>,
    /// Where `Sec-GPC: 1` counts. As a field of a GPP section that applies it counts everywhere.
    pub gpc: Honour,
    /// Where `DNT: 1` counts.
    pub dnt: Honour,
    /// What an opt-out under the laws of the States leaves.
    pub us_opt_out: UsOptOut,
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
            gpc: Honour::Always,
            dnt: Honour::Always,
            us_opt_out: UsOptOut::Deny,
            vendor_id: None,
            vendors: None,
            vendors_days_max: VENDORS_DAYS_MAX,
        }
    }

    /// What a vendor has declared, we ourselves or another.
    pub fn declaration(&self, vendor: u16) -> Option<&VendorDeclaration> {
        self.vendors.as_ref()?.get(vendor)
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
        for (name, honour) in [("gpc", self.gpc), ("dnt", self.dnt)] {
            if honour != Honour::Always {
                text.push_str(&format!(" {name}={}", honour.name()));
            }
        }
        if self.us_opt_out != UsOptOut::Deny {
            text.push_str(&format!(" us_opt_out={}", self.us_opt_out.name()));
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

/// Whether a browser's signal counts everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Honour {
    Always,
    /// Where a law asks for it, and where the country is not known.
    ///
    /// Global Privacy Control: the United States, as a request for all of them that comes without the State must be
    /// taken for one from California (CCPA Regulations, § 7025), Colorado, Connecticut or another State whose law
    /// says the same; and where the GDPR applies. Do Not Track: where the GDPR applies. There both are an objection
    /// by automated means (GDPR, Art. 21(5)). No law of the States asks to obey Do Not Track.
    WhereRequired,
}

impl Honour {
    pub const ALL: [Self; 2] = [Self::Always, Self::WhereRequired];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::WhereRequired => "where-required",
        }
    }
}

/// What is left to do with the data of somebody who opted out under the laws of the States.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UsOptOut {
    Deny,
    /// A page view or a conversion without any identifier may be kept.
    MeasureWithoutId,
}

impl UsOptOut {
    pub const ALL: [Self; 2] = [Self::Deny, Self::MeasureWithoutId];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::MeasureWithoutId => "measure_without_id",
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_is_not_in_the_version() {
        let strict = Policy::new(Regime::Us);
        let hash = |text: &str| {
            let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
            PolicyVersion(hash)
        };
        assert_eq!(strict.version(), hash("default_regime=us"));
        let knobs = Policy {
            gpc: Honour::WhereRequired,
            dnt: Honour::WhereRequired,
            us_opt_out: UsOptOut::MeasureWithoutId,
            ..strict.clone()
        };
        let expect = "default_regime=us gpc=where-required dnt=where-required us_opt_out=measure_without_id";
        assert_eq!(knobs.version(), hash(expect));
        let one = Policy { dnt: Honour::WhereRequired, ..strict };
        assert_eq!(one.version(), hash("default_regime=us dnt=where-required"));
    }
}
