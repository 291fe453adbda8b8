//! What the gate is asked about.

/// One thing that may be done with a person's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activity {
    /// Keeping a page view or a conversion that carries no identifier.
    Measure,
    /// Reading or setting the browser id; identifiers and click ids on stored rows.
    Identify,
    /// Learning the id that a partner has for a browser, or telling it ours.
    Match(Partner),
    /// Putting somebody into an audience, looking up who is in one, showing ads to them.
    Audience,
    /// Sending a partner a row about somebody.
    Share(Partner, Sharing),
    /// Joining two browsers or devices of one account.
    LinkDevices,
    /// Remembering a page on which somebody saw embedded content.
    WebHistory,
}

/// Who else gets data: how consent strings name a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Partner {
    /// By its id in the Global Vendor List.
    Vendor(u16),
    /// By its id in Google's list of ad technology providers, where it is not on the vendor list.
    Provider(u32),
    /// On neither list: no consent string can name it.
    Unlisted,
}

impl Partner {
    /// `755`, an id in the Global Vendor List; `atp:89`, one in Google's list.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("atp:") {
            Some(id) => id.parse().ok().map(Self::Provider),
            None => text.parse().ok().filter(|id| *id > 0).map(Self::Vendor),
        }
    }
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
    pub const fn with(self, partner: Partner) -> Activity {
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
    fn partners_are_named_by_their_ids() {
        for (text, expect) in [
            ("755", Some(Partner::Vendor(755))),
            ("65535", Some(Partner::Vendor(65_535))),
            ("atp:89", Some(Partner::Provider(89))),
            ("0", None),
            ("65536", None),
            ("atp:", None),
            ("google", None),
            ("", None),
        ] {
            assert_eq!(Partner::parse(text), expect, "{text:?}");
        }
    }

    #[test]
    fn names_kinds_and_bits_are_one_to_one() {
        let mut seen = 0;
        for kind in ActivityKind::ALL {
            assert_eq!(ActivityKind::from_name(kind.name()), Some(kind));
            assert_eq!(kind.with(Partner::Vendor(1)).kind(), kind);
            let only = ActivitySet::of([kind]);
            assert!(only.contains(kind) && only.names().eq([kind.name()]));
            seen |= only.bits();
        }
        assert_eq!((seen, ActivityKind::from_name("share")), (u8::MAX, None));
    }
}
