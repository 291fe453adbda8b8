//! What the gate is asked about.

use crate::domain::partner::PartnerListing;

/// One thing that may be done with a person's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activity {
    /// Keeping a page view, a conversion or an ad touch that carries no identifier.
    Measure,
    /// Reading or setting the browser id; identifiers and click ids on stored rows.
    Identify,
    /// Learning the id that a partner has for a browser, or telling it ours.
    Match(PartnerListing),
    /// Putting somebody into an audience, looking up who is in one, showing ads to them.
    Audience,
    /// Sending a partner a row about somebody.
    Share(PartnerListing, Sharing),
    /// Joining two browsers or devices of one account.
    LinkDevices,
    /// Remembering a page on which somebody saw embedded content.
    WebHistory,
}

/// What a partner gets data for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// Auctions of ads.
    Rtb,
    /// Counting what came of ads.
    Measurement,
}

impl Activity {
    pub const fn kind(self) -> ActivityKind {
        match self {
            Self::Measure => ActivityKind::Measure,
            Self::Identify => ActivityKind::Identify,
            Self::Match(_) => ActivityKind::Match,
            Self::Audience => ActivityKind::Audience,
            Self::Share(_, Sharing::Rtb) => ActivityKind::ShareRtb,
            Self::Share(_, Sharing::Measurement) => ActivityKind::ShareMeasurement,
            Self::LinkDevices => ActivityKind::LinkDevices,
            Self::WebHistory => ActivityKind::WebHistory,
        }
    }
}

/// An [`Activity`] without the partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActivityKind {
    Measure,
    Identify,
    Match,
    Audience,
    ShareRtb,
    ShareMeasurement,
    LinkDevices,
    WebHistory,
}

impl ActivityKind {
    /// In the order of the bits in the log.
    pub const ALL: [Self; 8] = [
        Self::Measure,
        Self::Identify,
        Self::Match,
        Self::Audience,
        Self::ShareRtb,
        Self::ShareMeasurement,
        Self::LinkDevices,
        Self::WebHistory,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Measure => "measure",
            Self::Identify => "identify",
            Self::Match => "match",
            Self::Audience => "audience",
            Self::ShareRtb => "share-rtb",
            Self::ShareMeasurement => "share-measurement",
            Self::LinkDevices => "link-devices",
            Self::WebHistory => "web-history",
        }
    }

    /// The inverse of [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The activity, with `partner` where it takes one.
    pub const fn with(self, partner: PartnerListing) -> Activity {
        match self {
            Self::Measure => Activity::Measure,
            Self::Identify => Activity::Identify,
            Self::Match => Activity::Match(partner),
            Self::Audience => Activity::Audience,
            Self::ShareRtb => Activity::Share(partner, Sharing::Rtb),
            Self::ShareMeasurement => Activity::Share(partner, Sharing::Measurement),
            Self::LinkDevices => Activity::LinkDevices,
            Self::WebHistory => Activity::WebHistory,
        }
    }
}

/// Which activities were permitted for one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivitySet(u8);

impl ActivitySet {
    pub fn of(kinds: impl IntoIterator<Item = ActivityKind>) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | 1 << kind as u8))
    }

    pub const fn contains(self, kind: ActivityKind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    /// What the log stores.
    pub const fn bits(self) -> u8 {
        self.0
    }

    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    pub fn names(self) -> impl Iterator<Item = &'static str> {
        ActivityKind::ALL.into_iter().filter(move |&kind| self.contains(kind)).map(ActivityKind::name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_kinds_and_bits_are_one_to_one() {
        let mut seen = 0;
        for kind in ActivityKind::ALL {
            assert_eq!(ActivityKind::from_name(kind.name()), Some(kind));
            assert_eq!(kind.with(PartnerListing::Vendor(1)).kind(), kind);
            let only = ActivitySet::of([kind]);
            assert!(only.contains(kind) && only.names().eq([kind.name()]));
            seen |= only.bits();
        }
        assert_eq!((seen, ActivityKind::from_name("share")), (u8::MAX, None));
    }
}
