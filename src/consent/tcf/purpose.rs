//! The purposes of the framework, and sets of small ids.

use std::fmt;

/// A purpose as TCF 2.2 and 2.3 number them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// Store or access information on a device.
    P1 = 1,
    /// Use limited data to select advertising.
    P2,
    /// Create profiles for personalised advertising.
    P3,
    /// Use profiles to select personalised advertising.
    P4,
    /// Create profiles to personalise content.
    P5,
    /// Use profiles to select personalised content.
    P6,
    /// Measure advertising performance.
    P7,
    /// Measure content performance.
    P8,
    /// Understand audiences through statistics.
    P9,
    /// Develop and improve services.
    P10,
    /// Use limited data to select content.
    P11,
}

impl Purpose {
    pub const ALL: [Self; 11] = [
        Self::P1,
        Self::P2,
        Self::P3,
        Self::P4,
        Self::P5,
        Self::P6,
        Self::P7,
        Self::P8,
        Self::P9,
        Self::P10,
        Self::P11,
    ];

    pub const fn id(self) -> u8 {
        self as u8
    }

    /// Consent is the only basis for purposes 1 and 3 to 6 (Policies, since version 4).
    pub const fn allows_legitimate_interest(self) -> bool {
        !matches!(self, Self::P1 | Self::P3 | Self::P4 | Self::P5 | Self::P6)
    }

    /// Whether a vendor's word that it goes with either basis counts.
    pub const fn may_be_flexible(self) -> bool {
        !matches!(self, Self::P1)
    }
}

/// A set of ids from 1 to 63: of purposes, features, or a publisher's own purposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IdSet(u64);

impl IdSet {
    /// The most significant of the `width` bits stands for id 1, as in a TC string.
    pub(super) const fn from_bits(bits: u64, width: u32) -> Self {
        // Bit `id` of the set is id `id`; bit 0 stays empty.
        Self((bits << (64 - width)).reverse_bits() << 1)
    }

    pub const fn contains(self, id: u8) -> bool {
        id <= ID_MAX && self.0 & (1 << id) != 0
    }

    /// With `id` in it, if it is one.
    #[must_use]
    pub const fn with(self, id: u8) -> Self {
        if id >= 1 && id <= ID_MAX { Self(self.0 | 1 << id) } else { self }
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In ascending order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (1..=ID_MAX).filter(move |id| self.contains(*id))
    }
}

impl FromIterator<u8> for IdSet {
    fn from_iter<I: IntoIterator<Item = u8>>(ids: I) -> Self {
        ids.into_iter().fold(Self::default(), Self::with)
    }
}

/// `1, 3, 7`; `none`.
impl fmt::Display for IdSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return write!(f, "none");
        }
        for (index, id) in self.iter().enumerate() {
            write!(f, "{}{id}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

const ID_MAX: u8 = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bit_is_id_1() {
        let ids = |bits, width| IdSet::from_bits(bits, width).iter().collect::<Vec<_>>();
        assert_eq!(ids(0b1010_0000_0001, 12), [1, 3, 12]);
        assert_eq!(ids(1, 24), [24]);
        assert!(ids(0, 24).is_empty());
    }

    #[test]
    fn what_is_no_id_is_in_no_set() {
        let set: IdSet = [0, 1, 63, 64, 255].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [1, 63]);
        assert!(!set.contains(0) && !set.contains(64) && !set.contains(65));
        assert_eq!((set.to_string(), IdSet::default().to_string()), ("1, 63".into(), "none".into()));
    }

    #[test]
    fn purposes_are_numbered_from_1() {
        assert!(Purpose::ALL.iter().map(|purpose| purpose.id()).eq(1..=11));
    }
}
