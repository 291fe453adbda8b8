//! Why something was permitted; stored with what was permitted.

use super::activity::ActivitySet;
use super::policy::{PolicyVersion, Regime};
use crate::domain::time::Timestamp;

/// The grounds of one decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    pub regime: Regime,
    pub basis: Basis,
    pub activities: ActivitySet,
    pub policy: PolicyVersion,
    pub decided_at: Timestamp,
}

/// The legal basis within a regime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    /// No regime in scope asks for one: the country is known, or the request said so.
    NotRequired,
    /// Allowed unless opted out, and nobody had.
    NotOptedOut,
    /// Opted out under the laws of the States, and kept without any identifier, as the policy says.
    WithoutIdentifiers,
    /// Consent under the GDPR, by a TC string.
    Consent,
    /// Legitimate interest under the GDPR, shown and not objected to, by a TC string.
    LegitimateInterest,
    /// The operator's default where the request said nothing and its country is not known.
    Default,
}

impl Basis {
    pub const ALL: [Self; 6] = [
        Self::NotRequired,
        Self::NotOptedOut,
        Self::Default,
        Self::Consent,
        Self::LegitimateInterest,
        Self::WithoutIdentifiers,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::NotRequired => "not-required",
            Self::NotOptedOut => "not-opted-out",
            Self::WithoutIdentifiers => "without-identifiers",
            Self::Default => "default",
            Self::Consent => "consent",
            Self::LegitimateInterest => "legitimate-interest",
        }
    }

    /// The inverse of [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|basis| basis.name() == name)
    }
}
