//! What vendors have declared to IAB Europe: the Global Vendor List, without its prose.

use std::fmt;

use crate::consent::tcf::purpose::IdSet;
use crate::domain::time::{MS_PER_DAY, Timestamp};

/// Declarations by vendor id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorList {
    version: u16,
    last_updated: Timestamp,
    /// In ascending order of their ids.
    vendors: Box<[(u16, VendorDeclaration)]>,
}

impl VendorList {
    /// The vendors may come in any order.
    pub fn new(
        version: u16,
        last_updated: Timestamp,
        mut vendors: Vec<(u16, VendorDeclaration)>,
    ) -> Result<Self, RepeatedVendor> {
        vendors.sort_unstable_by_key(|(id, _)| *id);
        let repeated = vendors.array_windows().find(|[(id, _), (next, _)]| id == next);
        match repeated {
            Some([(id, _), _]) => Err(RepeatedVendor(*id)),
            None => Ok(Self { version, last_updated, vendors: vendors.into() }),
        }
    }

    pub const fn version(&self) -> u16 {
        self.version
    }

    /// When it was published.
    pub const fn last_updated(&self) -> Timestamp {
        self.last_updated
    }

    /// Why the list must not be relied on at `now`, if it may be `days_max` days old.
    pub const fn fault(&self, now: Timestamp, days_max: u32) -> Option<ListFault> {
        if self.last_updated.ms_since(now) > FUTURE_MS_MAX {
            Some(ListFault::FromFuture)
        } else if now.ms_since(self.last_updated) > days_max as u64 * MS_PER_DAY {
            Some(ListFault::TooOld)
        } else {
            None
        }
    }

    pub const fn len(&self) -> usize {
        self.vendors.len()
    }

    pub const fn is_empty(&self) -> bool {
        self.vendors.is_empty()
    }

    pub fn get(&self, vendor: u16) -> Option<&VendorDeclaration> {
        let index = self.vendors.binary_search_by_key(&vendor, |(id, _)| *id).ok()?;
        self.vendors.get(index).map(|(_, declaration)| declaration)
    }

    /// How many vendors have left.
    pub fn deleted(&self) -> usize {
        self.vendors.iter().filter(|(_, declaration)| declaration.deleted).count()
    }
}

/// Why there is no vendor list to rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFault {
    Missing,
    TooOld,
    /// Nobody can say how old it is: it was published more than a day after what the clock says.
    FromFuture,
}

impl ListFault {
    /// A stable word for machines.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::TooOld => "too-old",
            Self::FromFuture => "from-future",
        }
    }
}

impl fmt::Display for ListFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "there is no vendor list",
            Self::TooOld => "the vendor list is older than it may be",
            Self::FromFuture => "the vendor list is dated in the future",
        })
    }
}

/// A clock may be wrong, or in another time zone than it thinks.
const FUTURE_MS_MAX: u64 = MS_PER_DAY;

/// What one vendor says it does, and on which basis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VendorDeclaration {
    /// Those that it asks consent for (`purposes`).
    pub consent: IdSet,
    /// Those that it claims a legitimate interest in (`legIntPurposes`).
    pub legitimate_interest: IdSet,
    /// Those of both that it would do on the other basis, too (`flexiblePurposes`).
    pub flexible: IdSet,
    /// What it does on top of that, and for which it needs no opt-in (`features`).
    pub features: IdSet,
    /// What it does on top of that and needs an opt-in for (`specialFeatures`).
    pub special_features: IdSet,
    /// The list has a `deletedDate`, past or not.
    pub deleted: bool,
}

/// The list has this vendor twice, so that nobody knows what it declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepeatedVendor(pub u16);

impl fmt::Display for RepeatedVendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vendor {} is there twice", self.0)
    }
}

impl std::error::Error for RepeatedVendor {}

#[cfg(test)]
mod tests {
    use super::*;

    fn declaring(purpose: u8) -> VendorDeclaration {
        VendorDeclaration { consent: [purpose].into_iter().collect(), ..VendorDeclaration::default() }
    }

    /// Published on day 100.
    fn list(vendors: Vec<(u16, VendorDeclaration)>) -> Result<VendorList, RepeatedVendor> {
        VendorList::new(7, Timestamp(100 * MS_PER_DAY), vendors)
    }

    #[test]
    fn a_list_may_be_as_old_as_it_may_be_and_a_day_ahead_of_the_clock() {
        let list = list(vec![(1, declaring(1))]).unwrap();
        let day = |day: u64| Timestamp(day * MS_PER_DAY);
        for (now, expect) in [
            (day(0), Some(ListFault::FromFuture)),
            (Timestamp(99 * MS_PER_DAY - 1), Some(ListFault::FromFuture)),
            (day(99), None),
            (day(100), None),
            (day(107), None),
            (day(107).plus_ms(1), Some(ListFault::TooOld)),
            (Timestamp(u64::MAX), Some(ListFault::TooOld)),
        ] {
            assert_eq!(list.fault(now, 7), expect, "{now}");
        }
        assert_eq!(list.fault(day(100).plus_ms(1), 0), Some(ListFault::TooOld));
        assert_eq!(list.fault(day(1_000_000), u32::MAX), None);
    }

    #[test]
    fn vendors_are_found_in_any_order() {
        let list = list(vec![(9, declaring(9)), (1, declaring(1)), (65_535, declaring(3))]).unwrap();
        assert_eq!((list.version(), list.len(), list.is_empty()), (7, 3, false));
        for (id, expect) in [(0, None), (1, Some(1)), (2, None), (9, Some(9)), (10, None), (65_535, Some(3))]
        {
            assert_eq!(list.get(id), expect.map(declaring).as_ref(), "{id}");
        }
    }

    #[test]
    fn a_vendor_twice_is_an_error() {
        let twice = list(vec![(9, declaring(1)), (1, declaring(1)), (9, declaring(1))]);
        assert_eq!(twice, Err(RepeatedVendor(9)));
    }
}
