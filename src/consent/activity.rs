//! What the gate is asked about.

/// One thing that may be done with a person's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activity {
    /// Keeping a page view or a conversion that carries no identifier.
    Measure,
    /// Reading or setting the browser id; identifiers and click ids on stored rows.
    Identify,
}

impl Activity {
    pub const ALL: [Self; 2] = [Self::Measure, Self::Identify];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Measure => "measure",
            Self::Identify => "identify",
        }
    }
}

/// Which activities were permitted for one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivitySet(u8);

impl ActivitySet {
    pub fn of(activities: impl IntoIterator<Item = Activity>) -> Self {
        Self(activities.into_iter().fold(0, |bits, activity| bits | 1 << activity as u8))
    }

    pub const fn contains(self, activity: Activity) -> bool {
        self.0 & (1 << activity as u8) != 0
    }

    /// What the log stores.
    pub const fn bits(self) -> u8 {
        self.0
    }

    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Activity::ALL.into_iter().filter(move |&activity| self.contains(activity)).map(Activity::name)
    }
}
